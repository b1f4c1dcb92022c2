"""Running a pipeline from Python in one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.errors import CompileError
from napari_openhcs.runner import Event, RunHandle, RunStatus, start_run
from napari_openhcs.runner.status import RunPhase

if TYPE_CHECKING:
    from napari_openhcs.pipeline import Pipeline
    from napari_openhcs.plan import CompiledPlate
    from napari_openhcs.plate import Plate

__all__ = ["run"]

POLL_S = 0.1


def run(
    pipeline: Pipeline,
    plate: Plate | str | Path,
    output: str | Path,
    *,
    wells: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    workers: int | None = None,
    executor: str = "processes",
    scheduler: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: Callable[[Event], None] | None = None,
    on_status: Callable[[RunStatus], None] | None = None,
    timeout: float | None = None,
) -> RunStatus:
    """Compile a pipeline for a plate, run it to its end and return how it went.

    Interrupting it (Ctrl-C) stops the run and gives a status whose `state` is ``stopped``.

    Parameters
    ----------
    pipeline : Pipeline
    plate : Plate, str or Path
        A plate, or the folder of one.
    output : str or Path
        Output folder; made when it is not there, never inside the plate's folder.
    wells, fields : sequence of str, optional
        Only these; by default all.
    workers : int, optional
        Wells at a time; by default by memory and cores.
    executor, scheduler : str
        ``processes``, ``threads`` (debugging) or ``dask``; address of a Dask scheduler.
    resume, overwrite : bool
        Keep the wells that an earlier run of this pipeline has finished; or replace that run.
    on_event, on_status : callable, optional
        Called with each event, and with the status whenever it has changed.
    timeout : float, optional
        Seconds after which the run is stopped.

    Returns
    -------
    RunStatus
        Failed wells raise nothing: look at `state` and `wells`.

    Raises
    ------
    PlateError, OutputError
        The folder is no plate; the output folder cannot be used.
    CompileError
        The pipeline does not fit the plate; everything that is wrong is in `problems`.
    """
    options = {"workers": workers, "executor": executor, "scheduler": scheduler}
    plan = _compile(pipeline, plate, output=output, wells=wells, fields=fields, **options)
    handle = start_run(plan, resume=resume, overwrite=overwrite)
    try:
        return _follow(handle, on_event, on_status, timeout)
    except KeyboardInterrupt:
        return handle.stop()


def _compile(pipeline: Pipeline, plate: Plate | str | Path, **options: Any) -> CompiledPlate:
    from napari_openhcs.compiler import compile_pipeline
    from napari_openhcs.formats import open_plate

    if isinstance(plate, str | Path):
        plate = open_plate(Path(plate))
    plan = compile_pipeline(plate, pipeline, **options)
    if not plan.ok:
        raise CompileError([item for item in plan.problems if item.severity == "error"])
    return plan


def _follow(
    handle: RunHandle,
    on_event: Callable[[Event], None] | None,
    on_status: Callable[[RunStatus], None] | None,
    timeout: float | None,
) -> RunStatus:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        status = handle.status()
        events = handle.events()
        for event in events if on_event is not None else ():
            on_event(event)  # type: ignore[misc]
        if on_status is not None and (events or status.state is not RunPhase.RUNNING):
            on_status(status)
        if status.state is not RunPhase.RUNNING:
            return handle.wait(timeout=5.0)
        if deadline is not None and time.monotonic() > deadline:
            return handle.stop()
        time.sleep(POLL_S)
