"""The state machine of a run: pure, so that every fault is tested without a process.

:func:`transition` takes a state and an :class:`~napari_openhcs.runner.events.Event` and gives
the next state and what the supervisor must do about it.  It reads no clock and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner.events import Event, What
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.words import counted

__all__ = [
    "Action",
    "Assign",
    "End",
    "KillWorker",
    "RunState",
    "ShowWell",
    "StartWorker",
    "initial_state",
    "status_of",
    "transition",
]

STARTING = "<starting>"
IDLE = "<idle>"
DYING = "<dying>"
MAX_FAILED_STARTS = 10
"""Many, for a starting worker can also be killed by chance; few, for a broken installation
kills every worker."""
OPEN = (WellPhase.WAITING, WellPhase.RUNNING)


@dataclass(frozen=True)
class StartWorker:
    """Start a worker under this number."""

    worker: int


@dataclass(frozen=True)
class KillWorker:
    """Kill a worker; its death is reported as WORKER_LOST like any other."""

    worker: int


@dataclass(frozen=True)
class Assign:
    """Give a well to a worker and report WELL_STARTED."""

    worker: int
    well: str


@dataclass(frozen=True)
class ShowWell:
    """A well is committed: list it in the plate's metadata."""

    well: str


@dataclass(frozen=True)
class End:
    """Kill all workers and report RUN_ENDED with this state."""

    state: RunPhase
    message: str


Action = StartWorker | KillWorker | Assign | ShowWell | End


@dataclass(frozen=True)
class WellState:
    """A well: its status and what only the machine needs."""

    status: WellStatus = field(default_factory=WellStatus)
    planes: int = 0
    started_at: float = 0.0
    reason: str = ""
    conversions: FrozenMapping[str, int] = field(default_factory=FrozenMapping)
    fallbacks: tuple[str, ...] = ()

    def change(self, **changes: object) -> WellState:
        """Return a copy whose status differs."""
        return replace(self, status=replace(self.status, **changes))  # type: ignore[arg-type]


@dataclass(frozen=True)
class RunState:
    """A run and its wells.

    ::

        well:  waiting ──assigned──▶ running ──▶ done
                  ▲                     │  └───▶ failed   (raised, time is up, or
                  └────worker lost──────┘                  lost max_attempts times)
               waiting ──▶ done     (kept from an earlier run)
               waiting ──▶ failed   (its own data are incomplete)

        run:   running ──▶ done      (every well done)
                  ├──────▶ failed    (a well failed; first n failed alike; broken)
                  └──────▶ stopped   (stop was asked for)

    Attributes
    ----------
    queue : tuple of str
        Wells that wait for a worker, next first; a well whose worker died goes last, so
        that a well that kills its workers holds up nobody.
    workers : FrozenMapping of worker number to str
        The well it works on, or STARTING, IDLE, DYING.
    ending : bool
        The end was decided: what still happens changes no well, except that a well which
        was committed in the last moment is done.
    failed_starts : int
        Workers in a row that died before they were ready.
    """

    phase: RunPhase
    wells: FrozenMapping[str, WellState]
    queue: tuple[str, ...]
    n_workers: int
    max_attempts: int
    stop_after_failures: int
    workers: FrozenMapping[int, str] = field(default_factory=FrozenMapping)
    ending: bool = False
    failed_starts: int = 0
    started_at: float = 0.0
    last_at: float = 0.0
    message: str = ""

    def set_well(self, name: str, well: WellState) -> RunState:
        """Return a copy with one well changed."""
        return replace(self, wells=FrozenMapping({**self.wells, name: well}))

    def set_worker(self, number: int, doing: str) -> RunState:
        """Return a copy with one worker changed."""
        return replace(self, workers=FrozenMapping({**self.workers, number: doing}))


Step = tuple[RunState, tuple[Action, ...]]


def initial_state(plan: CompiledPlate) -> RunState:
    """Return the state before the first event: every well waits."""
    return RunState(
        phase=RunPhase.RUNNING,
        wells=FrozenMapping({well: WellState() for well in plan.contexts}),
        queue=tuple(plan.contexts),
        n_workers=max(1, plan.workers),
        max_attempts=max(1, plan.max_attempts),
        stop_after_failures=plan.stop_after_failures,
    )


def transition(state: RunState, event: Event) -> Step:
    """Return the state after an event and what is to be done about it.

    Parameters
    ----------
    state : RunState
    event : Event
        An event that does not fit (of a worker or well nobody knows of, or after the
        end) changes nothing.
    """
    state = replace(state, last_at=max(state.last_at, event.at))
    if event.what is What.RUN_ENDED:
        return _run_ended(state, event), ()
    if state.phase is not RunPhase.RUNNING:
        return state, ()
    if state.ending and event.what is not What.WELL_DONE:
        return state, ()
    handler = _HANDLERS[event.what]
    return handler(state, event)


def _run_started(state: RunState, event: Event) -> Step:
    return replace(state, started_at=event.at), ()


def _run_prepared(state: RunState, event: Event) -> Step:
    count = min(state.n_workers, len(state.queue))
    for number in range(count):
        state = state.set_worker(number, STARTING)
    actions: tuple[Action, ...] = tuple(StartWorker(number) for number in range(count))
    return _end_if_over(state, actions)


def _well_kept(state: RunState, event: Event) -> Step:
    if event.well not in state.wells:
        return state, ()
    well = _with_report(state.wells[event.well], event)
    well = well.change(state=WellPhase.DONE, seconds=event.seconds)
    return _without(state, event.well).set_well(event.well, well), ()


def _well_refused(state: RunState, event: Event) -> Step:
    if event.well not in state.wells:
        return state, ()
    well = state.wells[event.well].change(state=WellPhase.FAILED, message=event.message)
    return _without(state, event.well).set_well(event.well, well), ()


def _worker_ready(state: RunState, event: Event) -> Step:
    if event.worker is None or state.workers.get(event.worker) != STARTING:
        return state, ()
    state = replace(state, failed_starts=0).set_worker(event.worker, IDLE)
    return _hand_out(state)


def _well_started(state: RunState, event: Event) -> Step:
    if not _works_on(state, event):
        return state, ()
    well = state.wells[event.well]
    well = replace(well, started_at=event.at).change(
        state=WellPhase.RUNNING, attempts=well.status.attempts + 1, step=""
    )
    return state.set_well(event.well, well), ()


def _step_started(state: RunState, event: Event) -> Step:
    if not _works_on(state, event):
        return state, ()
    return state.set_well(event.well, state.wells[event.well].change(step=event.step)), ()


def _well_done(state: RunState, event: Event) -> Step:
    well = state.wells.get(event.well)
    if well is None or well.status.state not in OPEN:
        return state, ()
    well = _with_report(well, event).change(
        state=WellPhase.DONE, seconds=event.seconds, message="", step=""
    )
    state = _without(state, event.well).set_well(event.well, well)
    shown: tuple[Action, ...] = (ShowWell(event.well),)
    if state.ending:
        return state, shown
    return _next(_release(state, event), shown)


def _well_failed(state: RunState, event: Event) -> Step:
    if not _works_on(state, event):
        return state, ()
    return _next(_fail(_release(state, event), event))


def _time_is_up(state: RunState, event: Event) -> Step:
    """Not tried again: what took too long once will take too long again."""
    if event.worker is None or not _works_on(state, event):
        return state, ()
    state = _fail(state.set_worker(event.worker, DYING), event)
    return _next(state, (KillWorker(event.worker),))


def _worker_lost(state: RunState, event: Event) -> Step:
    if event.worker is None or event.worker not in state.workers:
        return state, ()
    doing = state.workers[event.worker]
    if doing == STARTING:
        state = replace(state, failed_starts=state.failed_starts + 1)
        if state.failed_starts >= MAX_FAILED_STARTS:
            text = f"{MAX_FAILED_STARTS} workers in a row died while starting: {event.message}"
            return _end(state, RunPhase.FAILED, text)
    elif doing in state.wells and state.wells[doing].status.state in OPEN:
        state = _lost_well(state, event, doing)
    state = state.set_worker(event.worker, STARTING)
    if not _unfinished(state):
        return _end_if_over(state, ())
    return _next(state, (StartWorker(event.worker),))


def _lost_well(state: RunState, event: Event, name: str) -> RunState:
    well = state.wells[name]
    if well.status.attempts >= state.max_attempts:
        attempts = f" (attempt {well.status.attempts} of {state.max_attempts})"
        text = f"Well {name}: {event.message}{attempts}."
        return _fail(state, replace(event, well=name, message=text, reason="lost"))
    waiting = well.change(state=WellPhase.WAITING, message=event.message)
    return replace(state.set_well(name, waiting), queue=(*state.queue, name))


def _stop_requested(state: RunState, event: Event) -> Step:
    done = _count(state, WellPhase.DONE)
    return _end(state, RunPhase.STOPPED, f"STOPPED {done}/{len(state.wells)}: {event.message}")


def _run_broken(state: RunState, event: Event) -> Step:
    return _end(state, RunPhase.FAILED, event.message)


def _run_ended(state: RunState, event: Event) -> RunState:
    """Wells that were in work wait again: nothing of them was published."""
    wells = {
        name: well.change(state=WellPhase.WAITING, step="")
        if well.status.state is WellPhase.RUNNING
        else well
        for name, well in state.wells.items()
    }
    return replace(
        state,
        phase=RunPhase(event.state),
        wells=FrozenMapping(wells),
        workers=FrozenMapping(),
        ending=True,
        message=event.message,
    )


_HANDLERS: dict[What, Callable[[RunState, Event], Step]] = {
    What.RUN_STARTED: _run_started,
    What.RUN_PREPARED: _run_prepared,
    What.WELL_KEPT: _well_kept,
    What.WELL_REFUSED: _well_refused,
    What.WORKER_READY: _worker_ready,
    What.WELL_STARTED: _well_started,
    What.STEP_STARTED: _step_started,
    What.WELL_DONE: _well_done,
    What.WELL_FAILED: _well_failed,
    What.WORKER_LOST: _worker_lost,
    What.TIME_IS_UP: _time_is_up,
    What.STOP_REQUESTED: _stop_requested,
    What.RUN_BROKEN: _run_broken,
}


def _works_on(state: RunState, event: Event) -> bool:
    return event.worker is not None and state.workers.get(event.worker) == event.well


def _without(state: RunState, name: str) -> RunState:
    return replace(state, queue=tuple(well for well in state.queue if well != name))


def _with_report(well: WellState, event: Event) -> WellState:
    return replace(
        well, planes=event.planes, conversions=event.conversions, fallbacks=event.fallbacks
    )


def _release(state: RunState, event: Event) -> RunState:
    if event.worker is None or not _works_on(state, event):
        return state
    return state.set_worker(event.worker, IDLE)


def _fail(state: RunState, event: Event) -> RunState:
    well = state.wells[event.well]
    seconds = event.seconds or max(0.0, event.at - well.started_at)
    failed = replace(well, reason=event.reason).change(
        state=WellPhase.FAILED,
        message=event.message,
        step=event.step or well.status.step,
        seconds=seconds,
    )
    return state.set_well(event.well, failed)


def _next(state: RunState, actions: tuple[Action, ...] = ()) -> Step:
    """End where the end has come, else give idle workers something to do."""
    state, more = _end_if_alike(state)
    if not more:
        state, more = _end_if_over(state, ())
    if not more:
        state, more = _hand_out(state)
    return state, (*actions, *more)


def _hand_out(state: RunState) -> Step:
    actions: list[Action] = []
    for number, doing in state.workers.items():
        if doing == IDLE and state.queue:
            well = state.queue[0]
            state = replace(state, queue=state.queue[1:]).set_worker(number, well)
            actions.append(Assign(number, well))
    return state, tuple(actions)


def _end(state: RunState, phase: RunPhase, message: str) -> Step:
    return replace(state, ending=True), (End(phase, message),)


def _unfinished(state: RunState) -> bool:
    return any(well.status.state in OPEN for well in state.wells.values())


def _count(state: RunState, phase: WellPhase) -> int:
    return sum(well.status.state is phase for well in state.wells.values())


def _end_if_over(state: RunState, actions: tuple[Action, ...]) -> Step:
    if _unfinished(state):
        return state, actions
    failed, total = _count(state, WellPhase.FAILED), len(state.wells)
    if failed:
        wells = counted(failed, "well")
        return _end(state, RunPhase.FAILED, f"FAILED {failed}/{total}: {wells} failed.")
    return _end(state, RunPhase.DONE, f"DONE {total}/{total}.")


def _end_if_alike(state: RunState) -> Step:
    """End when the first n wells of this run all failed for the same reason."""
    limit = state.stop_after_failures
    tried = [well for well in state.wells.values() if well.status.attempts]
    ended = [well for well in tried if well.status.state in (WellPhase.DONE, WellPhase.FAILED)]
    reasons = {well.reason for well in ended}
    if not limit or len(ended) < limit or len(reasons) != 1 or reasons == {""}:
        return state, ()
    failed, total = _count(state, WellPhase.FAILED), len(state.wells)
    example = next(well.status.message for well in ended)
    rest = total - failed - _count(state, WellPhase.DONE)
    if not rest:
        return state, ()
    text = (
        f"FAILED {failed}/{total}: the first {len(ended)} wells failed alike, so the other "
        f"{rest} were not run; the first said: {example}"
    )
    return _end(state, RunPhase.FAILED, text)


def _total(counts: Iterable[FrozenMapping[str, int]]) -> FrozenMapping[str, int]:
    total: dict[str, int] = {}
    for mapping in counts:
        for name, number in mapping.items():
            total[name] = total.get(name, 0) + number
    return FrozenMapping(total)


def status_of(state: RunState, output: str, now: float | None = None) -> RunStatus:
    """Return the snapshot that people see.

    Parameters
    ----------
    now : float, optional
        Time on the monotonic clock; while the run goes on, `seconds` counts up to it.
    """
    until = state.last_at
    if now is not None and state.phase is RunPhase.RUNNING:
        until = max(until, now)
    done = {name: well for name, well in state.wells.items() if well.status.state is WellPhase.DONE}
    return RunStatus(
        state=state.phase,
        wells=FrozenMapping({name: well.status for name, well in state.wells.items()}),
        seconds=round(max(0.0, until - state.started_at), 3) if state.started_at else 0.0,
        planes=sum(well.planes for well in done.values()),
        output=output,
        conversions=_total(well.conversions for well in done.values()),
        fallbacks=tuple(
            f"Well {name}: {text}" for name, well in done.items() for text in well.fallbacks
        ),
        message=state.message,
    )
