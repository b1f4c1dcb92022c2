"""Colours of wells: readable states, linear and logarithmic scales."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("napari")

from napari_openhcs.widgets.style import palette_of
from napari_openhcs.widgets.well_colors import ValueScale, scale_of, state_colors, value_color

pytestmark = pytest.mark.window


def test_every_state_has_a_colour_and_failed_differs_in_lightness():
    colors = state_colors(palette_of(None))
    assert set(colors) == {"idle", "waiting", "running", "done", "failed"}
    assert colors["failed"] != colors["done"]


def test_a_scale_spans_the_values_there_are():
    assert scale_of({"A01": 2.0, "A02": 4.0, "A03": math.nan}, "x") == ValueScale(2.0, 4.0, "x")
    assert scale_of({"A01": 2.0}, "x") == ValueScale(2.0, 3.0, "x")
    assert scale_of({}, "x") == ValueScale(0.0, 1.0, "x")


def test_doses_are_coloured_by_their_logarithm():
    scale = scale_of({"A": 0.0, "B": 0.01, "C": 1.0, "D": 100.0}, "dose")
    places = [scale.place(value) for value in (0.0, 0.01, 1.0, 100.0)]
    assert places == pytest.approx([0.0, 0.2, 0.6, 1.0])


def test_low_is_dark_and_high_is_light():
    scale = ValueScale(0.0, 1.0, "x")
    assert value_color(0.0, scale).lightnessF() < value_color(1.0, scale).lightnessF()
    assert value_color(9.0, scale) == value_color(1.0, scale)
