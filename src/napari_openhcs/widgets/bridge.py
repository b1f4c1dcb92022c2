"""The one place where threads are crossed: work in the background, results in the window.

:class:`Background` runs a function in a thread and gives its result back on the GUI
thread; :class:`Latest` waits for a pause in typing and keeps only the newest request;
:class:`RunFollower` follows a run's folder; :func:`session_of` finds the session that
all widgets of one window share.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session, close_session, current_session

if TYPE_CHECKING:
    from napari_openhcs.runner import EventFollower, RunStatus

__all__ = [
    "Background",
    "Latest",
    "RunFollower",
    "listen",
    "report_error",
    "session_of",
    "unwrapped",
]

logger = logging.getLogger(__name__)

Done = Callable[[Any], object]
Failed = Callable[[Exception], object]

_endings: dict[tuple[str, int], weakref.finalize[Any, Any]] = {}


def unwrapped(viewer: Any) -> Any:
    """Return the viewer behind the proxy napari hands to plugins."""
    return getattr(viewer, "__wrapped__", viewer)


def session_of(viewer: Any) -> Session:
    """Return the session shared by all widgets of a viewer; it ends with the viewer."""
    if viewer is None:
        return current_session()
    real = unwrapped(viewer)
    key = ("viewer", id(real))
    if key not in _endings or not _endings[key].alive:
        _endings[key] = weakref.finalize(real, close_session, key)
    return current_session(key)


def listen(owner: QObject, signal: Any, callback: Callable[[Any], None]) -> None:
    """Connect a session's signal to a widget's callback for as long as the widget lives."""
    signal.connect(callback)
    owner.destroyed.connect(lambda: signal.disconnect(callback, missing_ok=True))


def report_error(session: Session, error: Exception) -> None:
    """Show an error as one sentence; its traceback goes to the log."""
    logger.debug("Background work failed", exc_info=error)
    if isinstance(error, OpenHCSError):
        session.say(str(error), "error")
    else:
        session.say(f"{type(error).__name__}: {error}", "error")


class _Relay(QObject):
    """Carries one result from a thread to the GUI thread, where it was made."""

    finished = Signal(object, object)

    def __init__(self, owner: Background, on_done: Done | None, on_error: Failed | None) -> None:
        super().__init__(owner)
        self._owner = owner
        self._on_done, self._on_error = on_done, on_error
        # A method of this object: Qt drops the call when the object is gone by then.
        self.finished.connect(self._deliver)

    def _deliver(self, result: Any, error: Exception | None) -> None:
        self._owner.forget(self)
        if error is not None and self._on_error is not None:
            self._on_error(error)
        elif error is None and self._on_done is not None:
            self._on_done(result)


class Background(QObject):
    """Runs functions in threads for one owner.

    Results for an owner that is gone are dropped; threads never keep the program alive.

    Parameters
    ----------
    owner : QObject
        Lives in the GUI thread.
    """

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._relays: set[_Relay] = set()

    @property
    def busy(self) -> bool:
        """Whether any function is still running."""
        return bool(self._relays)

    def run(
        self, function: Callable[[], Any], on_done: Done | None, on_error: Failed | None
    ) -> None:
        """Call `function` in a thread, then one of the callbacks on the GUI thread."""
        relay = _Relay(self, on_done, on_error)
        self._relays.add(relay)
        threading.Thread(
            target=_work, args=(function, relay), name="openhcs-background", daemon=True
        ).start()

    def forget(self, relay: _Relay) -> None:
        """Count a function as done; its result has arrived."""
        self._relays.discard(relay)
        relay.deleteLater()


def _work(function: Callable[[], Any], relay: _Relay) -> None:
    result, failure = None, None
    # A thread's boundary: whatever is raised is carried to the window and shown there.
    try:
        result = function()
    except Exception as error:  # noqa: BLE001
        failure = error
    try:
        relay.finished.emit(result, failure)
    except RuntimeError:
        # The widget was closed meanwhile: nobody waits for this result any more.
        logger.debug("A result came after its widget was closed", exc_info=failure)


class Latest(QObject):
    """Newest request wins: waits for a pause, runs one at a time, drops what is stale.

    Parameters
    ----------
    owner : QObject
    delay_ms : int
        A request starts when no other came for so long.
    """

    def __init__(self, owner: QObject, delay_ms: int = 120) -> None:
        super().__init__(owner)
        self._background = Background(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(delay_ms)
        self._timer.timeout.connect(self._start)
        self._request: tuple[Callable[[], Any], Done, Failed] | None = None
        self._number = 0

    @property
    def busy(self) -> bool:
        """Whether something runs or waits."""
        return self._request is not None or self._background.busy

    def request(self, function: Callable[[], Any], on_done: Done, on_error: Failed) -> None:
        """Ask for `function` to be called in a thread; earlier requests are forgotten."""
        self._number += 1
        self._request = (function, on_done, on_error)
        self._timer.start()

    def cancel(self) -> None:
        """Forget what waits; the result of what runs is dropped."""
        self._number += 1
        self._request = None
        self._timer.stop()

    def _start(self) -> None:
        if self._request is None or self._background.busy:
            return
        function, on_done, on_error = self._request
        self._request = None
        number = self._number

        def finish(callback: Callable[[Any], object], value: Any) -> None:
            if number == self._number:
                callback(value)
            if self._request is not None and not self._timer.isActive():
                self._start()

        self._background.run(
            function, lambda value: finish(on_done, value), lambda error: finish(on_error, error)
        )


class RunFollower(QObject):
    """Keeps a session's run status fresh while the run goes on.

    Parameters
    ----------
    session : Session
    owner : QObject
    interval_ms : int
        Time between two looks at the run's folder.
    """

    def __init__(self, session: Session, owner: QObject, interval_ms: int = 400) -> None:
        super().__init__(owner)
        self._session = session
        self._background = Background(self)
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self._look)
        self._reader: _Reader | None = None
        listen(self, session.run_changed, self._run_changed)

    def _run_changed(self, _: object) -> None:
        """Follow the run that another part of the window follows, or none any more."""
        output = self._session.state.run_output
        if not output:
            self._reader = None
            self._timer.stop()
        elif self._reader is None or self._reader.output != output:
            self.follow(output)

    @property
    def active(self) -> bool:
        """Whether a run is being followed."""
        return self._timer.isActive()

    def follow(self, output: str) -> None:
        """Follow the run in an output folder until it ends."""
        self._reader = _Reader(output)
        self._session.follow_later(output)
        self._timer.start()
        self._look()

    def stop(self) -> None:
        """Follow no longer; the run itself goes on."""
        self._timer.stop()

    def _look(self) -> None:
        reader = self._reader
        if reader is None or self._background.busy:
            return
        self._background.run(
            reader.read,
            lambda status: self._accept(reader, status),
            lambda error: self._failed(reader, error),
        )

    def _accept(self, reader: _Reader, status: RunStatus) -> None:
        if reader is not self._reader:
            return
        if status.state != "running":
            self._timer.stop()
        self._session.accept_run(status)

    def _failed(self, reader: _Reader, error: Exception) -> None:
        if reader is self._reader:
            self._timer.stop()
            report_error(self._session, error)


class _Reader:
    """Reads a run's folder; used by one background thread at a time."""

    def __init__(self, output: str) -> None:
        self.output = output
        self._follower: EventFollower | None = None

    def read(self) -> RunStatus:
        """Return the newest status."""
        from napari_openhcs.runner import EventFollower

        if self._follower is None:
            self._follower = EventFollower(self.output)
        return self._follower.status()
