"""The model of a measurement table: text, sorting, finding an object."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

import pyarrow as pa
from qtpy.QtCore import QPersistentModelIndex, Qt

from napari_openhcs.widgets.results_table import ResultsTable

pytestmark = pytest.mark.window

DOWN, UP = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder


@pytest.fixture
def model(qtmodeltester):
    model = ResultsTable()
    model.set_table(
        pa.table(
            {
                "well": ["A02", "A01", "A01", "B01"],
                "field": ["1", "1", "2", "1"],
                "label": [1, 1, 2, 7],
                "mean_area": [2.0, 10.123456, None, 1.5],
                "control": ["no", None, "yes", "no"],
                "at_border": [True, False, False, True],
            }
        )
    )
    qtmodeltester.check(model)
    return model


def column(model, name):
    at = model._names.index(name)
    return [model.data(model.index(row, at)) for row in range(model.rowCount())]


def test_cells_are_readable(model):
    assert column(model, "mean_area") == ["2", "10.12", "–", "1.5"]
    assert column(model, "control")[1] == "–"
    assert column(model, "at_border")[:2] == ["yes", "no"]
    assert model.headerData(3, Qt.Orientation.Horizontal) == "mean area"


@pytest.mark.parametrize(
    ("name", "order", "wells"),
    [
        ("mean_area", UP, ["B01", "A02", "A01", "A01"]),
        ("mean_area", DOWN, ["A01", "A02", "B01", "A01"]),
        ("control", UP, ["A02", "B01", "A01", "A01"]),
        ("well", DOWN, ["B01", "A02", "A01", "A01"]),
    ],
)
def test_sorting_keeps_ties_in_order_and_missing_values_last(model, name, order, wells):
    model.sort(model._names.index(name), order)
    assert column(model, "well") == wells


def test_a_selected_row_stays_selected_when_sorted(model):
    kept = QPersistentModelIndex(model.index(0, 0))
    model.sort(3, UP)
    assert kept.row() == 1
    assert model.value(kept.row(), "well") == "A02"


def test_objects_are_found(model):
    model.sort(3, DOWN)
    row = model.row_of("B01", "1", 7)
    assert model.value(row, "label") == 7
    assert model.row_of("B01", "1", 8) is None
    assert model.row_of("A01", "2", 2) is not None


def test_nothing_to_show(model):
    model.set_table(None)
    assert model.rowCount() == model.columnCount() == 0
    assert model.row_of("A01", "1", 1) is None
    model.sort(0)
