"""Custom functions in the function browser: files that wait for trust, and the menu for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QFileSystemWatcher, QObject, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.custom_files import (
    FileState,
    State,
    copy_in,
    file_states,
    folders,
    new_file,
    trust_folder,
)
from napari_openhcs.functions.registry import specs
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, report_error
from napari_openhcs.widgets.style import escape
from napari_openhcs.widgets.trust_dialog import TrustDialog

__all__ = ["CustomFunctions", "file_card"]

WORDS = {
    State.NEW: "not trusted yet",
    State.CHANGED: "edited, not trusted",
    State.BROKEN: "cannot be used",
    State.READY: "in part",
}


class CustomFunctions(QObject):
    """What a window knows of the user's own files; notices when they change.

    Parameters
    ----------
    owner : QWidget
        Parent of its dialogs.
    session : Session
        Checks its pipeline again when a file changed.
    viewer : napari.Viewer or None
    """

    changed = Signal()
    """The files, or their states, are others than before; emitted after the first look too."""

    def __init__(self, owner: QWidget, session: Session, viewer: Any) -> None:
        super().__init__(owner)
        self._owner, self._session, self._viewer = owner, session, viewer
        self._background = Background(self)
        self._states: tuple[FileState, ...] | None = None
        self._again = False
        self._watcher = QFileSystemWatcher(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        # An editor writes a file in several goes.
        self._pause.setInterval(300)
        self._pause.timeout.connect(self.look)
        self._watcher.directoryChanged.connect(lambda _: self._pause.start())
        self._watcher.fileChanged.connect(lambda _: self._pause.start())

    @property
    def states(self) -> tuple[FileState, ...]:
        """The files as they were when last looked at."""
        return self._states or ()

    def waiting(self, text: str = "") -> Iterator[FileState]:
        """Iterate over files with something to show or to say, by the words searched for."""
        for state in self.states:
            shown = state.is_shown_first or state.state is State.BROKEN or state.problems
            names = " ".join(item.name for item in state.outline.functions)
            if shown and text.lower() in f"{state.file.path.name} {names}".lower():
                yield state

    def state_of(self, path: str) -> FileState | None:
        """Return the state of the file at a path."""
        return next((item for item in self.states if str(item.file.path) == path), None)

    def menu_button(self) -> QPushButton:
        """Return the button for files of one's own."""
        button = QPushButton("Your own")
        button.setToolTip("Functions of your own: write, import, find their folder")
        menu = QMenu(button)
        for text, action in (
            ("New function…", self.new),
            ("Import file…", self.choose_import),
            ("Open the folder", self.open_folder),
            ("Look again", self.look),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, act=action: act())
        button.setMenu(menu)
        return button

    def look(self) -> None:
        """Read the files again, in the background."""
        if self._background.busy:
            self._again = True
            return
        self._background.run(_read, self._accept, lambda error: report_error(self._session, error))

    def _accept(self, found: tuple[FileState, ...]) -> None:
        before, self._states = self._states, found
        self._watch()
        if self._again:
            self._again = False
            self.look()
        if before == found:
            return
        self.changed.emit()
        if before is not None:
            self._session.check_again()

    def _watch(self) -> None:
        wanted = {str(folder) for folder in (*folders(), trust_folder()) if folder.is_dir()}
        wanted |= {str(state.file.path) for state in self.states if state.file.path.exists()}
        # A file that an editor replaced is watched anew.
        gone = {*self._watcher.files(), *self._watcher.directories()} - wanted
        if gone:
            self._watcher.removePaths(sorted(gone))
        new = wanted - {*self._watcher.files(), *self._watcher.directories()}
        if new:
            self._watcher.addPaths(sorted(new))

    def show_file(self, path: str) -> TrustDialog | None:
        """Open the dialog that shows a file; None when it is gone."""
        state = self.state_of(path)
        if state is None:
            return None
        dialog = TrustDialog(self._viewer, state, self._owner)
        dialog.trusted.connect(lambda _: self.look())
        # What was edited while the dialog was open is noticed too.
        dialog.finished.connect(lambda _: self.look())
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def new(self) -> Path | None:
        """Write a file with an example and open it in the system's editor."""
        try:
            path = new_file()
        except OpenHCSError as error:
            report_error(self._session, error)
            return None
        self._session.say(f"{path} was written: edit it, then choose it here to trust it.")
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
        self.look()
        return path

    def choose_import(self) -> None:
        """Ask for a file and copy it in."""
        path, _ = QFileDialog.getOpenFileName(
            self._owner, "Import functions of your own", "", "Python files (*.py)"
        )
        if path:
            self.import_file(path)

    def import_file(self, path: str) -> Path | None:
        """Copy a file into the folder of functions; it is still to be trusted."""
        try:
            copy = copy_in(path)
        except OpenHCSError as error:
            report_error(self._session, error)
            return None
        self._session.say(f"{copy} is the copy: choose it here to read and trust it.")
        self.look()
        return copy

    def open_folder(self) -> None:
        """Show the folder of functions in the system's file browser."""
        folder = folders()[0]
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            self._session.say(f"{folder} cannot be made ({error.strerror or error}).", "error")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _read() -> tuple[FileState, ...]:
    found = file_states()
    # The registry is made anew here, and not when the window asks it next.
    specs()
    return found


def file_card(state: FileState) -> str:
    """Return what a person should know of a file that waits, as rich text."""
    lines = [f"<b>{escape(state.file.path.name)}</b> ({WORDS[state.state]})"]
    lines.append(escape(state.message))
    lines += [escape(item) for item in state.problems.values() if item != state.message]
    names = ", ".join(item.name for item in state.outline.functions)
    if names and state.is_shown_first:
        lines.append(f"Functions in it: {escape(names)}. Nothing of it has been run.")
    return "<br>".join(lines)
