"""Worker threads inside the supervisor: for debugging a function with breakpoints and prints.

A thread cannot be ended: a killed worker's thread is left to itself, its well is not
published, and the supervisor's own end takes it along.  A function that crashes the
interpreter ends the run; it can be resumed.
"""

from __future__ import annotations

import queue
import threading

from napari_openhcs.errors import RunError
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner.events import Event, What
from napari_openhcs.runner.executors.base import ExecutorFactory
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.worker import WellRunner

__all__ = ["EXPORT", "ThreadsExecutor"]


class _Worker:
    def __init__(self) -> None:
        self.wells: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.left_alone = threading.Event()


class ThreadsExecutor:
    """One thread a worker; see the module for what it cannot do."""

    def __init__(self, plan: CompiledPlate, paths: RunPaths, cores: int) -> None:
        self._runner = WellRunner(paths.output)
        self._events: queue.SimpleQueue[tuple[_Worker | None, Event]] = queue.SimpleQueue()
        self._workers: dict[int, _Worker] = {}

    def start_worker(self, worker: int) -> None:
        """Start a worker thread."""
        own = self._workers[worker] = _Worker()
        thread = threading.Thread(
            target=self._live, args=(worker, own), name=f"openhcs-worker-{worker}", daemon=True
        )
        thread.start()

    def _live(self, number: int, own: _Worker) -> None:
        def send(event: Event) -> None:
            if own.left_alone.is_set():
                raise RunError("This worker was ended; its well is not published.")
            self._events.put((own, event))

        send(Event(What.WORKER_READY, worker=number))
        while (well := own.wells.get()) is not None:
            event = self._runner.run(well, number, send)
            self._events.put((own, event))

    def assign(self, worker: int, well: str) -> None:
        """Hand a well to a worker."""
        self._workers[worker].wells.put(well)

    def kill(self, worker: int) -> None:
        """Leave a worker's thread to itself; it stops before its next step, if it ever does."""
        own = self._workers.pop(worker)
        own.left_alone.set()
        own.wells.put(None)
        lost = Event(What.WORKER_LOST, worker=worker, message=f"worker {worker} was ended")
        self._events.put((None, lost))

    def poll(self, timeout: float) -> list[Event]:
        """Return what happened; nothing of workers that were left alone."""
        happened: list[Event] = []
        try:
            source, event = self._events.get(timeout=timeout)
            while True:
                if source is None or not source.left_alone.is_set():
                    happened.append(event)
                source, event = self._events.get_nowait()
        except queue.Empty:
            return happened

    def close(self) -> None:
        """Leave all threads to themselves."""
        for worker in tuple(self._workers):
            self.kill(worker)


EXPORT = ExecutorFactory(ThreadsExecutor)
