"""How wells are coloured: by the state of a run, or by a value of each well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtGui import QColor

from napari_openhcs.widgets.style import Palette

__all__ = ["ValueScale", "scale_of", "state_colors", "value_color"]

STATES = ("waiting", "running", "done", "failed")


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
    """From the lowest to the highest value a colour stands for."""

    low: float
    high: float
    title: str


def scale_of(values: Mapping[str, float], title: str) -> ValueScale:
    """Return the range of the values there are; not-a-number counts as no value."""
    known = [value for value in values.values() if np.isfinite(value)]
    if not known:
        return ValueScale(0.0, 1.0, title)
    low, high = min(known), max(known)
    return ValueScale(low, high if high > low else low + 1.0, title)


def value_color(value: float, scale: ValueScale) -> QColor:
    """Return the colour of a value: viridis, which is fit for colour-blind eyes."""
    place = (value - scale.low) / (scale.high - scale.low)
    red, green, blue = _viridis(float(np.clip(place, 0.0, 1.0)))
    return QColor.fromRgbF(red, green, blue)


def _viridis(place: float) -> tuple[float, float, float]:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    color: Any = AVAILABLE_COLORMAPS["viridis"].map(np.array([place]))[0]
    return float(color[0]), float(color[1]), float(color[2])
