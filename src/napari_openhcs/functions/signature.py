"""Describing a function's parameters from its signature, docstring and hints.

Types come from, in this order: hints, annotations, the type text of the numpydoc
docstring, the default's own type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["signature_text"]


def signature_text(function: Callable[..., Any]) -> str:
    """Return the signature as text without annotations: ``(image, sigma=1, *, mode='nearest')``."""
    signature = inspect.signature(function)
    bare = [
        item.replace(annotation=inspect.Parameter.empty) for item in signature.parameters.values()
    ]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
