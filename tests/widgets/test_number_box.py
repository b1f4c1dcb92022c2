"""Numbers are shown briefly and taken as they are typed, with the point of scripts."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QLocale, Qt

from napari_openhcs.widgets.number_box import LEAST_WIDTH, NumberBox

pytestmark = pytest.mark.window


@pytest.fixture
def box(qtbot):
    box = NumberBox(-1e15, 1e15, 0.1)
    qtbot.addWidget(box)
    box.show()
    return box


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1.0"),
        (0.5, "0.5"),
        (0.005, "0.005"),
        (-2.25, "-2.25"),
        (4095.0, "4095.0"),
        (0.1 + 0.2, "0.3"),
        (0.00012345, "0.00012345"),
        (1e12, "1000000000000.0"),
    ],
)
def test_no_more_decimals_than_the_number_has(box, value, text):
    box.show_value(round(value, 9))
    assert box.text() == text
    assert box.value() == round(value, 9)


def test_more_decimals_than_were_shown_can_be_typed(box, qtbot):
    box.show_value(1.0)
    box.selectAll()
    qtbot.keyClicks(box, "0.0625")
    assert box.value() == 0.0625
    assert box.text() == "0.0625"


def test_a_comma_is_a_point_on_every_machine(qtbot):
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German))
    try:
        box = NumberBox(0, 100, 0.1)
        qtbot.addWidget(box)
        box.show_value(1.5)
        assert box.text() == "1.5"
        box.selectAll()
        qtbot.keyClicks(box, "2,75")
        assert box.value() == 2.75
    finally:
        QLocale.setDefault(before)


def test_steps_do_not_gather_rounding(box, qtbot):
    box.show_value(32.1)
    for _ in range(7):
        qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.text() == "32.8"


def test_limits_do_not_make_it_wide(box):
    assert box.minimumWidth() == LEAST_WIDTH
    box.resize(LEAST_WIDTH, 24)
    assert box.width() == LEAST_WIDTH


def test_a_value_beyond_the_limits_is_shown(qtbot):
    box = NumberBox(0, 1, 0.1)
    qtbot.addWidget(box)
    box.show_value(3.5)
    assert box.value() == 3.5
    box.setValue(9)
    assert box.value() == 3.5
