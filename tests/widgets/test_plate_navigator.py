"""The plate navigator in a real window: opening, choosing wells and fields, colours, problems."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.plate_navigator import PlateNavigator

pytestmark = pytest.mark.window


@pytest.fixture
def window(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    navigator = PlateNavigator(viewer)
    viewer.window.add_dock_widget(navigator, area="right")
    return viewer, navigator, session_of(viewer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An ImageXpress plate of 6 wells, 2 fields and 2 channels with a dose series."""
    root = tmp_path_factory.mktemp("navigator") / "screen"
    return write_sample_plate(root, wells=6, fields=2, size=64).path


def test_an_empty_window_offers_three_ways_to_begin(window):
    _, navigator, _ = window
    assert navigator._pages.currentIndex() == 0
    assert not navigator.color_box.isVisibleTo(navigator)


def test_a_plate_is_opened_in_the_background_and_its_first_well_shown(window, folder, wait):
    viewer, navigator, session = window
    navigator.open_path(folder)
    wait(lambda: session.plate is not None and navigator._layers.shown == ("A01", "1"))
    assert "6 wells" in navigator.title.text()
    assert "µm" in navigator.title.text()
    assert [layer.name for layer in viewer.layers] == ["DAPI", "GFP"]
    assert navigator.grid._wells == session.plate.wells


def test_a_folder_dropped_on_it_is_opened(window, folder, wait):
    _, navigator, session = window
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    navigator.dropEvent(event)
    wait(lambda: session.plate is not None)


def test_a_folder_that_is_no_plate_is_refused_in_a_sentence(window, tmp_path, wait):
    _, navigator, session = window
    said = []
    session.message.connect(said.append)
    navigator.open_path(tmp_path)
    wait(lambda: any(message.severity == "error" for message in said))
    assert str(tmp_path) in said[-1].text
    assert session.plate is None


def test_a_click_shows_the_well_and_the_box_its_fields(window, folder, wait):
    _, navigator, session = window
    navigator.open_path(folder)
    wait(lambda: session.plate is not None)
    navigator.grid.well_clicked.emit("B02")
    wait(lambda: navigator._layers.shown == ("B02", "1"))
    assert [navigator.field_box.itemData(n) for n in range(2)] == ["1", "2"]
    navigator._step_field(1)
    wait(lambda: navigator._layers.shown == ("B02", "2"))
    assert navigator.field_box.currentIndex() == 1
    navigator._step_field(1)
    assert session.state.tuned.field == "2"


def test_selected_wells_are_the_session_s(window, folder, wait):
    _, navigator, session = window
    navigator.open_path(folder)
    wait(lambda: session.plate is not None)
    navigator.grid.selection_changed.emit(("A01", "A03"))
    assert session.state.selected_wells == ("A01", "A03")
    session.select_wells(["B01"])
    assert navigator.grid._selected == {"B01"}


def test_wells_are_coloured_by_state_and_by_condition(window, folder, wait):
    _, navigator, session = window
    navigator.open_path(folder)
    wait(lambda: session.plate is not None)
    before = dict(navigator.grid._colors)
    done = WellStatus(WellPhase.DONE, 1.0, 1)
    failed = WellStatus(WellPhase.FAILED, 1.0, 1, "Step 1 failed.")
    wells = FrozenMapping({"A01": done, "A02": failed})
    session.accept_run(RunStatus(RunPhase.RUNNING, wells))
    colors = navigator.grid._colors
    assert colors["A01"] != colors["A02"] != before["A02"]
    assert navigator.grid._marks == {"A02": "!"}
    assert "Step 1 failed." in navigator.grid._tips["A02"]
    navigator.color_by("condition/dose")
    assert navigator.color_box.currentData() == "condition/dose"
    by_dose = navigator.grid._colors
    assert by_dose["A01"] != by_dose["A03"]


def test_missing_planes_are_said_once_with_their_number(window, tmp_path, wait):
    _, navigator, session = window
    plate = write_sample_plate(tmp_path / "p", wells=2, fields=1, size=64)
    next(tmp_path.rglob("*A02*w2*")).unlink()
    said = []
    session.message.connect(said.append)
    navigator.open_path(plate.path)
    wait(lambda: session.plate is not None and any(m.severity == "warning" for m in said))
    warnings = [message.text for message in said if message.severity == "warning"]
    assert len(warnings) == len(set(warnings))
    assert "missing" in warnings[0]
