"""A box for decimals that shows a number as briefly as it can be written.

Qt's own box shows a fixed number of decimals and takes no more: 1.0 as ``1.00``, and no
0.005 in its place.  This one shows ``1.0`` and takes any number.  The decimal point is a
point on every machine, as in scripts; a comma that is typed becomes one.
"""

from __future__ import annotations

import math
from decimal import Decimal

from qtpy.QtCore import QLocale
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

__all__ = ["LEAST_WIDTH", "NumberBox", "decimals_of"]

LEAST_WIDTH = 84
"""Width in px at which a number between its two buttons can be read."""

MAX_DECIMALS = 15

USUAL_DECIMALS = 9
"""Finer than anybody types, coarse enough that 32.1 + 0.1 is 32.2 and not 32.20000000000001."""


def decimals_of(value: float) -> int:
    """Return the digits after the point in which a finite number is written."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class NumberBox(QDoubleSpinBox):
    """A box for finite decimals.

    Parameters
    ----------
    low, high : float
        Limits; a value set from elsewhere widens them.
    step : float
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setDecimals(USUAL_DECIMALS)
        self.setRange(low, high)
        self.setSingleStep(step)
        # Its limits written out would make it wider than a form.
        self.setMinimumWidth(LEAST_WIDTH)

    def show_value(self, value: float) -> None:
        """Show a value, with the decimals and the limits that it needs."""
        digits = decimals_of(value) if math.isfinite(value) else 0
        self.setDecimals(min(max(self.decimals(), digits), MAX_DECIMALS))
        self.setRange(min(self.minimum(), value), max(self.maximum(), value))
        self.setValue(value)

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return as few decimals as say the number, at least one."""
        digits = min(max(decimals_of(value), 1), self.decimals())
        return f"{value:.{digits}f}"

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Take a comma for a point."""
        state, found, place = super().validate((text or "").replace(",", "."), position)
        return state, found, place
