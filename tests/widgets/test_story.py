"""The whole story with real rooms behind it: open, build, preview, set, run, stop, review.

What is tuned is what is run: the preview's pixels equal the run's.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.pipeline.templates import count_nuclei
from napari_openhcs.runner.status import RunPhase
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.layers import key_of
from napari_openhcs.widgets.pipeline_editor import PipelineEditor
from napari_openhcs.widgets.run_monitor import RunMonitor
from napari_openhcs.widgets.window import open_workbench

pytestmark = pytest.mark.window

FUNCTIONS = "napari_openhcs.functions"


@pytest.fixture
def window(make_napari_viewer_proxy, plate):
    """A viewer with editor and monitor, a plate of three wells, and four steps."""
    viewer = make_napari_viewer_proxy()
    editor, monitor = PipelineEditor(viewer), RunMonitor(viewer)
    viewer.window.add_dock_widget(editor, area="right")
    viewer.window.add_dock_widget(monitor, area="bottom")
    session = session_of(viewer)
    session.set_plate(plate)
    session.add_function(f"{FUNCTIONS}.background.subtract_constant_background")
    session.set_step(0, select={"channel": "DAPI"})
    session.add_function(f"{FUNCTIONS}.threshold.threshold_otsu")
    session.add_function(f"{FUNCTIONS}.segmentation.label_components")
    session.add_function(f"{FUNCTIONS}.measure.measure_objects")
    yield editor, monitor, session
    editor.preview._tuner.close()


def test_build_preview_set_and_run(window, wait, tmp_path):
    editor, monitor, session = window
    wait(lambda: session.state.compiled is not None, 30)
    assert session.state.compiled.ok, session.state.compiled.problems
    wait(lambda: not editor.preview.busy, 30)
    layers = editor.preview.layers.layers()
    labels = next(layer for key, layer in layers.items() if key[0] == "Label components")
    assert int(labels.data.max()) == 2
    assert list(labels.features["label"]) == [1, 2]

    session.select_step(2)
    session.set_parameter(2, "min_area", 160)
    wait(lambda: session.state.compiled is not None, 30)
    wait(lambda: not editor.preview.busy, 30)
    assert int(labels.data.max()) == 1

    session.select_wells(["A01", "B01"])
    output = tmp_path / "results"
    assert editor.runner.run(output)
    wait(lambda: session.state.run is not None and session.state.run.state != "running", 60)
    assert session.state.run.state == RunPhase.DONE, session.state.run.message
    assert set(session.state.run.wells) == {"A01", "B01"}
    wait(lambda: monitor.line.text().startswith("Done: 2 of 2"))
    results = open_results(output)
    assert results.label_names
    stored = results.labels(results.label_names[-1], "A01", "1").levels[0]
    np.testing.assert_array_equal(np.asarray(stored).reshape(labels.data.shape), labels.data)
    monitor.open_results()
    wait(lambda: session.state.results is not None)


def test_a_mistake_is_named_and_the_steps_before_it_are_still_shown(window, wait):
    editor, _, session = window
    session.set_parameter(2, "min_area", "large")
    wait(lambda: session.state.compiled is not None, 30)
    assert not session.state.compiled.ok
    wait(lambda: editor.verdict.problems.count() > 0)
    assert not editor.run_button.isEnabled()
    wait(lambda: not editor.preview.busy, 30)
    titles = {key[0] for key in editor.preview.layers.layers()}
    assert "Threshold otsu" in titles
    assert "Label components" not in titles


def test_a_run_is_stopped_from_the_monitor(window, wait, tmp_path):
    editor, monitor, session = window
    wait(lambda: session.state.compiled is not None, 30)
    assert editor.runner.run(tmp_path / "results")
    wait(lambda: session.state.run is not None, 60)
    monitor.stop_button.click()
    wait(lambda: session.state.run.state != RunPhase.RUNNING, 30)
    assert session.state.run.state in (RunPhase.STOPPED, RunPhase.DONE)


@pytest.fixture
def workbench(make_napari_viewer_proxy):
    """The whole workbench in an empty viewer."""
    workbench = open_workbench(make_napari_viewer_proxy())
    yield workbench
    workbench.editor.preview._tuner.close()


def layer_of(workbench, key):
    layers = (layer for layer in workbench._viewer.layers if key_of(layer).startswith(key))
    return next(layers, None)


def test_a_user_goes_from_a_plate_to_results_and_a_script(
    workbench, qtbot, wait, tmp_path, monkeypatch
):
    session, editor, navigator = workbench.session, workbench.editor, workbench.navigator
    plate = write_sample_plate(tmp_path / "screen", wells=4, fields=2, channels=2, size=96).path
    output, script = tmp_path / "results", tmp_path / "pipeline.py"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(output))

    # A plate is opened; a click shows another well.
    navigator.open_path(plate)
    wait(lambda: layer_of(workbench, "raw/2") is not None)
    place = navigator.grid.rect_of("A02").center().toPoint()
    qtbot.mouseClick(navigator.grid, Qt.MouseButton.LeftButton, pos=place)
    wait(lambda: workbench.layers.shown[0] == "A02")

    # Functions are found by typing; channel and a parameter are set in the form.
    browser = editor.browse()
    for words, function in (
        ("otsu threshold", f"{FUNCTIONS}.threshold.threshold_otsu"),
        ("split touching", f"{FUNCTIONS}.segmentation.split_touching"),
        ("measure objects", f"{FUNCTIONS}.measure.measure_objects"),
    ):
        browser.search_box.clear()
        qtbot.keyClicks(browser.search_box, words)
        wait(lambda function=function: browser.current_function() == function)
        qtbot.keyClick(browser.search_box, Qt.Key.Key_Return)
    browser.hide()
    assert [step.title for step in session.pipeline] == [
        "Threshold otsu", "Split touching", "Measure objects",
    ]  # fmt: skip
    session.select_step(0)
    channel = editor.form.options.channel
    channel.activated.emit(channel.findData("DAPI"))
    session.select_step(1)
    editor.form.calls[0].rows["min_area"].field.widget.setValue(30)
    assert session.pipeline[1].func.parameters == {"min_area": 30}

    # The preview appears on the well that is looked at.
    wait(lambda: editor.run_button.isEnabled(), 30)
    wait(lambda: layer_of(workbench, "step/Split touching") is not None, 30)
    wait(lambda: not workbench.busy, 30)
    previewed = np.array(layer_of(workbench, "step/Split touching").data)
    assert previewed.max() > 1

    # The plate is run; its wells turn done one by one.
    editor.run_button.click()
    wait(lambda: session.state.run is not None, 30)
    wait(lambda: session.state.run.state != RunPhase.RUNNING, 60)
    assert session.state.run.state == RunPhase.DONE, session.state.run
    assert navigator.legend.text() == "4 done"

    # The results lie on the raw image, with the pixels of the preview.
    workbench.monitor.results_button.click()
    wait(lambda: layer_of(workbench, "result/labels/") is not None, 30)
    wait(lambda: not workbench.busy, 30)
    labels = layer_of(workbench, "result/labels/")
    np.testing.assert_array_equal(np.asarray(labels.data), previewed)
    assert layer_of(workbench, "step/") is None
    table = workbench.results.model
    assert table.rowCount() > previewed.max()
    assert table.row_of("A02", "1", 1) is not None
    navigator.color_by("count")
    assert navigator.color_box.currentText() == "object count"

    # The script gives the same pipeline again.
    pipeline = session.pipeline
    assert editor.export_pipeline(script)
    session.set_pipeline(Pipeline())
    assert editor.import_pipeline(script)
    assert session.pipeline == pipeline


def test_a_user_stops_a_run_and_takes_it_up_again(workbench, wait, tmp_path):
    session, monitor = workbench.session, workbench.monitor
    plate = write_sample_plate(tmp_path / "screen", wells=24, fields=4, channels=2, size=256).path
    session.open_plate(plate)
    session.set_pipeline(count_nuclei())
    wait(lambda: workbench.editor.run_button.isEnabled(), 30)
    assert workbench.editor.runner.run(tmp_path / "results")
    wait(lambda: session.state.run is not None and session.state.run.count("done") > 0, 60)
    monitor.stop_button.click()
    wait(lambda: session.state.run.state != RunPhase.RUNNING, 30)
    assert session.state.run.state == RunPhase.STOPPED
    kept = session.state.run.count("done")
    assert 0 < kept < 24
    monitor.resume_button.click()
    wait(lambda: session.state.run.state == RunPhase.DONE, 60)
    assert session.state.run.count("done") == 24
