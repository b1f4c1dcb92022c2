"""The supervisor: feeds the state machine and does what it says.

::

    Supervisor.run
      _prepare           staging, stores, wells that are done or refused
      loop
        executor.poll    what workers say, who died
        _watch           the stop file, time limits, the output folder
        _feed            log the event, transition, perform the actions
      _end               workers gone, last markers believed, plate metadata, last word
"""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from dataclasses import replace
from pathlib import Path

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.registry import check_sources
from napari_openhcs.ome_zarr.write import create_plate, update_plate
from napari_openhcs.plan import CompiledPlate, decode_plan
from napari_openhcs.runner import lock
from napari_openhcs.runner.events import Event, EventLog, What, stamped
from napari_openhcs.runner.executors import EXECUTORS
from napari_openhcs.runner.executors.base import Executor, limit_threads
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.prepare import all_stores
from napari_openhcs.runner.publish import Marker, clean_staging, markers_of, read_marker
from napari_openhcs.runner.state import (
    Action,
    Assign,
    End,
    KillWorker,
    RunState,
    ShowWell,
    StartWorker,
    initial_state,
    transition,
)
from napari_openhcs.runner.status import RunPhase
from napari_openhcs.runner.well import planned_calls
from napari_openhcs.runner.worker import done_event

__all__ = ["EXIT_CODES", "Supervisor"]

log = logging.getLogger(__name__)

EXIT_CODES = {RunPhase.DONE: 0, RunPhase.FAILED: 1, RunPhase.STOPPED: 130}
POLL_S = 0.1
SHOW_EVERY_S = 0.5
"""How often the plate's list of wells is rewritten while wells finish."""
MAX_LOG_BYTES = 64 * 2**20
"""A worker's log is cut when a function prints without end."""


class Supervisor:
    """Runs the plan in a run folder to its end.

    Parameters
    ----------
    folder : Path
        The run's folder, ``<output>/.openhcs``.

    Raises
    ------
    OutputError
        Another process runs into this output.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = RunPaths(folder.absolute().parent)
        handed_over = lock.acquire(self.paths.lock, timeout=10.0)
        self.plan: CompiledPlate = decode_plan(self.paths.plan.read_bytes())
        self.log = EventLog(self.paths.events)
        self.state: RunState = initial_state(self.plan)
        self.executor: Executor | None = None
        self.end: End | None = None
        self._committed: dict[str, Marker] = {}
        self._unshown = False
        self._shown_at = 0.0
        self._deadlines: dict[int, tuple[float, Event]] = {}
        self._signalled = False
        if not handed_over:
            self.log.append(stamped(Event(What.RUN_STARTED)))

    def run(self) -> int:
        """Run to the end and return the exit status: 0 done, 1 failed, 130 stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._apply(stamped(Event(What.RUN_STARTED)))
            self._prepare()
            while self.end is None:
                self._turn()
        except Exception as error:  # noqa: BLE001 - the border of the process: whatever happens, the
            # run must end with a word, and its workers must go
            log.error("The run broke:\n%s", traceback.format_exc())
            text = str(error) if isinstance(error, OpenHCSError) else f"The run broke: {error!r}"
            self._feed(Event(What.RUN_BROKEN, message=text))
        return self._finish()

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled = True

    def _prepare(self) -> None:
        check_sources(planned_calls(self.plan.contexts.values()))
        clean_staging(self.paths)
        for store in all_stores(self.plan):
            create_plate(self.paths.output / store, self.plan, store)
        for well, context in self.plan.contexts.items():
            marker = read_marker(self.plan, self.paths, well)
            if marker is not None:
                self._feed(replace(done_event(marker), what=What.WELL_KEPT))
                continue
            self.paths.marker(well).unlink(missing_ok=True)
            if context.problems:
                self._feed(Event(What.WELL_REFUSED, well=well, message=" ".join(context.problems)))
        self._committed = markers_of(self.plan, self.paths)
        self._show_wells()
        cores = limit_threads(self.plan.workers)
        if self.state.queue:
            factory = EXECUTORS[self.plan.executor]
            self.executor = factory(self.plan, self.paths, cores)
        self._feed(Event(What.RUN_PREPARED))

    def _turn(self) -> None:
        """One turn of the loop: listen, watch, show."""
        assert self.executor is not None
        for event in self.executor.poll(POLL_S):
            self._heard(event)
        self._watch()
        if self._unshown and time.monotonic() - self._shown_at > SHOW_EVERY_S:
            self._show_wells()

    def _heard(self, event: Event) -> None:
        """Take an executor's word, but believe markers over it."""
        if event.worker is not None:
            self._deadlines.pop(event.worker, None)
        if event.what is What.STEP_STARTED and event.seconds and event.worker is not None:
            self._deadlines[event.worker] = (time.monotonic() + event.seconds, event)
        if event.what is What.WELL_DONE:
            marker = self._look_up(event.well)
            if marker is None:
                text = f"Well {event.well} was reported done, but its results are not in place."
                event = replace(event, what=What.WELL_FAILED, message=text, reason="not in place")
            else:
                event = done_event(marker, event.worker)
        elif event.what is What.WORKER_LOST and event.worker is not None:
            self._believe(self.state.workers.get(event.worker, ""))
        self._feed(event)

    def _believe(self, well: str) -> None:
        """Count a well whose worker died as done when it was committed before."""
        marker = self._look_up(well) if well in self.plan.contexts else None
        if marker is not None:
            self._feed(done_event(marker))

    def _look_up(self, well: str) -> Marker | None:
        marker = read_marker(self.plan, self.paths, well)
        if marker is not None:
            self._committed[well] = marker
        return marker

    def _watch(self) -> None:
        if self._signalled or self.paths.stop.exists():
            self._feed(Event(What.STOP_REQUESTED, message="the run was stopped; resume goes on."))
        if not self.paths.plan.exists():
            text = f"{self.paths.output} was removed or moved while the run went on."
            self._feed(Event(What.RUN_BROKEN, message=text))
        now = time.monotonic()
        for worker, (deadline, event) in list(self._deadlines.items()):
            if now > deadline:
                del self._deadlines[worker]
                self._feed(self._time_is_up(worker, event))
        for file in self.paths.logs.glob("worker-*.log"):
            if file.stat().st_size > MAX_LOG_BYTES:
                os.truncate(file, MAX_LOG_BYTES // 2)

    def _time_is_up(self, worker: int, event: Event) -> Event:
        step = self.plan.contexts[event.well].step_plans[event.step]
        functions = dict.fromkeys(c.function for chain in step.patterns.values() for c in chain)
        text = (
            f"Step {step.index + 1} '{step.name}' ({', '.join(functions)}) of well {event.well} "
            f"took longer than its time limit of {event.seconds:g} s and was ended: raise it or "
            "make the step faster."
        )
        return Event(
            What.TIME_IS_UP,
            well=event.well,
            worker=worker,
            step=event.step,
            message=text,
            reason=f"{event.step}:time limit",
        )

    def _feed(self, event: Event) -> None:
        """Log an event, take it to the machine, and perform what the machine says."""
        event = stamped(event)
        self.log.append(event)
        self._apply(event)

    def _apply(self, event: Event) -> None:
        self.state, actions = transition(self.state, event)
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case End():
                self.end = action
            case ShowWell():
                self._unshown = True
            case StartWorker(worker) if self.executor is not None:
                self.executor.start_worker(worker)
            case KillWorker(worker) if self.executor is not None:
                self.executor.kill(worker)
            case Assign(worker, well) if self.executor is not None:
                self.executor.assign(worker, well)
                self._feed(Event(What.WELL_STARTED, well=well, worker=worker))

    def _show_wells(self) -> None:
        """Let the plates list what is committed; only this process writes them."""
        for store in all_stores(self.plan):
            wells = [name for name, item in self._committed.items() if store in item.manifests]
            update_plate(self.paths.output / store, self.plan, store, wells)
        self._unshown = False
        self._shown_at = time.monotonic()

    def _finish(self) -> int:
        in_work = tuple(self.state.workers.values())
        if self.executor is not None:
            self.executor.close()
        end = self.end or End(RunPhase.FAILED, "The run broke.")
        if self.paths.plan.exists():
            for well in in_work:
                self._believe(well)
            try:
                self._show_wells()
            except OpenHCSError as error:
                end = End(RunPhase.FAILED, str(error))
            clean_staging(self.paths)
        self._feed(Event(What.RUN_ENDED, state=end.state.value, message=end.message))
        self.paths.stop.unlink(missing_ok=True)
        lock.release(self.paths.lock)
        return EXIT_CODES[end.state]
