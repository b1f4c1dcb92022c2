"""The plate's picture: where wells are, and what mouse and keys do."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor, QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_openhcs.axes import well_name
from napari_openhcs.widgets.plate_grid import PlateGrid

pytestmark = pytest.mark.window

LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def grid(qtbot):
    grid = PlateGrid()
    qtbot.addWidget(grid)
    grid.resize(360, 240)
    grid.set_plate(
        8, 12, [well_name(r, c) for r in range(8) for c in range(12) if (r, c) != (1, 1)]
    )
    grid.clicked, grid.chosen = [], []
    grid.well_clicked.connect(grid.clicked.append)
    grid.well_clicked.connect(grid.set_current)
    grid.selection_changed.connect(grid.chosen.append)
    grid.show()
    qtbot.waitExposed(grid)
    return grid


def center(grid, well) -> QPoint:
    return grid.rect_of(well).center().toPoint()


def test_a_click_looks_at_a_well(grid, qtbot):
    qtbot.mouseClick(grid, LEFT, pos=center(grid, "C04"))
    assert grid.clicked == ["C04"]
    assert grid.chosen == []


def test_a_well_without_images_takes_no_click(grid, qtbot):
    qtbot.mouseClick(grid, LEFT, pos=center(grid, "B02"))
    assert grid.clicked == []


def test_ctrl_click_adds_and_removes(grid, qtbot):
    for well in ("A01", "C03", "A01"):
        qtbot.mouseClick(grid, LEFT, CTRL, center(grid, well))
    assert grid.chosen == [("A01",), ("A01", "C03"), ("C03",)]


def test_shift_click_selects_from_the_current_well(grid, qtbot):
    grid.set_current("A01")
    qtbot.mouseClick(grid, LEFT, SHIFT, center(grid, "B03"))
    assert grid.chosen == [("A01", "A02", "A03", "B01", "B03")]


def test_a_drag_selects_a_rectangle(grid, qtbot):
    qtbot.mousePress(grid, LEFT, pos=center(grid, "C05"))
    qtbot.mouseMove(grid, center(grid, "B04"))
    qtbot.mouseRelease(grid, LEFT, pos=center(grid, "B04"))
    assert grid.chosen == [("B04", "B05", "C04", "C05")]
    assert grid.clicked == []


def test_headers_select_rows_and_columns(grid, qtbot):
    above = QPoint(center(grid, "A03").x(), 5)
    beside = QPoint(int(grid.rect_of("D01").left()) - 8, center(grid, "D01").y())
    qtbot.mouseClick(grid, LEFT, pos=above)
    assert grid.chosen[-1] == tuple(f"{row}03" for row in "ABCDEFGH")
    qtbot.mouseClick(grid, LEFT, pos=beside)
    assert grid.chosen[-1] == tuple(f"D{column:02d}" for column in range(1, 13))
    qtbot.mouseClick(grid, LEFT, CTRL, above)
    assert len(grid.chosen[-1]) == 12 + 8 - 1 - 1  # D03 was selected and is taken out


def test_a_click_beside_the_plate_selects_none(grid, qtbot):
    grid.set_selected(["A01"])
    below = QPoint(center(grid, "H06").x(), int(grid.rect_of("H06").bottom()) + 4)
    qtbot.mouseClick(grid, LEFT, pos=below)
    assert grid.chosen == [()]


@pytest.mark.parametrize(
    ("key", "start", "end"),
    [
        (Qt.Key.Key_Right, "A01", "A02"),
        (Qt.Key.Key_Down, "A01", "B01"),
        (Qt.Key.Key_Left, "C03", "C02"),
        (Qt.Key.Key_Up, "C03", "B03"),
        (Qt.Key.Key_Right, "B01", "B03"),  # B02 has no images
        (Qt.Key.Key_Up, "A01", None),
    ],
)
def test_arrow_keys_walk(grid, qtbot, key, start, end):
    grid.set_current(start)
    qtbot.keyClick(grid, key)
    assert grid.clicked == ([end] if end else [])


def test_all_and_none_by_key(grid, qtbot):
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL)
    qtbot.keyClick(grid, Qt.Key.Key_Escape)
    assert [len(wells) for wells in grid.chosen] == [95, 0]


def test_colours_and_marks_are_drawn(grid):
    grid.set_colors({"C04": QColor("#ff0000")}, {"C04": "!"})
    picture = grid.grab().toImage()
    place = grid.rect_of("C04")
    assert picture.pixelColor(int(place.left()) + 3, center(grid, "C04").y()).red() > 200
    assert picture.pixelColor(center(grid, "D04")) != picture.pixelColor(center(grid, "B02"))


def test_a_tooltip_tells_about_the_well(grid):
    grid.set_tips({"C04": "<b>C04</b><br>dose: 3"})
    place = center(grid, "C04")
    event = QHelpEvent(QEvent.Type.ToolTip, place, grid.mapToGlobal(place))
    QApplication.sendEvent(grid, event)
    assert "dose: 3" in QToolTip.text()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 6), (16, 24), (32, 48)])
def test_plates_of_any_size_fit(grid, rows, columns):
    grid.set_plate(rows, columns, ["A01", well_name(rows - 1, columns - 1)])
    assert grid.rect().contains(grid.rect_of(well_name(rows - 1, columns - 1)).toRect())
    assert grid.height_for(340) >= 18 + 4 * rows
    grid.grab()
