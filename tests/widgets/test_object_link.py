"""Rows and objects in a real window: what a click on either does to the canvas."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_openhcs.api import run
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.layers import key_of, well_layers_of
from napari_openhcs.widgets.results_browser import ResultsBrowser
from napari_openhcs.widgets.viewer_parts import camera_of

pytestmark = pytest.mark.window

OURS = "napari_openhcs.functions"
SQUARES = Pipeline(
    [
        FunctionStep(f"{OURS}.threshold.threshold_otsu", name="Mask", select={"channel": "DAPI"}),
        FunctionStep(f"{OURS}.segmentation.label_components", name="Squares"),
        FunctionStep(
            f"{OURS}.measure.measure_objects",
            name="Table",
            input_source="plate",
            inputs={"labels": "Squares"},
        ),
    ]
)


@pytest.fixture
def window(make_napari_viewer_proxy, plate, tmp_path, wait):
    """A viewer on well A01 with the labels of two squares and their table."""
    output = tmp_path / "out"
    status = run(SQUARES, plate, output, executor="threads", timeout=60)
    assert status.state == "done", status
    viewer = make_napari_viewer_proxy()
    browser = ResultsBrowser(viewer)
    viewer.window.add_dock_widget(browser, area="bottom")
    session = session_of(viewer)
    session.set_plate(plate)
    browser.open_path(output)
    layers = well_layers_of(viewer)
    wait(lambda: browser.model.rowCount() == 12 and not layers.busy and not browser.busy, 20)
    return viewer, browser, session, layers


def labels_of(viewer):
    return next(layer for layer in viewer.layers if key_of(layer).startswith("result/labels/"))


def marks(viewer):
    return [layer for layer in viewer.layers if key_of(layer) == "selected"]


def test_a_row_rings_its_object_and_brings_it_into_sight(window, wait):
    viewer, browser, session, layers = window
    camera = camera_of(viewer)
    camera.zoom = 40.0
    row = browser.model.row_of("B01", "2", 2)
    browser.view.clicked.emit(browser.model.index(row, 0))
    assert (session.state.tuned.well, session.state.tuned.field) == ("B01", "2")
    wait(lambda: layers.shown == ("B01", "2") and not layers.busy)
    assert labels_of(viewer).selected_label == 2
    (mark,) = marks(viewer)
    np.testing.assert_allclose(mark.data, [[42.5, 36.5]])
    assert tuple(mark.scale) == (0.5, 0.5)
    assert [str(unit) for unit in mark.units] == ["micrometer", "micrometer"]
    np.testing.assert_allclose(camera.center[1:], (21.25, 18.25))
    session.tune("A01")
    assert marks(viewer) == []


def test_the_camera_stays_where_the_object_is_in_sight(window):
    viewer, browser, _, _ = window
    camera = camera_of(viewer)
    camera.zoom, camera.center = 2.0, (0.0, 16.0, 16.0)
    browser.view.clicked.emit(browser.model.index(0, 0))
    assert camera.center[1:] == (16.0, 16.0)


class Event:
    """What napari hands to a mouse callback: over the first square."""

    def __init__(self) -> None:
        self.type = "mouse_press"
        self.pos = np.array([50, 50])
        self.position = (12 * 0.5, 12 * 0.5)
        self.view_direction = None
        self.dims_displayed = (0, 1)


def click(browser, moved: int) -> None:
    event = Event()
    handling = browser._link._pressed(None, event)
    next(handling)
    event.type, event.pos = "mouse_move", np.array([50, 50 + moved])
    next(handling)
    event.type = "mouse_release"
    next(handling, None)


def test_an_object_leads_to_its_row_and_a_drag_to_none(window):
    viewer, browser, _, _ = window
    click(browser, moved=30)
    assert not browser.view.selectionModel().hasSelection()
    click(browser, moved=1)
    (index,) = browser.view.selectionModel().selectedRows()
    found = [browser.model.value(index.row(), name) for name in ("well", "field", "label")]
    assert found == ["A01", "1", 1]
    assert len(marks(viewer)) == 1


def test_hidden_labels_are_not_clicked(window):
    viewer, browser, _, _ = window
    labels_of(viewer).visible = False
    click(browser, moved=0)
    assert not browser.view.selectionModel().hasSelection()


def test_rows_are_features_of_the_labels(window):
    viewer, _, _, _ = window
    features = labels_of(viewer).features
    assert list(features["label"]) == [1, 2]
    assert "mean_intensity_GFP" in features


def test_the_callback_goes_with_its_browser(window, qtbot):
    viewer, browser, _, _ = window
    callback = browser._link._pressed
    assert callback in viewer.mouse_drag_callbacks
    viewer.window.remove_dock_widget(browser)
    browser.deleteLater()
    qtbot.wait(30)
    assert callback not in viewer.mouse_drag_callbacks
