"""The log files of a run: choose one, read its end; read in the background while shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QFontDatabase, QHideEvent, QShowEvent
from qtpy.QtWidgets import QComboBox, QPlainTextEdit, QVBoxLayout, QWidget

from napari_openhcs.runner.status import RunPhase, RunStatus
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, report_error

__all__ = ["LogView", "read_log"]

TAIL_BYTES = 200_000
"""How much of the end of a log is shown."""


def read_log(output: str, name: str) -> tuple[list[str], str]:
    """Return the names of a run's log files and the end of the one called `name`.

    A run that wrote no log gives no names and an empty text.
    """
    folder = Path(output, ".openhcs", "logs")
    names = sorted(path.name for path in folder.glob("*.log")) if folder.is_dir() else []
    chosen = name if name in names else (names[0] if names else "")
    if not chosen:
        return names, ""
    with Path(folder, chosen).open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return names, file.read().decode("utf-8", "replace")


class LogView(QWidget):
    """Shows the end of one log file of the run that is followed."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._background = Background(self)
        self._running = False
        self.choice = QComboBox()
        self.choice.setToolTip("Which process's log to show")
        self.choice.activated.connect(lambda _: self.read())
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMinimumHeight(36)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setToolTip("The end of the log; full files are in .openhcs/logs of the output")
        self.text.setPlaceholderText("The log of the run appears here.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.choice)
        layout.addWidget(self.text, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(1500)
        self._timer.timeout.connect(self.read)

    def follow(self, status: RunStatus) -> None:
        """Keep reading while the run goes on and the log is in sight."""
        self._running = status.state == RunPhase.RUNNING
        if not self.isVisible() or not self._running:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Read when the log comes into sight."""
        super().showEvent(event)
        self.read()
        if self._running:
            self._timer.start()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Read no more when it is out of sight."""
        super().hideEvent(event)
        self._timer.stop()

    def read(self) -> None:
        """Read the chosen log again, in the background."""
        output = self._session.state.run_output
        if not output or self._background.busy:
            return
        name = self.choice.currentText()
        self._background.run(
            lambda: read_log(output, name),
            self._show,
            lambda error: report_error(self._session, error),
        )

    def _show(self, found: tuple[list[str], str]) -> None:
        names, text = found
        if names != [self.choice.itemText(i) for i in range(self.choice.count())]:
            current = self.choice.currentText()
            self.choice.clear()
            self.choice.addItems(names)
            self.choice.setCurrentText(current if current in names else (names or [""])[0])
        if text == self.text.toPlainText():
            return
        bar: Any = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        self.text.setPlainText(text)
        if at_end:
            bar.setValue(bar.maximum())
