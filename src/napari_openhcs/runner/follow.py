"""Following a run from its files alone: any process, any time, during it or years after."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import psutil

from napari_openhcs.errors import RunError
from napari_openhcs.plan import CompiledPlate, decode_plan
from napari_openhcs.runner import lock
from napari_openhcs.runner.events import Event, What, decode_event
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.state import RunState, initial_state, status_of, transition
from napari_openhcs.runner.status import RunPhase, RunStatus

__all__ = ["EventFollower", "committed_wells", "read_plan", "read_status", "stop_run"]

STOP_GRACE_S = 4.0
"""How long a supervisor may take to stop before it is killed."""


def read_plan(output: str | Path) -> CompiledPlate:
    """Read the plan of the run in an output folder.

    Raises
    ------
    RunError
        There is no run in that folder, or its plan is damaged.
    """
    path = RunPaths.of(output).plan
    try:
        return decode_plan(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(
            f"{output} holds no run: expected the file {path.relative_to(path.parents[1])} in it."
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, IndexError) as error:
        raise RunError(
            f"{path} is damaged ({error}): run again with overwrite to begin anew."
        ) from error


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path} cannot be read ({error.strerror or error}): change its permissions.")


def _owner(paths: RunPaths) -> lock.Owner | None:
    """Return which process runs into an output and is alive, or None."""
    try:
        owner = lock.read_lock(paths.lock)
    except OSError as error:
        raise _unreadable(paths.lock, error) from error
    return owner if owner is not None and lock.is_alive(owner) else None


class EventFollower:
    """Reads what is new in a run's events and keeps its status.

    Only new bytes are read, so polling several times a second costs nothing.

    Parameters
    ----------
    output : str or Path
        The output folder of the run.

    Raises
    ------
    RunError
        There is no run in that folder.
    """

    def __init__(self, output: str | Path) -> None:
        self._paths = RunPaths.of(output)
        self._plan_stamp = self._stamp()
        self._plan = read_plan(output)
        self._state: RunState = initial_state(self._plan)
        self._offset = 0
        self._rest = b""
        self._unseen: deque[Event] = deque(maxlen=10_000)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._paths.plan.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def read_new(self) -> tuple[Event, ...]:
        """Return the events since the last call; a line that is cut short is passed over.

        Events that :meth:`status` has read meanwhile are among them (the newest 10,000).
        """
        self._read()
        events = tuple(self._unseen)
        self._unseen.clear()
        return events

    def _read(self) -> None:
        try:
            with self._paths.events.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(self._paths.events, error) from error
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            try:
                self._take(decode_event(line))
            except ValueError:
                continue

    def _take(self, event: Event) -> None:
        self._unseen.append(event)
        if event.what is What.RUN_STARTED:
            if self._stamp() != self._plan_stamp:
                self._plan_stamp = self._stamp()
                self._plan = read_plan(self._paths.output)
            self._state = initial_state(self._plan)
        self._state, _ = transition(self._state, event)

    def status(self) -> RunStatus:
        """Read what is new and return the run's status.

        Raises
        ------
        RunError
            The events or the lock cannot be read.
        """
        alive = _owner(self._paths) is not None
        self._read()
        status = status_of(
            self._state, str(self._paths.output), time.monotonic() if alive else None
        )
        if alive or status.state is not RunPhase.RUNNING:
            return status
        return self._abandoned(status)

    def _abandoned(self, status: RunStatus) -> RunStatus:
        if self._paths.stop.exists():
            text = "STOPPED: the supervisor did not answer and was ended."
            return replace(status, state=RunPhase.STOPPED, message=text)
        text = (
            "LOST: the supervisor ended without a word (see logs/supervisor.log); wells that "
            "are done are safe, resume runs the others."
        )
        return replace(status, state=RunPhase.LOST, message=text)


def read_status(output: str | Path) -> RunStatus:
    """Return how the run in an output folder stands, from its files alone.

    Raises
    ------
    RunError
        There is no run in that folder, or its books cannot be read.
    """
    return EventFollower(output).status()


def committed_wells(output: str | Path) -> frozenset[str]:
    """Return the wells that are finished in an output folder, also those of earlier runs."""
    return frozenset(path.stem for path in RunPaths.of(output).markers.glob("*.json"))


def stop_run(output: str | Path, timeout: float = STOP_GRACE_S) -> RunStatus:
    """Stop a run and wait until all its processes are gone (at most six seconds).

    A run that has ended already is left as it is.  What was committed stays; the run can
    be resumed.

    Parameters
    ----------
    output : str or Path
    timeout : float
        Seconds the supervisor may take before it and its workers are killed.

    Raises
    ------
    RunError
        There is no run in that folder, or it runs on another machine and does not stop.
    """
    follower = EventFollower(output)
    paths = RunPaths.of(output)
    if follower.status().state is not RunPhase.RUNNING:
        return follower.status()
    paths.stop.touch()
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if _owner(paths) is None:
            return follower.status()
        time.sleep(0.05)
    owner = _owner(paths)
    if owner is not None:
        _kill(owner, paths)
    return follower.status()


def _kill(owner: lock.Owner, paths: RunPaths) -> None:
    """Kill a supervisor that does not answer; its workers follow it by themselves."""
    if owner != lock.owner_of(owner.pid):
        raise RunError(
            f"The run into {paths.output} goes on on {owner.host} (process {owner.pid}) and did "
            "not answer: stop it there."
        )
    try:
        supervisor = psutil.Process(owner.pid)
        family = [*supervisor.children(recursive=True), supervisor]
    except psutil.NoSuchProcess:
        return
    for process in reversed(family):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=1.0)
