"""What a worker does: one well a task, in a process, a thread or on a Dask worker.

``worker_main`` is the life of a worker process; :class:`WellRunner` does one well and
tells how it went as :class:`~napari_openhcs.runner.events.Event`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import connection, parent_process
from pathlib import Path

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.registry import accept_sources
from napari_openhcs.plan import CompiledPlate, StepPlan, decode_plan
from napari_openhcs.runner.dataset import identity_of_planes
from napari_openhcs.runner.events import Event, What, encode_event
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.publish import Marker, publish_well
from napari_openhcs.runner.well import StepError, WellExecution, load_functions, planned_calls
from napari_openhcs.storage import VirtualFileSystem

__all__ = ["WellRunner", "done_event", "end_with_children", "worker_main"]

log = logging.getLogger(__name__)

Send = Callable[[Event], None]
MAX_MESSAGE = 900
"""Characters of a message sent to the supervisor, so that an event is one atomic write on a
pipe (4096 bytes); the log has the rest."""


def done_event(marker: Marker, worker: int | None = None) -> Event:
    """Return the event that says a well is committed, as its marker has it."""
    return Event(
        What.WELL_DONE,
        well=marker.well,
        worker=worker,
        seconds=marker.seconds,
        planes=marker.planes,
        conversions=marker.conversions,
        fallbacks=marker.fallbacks,
    )


class WellRunner:
    """Executes and publishes single wells of one run.

    Parameters
    ----------
    output : Path
        The run's output folder; the plan is read from it.
    """

    def __init__(self, output: Path) -> None:
        self.paths = RunPaths(output)
        self.plan: CompiledPlate = decode_plan(self.paths.plan.read_bytes())
        # The plan was compiled where its custom functions were trusted; copies lie in the run.
        accept_sources(self.paths.functions, planned_calls(self.plan.contexts.values()))
        load_functions(self.plan.contexts.values())

    def run(self, well: str, worker: int | None, send: Send) -> Event:
        """Run one well and commit it.

        Parameters
        ----------
        well : str
        worker : int or None
            Number put into every event.
        send : callable
            Gets STEP_STARTED before each step, and without a step before writing.

        Returns
        -------
        Event
            WELL_DONE or WELL_FAILED; nothing is raised, whatever the functions do.
        """
        start = time.perf_counter()

        def elapsed() -> float:
            return time.perf_counter() - start

        def announce(step: StepPlan) -> None:
            limit = step.time_limit_s or 0.0
            send(
                Event(What.STEP_STARTED, well=well, worker=worker, step=step.step_id, seconds=limit)
            )

        def finished() -> None:
            send(Event(What.STEP_STARTED, well=well, worker=worker))

        try:
            marker = self._run(well, announce, finished, elapsed)
        except BaseException as error:  # noqa: BLE001 - the border of a worker: a function may
            # raise anything, SystemExit and KeyboardInterrupt included
            log.error("Well %s failed:\n%s", well, traceback.format_exc())
            return self._failed(well, worker, error, elapsed())
        log.info("Well %s done in %.2f s", well, elapsed())
        return done_event(marker, worker)

    def _run(
        self,
        well: str,
        announce: Callable[[StepPlan], None],
        finished: Callable[[], None],
        elapsed: Callable[[], float],
    ) -> Marker:
        scratch = self.paths.staging / f"{well}.scratch"
        context = self.plan.contexts[well]
        inputs = identity_of_planes(context)
        try:
            execution = WellExecution(self.plan, context, scratch=VirtualFileSystem(scratch))
            report = execution.run(before=announce)
            finished()
            return publish_well(self.plan, self.paths, execution, report, inputs, elapsed)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _failed(self, well: str, worker: int | None, error: BaseException, seconds: float) -> Event:
        step, reason, message = "", type(error).__name__, str(error)
        if isinstance(error, StepError):
            step, reason = error.step_id, error.reason
        elif not isinstance(error, OpenHCSError):
            message = f"Well {well} failed: {type(error).__name__}: {error}"
        return Event(
            What.WELL_FAILED,
            well=well,
            worker=worker,
            step=step,
            seconds=round(seconds, 3),
            message=message[:MAX_MESSAGE],
            reason=reason,
        )


def worker_main(
    output: str, number: int, tasks: connection.Connection, events: connection.Connection
) -> None:
    """Live as a worker process: take wells from one pipe, tell what happens on the other.

    Ends when the supervisor closes `tasks` or dies, and takes along every process that a
    function may have started.

    Parameters
    ----------
    output : str
        The run's output folder.
    number : int
        The worker's number.
    tasks, events : Connection
        Names of wells come in as UTF-8; events go out as JSON.
    """
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    # The end of a run is the supervisor's business; its own end closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _log_to(RunPaths(Path(output)).logs / f"worker-{number}.log")
    _limit_threads()
    runner = WellRunner(Path(output))
    lock = threading.Lock()

    def send(event: Event) -> None:
        with lock:
            events.send_bytes(encode_event(event))

    send(Event(What.WORKER_READY, worker=number))
    for well in _wells(tasks):
        send(runner.run(well, number, send))
    end_with_children()


def _wells(tasks: connection.Connection) -> Iterator[str]:
    with contextlib.suppress(EOFError, OSError):
        while True:
            yield tasks.recv_bytes().decode()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    end_with_children()


def end_with_children() -> None:
    """End this process at once, with all of its group, which it must lead."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _log_to(path: Path) -> None:
    """Send this process's log, standard output and standard error to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.dup2(null, 0)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )


def _limit_threads() -> None:
    """Keep chunk codecs in this thread; BLAS and OpenMP read the environment (see base)."""
    import numcodecs.blosc

    numcodecs.blosc.set_nthreads(int(os.environ.get("OMP_NUM_THREADS", "1")))
