"""The editor's whole story with real rooms behind it: build, preview, set, run, stop, follow.

What is tuned is what is run: the preview's pixels equal the run's.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.runner.status import RunPhase
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.pipeline_editor import PipelineEditor
from napari_openhcs.widgets.run_monitor import RunMonitor

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
