"""Facts of the plate that a function takes as parameters and the compiler fills in.

A function declares which (``@declare(plate_facts={"positions": FIELD_POSITIONS})``).  Such a
parameter is in no form and no script; its value is a literal in the frozen plan, so that the
runner knows nothing of plates and the key of a step changes with it.  Who calls the
function directly gives it like any other.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["FIELD_POSITIONS", "PLATE_FACTS", "example_of", "scaled"]

FIELD_POSITIONS: Final = "field_positions_px"
"""(row, column) of the corner of every field in a stack over fields, px."""

PLATE_FACTS: Final = {FIELD_POSITIONS: "the stage position of every field"}
"""What each fact is, in words."""


def example_of(fact: str, shape: tuple[int, ...]) -> Any:
    """Return a fact that goes with a stack of `shape`, for trying a function.

    Fields in a square that overlap by a tenth.
    """
    assert fact == FIELD_POSITIONS, fact
    across = max(1, round(shape[0] ** 0.5))
    step = [round(0.9 * length) for length in shape[1:]]
    return tuple(
        (number // across * step[0], number % across * step[1]) for number in range(shape[0])
    )


def scaled(fact: str, value: Any, factors: tuple[float, float]) -> Any:
    """Return a fact as it would be for planes that are `factors` times as high and wide."""
    assert fact == FIELD_POSITIONS, fact
    pairs = isinstance(value, tuple) and all(
        isinstance(item, tuple)
        and len(item) == 2
        and all(isinstance(number, int | float) for number in item)
        for item in value
    )
    if not pairs:
        # The function says what it expects.
        return value
    return tuple((row * factors[0], column * factors[1]) for row, column in value)
