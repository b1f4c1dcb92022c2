"""The line in which the session speaks to the person at the window.

Every part of the window has one, so that each can be opened alone; of all lines of a session
only one that is in sight speaks, so that no sentence appears twice.
"""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_openhcs.session import Message, Session
from napari_openhcs.widgets.bridge import listen
from napari_openhcs.widgets.style import palette_of

__all__ = ["MessageLine"]

INFO_MS = 8000
"""How long a sentence that needs no answer stays."""

_lines: weakref.WeakKeyDictionary[Session, list[weakref.ref[MessageLine]]] = (
    weakref.WeakKeyDictionary()
)


class MessageLine(QLabel):
    """Shows the newest message; hidden when there is none.

    Parameters
    ----------
    session : Session
    viewer : napari.Viewer, optional
        Whose theme gives the colours.
    """

    def __init__(self, session: Session, viewer: Any = None) -> None:
        super().__init__()
        self._session = session
        self._viewer = viewer
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setVisible(False)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INFO_MS)
        self._timer.timeout.connect(self.clear)
        _lines.setdefault(session, []).append(weakref.ref(self))
        listen(self, session.message, self._say)
        listen(self, session.pipeline_changed, self._edited)

    def clear(self) -> None:
        """Say nothing."""
        self._timer.stop()
        super().clear()
        self.setToolTip("")
        self.setVisible(False)

    def _say(self, message: Message) -> None:
        if not message.text or self._speaker() is not self:
            self.clear()
            return
        palette = palette_of(self._viewer)
        color = {"error": palette.error, "warning": palette.warning}.get(message.severity)
        self.setStyleSheet(f"color: {color.name()};" if color else "")
        self.setText(message.text)
        self.setVisible(True)
        if message.severity == "info":
            self._timer.start()
        else:
            self._timer.stop()

    def _edited(self, _: object) -> None:
        """Whoever edits has gone on from what was said."""
        self.clear()

    def _speaker(self) -> MessageLine:
        """Return the first line whose part of the window is in sight."""
        known = [line for reference in _lines[self._session] if (line := reference()) is not None]
        seen = [line for line in known if _in_sight(line)]
        return next(iter(seen or known), self)


def _in_sight(line: MessageLine) -> bool:
    try:
        parent = line.parentWidget()
        return parent is not None and parent.isVisible()
    except RuntimeError:  # Qt has deleted it already
        return False
