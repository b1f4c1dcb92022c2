"""What the colours of the wells mean."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from napari_openhcs.widgets.style import palette_of
from napari_openhcs.widgets.well_colors import ValueScale, state_colors
from napari_openhcs.widgets.well_legend import WellLegend

pytestmark = pytest.mark.window


@pytest.fixture
def legend(qtbot):
    legend = WellLegend()
    qtbot.addWidget(legend)
    legend.resize(320, 20)
    return legend


def colors_in(legend):
    picture = legend.grab().toImage()
    middle = picture.height() // 2
    return [picture.pixelColor(x, middle) for x in range(picture.width())]


def test_states_are_counted(legend):
    known = state_colors(palette_of(None))
    legend.show_states({"A01": "done", "A02": "failed", "A03": "done"}, known)
    assert legend.text() == "2 done, 1 failed"
    done = known["done"]  # up to the depth of the screen
    assert any(
        abs(color.red() - done.red()) + abs(color.green() - done.green()) < 16
        for color in colors_in(legend)
    )
    legend.show_states({"A01": "idle"}, known)
    assert legend.text() == "not run yet"
    legend.show_states({}, known)
    assert legend.text() == ""


def test_a_bar_goes_from_dark_to_light(legend):
    legend.show_scale(ValueScale(0.0, 100.0, "dose", 0.01))
    assert legend.text() == "0 to 100"
    assert legend.accessibleName() == "Legend: 0 to 100"
    row = colors_in(legend)
    assert row[40].lightnessF() < row[240].lightnessF()
