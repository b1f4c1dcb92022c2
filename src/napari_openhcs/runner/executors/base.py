"""What an engine does, and how many threads the libraries in its workers may start."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from napari_openhcs.errors import RunError
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner.events import Event
from napari_openhcs.runner.paths import RunPaths

__all__ = ["Executor", "ExecutorFactory", "cores_per_worker", "limit_threads"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLOSC_NTHREADS",
)
"""Read once by the libraries when they are loaded; torch and OpenCV follow OpenMP's."""


class Executor(Protocol):
    """Runs wells on numbered workers and tells what happens to them.

    The supervisor calls it from one thread.  A worker is started, reports WORKER_READY,
    is given one well at a time and reports STEP_STARTED, then WELL_DONE or WELL_FAILED.
    However it dies, WORKER_LOST comes exactly once, after everything it said before.
    """

    def start_worker(self, worker: int) -> None:
        """Start a worker under a number that is free."""
        ...

    def assign(self, worker: int, well: str) -> None:
        """Give a well to a worker that is ready."""
        ...

    def kill(self, worker: int) -> None:
        """End a worker whatever it is doing; WORKER_LOST follows."""
        ...

    def poll(self, timeout: float) -> list[Event]:
        """Return what happened, waiting at most `timeout` seconds for something to happen."""
        ...

    def close(self) -> None:
        """End all workers and everything they started, within three seconds."""
        ...


@dataclass(frozen=True)
class ExecutorFactory:
    """Makes an engine, and says whether it can.

    Attributes
    ----------
    make : callable
        Takes the plan, the places of the run and the cores a worker owns.
    library, install : str
        Import name of a library the engine needs, and the command that installs it; empty
        where it needs none.
    """

    make: Callable[[CompiledPlate, RunPaths, int], Executor]
    library: str = ""
    install: str = ""

    def __call__(self, plan: CompiledPlate, paths: RunPaths, cores: int) -> Executor:
        """Return a new engine."""
        return self.make(plan, paths, cores)

    def check_available(self) -> None:
        """Refuse where the library is not installed.  Imports nothing.

        Raises
        ------
        RunError
        """
        if self.library and importlib.util.find_spec(self.library) is None:
            raise RunError(
                f"This executor needs {self.library}, which is not installed: run "
                f"'{self.install}', or use the executor 'processes'."
            )


def cores_per_worker(workers: int) -> int:
    """Return how many cores each of `workers` owns; at least one."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    return max(1, available // max(1, workers))


def limit_threads(workers: int) -> int:
    """Limit the threads of libraries loaded later, here and in child processes.

    Returns
    -------
    int
        Cores a worker owns.
    """
    cores = cores_per_worker(workers)
    for name in THREAD_VARIABLES:
        os.environ[name] = str(cores)
    return cores
