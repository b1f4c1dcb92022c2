"""One task a well on a Dask cluster: a local one on 127.0.0.1, or a scheduler's address.

No array is in the graph: a task is the output folder and a well's name, and every worker
reads the plan and the plate from the shared file system.  Whether a well is done is
told by its marker, not by its future.  The local cluster has no dashboard and listens on
the loopback only.  Dask unpickles what it receives: beyond the loopback use a ``tls://``
scheduler.
"""

from __future__ import annotations

import contextlib
import queue
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_openhcs.errors import RunError
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner.events import Event, What, decode_event, encode_event
from napari_openhcs.runner.executors.base import ExecutorFactory
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.worker import WellRunner

__all__ = ["EXPORT", "DaskExecutor", "run_well"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


def run_well(output: str, well: str) -> bytes:
    """Run and publish one well; the task of a Dask worker.

    Returns
    -------
    bytes
        The event that says how it went, as JSON.
    """
    return encode_event(WellRunner(Path(output)).run(well, None, lambda event: None))


class DaskExecutor:
    """A worker here is a place for one task in flight.

    Parameters
    ----------
    plan : CompiledPlate
        `scheduler` is an address, or None for a local cluster with `workers` processes.

    Raises
    ------
    RunError
        The scheduler does not answer, or its address is not safe.
    """

    def __init__(self, plan: CompiledPlate, paths: RunPaths, cores: int) -> None:
        import distributed

        self._paths = paths
        self._events: queue.SimpleQueue[tuple[Any, Event]] = queue.SimpleQueue()
        self._futures: dict[int, Any] = {}
        self._tries = 0
        self._cluster: Any = None
        try:
            self._client = self._connect(distributed, plan, cores)
        except (OSError, TimeoutError, ValueError) as error:
            raise RunError(
                f"The Dask scheduler {plan.scheduler or 'on this machine'} does not answer "
                f"({error}): check its address and that it is running."
            ) from error

    def _connect(self, distributed: Any, plan: CompiledPlate, cores: int) -> Any:
        if plan.scheduler is None:
            self._cluster = distributed.LocalCluster(
                n_workers=plan.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                worker_dashboard_address=None,
            )
            return distributed.Client(self._cluster)
        protocol, _, address = plan.scheduler.rpartition("://")
        # The whole host: 'localhost.example.org' is another machine.
        host = re.sub(r":\d+/?$", "", address).lower()
        if protocol != "tls" and host not in LOOPBACK:
            raise RunError(
                f"The Dask scheduler {plan.scheduler} lies beyond this machine without TLS, "
                "so anybody in the network could run code through it: start it with TLS and give "
                "its tls:// address."
            )
        return distributed.Client(plan.scheduler, timeout=10)

    def start_worker(self, worker: int) -> None:
        """Open a place for one task."""
        self._events.put((None, Event(What.WORKER_READY, worker=worker)))

    def assign(self, worker: int, well: str) -> None:
        """Submit a well."""
        self._tries += 1
        future = self._client.submit(
            run_well,
            str(self._paths.output),
            well,
            key=f"openhcs-{well}-{self._tries}",
            pure=False,
            retries=0,
        )
        self._futures[worker] = future
        future.add_done_callback(lambda ended: self._ended(worker, ended))

    def _ended(self, worker: int, future: Any) -> None:
        """Called in a thread of the client."""
        if future.status == "finished":
            event = decode_event(future.result())
            self._events.put((future, replace(event, worker=worker)))
        else:
            text = f"the task was lost ({future.status}: {self._why(future)})"
            self._events.put((future, Event(What.WORKER_LOST, worker=worker, message=text)))

    @staticmethod
    def _why(future: Any) -> str:
        with contextlib.suppress(Exception):  # the reason may itself be lost with the worker
            return repr(future.exception(timeout=1))
        return "no reason given"

    def kill(self, worker: int) -> None:
        """Give a task up; Dask may let the function run on, but the well does not count."""
        future = self._futures.pop(worker, None)
        if future is not None:
            future.cancel(force=True)
        lost = Event(What.WORKER_LOST, worker=worker, message="the task was given up")
        self._events.put((None, lost))

    def poll(self, timeout: float) -> list[Event]:
        """Return what happened; nothing of tasks that were given up."""
        happened: list[Event] = []
        try:
            future, event = self._events.get(timeout=timeout)
            while True:
                if future is None or self._is_current(future, event):
                    happened.append(event)
                future, event = self._events.get_nowait()
        except queue.Empty:
            return happened

    def _is_current(self, future: Any, event: Event) -> bool:
        return event.worker is not None and self._futures.get(event.worker) is future

    def close(self) -> None:
        """Give all tasks up, let go of the scheduler, and end a cluster of our own."""
        for worker in tuple(self._futures):
            self.kill(worker)
        self._client.close(timeout=1)
        if self._cluster is not None:
            self._cluster.close(timeout=2)


EXPORT = ExecutorFactory(DaskExecutor, "distributed", "pip install distributed")
