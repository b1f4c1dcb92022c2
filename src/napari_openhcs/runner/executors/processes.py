"""Worker processes on this machine: the default.

Each worker has two pipes of its own, one for wells and one for events; the supervisor
waits on all of them and on the processes themselves.  Nothing is shared, so a worker that
is killed at any moment harms nobody: its last whole events are read, then it is lost.

Pebble (5.2.3) was tried first.  Its workers share one channel under one lock, and killing
a worker breaks the pool: of 400 tasks of 20 ms on two workers, with SIGKILLs at random,
3, 8, 13 and 18 were done after 4 to 6 kills from a forkserver, and 0, 0 and 2 after 2 to 10
kills when spawned, before the pool gave up ("All workers expired", "Unexpected error within
the Pool") or hung.  Its workers also outlived a killed parent (4 of 4).
``concurrent.futures`` and loky lose every task in flight with one worker.  With this engine
384 small wells under 100 random SIGKILLs of its two workers: 384 done, bit-identical to an
undisturbed run, a killed worker replaced within 60 ms (``tests/runner/test_kills.py``).

Workers are forked from a clean server process that has loaded the libraries and has no
threads, no Qt and no CUDA (forkserver), where the platform has it, else spawned.  A worker
watches its parent's sentinel and ends within about 25 ms when that dies.  Nothing a worker
does needs cleaning up by itself (see ``publish.py``), so ending one is SIGKILL, for
its whole process group and for children that left the group.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import psutil

from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner.events import Event, What, decode_event
from napari_openhcs.runner.executors.base import ExecutorFactory
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.worker import worker_main

__all__ = ["EXPORT", "ProcessesExecutor"]

PRELOADED = ("numpy", "scipy", "skimage", "napari_openhcs")
"""Packages whose modules may be loaded in the server: they start no threads and no CUDA."""
WRITING = (
    "napari_openhcs.runner.worker",
    "numcodecs",
    "google_crc32c",
    "pyarrow.parquet",
    "pandas",
)
"""Needed by every worker.  The server passes over what is not installed: pandas, which pyarrow
loads with its first array where it is there (0.3 s)."""


@dataclass
class _Worker:
    process: Any
    tasks: connection.Connection
    events: connection.Connection


class ProcessesExecutor:
    """One process a worker.

    Parameters
    ----------
    plan : CompiledPlate
        Its functions' modules are loaded ahead.
    paths : RunPaths
    cores : int
        Cores a worker owns (already in the environment).
    """

    def __init__(self, plan: CompiledPlate, paths: RunPaths, cores: int) -> None:
        self._paths = paths
        self._workers: dict[int, _Worker] = {}
        if "forkserver" in multiprocessing.get_all_start_methods():
            self._context: Any = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(_modules(plan))
        else:
            self._context = multiprocessing.get_context("spawn")

    def start_worker(self, worker: int) -> None:
        """Start a worker process."""
        tasks, my_tasks = self._context.Pipe(duplex=False)
        my_events, events = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=worker_main,
            args=(str(self._paths.output), worker, tasks, events),
            name=f"openhcs-worker-{worker}",
        )
        process.start()
        tasks.close()
        events.close()
        self._workers[worker] = _Worker(process, my_tasks, my_events)

    def assign(self, worker: int, well: str) -> None:
        """Send a well; to a worker that has just died nothing is sent, its loss is reported."""
        with contextlib.suppress(OSError):
            self._workers[worker].tasks.send_bytes(well.encode())

    def kill(self, worker: int) -> None:
        """Kill a worker and all that it started."""
        _kill(self._workers[worker].process.pid)

    def poll(self, timeout: float) -> list[Event]:
        """Return what workers said, then who died."""
        waited = [item.events for item in self._workers.values()]
        sentinels = [item.process.sentinel for item in self._workers.values()]
        connection.wait([*waited, *sentinels], timeout)
        happened: list[Event] = []
        for number, worker in list(self._workers.items()):
            # Looked at before reading: what a worker said before it died is read then.
            dead = worker.process.exitcode is not None
            said, broken = _read(worker.events)
            happened.extend(said)
            if dead or broken:
                happened.append(self._bury(number, worker))
        return happened

    def _bury(self, number: int, worker: _Worker) -> Event:
        _kill(worker.process.pid)
        worker.process.join(2.0)
        code = worker.process.exitcode
        worker.tasks.close()
        worker.events.close()
        del self._workers[number]
        return Event(What.WORKER_LOST, worker=number, message=_cause(number, code))

    def close(self) -> None:
        """Kill all workers and wait until they are gone."""
        for worker in self._workers.values():
            _kill(worker.process.pid)
        for worker in self._workers.values():
            worker.process.join(2.0)
            worker.tasks.close()
            worker.events.close()
        self._workers.clear()


def _modules(plan: CompiledPlate) -> list[str]:
    """Return the modules of the plan's functions, and what every worker needs."""
    functions = {
        call.function
        for layout in {id(c.layout): c.layout for c in plan.contexts.values()}.values()
        for step in layout.steps
        for chain in step.patterns.values()
        for call in chain
    }
    modules = {name.rpartition(".")[0] for name in functions if name.split(".")[0] in PRELOADED}
    backends = {plane.backend for context in plan.contexts.values() for plane in context.planes}
    readers = {f"napari_openhcs.storage.{backend}" for backend in backends}
    return [*WRITING, *sorted(readers), *sorted(modules)]


def _read(events: connection.Connection) -> tuple[list[Event], bool]:
    """Return the whole events that wait on a pipe, and whether the pipe is at its end."""
    said: list[Event] = []
    try:
        while events.poll(0):
            said.append(decode_event(events.recv_bytes()))
    except (EOFError, OSError, ValueError):
        return said, True
    return said, False


def _cause(number: int, code: int | None) -> str:
    if code is None:
        return f"worker {number} broke off"
    if code == -getattr(signal, "SIGKILL", 9):
        return f"worker {number} was killed (SIGKILL), which the system does when memory runs out"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"worker {number} died of signal {-code} ({signal.Signals(-code).name})"
    return f"worker {number} ended with exit code {code}"


def _kill(pid: int) -> None:
    """Kill a process, its group, and descendants that left the group."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
    if hasattr(os, "killpg"):
        # The group's number is the worker's pid; not there yet when it is just starting.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).kill()


EXPORT = ExecutorFactory(ProcessesExecutor)
