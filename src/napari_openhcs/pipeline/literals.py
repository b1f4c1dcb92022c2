"""What can stand as a value in a pipeline, and so in its script and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MAX_DEPTH", "WHOLE_NUMBERS", "shown", "why_no_literal"]

MAX_DEPTH = 32
"""How deep tuples and mappings may lie in each other."""

WHOLE_NUMBERS = (-(2**63), 2**64 - 1)
"""The least and greatest whole number: what a plan can hold and a C library can take."""


def shown(value: Any, length: int = 80) -> str:
    """Return a value for a message: its form in Python, cut where it is long."""
    if type(value) is int and value.bit_length() > 256:
        return f"a whole number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def why_no_literal(value: Any, depth: int = 0) -> str:
    """Return why a value cannot stand in a script, as what was expected; empty if it can.

    Parameters
    ----------
    value : object
    depth : int
        How deep it lies in others already.
    """
    if value is None or isinstance(value, bool | float):
        return ""
    if isinstance(value, int):
        low, high = WHOLE_NUMBERS
        return "" if low <= value <= high else "a whole number from -2**63 to 2**64 - 1"
    if isinstance(value, str):
        halves = any("\ud800" <= character <= "\udfff" for character in value)
        return "text of whole characters (no half of a surrogate pair)" if halves else ""
    if depth >= MAX_DEPTH:
        return f"tuples and mappings at most {MAX_DEPTH} deep"
    if isinstance(value, list | tuple):
        return next(filter(None, (why_no_literal(item, depth + 1) for item in value)), "")
    if isinstance(value, Mapping):
        items = (item for pair in value.items() for item in pair)
        return next(filter(None, (why_no_literal(item, depth + 1) for item in items)), "")
    return "text, a number, True, False, None, or a tuple or mapping of those"
