"""The run monitor: how far the run is, what failed and why, stop and resume, the log.

It shows what the run's folder says; closing it (or napari) never touches the run.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, listen, report_error, session_of
from napari_openhcs.widgets.log_view import LogView
from napari_openhcs.widgets.run_starter import RunStarter
from napari_openhcs.widgets.style import format_seconds, palette_of

__all__ = ["RunMonitor", "summary", "time_left"]

_WELL = int(Qt.ItemDataRole.UserRole)


def time_left(status: RunStatus) -> float | None:
    """Return the seconds a run still needs, from the wells it finished; None when unknown."""
    finished = sum(
        well.attempts > 0 and well.state in (WellPhase.DONE, WellPhase.FAILED)
        for well in status.wells.values()
    )
    open_wells = status.count(WellPhase.WAITING) + status.count(WellPhase.RUNNING)
    if not finished or status.state != RunPhase.RUNNING:
        return None
    return status.seconds / finished * open_wells


def summary(status: RunStatus) -> str:
    """Return a run in one line: state, wells, failures, rate, time left."""
    done, failed = status.count(WellPhase.DONE), status.count(WellPhase.FAILED)
    facts = [f"{str(status.state).capitalize()}: {done} of {len(status.wells)} wells done"]
    if failed:
        facts.append(f"{failed} failed")
    if status.planes and status.seconds > 0:
        facts.append(f"{status.planes / status.seconds:.0f} planes/s")
    left = time_left(status)
    if left is not None:
        facts.append(f"about {format_seconds(max(1.0, round(left)))} left")
    elif status.state != RunPhase.RUNNING:
        facts.append(format_seconds(status.seconds))
    return " · ".join(facts)


class RunMonitor(QWidget):
    """Progress, failures and log of the run that is followed.

    Parameters
    ----------
    napari_viewer : napari.Viewer, optional
    session : Session, optional
        By default the viewer's.
    """

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._background = Background(self)
        self.runner = RunStarter(self._session, self)
        self._build()
        listen(self, self._session.run_changed, self._show_status)
        listen(self, self._session.plate_changed, lambda _: self._show_status(self._status))
        self._show_status(self._status)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Low, so that the canvas above keeps its room."""
        return QSize(520, 150)

    @property
    def _status(self) -> RunStatus | None:
        return self._session.state.run

    def _build(self) -> None:
        self.line = QLabel()
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.setToolTip("Wells done and failed of all wells of the run")
        self.bar.setAccessibleName("Progress of the run")
        self.stop_button = _button("Stop", "Stop the run; finished wells are kept")
        self.stop_button.clicked.connect(self.runner.stop)
        self.resume_button = _button("Resume", "Run the wells that are not done")
        self.resume_button.clicked.connect(self.resume)
        self.open_button = _button("Follow a run…", "Show a run that was started elsewhere")
        self.open_button.clicked.connect(self._choose_run)
        self.results_button = _button("Open results", "Show what the run wrote")
        self.results_button.clicked.connect(self.open_results)
        self.failures = QTreeWidget()
        self.failures.setHeaderLabels(["Well", "Step", "Why"])
        self.failures.setRootIsDecorated(False)
        self.failures.setUniformRowHeights(True)
        self.failures.setToolTip("Double click opens the well at the step where it failed")
        self.failures.setAccessibleName("Failed wells")
        header = self.failures.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.failures.itemActivated.connect(self._open_failure)
        self.failures.itemDoubleClicked.connect(self._open_failure)
        self.failures.setMinimumHeight(36)
        self.log = LogView(self._session)
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.bar, 1)
        for button in (
            self.stop_button,
            self.resume_button,
            self.results_button,
            self.open_button,
        ):
            row.addWidget(button)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.failures, "Failed wells")
        self.tabs.addTab(self.log, "Log")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.line)
        layout.addLayout(row)
        layout.addWidget(self.tabs, 1)

    # Intents

    def resume(self) -> None:
        """Run again what the followed run left undone."""
        output = self._session.state.run_output
        if output:
            self.runner.run(output, resume=True)

    def open_results(self) -> None:
        """Open the results of the followed run, read in the background."""
        output = self._session.state.run_output or self._session.state.output

        def read() -> Any:
            from napari_openhcs.ome_zarr.results import open_results

            return open_results(output)

        self._background.run(
            read,
            self._session.set_results,
            lambda error: report_error(self._session, error),
        )

    def _choose_run(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose the output folder of a run")
        if folder:
            self.runner.follower.follow(folder)

    def _open_failure(self, item: QTreeWidgetItem, _: int = 0) -> None:
        well, step = item.data(0, _WELL)
        try:
            self._session.tune(well)
            if step is not None and step < len(self._session.pipeline):
                self._session.select_step(step)
        except OpenHCSError as error:
            report_error(self._session, error)

    # Showing

    def _show_status(self, status: RunStatus | None) -> None:
        followed = bool(self._session.state.run_output)
        running = status is not None and status.state == RunPhase.RUNNING
        self.stop_button.setEnabled(running)
        ended_short = status is not None and not running and status.state != RunPhase.DONE
        self.resume_button.setEnabled(ended_short and self._session.compile_job() is not None)
        done = 0 if status is None else status.count(WellPhase.DONE)
        self.results_button.setEnabled(followed and done > 0)
        if status is None:
            self.line.setText(
                "Reading the run…" if followed else "No run yet. Press Run in the pipeline editor."
            )
            self.line.setStyleSheet("")
            self.bar.setMaximum(1)
            self.bar.setValue(0)
            self.failures.clear()
            return
        failed = status.count(WellPhase.FAILED)
        self.bar.setMaximum(max(1, len(status.wells)))
        self.bar.setValue(done + failed)
        self.bar.setFormat("%v / %m wells")
        self.line.setText(summary(status))
        self.line.setToolTip(status.message)
        palette = palette_of(self._viewer)
        color = {RunPhase.DONE: palette.good, RunPhase.FAILED: palette.error}.get(status.state)
        self.line.setStyleSheet(f"color: {color.name()};" if color else "")
        self._show_failures(status)
        self.log.follow(status)

    def _show_failures(self, status: RunStatus) -> None:
        failed = {n: well for n, well in status.wells.items() if well.state == WellPhase.FAILED}
        self.tabs.setTabText(0, f"Failed wells ({len(failed)})" if failed else "Failed wells")
        shown = {self.failures.topLevelItem(i).text(0) for i in range(self._n_failures())}
        if not shown <= set(failed):
            self.failures.clear()
            shown = set()
        for name, well in failed.items():
            if name not in shown:
                number = well.step.partition("_")[0]
                step = int(number) - 1 if number.isdigit() else None
                title = well.step.partition("_")[2].replace("_", " ")
                item = QTreeWidgetItem([name, title, well.message])
                item.setData(0, _WELL, (name, step))
                item.setToolTip(2, well.message)
                self.failures.addTopLevelItem(item)

    def _n_failures(self) -> int:
        return self.failures.topLevelItemCount()


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
