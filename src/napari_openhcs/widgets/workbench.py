"""The workbench: every part of OpenHCS at once around napari's canvas.

On the right the plate above the pipeline; below the canvas run, results and script in tabs.
One either tunes (previews of the steps lie on the raw image) or reviews (what the run left
lies on it): opening results begins a review, editing the pipeline ends it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, listen, report_error, session_of, unwrapped
from napari_openhcs.widgets.code_panel import CodePanel
from napari_openhcs.widgets.layers import well_layers_of
from napari_openhcs.widgets.pipeline_editor import PipelineEditor
from napari_openhcs.widgets.plate_navigator import COUNT_KEY, PlateNavigator
from napari_openhcs.widgets.results_browser import ResultsBrowser
from napari_openhcs.widgets.run_monitor import RunMonitor

__all__ = ["Found", "Workbench", "read_path"]

BOTTOM = "OpenHCS run and results"
SIDE_WIDTH = 334
MOST_FOR_PLATE = 0.46
BOTTOM_HEIGHT = 170
NO_LIMIT = 16_777_215


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
        self.monitor = RunMonitor(self._viewer, self.session)
        self.results = ResultsBrowser(self._viewer, self.session)
        self.code = CodePanel(self._viewer, self.session)
        self.reviewing = False
        self.layers.show_results(False)
        self._lay_out()
        self.editor.code_requested.connect(lambda: self.show_tab(self.code))
        self.editor.runner.started.connect(lambda _: self.show_tab(self.monitor))
        self.monitor.results_button.clicked.connect(lambda: self.show_tab(self.results))
        self.tabs.currentChanged.connect(self._review_when_shown)
        listen(self, self.session.results_changed, self._review_when_shown)
        listen(self, self.session.pipeline_changed, self._end_review)
        listen(self, self.session.plate_changed, self._fit_plate)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Narrow enough to leave the canvas half of a small screen."""
        return QSize(SIDE_WIDTH, 620)

    @property
    def busy(self) -> bool:
        """Whether anything is being read, previewed or opened."""
        preview = self.editor.preview
        return (
            self._background.busy
            or self.layers.busy
            or self.navigator.busy
            or self.results.busy
            or self.editor.runner.busy
            or (preview is not None and preview.busy)
        )

    # The window

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        # Pages scroll or shorten; their own minimum would widen the window on a small screen.
        self.tabs.setMinimumWidth(320)
        self.tabs.tabBar().setToolTip("A click on the open tab folds the panel")
        self.tabs.addTab(self.monitor, "Run")
        self.tabs.addTab(self.results, "Results")
        self.tabs.addTab(self.code, "Script")
        self.split = split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.navigator)
        split.addWidget(self.editor)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setChildrenCollapsible(False)
        split.splitterMoved.connect(self._keep_split)
        self._split_moved = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)
        self._bottom: Any = self._viewer.window.add_dock_widget(
            self.tabs, name=BOTTOM, area="bottom", tabify=False
        )
        self.folded = False
        self._fold(True)
        self._tab = 0
        self.tabs.tabBarClicked.connect(self._tab_clicked)
        QTimer.singleShot(0, self._fit)

    def _fit(self) -> None:
        """Give the docks the room they need and the canvas the rest."""
        window: QMainWindow = self._viewer.window._qt_window
        # The side docks reach down to the status bar; the tabs lie below the canvas only.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        dock = self._dock()
        if dock is not None:
            window.resizeDocks([dock], [SIDE_WIDTH], Qt.Orientation.Horizontal)
        self._fit_plate()

    def _fit_plate(self, _: object = None) -> None:
        """Give the plate the height its wells need, unless a person moved the border."""
        height = sum(self.split.sizes())
        if height and not self._split_moved:
            wanted = min(self.navigator.height_for(self.width()), int(MOST_FOR_PLATE * height))
            self.split.setSizes([wanted, height - wanted])

    def _keep_split(self, *_: int) -> None:
        self._split_moved = True

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Keep the plate's room when the window changes."""
        super().resizeEvent(event)
        self._fit_plate()

    def show_tab(self, tab: QWidget) -> None:
        """Show one of the tabs below the canvas, unfolded."""
        self.tabs.setCurrentWidget(tab)
        self._tab = self.tabs.currentIndex()
        self._fold(False)

    def _tab_clicked(self, index: int) -> None:
        """Unfold the tab that is clicked; fold the one that is open."""
        self._fold(index == self._tab and not self.folded)
        self._tab = index

    def _fold(self, folded: bool) -> None:
        """Leave only the names of the tabs, so that the canvas has the room."""
        if folded == self.folded:
            return
        self.folded = folded
        bar = self.tabs.tabBar().sizeHint().height()
        self.tabs.setMinimumHeight(bar if folded else 90)
        self.tabs.setMaximumHeight(bar if folded else NO_LIMIT)
        if not folded and self._bottom is not None:
            window = self._viewer.window._qt_window
            window.resizeDocks([self._bottom], [BOTTOM_HEIGHT], Qt.Orientation.Vertical)

    def _dock(self) -> QDockWidget | None:
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        return parent

    def event(self, event: Any) -> bool:
        """Leave with everything when napari takes the workbench out of its window."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._leave()
        return bool(super().event(event))

    def _leave(self) -> None:
        bottom, self._bottom = self._bottom, None
        if bottom is not None:
            self._viewer.window.remove_dock_widget(bottom)
            self.tabs.deleteLater()
            self.deleteLater()

    # Tuning and reviewing

    def _review_when_shown(self, _: object = None) -> None:
        if self.session.state.results is None:
            self._end_review(None)
        elif self.tabs.currentWidget() is self.results:
            self._review()

    def _review(self) -> None:
        """Show what the run left, and no previews."""
        if not self.reviewing:
            self.reviewing = True
            self.editor.live.setChecked(False)
            if self.editor.preview is not None:
                self.editor.preview.layers.keep_only(())
            self.layers.show_results(True)

    def _end_review(self, _: object) -> None:
        """Show previews again: the results are not those of the pipeline any more."""
        if self.reviewing:
            self.reviewing = False
            self.layers.show_results(False)
            self.editor.live.setChecked(True)

    # Opening

    def show_path(self, path: str | Path) -> None:
        """Open a plate, or the output of a run with its plate and pipeline."""
        self.session.say(f"Reading {Path(path).name}…")
        self._background.run(
            lambda: read_path(Path(path)),
            self.show_found,
            lambda error: report_error(self.session, error),
        )

    def show_found(self, found: Found) -> None:
        """Show what a path led to."""
        self.session.say(found.message, "warning" if found.message else "info")
        if found.plate is not None:
            self.session.set_plate(found.plate)
        if found.results is None:
            return
        if found.pipeline is not None:
            self.session.set_pipeline(found.pipeline)
        if found.run:
            self.editor.runner.follower.follow(found.run)
        self.session.set_results(found.results)
        self.navigator.color_by(COUNT_KEY)
        if found.results.wells and found.plate is not None:
            self.session.tune(found.results.wells[0])
        self.show_tab(self.results)
        self._review()
        if found.message:
            self.session.say(found.message, "warning")


class Found(NamedTuple):
    """What a path led to; `run` is the output folder of a run, `message` what is missing."""

    plate: Any
    results: Any = None
    pipeline: Any = None
    run: str = ""
    message: str = ""


def read_path(path: Path) -> Found:
    """Read a plate, or results with raw plate, pipeline and run where they are still there.

    Raises
    ------
    OpenHCSError
        The path is neither, or damaged.
    """
    from napari_openhcs.formats import open_plate
    from napari_openhcs.ome_zarr.results import open_results

    if not _holds_results(path):
        return Found(open_plate(path))
    results = open_results(path)
    if not results.plate.own and not results.label_names and not results.table_names:
        return Found(open_plate(path))
    root, message = results.plate_root, ""
    if root is None or not root.exists():
        if root is not None:
            message = (
                f"The raw plate is not at {root} any more: the images of the results are shown."
            )
        root = results.plate_path
    pipeline, problem = _pipeline_of(results)
    run = str(results.output) if (results.output / ".openhcs").is_dir() else ""
    return Found(open_plate(root), results, pipeline, run, message or problem)


def _holds_results(path: Path) -> bool:
    from napari_openhcs.formats import find_format

    if (path / ".openhcs").is_dir():
        return True
    known = find_format(path) if path.is_dir() else None
    return known is not None and known.name == "ome_zarr"


def _pipeline_of(results: Any) -> tuple[Any, str]:
    """Return the pipeline that gave the results, and why there is none."""
    from napari_openhcs.pipeline.script import import_script

    script = results.output / "pipeline.py"
    try:
        if script.is_file():
            return import_script(script), ""
        return (import_script(results.script) if results.script else None), ""
    except OpenHCSError as error:
        return None, f"The pipeline of these results cannot be opened: {error}"
