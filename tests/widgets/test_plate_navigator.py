"""The plate navigator in a real window: opening, choosing wells and fields, colours, problems."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plate import PlateProblem
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.plate_navigator import COUNT_KEY, PlateNavigator

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


def test_wells_are_coloured_by_what_was_measured_once_it_is_read(window, plate, results, wait):
    _, navigator, session = window
    session.set_plate(plate)
    navigator.color_by(COUNT_KEY)
    session.set_results(results)
    wait(lambda: navigator.color_box.currentText() == "object count")
    assert navigator.legend.text() == "6 to 7"
    assert "object count: 6" in navigator.grid._tips["A01"]
    assert navigator.grid._colors["B01"] != navigator.grid._colors["A01"]  # no value
    navigator.grab()
    session.set_results(None)
    assert navigator.color_box.currentData() == "state"


def test_what_is_odd_about_the_files_is_kept_in_the_tooltip(window, plate):
    _, navigator, session = window
    planes = dict(plate.planes)
    planes.pop(next(iter(planes)))
    problem = PlateProblem("unknown_file", "notes.tif is not part of the plate.")
    session.set_plate(dataclasses.replace(plate, planes=FrozenMapping(planes), problems=(problem,)))
    tip = navigator.title.toolTip()
    assert "1 plane of the plate is missing, such as well A01, field 1" in tip
    assert "notes.tif is not part of the plate." in tip


def test_closing_the_plate_leads_back_to_the_first_page(window, plate):
    _, navigator, session = window
    session.set_plate(plate)
    assert navigator._pages.currentIndex() == 1
    session.set_plate(None)
    assert navigator._pages.currentIndex() == 0
    assert navigator.title.text() == ""


def test_a_pipeline_can_be_opened_first_and_a_wrong_one_is_refused(
    window, toy_registry, tmp_path, monkeypatch
):
    _, navigator, session = window
    canary, script = tmp_path / "canary", tmp_path / "pipeline.py"
    script.write_text(f"open({str(canary)!r}, 'w')")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(script), ""))
    said = []
    session.message.connect(said.append)
    navigator.choose_pipeline()
    assert said[-1].severity == "error"
    assert not canary.exists()
    session.add_function("toy.smooth")
    session.export_script(script)
    session.remove_step(0)
    navigator.choose_pipeline()
    assert [step.title for step in session.pipeline] == ["Smooth"]
