"""The workbench: every part of OpenHCS at once around napari's canvas.

On the right the plate above the pipeline; below the canvas run, results and script in
tabs.  :func:`show_path` is what a folder dropped on the window comes to.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEventLoop, QSize, Qt, QTimer
from qtpy.QtWidgets import QApplication, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, report_error, session_of, unwrapped
from napari_openhcs.widgets.code_panel import CodePanel
from napari_openhcs.widgets.layers import well_layers_of
from napari_openhcs.widgets.pipeline_editor import PipelineEditor
from napari_openhcs.widgets.plate_navigator import PlateNavigator
from napari_openhcs.widgets.preview import Preview
from napari_openhcs.widgets.results_browser import ResultsBrowser
from napari_openhcs.widgets.run_monitor import RunMonitor

__all__ = ["Workbench", "open_sample_plate", "open_window", "open_workbench", "show_path"]

BOTTOM = "OpenHCS run and results"
RIGHT = "OpenHCS"


class Workbench(QWidget):
    """Plate navigator above pipeline editor; opens the tabs below the canvas beside itself.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self.session: Session = session_of(self._viewer)
        self._background = Background(self)
        self.layers = well_layers_of(self._viewer)
        self.navigator = PlateNavigator(self._viewer, self.session)
        self.editor = PipelineEditor(self._viewer, self.session)
        self.preview = Preview(self._viewer, self.session)
        self.monitor = RunMonitor(self._viewer, self.session)
        self.results = ResultsBrowser(self._viewer, self.session)
        self.code = CodePanel(self._viewer, self.session)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.monitor, "Run")
        self.tabs.addTab(self.results, "Results")
        self.tabs.addTab(self.code, "Script")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.navigator)
        split.addWidget(self.editor)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)
        self.editor.code_requested.connect(lambda: self.tabs.setCurrentWidget(self.code))
        self.editor.runner.started.connect(lambda _: self.tabs.setCurrentWidget(self.monitor))
        self._bottom = self._viewer.window.add_dock_widget(
            self.tabs, name=BOTTOM, area="bottom", tabify=False
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Narrow enough to leave the canvas half of a small screen."""
        return QSize(360, 620)

    @property
    def busy(self) -> bool:
        """Whether anything is being read or opened."""
        return self._background.busy or self.layers.busy or self.results.busy

    def show_path(self, path: str | Path) -> None:
        """Open a plate, or the output of a run with its plate and pipeline."""
        if Path(path, ".openhcs").is_dir() or str(path).rstrip("/").endswith(".ome.zarr"):
            self.show_output(path)
        else:
            self.navigator.open_path(path)

    def show_output(self, output: str | Path) -> None:
        """Open the output of a run: its results, raw plate, pipeline and how it stands."""
        self._background.run(
            lambda: _read_output(Path(output)),
            self._output_read,
            lambda error: report_error(self.session, error),
        )

    def _output_read(self, found: tuple[Any, Any, Any, str]) -> None:
        results, plate, pipeline, output = found
        if plate is not None:
            self.session.set_plate(plate)
        else:
            self.session.say(
                f"The raw plate of these results is not at {results.plate_root}: only results "
                "are shown.",
                "warning",
            )
        if pipeline is not None:
            self.session.set_pipeline(pipeline)
        if output:
            self.editor.runner.follower.follow(output)
        self.session.set_results(results)
        if results.wells and plate is not None:
            self.session.tune(results.wells[0])
        self.tabs.setCurrentWidget(self.results)


def _read_output(output: Path) -> tuple[Any, Any, Any, str]:
    """Read results and, where they are still there, raw plate, pipeline and run."""
    from napari_openhcs.formats import open_plate
    from napari_openhcs.ome_zarr.results import open_results
    from napari_openhcs.pipeline.script import import_script

    results = open_results(output)
    root, plate, pipeline = results.plate_root, None, None
    if root is not None and root.exists():
        plate = open_plate(root)
    script = results.output / "pipeline.py"
    if script.is_file():
        pipeline = import_script(script)
    run = str(results.output) if (results.output / ".openhcs").is_dir() else ""
    return results, plate, pipeline, run


def open_workbench(viewer: Any = None) -> Workbench:
    """Open the workbench in a viewer (by default the current one), or show the open one."""
    if viewer is None:
        viewer = _current_viewer()
    window = unwrapped(viewer).window
    dock = window.dock_widgets.get(RIGHT)
    found = dock if isinstance(dock, Workbench) else getattr(dock, "widget", lambda: None)()
    if isinstance(found, Workbench):
        return found
    workbench = Workbench(viewer)
    window.add_dock_widget(workbench, name=RIGHT, area="right")
    return workbench


def _current_viewer() -> Any:
    import napari

    viewer = napari.current_viewer()
    return napari.Viewer() if viewer is None else viewer


def show_path(path: str) -> bool:
    """Show a plate or results in the workbench of the current viewer; False without one."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return False
    open_workbench(viewer).show_path(path)
    return True


def open_sample_plate() -> None:
    """Open the workbench with the sample plate."""
    open_workbench().navigator.open_sample()


def open_window(path: str | Path, *, screenshot: Path | None = None) -> None:
    """Open napari with the workbench on a plate or results, until it is closed.

    Parameters
    ----------
    path : path
    screenshot : Path, optional
        Write a picture of the whole window there once all is shown, and leave.

    Raises
    ------
    OpenHCSError
        There is no display to open a window on.
    """
    import napari

    if os.name == "posix" and os.uname().sysname == "Linux" and not _has_display():
        raise OpenHCSError(
            "There is no display to open a window on: run on a desktop, or with xvfb-run."
        )
    viewer = napari.Viewer(title="napari-openhcs", show=True)
    viewer.window.resize(1440, 900)
    workbench = open_workbench(viewer)
    workbench.show_path(path)
    if screenshot is None:
        napari.run()
        return
    settle(workbench)
    viewer.window.screenshot(str(screenshot), canvas_only=False, flash=False)
    viewer.close()


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def settle(workbench: Workbench, seconds: float = 60.0, calm: float = 1.0) -> None:
    """Let the event loop work until nothing has been busy for `calm` seconds."""
    deadline = time.monotonic() + seconds
    quiet_since = time.monotonic()
    loop = QEventLoop()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < calm:
        QTimer.singleShot(30, loop.quit)
        loop.exec_() if hasattr(loop, "exec_") else loop.exec()
        QApplication.processEvents()
        if workbench.busy or workbench.preview.busy:
            quiet_since = time.monotonic()
