"""The function registry, built from the catalogue on first access."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["function_id", "get_function", "get_spec", "search", "specs"]


def specs() -> dict[str, FunctionSpec]:
    """Return all known functions by id, in the order of their ids.  Imports no library."""
    raise NotImplementedError


def get_spec(name: str) -> FunctionSpec:
    """Return what is known of a function.

    Raises
    ------
    FunctionNotFoundError
        The sentence names the nearest known ids.
    """
    raise NotImplementedError


def get_function(name: str) -> Callable[..., Any]:
    """Import and return the callable of a registered function.

    Raises
    ------
    FunctionNotFoundError, FunctionUnavailableError
    """
    raise NotImplementedError


def function_id(function: Callable[..., Any]) -> str:
    """Return the registry id of a callable (by module and qualified name).

    Raises
    ------
    FunctionNotFoundError
        The callable is not registered.
    """
    raise NotImplementedError


def search(text: str, *, memory_type: str | None = None, limit: int = 50) -> list[FunctionSpec]:
    """Return functions matching what a person typed, best first."""
    raise NotImplementedError
