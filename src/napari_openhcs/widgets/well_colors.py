"""How wells are coloured: by the state of a run, or by a value of each well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from qtpy.QtGui import QColor

from napari_openhcs.widgets.style import Palette

__all__ = ["ValueScale", "place_color", "scale_of", "state_colors", "value_color"]

WIDE = 1000
"""Values whose highest is so many times their smallest above 0 are coloured by logarithm."""


def state_colors(palette: Palette) -> dict[str, QColor]:
    """Return the colour of each state; failed differs from done in lightness and by a mark."""
    return {
        "idle": palette.primary,
        "waiting": palette.primary,
        "running": palette.warning,
        "done": palette.good,
        "failed": palette.error,
    }


@dataclass(frozen=True)
class ValueScale:
    """From the lowest to the highest value a colour stands for.

    `log` is the smallest value above 0 of values that are spread over orders of magnitude,
    as doses are: their colours go by the logarithm.  None otherwise.
    """

    low: float
    high: float
    title: str
    log: float | None = None

    def place(self, value: float) -> float:
        """Return where a value stands between low (0) and high (1)."""
        if self.log is None:
            return float(np.clip((value - self.low) / (self.high - self.low), 0.0, 1.0))
        if value < self.log:
            return 0.0
        # Zero has a colour of its own below the smallest value above it.
        start = 0.0 if self.low > 0 else 0.2
        share = np.log(value / self.log) / np.log(self.high / self.log)
        return float(np.clip(start + (1 - start) * share, 0.0, 1.0))


def scale_of(values: Mapping[str, float], title: str) -> ValueScale:
    """Return the range of the values there are; not-a-number counts as no value."""
    known = [value for value in values.values() if np.isfinite(value)]
    if not known:
        return ValueScale(0.0, 1.0, title)
    low, high = min(known), max(known)
    positive = [value for value in known if value > 0]
    if low >= 0 and positive and high / min(positive) >= WIDE:
        return ValueScale(low, high, title, min(positive))
    return ValueScale(low, high if high > low else low + 1.0, title)


def value_color(value: float, scale: ValueScale) -> QColor:
    """Return the colour of a value: viridis, which is fit for colour-blind eyes."""
    return place_color(scale.place(value))


def place_color(place: float) -> QColor:
    """Return viridis' colour at a place from 0 to 1."""
    return QColor.fromRgbF(*_viridis(place))


def _viridis(place: float) -> tuple[float, float, float]:
    color: Any = AVAILABLE_COLORMAPS["viridis"].map(np.array([place]))[0]
    return float(color[0]), float(color[1]), float(color[2])
