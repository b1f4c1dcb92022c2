"""Starting a run from the window: choose the folder, compile, start, follow.

Shared by the pipeline editor's Run button and the run monitor.
"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, RunFollower, report_error

__all__ = ["RunStarter"]


class RunStarter(QObject):
    """Starts, follows and stops runs; heavy work is done in the background.

    Attributes
    ----------
    started : Signal
        Carries the output folder.
    """

    started = Signal(str)

    def __init__(self, session: Session, owner: QWidget) -> None:
        super().__init__(owner)
        self._session = session
        self._owner = owner
        self._background = Background(self)
        self.follower = RunFollower(session, self)

    @property
    def busy(self) -> bool:
        """Whether a run is being started or stopped."""
        return self._background.busy

    def choose_and_run(self) -> None:
        """Ask for the output folder, and what to do with results that lie there; then run."""
        start = self._session.state.output or self._proposal()
        folder = QFileDialog.getExistingDirectory(
            self._owner, "Choose the folder for the results", start
        )
        if not folder:
            return
        resume, overwrite = False, False
        if Path(folder, ".openhcs").is_dir():
            answer = self._ask_about_results(folder)
            if answer is None:
                return
            resume, overwrite = answer == "resume", answer == "overwrite"
        self.run(folder, resume=resume, overwrite=overwrite)

    def _proposal(self) -> str:
        plate = self._session.plate
        return str(Path(plate.root).parent) if plate is not None else ""

    def _ask_about_results(self, folder: str) -> str | None:
        box = QMessageBox(self._owner)
        box.setWindowTitle("There are results already")
        box.setText(f"{folder} holds the results of an earlier run.")
        box.setInformativeText("Resume keeps the wells that are done. Overwrite removes them.")
        resume = box.addButton("Resume", QMessageBox.ButtonRole.AcceptRole)
        overwrite = box.addButton("Overwrite", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec_() if hasattr(box, "exec_") else box.exec()
        if box.clickedButton() is resume:
            return "resume"
        return "overwrite" if box.clickedButton() is overwrite else None

    def run(self, output: str | Path, *, resume: bool = False, overwrite: bool = False) -> bool:
        """Start a run into a folder; False when it was refused at once."""
        self._session.set_output(output)
        try:
            job = self._session.run_job(resume=resume, overwrite=overwrite)
        except OpenHCSError as error:
            report_error(self._session, error)
            return False
        self._session.say("Starting the run…")
        self._background.run(job, self._follow, lambda error: report_error(self._session, error))
        return True

    def _follow(self, output: str) -> None:
        self._session.say("")
        self.follower.follow(output)
        self.started.emit(output)

    def stop(self) -> None:
        """Stop the run that is followed; finished wells are kept."""
        self._session.say("Stopping…")
        self._background.run(
            self._session.stop_run,
            lambda _: self._session.say(""),
            lambda error: report_error(self._session, error),
        )
