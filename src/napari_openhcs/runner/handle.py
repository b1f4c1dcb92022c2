"""Starting a run and holding on to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from napari_openhcs.errors import CompileError, OutputError, RunError
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner import lock, prepare
from napari_openhcs.runner.events import Event, EventLog, What, stamped
from napari_openhcs.runner.executors import EXECUTORS
from napari_openhcs.runner.follow import EventFollower, stop_run
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.status import RunStatus

__all__ = ["RunHandle", "start_run"]


class RunHandle:
    """A run that was started from here; it goes on without the handle.

    Attributes
    ----------
    folder : Path
        The run's folder, ``<output>/.openhcs``.
    """

    def __init__(self, output: Path, process: subprocess.Popen[bytes]) -> None:
        self._paths = RunPaths(output)
        self._process = process
        self._follower = EventFollower(output)
        self.folder = self._paths.folder

    def status(self) -> RunStatus:
        """Return how the run stands; reads only what is new."""
        return self._follower.status()

    def events(self) -> tuple[Event, ...]:
        """Return the events since the last call."""
        return self._follower.read_new()

    def stop(self) -> RunStatus:
        """Stop the run; all its processes are gone when this returns (at most 6 s)."""
        return stop_run(self._paths.output)

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Wait until the run has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; the run goes on when they are over.

        Raises
        ------
        RunError
            The time is over.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._process.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise RunError(
                    f"The run into {self._paths.output} has not ended within {timeout:g} s and "
                    "goes on: wait longer or stop it."
                )
            time.sleep(0.02)
        return self.status()


def start_run(plan: CompiledPlate, *, resume: bool = False, overwrite: bool = False) -> RunHandle:
    """Start a run in the background and return at once.

    Parameters
    ----------
    plan : CompiledPlate
        Compiled for an output folder.
    resume : bool
        Keep the wells that an earlier run of the same plan has finished.
    overwrite : bool
        Remove what an earlier run wrote into the folder, and only that.

    Raises
    ------
    CompileError
        The plan has problems.
    OutputError
        The output cannot be used; the sentence says why and what to pass.
    RunError
        The executor is unknown or lacks its library, or the supervisor cannot be started.
    """
    errors = [problem for problem in plan.problems if problem.severity == "error"]
    if errors:
        raise CompileError(errors)
    if not plan.output:
        raise OutputError("The pipeline was compiled without an output folder: name one.")
    if not plan.contexts:
        raise RunError("There is nothing to run: the plan has no wells.")
    if plan.executor not in EXECUTORS:
        raise RunError(
            f"There is no executor '{plan.executor}': expected one of {', '.join(EXECUTORS)}."
        )
    EXECUTORS[plan.executor].check_available()
    paths = RunPaths.of(plan.output)
    prepare.check_output(plan, paths)
    prepare.open_books(paths)
    try:
        prepare.write_books(plan, paths, resume=resume, overwrite=overwrite)
        with EventLog(paths.events) as log:
            log.append(stamped(Event(What.RUN_STARTED)))
        process = _start_supervisor(paths)
        lock.hand_over(paths.lock, process.pid)
    except BaseException:
        lock.release(paths.lock)
        raise
    # Takes the ended process off the system's table, also when nobody holds the handle.
    threading.Thread(target=process.wait, name="openhcs-reaper", daemon=True).start()
    return RunHandle(paths.output, process)


def _start_supervisor(paths: RunPaths) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, so that closing a window spares it."""
    command = [sys.executable, "-P", "-m", "napari_openhcs.runner", str(paths.folder)]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        with (paths.logs / "supervisor.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
                creationflags=flags,
            )
    except OSError as error:
        raise RunError(f"The run could not be started ({error.strerror}): {command[0]}.") from error


def _environment() -> dict[str, str]:
    """Return this process's environment without what ties a program to a window."""
    dropped = ("QT_", "NAPARI_", "QTWEBENGINE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
