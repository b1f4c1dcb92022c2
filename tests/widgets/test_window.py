"""The workbench in a real window: what a person opens and what comes of it."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from napari_openhcs.api import run
from napari_openhcs.errors import PlateError
from napari_openhcs.pipeline.templates import count_nuclei
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.widgets import window as module
from napari_openhcs.widgets.layers import key_of
from napari_openhcs.widgets.window import open_workbench, settle, show_path
from napari_openhcs.widgets.workbench import Workbench

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A plate of two wells and the output of a run on it."""
    root = tmp_path_factory.mktemp("window")
    plate = write_sample_plate(root / "screen", wells=2, fields=2, size=96).path
    assert run(count_nuclei(), plate, root / "out", workers=1).state == "done"
    return plate, root / "out"


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    yield viewer
    for child in viewer.window._qt_window.findChildren(Workbench):
        if child.editor.preview is not None:
            child.editor.preview._tuner.close()


def names(viewer, prefix):
    return [layer.name for layer in viewer.layers if key_of(layer).startswith(prefix)]


def test_the_menu_s_widget_and_the_command_s_are_one(viewer):
    first = open_workbench(viewer)
    assert open_workbench(viewer) is first
    assert first.tabs.count() == 3


def test_the_canvas_keeps_half_of_a_small_window(viewer):
    workbench = open_workbench(viewer)
    settle(workbench, calm=0.3)
    canvas = viewer.window._qt_viewer.canvas.native
    assert canvas.width() * canvas.height() >= 0.4 * 1366 * 768
    assert canvas.width() >= 0.45 * 1366


def test_a_plate_dropped_on_napari_opens_in_the_workbench(viewer, folders):
    viewer.open(folders[0], plugin="napari-openhcs")
    workbench = open_workbench(viewer)
    settle(workbench, calm=0.3)
    assert workbench.session.plate.name == "screen"
    assert names(viewer, "raw/") == ["DAPI", "GFP"]
    assert len(viewer.layers) == 2


def test_results_open_with_their_plate_pipeline_labels_and_colours(viewer, folders):
    assert show_path(str(folders[1]))
    workbench = open_workbench(viewer)
    settle(workbench, calm=0.5)
    session = workbench.session
    assert session.plate.name == "screen"
    assert [step.title for step in session.pipeline] == [s.title for s in count_nuclei()]
    assert names(viewer, "raw/") == ["DAPI", "GFP"]
    assert names(viewer, "result/labels/") == ["Result: nuclei"]
    assert workbench.results.model.rowCount() > 10
    assert workbench.navigator.color_box.currentText() == "object count"
    assert str(session.state.run.state) == "done"
    labels = next(layer for layer in viewer.layers if key_of(layer).startswith("result/labels/"))
    assert "mean_intensity_GFP" in labels.features
    assert len(labels.features) == int(labels.data[...].max())


def test_editing_ends_the_review_and_previews_come_back(viewer, folders):
    show_path(str(folders[1]))
    workbench = open_workbench(viewer)
    settle(workbench, calm=0.5)
    assert workbench.reviewing
    workbench.session.set_parameter(0, "sigma", 3.0)
    assert not workbench.reviewing
    settle(workbench, calm=0.7)
    assert names(viewer, "step/")


def test_results_without_their_raw_plate_say_so(viewer, folders, tmp_path):
    (tmp_path / "moved").mkdir()
    elsewhere = folders[0] + "-moved"
    import shutil

    shutil.move(folders[0], elsewhere)
    try:
        workbench = open_workbench(viewer)
        said = []
        workbench.session.message.connect(said.append)
        workbench.show_path(folders[1])
        settle(workbench, calm=0.5)
    finally:
        shutil.move(elsewhere, folders[0])
    assert any("raw plate" in message.text for message in said)
    assert workbench.results.model.rowCount() > 10


def test_without_a_viewer_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(module.napari, "current_viewer", lambda: None)
    assert show_path("anything") is False


def test_the_panel_below_folds_to_its_tabs_and_unfolds(viewer):
    workbench = open_workbench(viewer)
    settle(workbench, calm=0.2)
    assert workbench.folded
    low = workbench.tabs.height()
    workbench.tabs.tabBarClicked.emit(0)
    settle(workbench, calm=0.2)
    assert workbench.tabs.height() > 2 * low
    workbench.tabs.tabBarClicked.emit(0)
    settle(workbench, calm=0.2)
    assert workbench.tabs.height() == low


def test_the_workbench_leaves_with_both_docks_and_comes_back(viewer, folders, qtbot):
    workbench = open_workbench(viewer)
    workbench.show_path(folders[0])
    settle(workbench, calm=0.3)
    workbench._dock().destroyOnClose()
    qtbot.wait(50)
    assert "OpenHCS run and results" not in viewer.window.dock_widgets
    again = open_workbench(viewer)
    assert again is not workbench
    assert again.session.plate.name == "screen"
    settle(again, calm=0.3)
    assert names(viewer, "raw/") == ["DAPI", "GFP"]


def test_wells_take_the_colours_of_another_theme(viewer, folders):
    workbench = open_workbench(viewer)
    workbench.show_path(folders[0])
    settle(workbench, calm=0.3)
    dark = workbench.navigator.grid._colors["A01"]
    viewer.theme = "light"
    assert workbench.navigator.grid._colors["A01"] != dark


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_path_that_cannot_be_opened_is_refused_before_a_window_opens(
    place, tmp_path, monkeypatch
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(module.napari, "Viewer", lambda **_: pytest.fail("a window was opened"))
    with pytest.raises(PlateError, match=str(tmp_path / place)):
        module.open_window(tmp_path / place)


def test_a_picture_of_the_window_is_taken(folders, tmp_path, monkeypatch, make_napari_viewer):
    monkeypatch.setattr(module.napari, "Viewer", make_napari_viewer)
    module.open_window(folders[1], screenshot=tmp_path / "window.png")
    assert (tmp_path / "window.png").stat().st_size > 50_000
