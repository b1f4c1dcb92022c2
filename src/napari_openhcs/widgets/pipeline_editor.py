"""The pipeline editor: the steps, the selected step's form, what the compiler says, Run.

Compiling happens in a background thread after a pause in editing, newest edit first; the
line at the bottom and the marks in the list show what came of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QShortcut,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Latest, listen, report_error, session_of
from napari_openhcs.widgets.function_browser import FunctionBrowser
from napari_openhcs.widgets.message_line import MessageLine
from napari_openhcs.widgets.parameter_form import ParameterForm
from napari_openhcs.widgets.preview import Preview
from napari_openhcs.widgets.run_starter import RunStarter
from napari_openhcs.widgets.step_list import StepList
from napari_openhcs.widgets.style import caption, tool_button
from napari_openhcs.widgets.verdict import Verdict

__all__ = ["PipelineEditor"]

SCRIPTS = "Pipelines (*.py)"

MOST_ROWS = 8
"""Steps the list shows without scrolling before it takes room from the form."""

LEAST_FOR_FORM = 190
"""Height in px below which a form of five rows would be a peephole; the list scrolls then."""


class _Split(QSplitter):
    """Tells when its height changed, by the window or by problems that are listed below."""

    resized = Signal()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Share the room as before, then let the editor share it anew."""
        super().resizeEvent(event)
        self.resized.emit()


class PipelineEditor(QWidget):
    """Build, order, set and check the steps of the pipeline.

    Parameters
    ----------
    napari_viewer : napari.Viewer, optional
    session : Session, optional
        By default the viewer's.

    Attributes
    ----------
    code_requested : Signal
        The person wants to see the pipeline as script.
    """

    code_requested = Signal()

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._compiling = Latest(self, delay_ms=120)
        self._browser: FunctionBrowser | None = None
        self.runner = RunStarter(self._session, self)
        self._build()
        self._shortcuts()
        self.preview = self._make_preview()
        for name in ("pipeline_changed", "plate_changed"):
            listen(self, getattr(self._session, name), self._edited)
        listen(self, self._session.wells_selected, self._enable_buttons)
        listen(self, self._session.compiled_changed, self._show_plan)
        listen(self, self._session.step_selected, self._enable_buttons)
        self._edited(None)

    def sizeHint(self) -> QSize:  # noqa: N802
        """As narrow as a form with labels can be, so that the canvas keeps its room."""
        return QSize(350, 480)

    # Building

    def _build(self) -> None:
        self.steps = StepList(self._session, self._viewer)
        self.steps.refused.connect(lambda text: self._session.say(text, "error"))
        self.form = ParameterForm(self._viewer, self._session)
        self.verdict = Verdict(self._session, self._viewer)
        self.verdict.step_requested.connect(self._session.select_step)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self.steps)
        split = _Split(Qt.Orientation.Vertical)
        split.addWidget(self._pages)
        split.addWidget(self.form)
        split.setStretchFactor(0, 0)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        self._pages.setMinimumHeight(72)
        self.form.setMinimumHeight(72)
        self._split, self._split_moved = split, False
        split.splitterMoved.connect(self._keep_split)
        split.resized.connect(self._fit_steps)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(self._toolbar())
        layout.addWidget(split, 1)
        layout.addLayout(self._bottom())

    def _keep_split(self, *_: int) -> None:
        self._split_moved = True

    def _fit_steps(self) -> None:
        """Give the list as much room as it has steps, unless a person moved the border."""
        height = sum(self._split.sizes())
        wanted = self.steps.height_of_rows(max(3, min(len(self._session.pipeline), MOST_ROWS)))
        wanted = max(min(wanted, height - LEAST_FOR_FORM), self._pages.minimumHeight())
        if not len(self._session.pipeline):
            wanted = height // 2
        if height > 0 and not self._split_moved:
            self._split.setSizes([wanted, max(0, height - wanted)])

    def _empty_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        hint = caption("The pipeline is empty. Add a function, or open a pipeline.")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        add = QPushButton("Add a function")
        add.setToolTip("Search the function library")
        add.clicked.connect(self.browse)
        opens = QPushButton("Open a pipeline")
        opens.setToolTip("Open a pipeline script; it is read, never run")
        opens.clicked.connect(self.choose_import)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(add)
        row.addWidget(opens)
        row.addStretch(1)
        layout.addStretch(1)
        layout.addWidget(hint)
        layout.addLayout(row)
        layout.addStretch(1)
        return page

    def _toolbar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setSpacing(2)
        self.add_button = QPushButton("Add step")
        self.add_button.setToolTip("Search the function library and add a step (Ctrl+Space)")
        self.add_button.clicked.connect(self.browse)
        bar.addWidget(self.add_button)
        self.duplicate_button = _tool(bar, "Copy", "Duplicate the selected step (Ctrl+D)")
        self.duplicate_button.clicked.connect(lambda: self._on_selected("duplicate_step"))
        self.remove_button = _tool(bar, "Delete", "Delete the selected step (Del)")
        self.remove_button.clicked.connect(lambda: self._on_selected("remove_step"))
        bar.addStretch(1)
        self.undo_button = _tool(bar, "↶", "Undo the last edit (Ctrl+Z)")
        self.undo_button.clicked.connect(lambda: self._session.undo())
        self.redo_button = _tool(bar, "↷", "Do again what was undone (Ctrl+Shift+Z)")
        self.redo_button.clicked.connect(lambda: self._session.redo())
        self.import_button = _tool(bar, "Open", "Open a pipeline script; it is read, never run")
        self.import_button.clicked.connect(self.choose_import)
        self.export_button = _tool(bar, "Save", "Save the pipeline as a Python script")
        self.export_button.clicked.connect(self.choose_export)
        return bar

    def _bottom(self) -> QVBoxLayout:
        lines = QVBoxLayout()
        lines.setSpacing(2)
        lines.addWidget(self.verdict)
        self.note = MessageLine(self._session, self._viewer)
        lines.addWidget(self.note)
        row = QHBoxLayout()
        self.live = QCheckBox("Live preview")
        self.live.setChecked(True)
        self.live.setToolTip("Show every step's result on the tuned well after each edit")
        row.addWidget(self.live)
        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Run the pipeline on the plate in the background")
        self.run_button.clicked.connect(self.runner.choose_and_run)
        row.addWidget(self.run_button, 1)
        lines.addLayout(row)
        return lines

    def _make_preview(self) -> Preview | None:
        """Preview on the viewer's canvas; without a viewer there is none."""
        self.live.setVisible(self._viewer is not None)
        if self._viewer is None:
            return None
        preview = Preview(self._viewer, self._session, self)
        preview.measured.connect(self._show_times)
        self.live.toggled.connect(preview.set_live)
        return preview

    def _shortcuts(self) -> None:
        for keys, action in (
            ("Ctrl+Z", lambda: self._session.undo()),
            ("Ctrl+Shift+Z", lambda: self._session.redo()),
            ("Ctrl+D", lambda: self._on_selected("duplicate_step")),
            ("Ctrl+Space", self.browse),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    # Intents

    def browse(self) -> FunctionBrowser:
        """Open the function browser beside the editor, ready to type in."""
        if self._browser is None:
            self._browser = FunctionBrowser(self._viewer, self._session)
            self._browser.setParent(self, Qt.WindowType.Tool)
            self._browser.setWindowTitle("Add a function")
            close = QShortcut(QKeySequence("Esc"), self._browser)
            close.activated.connect(self._browser.hide)
        size = self._browser.sizeHint()
        place = self.mapToGlobal(self.rect().topLeft())
        self._browser.resize(size)
        self._browser.show()
        # After showing: a window manager may place a new window where it likes.
        screen = self.screen().availableGeometry()
        left = max(screen.left(), place.x() - size.width() - 8)
        top = max(screen.top(), min(place.y(), screen.bottom() - size.height()))
        self._browser.move(left, top)
        self._browser.raise_()
        self._browser.activateWindow()
        self._browser.search_box.setFocus()
        self._browser.search_box.selectAll()
        return self._browser

    def _on_selected(self, intent: str) -> None:
        index = self._session.state.selected_step
        if index is not None:
            getattr(self._session, intent)(index)

    def choose_import(self) -> None:
        """Ask for a script and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a pipeline", "", SCRIPTS)
        if path:
            self.import_pipeline(path)

    def import_pipeline(self, path: str | Path) -> bool:
        """Open the pipeline in a script; a refusal is shown and changes nothing."""
        try:
            pipeline = self._session.import_script(Path(path))
        except (OpenHCSError, OSError) as error:
            report_error(self._session, error)
            return False
        self._session.say(f"Opened {len(pipeline)} steps from {Path(path).name}.")
        return True

    def choose_export(self) -> None:
        """Ask for a file and save the pipeline in it as script."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the pipeline", "pipeline.py", SCRIPTS)
        if path:
            self.export_pipeline(path)

    def export_pipeline(self, path: str | Path) -> bool:
        """Save the pipeline as script; what goes wrong is shown."""
        try:
            self._session.export_script(path)
        except OpenHCSError as error:
            report_error(self._session, error)
            return False
        self._session.say(f"Saved as {path}.")
        return True

    # Showing

    def _edited(self, _: object) -> None:
        self._pages.setCurrentIndex(1 if len(self._session.pipeline) else 0)
        self._fit_steps()
        self._enable_buttons()
        job = self._session.compile_job()
        if job is None:
            self._compiling.cancel()
            self.verdict.show_waiting()
            return
        self.verdict.show_checking()
        self._compiling.request(
            job,
            lambda plan: self._session.accept_compiled(job, plan),
            lambda error: report_error(self._session, error),
        )

    def _show_times(self, seconds: dict[str, float], failed: dict[str, str]) -> None:
        self.steps.steps.show_times(seconds, failed)
        self.verdict.show_seconds(sum(seconds.values()) if not failed else 0.0)

    def _show_plan(self, plan: CompiledPlate | None) -> None:
        if plan is not None:
            self.verdict.show_plan(plan)
        self._enable_buttons()

    def _enable_buttons(self, _: object = None) -> None:
        state = self._session.state
        selected = state.selected_step is not None
        self.duplicate_button.setEnabled(selected)
        self.remove_button.setEnabled(selected)
        self.undo_button.setEnabled(bool(state.undo))
        self.redo_button.setEnabled(bool(state.redo))
        self.export_button.setEnabled(bool(len(state.pipeline)))
        self.run_button.setEnabled(state.compiled is not None and state.compiled.ok)
        number = len(state.selected_wells)
        wells = f"{number} selected well{'s' * (number > 1)}" if number else "all wells"
        self.run_button.setText(f"Run {wells}" if state.plate is not None else "Run")


def _tool(bar: QHBoxLayout, text: str, tooltip: str) -> Any:
    button = tool_button(text, tooltip)
    bar.addWidget(button)
    return button
