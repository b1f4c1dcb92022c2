"""The state machine as a table: events in, states and actions out, no process anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.runner.events import Event, What
from napari_openhcs.runner.state import (
    MAX_FAILED_STARTS,
    Assign,
    End,
    KillWorker,
    RunState,
    ShowWell,
    StartWorker,
    WellState,
    status_of,
    transition,
)
from napari_openhcs.runner.status import RunPhase, WellPhase


def start(*wells: str, workers: int = 1, attempts: int = 3, alike: int = 0) -> RunState:
    return RunState(
        phase=RunPhase.RUNNING,
        wells=FrozenMapping({well: WellState() for well in wells}),
        queue=wells,
        n_workers=workers,
        max_attempts=attempts,
        stop_after_failures=alike,
    )


def e(what: str, worker: int | None = None, well: str = "", **values: object) -> Event:
    return Event(What(what), worker=worker, well=well, **values)  # type: ignore[arg-type]


def play(state: RunState, *events: Event) -> tuple[RunState, list[object]]:
    """Feed events; each assignment is answered by WELL_STARTED, as the supervisor does."""
    everything: list[object] = []
    for event in events:
        state, actions = transition(state, event)
        everything.extend(actions)
        for action in actions:
            if isinstance(action, Assign):
                state, more = transition(state, e("well_started", action.worker, action.well))
                assert not more
    return state, everything


PREPARED = e("run_prepared")
READY = e("worker_ready", 0)
LOST = e("worker_lost", 0, message="worker 0 was killed")


def fail(well: str, reason: str = "x", worker: int = 0) -> Event:
    return e("well_failed", worker, well, message=f"{well} broke", reason=reason)


TABLE = {
    "one well done": (
        start("A01"),
        [PREPARED, READY, e("well_done", 0, "A01", planes=4)],
        {"A01": "done"},
        [StartWorker(0), Assign(0, "A01"), ShowWell("A01"), End(RunPhase.DONE, "DONE 1/1.")],
    ),
    "a failed well fails the run, the others run": (
        start("A01", "A02"),
        [PREPARED, READY, fail("A01"), e("well_done", 0, "A02")],
        {"A01": "failed", "A02": "done"},
        [
            StartWorker(0),
            Assign(0, "A01"),
            Assign(0, "A02"),
            ShowWell("A02"),
            End(RunPhase.FAILED, "FAILED 1/2: 1 well failed."),
        ],
    ),
    "never more workers than wells": (
        start("A01", workers=8),
        [PREPARED],
        {"A01": "waiting"},
        [StartWorker(0)],
    ),
    "a lost worker is replaced and its well goes last": (
        start("A01", "A02"),
        [PREPARED, READY, LOST, READY],
        {"A01": "waiting", "A02": "running"},
        [StartWorker(0), Assign(0, "A01"), StartWorker(0), Assign(0, "A02")],
    ),
    "a well that kills its workers fails in the end": (
        start("A01", attempts=2),
        [PREPARED, READY, LOST, READY, LOST],
        {"A01": "failed"},
        [
            StartWorker(0),
            Assign(0, "A01"),
            StartWorker(0),
            Assign(0, "A01"),
            End(RunPhase.FAILED, "FAILED 1/1: 1 well failed."),
        ],
    ),
    "committed just before its worker died": (
        start("A01"),
        [PREPARED, READY, e("well_done", None, "A01"), LOST],
        {"A01": "done"},
        [StartWorker(0), Assign(0, "A01"), ShowWell("A01"), End(RunPhase.DONE, "DONE 1/1.")],
    ),
    "committed just before its worker died, others wait": (
        start("A01", "A02"),
        [PREPARED, READY, e("well_done", None, "A01"), LOST, READY],
        {"A01": "done", "A02": "running"},
        [
            StartWorker(0),
            Assign(0, "A01"),
            ShowWell("A01"),
            StartWorker(0),
            Assign(0, "A02"),
        ],
    ),
    "time is up: not tried again": (
        start("A01", "A02"),
        [PREPARED, READY, e("time_is_up", 0, "A01", message="too long"), LOST, READY],
        {"A01": "failed", "A02": "running"},
        [StartWorker(0), Assign(0, "A01"), KillWorker(0), StartWorker(0), Assign(0, "A02")],
    ),
    "stop": (
        start("A01", "A02"),
        [
            PREPARED,
            READY,
            e("well_done", 0, "A01"),
            e("stop_requested", message="asked."),
            fail("A02"),
            LOST,
        ],
        {"A01": "done", "A02": "running"},
        [
            StartWorker(0),
            Assign(0, "A01"),
            ShowWell("A01"),
            Assign(0, "A02"),
            End(RunPhase.STOPPED, "STOPPED 1/2: asked."),
        ],
    ),
    "committed while stopping": (
        start("A01"),
        [PREPARED, READY, e("stop_requested", message="asked."), e("well_done", None, "A01")],
        {"A01": "done"},
        [
            StartWorker(0),
            Assign(0, "A01"),
            End(RunPhase.STOPPED, "STOPPED 0/1: asked."),
            ShowWell("A01"),
        ],
    ),
    "kept wells are not run": (
        start("A01", "A02"),
        [e("well_kept", None, "A01", planes=4), PREPARED, READY],
        {"A01": "done", "A02": "running"},
        [StartWorker(0), Assign(0, "A02")],
    ),
    "all kept: nothing starts": (
        start("A01"),
        [e("well_kept", None, "A01"), PREPARED],
        {"A01": "done"},
        [End(RunPhase.DONE, "DONE 1/1.")],
    ),
    "refused wells are red and not run": (
        start("A01", "A02"),
        [e("well_refused", None, "A01", message="no DAPI"), PREPARED, READY],
        {"A01": "failed", "A02": "running"},
        [StartWorker(0), Assign(0, "A02")],
    ),
    "workers that die while starting end the run": (
        start("A01"),
        [PREPARED, *[LOST] * MAX_FAILED_STARTS],
        {"A01": "waiting"},
        [
            *[StartWorker(0)] * MAX_FAILED_STARTS,
            End(
                RunPhase.FAILED,
                "10 workers in a row died while starting: worker 0 was killed",
            ),
        ],
    ),
    "broken": (
        start("A01"),
        [PREPARED, READY, e("run_broken", message="The output is gone.")],
        {"A01": "running"},
        [StartWorker(0), Assign(0, "A01"), End(RunPhase.FAILED, "The output is gone.")],
    ),
    "strangers change nothing": (
        start("A01"),
        [
            PREPARED,
            READY,
            e("well_done", 7, "Z99"),
            fail("A01", worker=5),
            e("worker_lost", 9),
            e("worker_ready", 0),
            e("step_started", 3, "A01", step="01_x"),
        ],
        {"A01": "running"},
        [StartWorker(0), Assign(0, "A01")],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    state, events, wells, actions = TABLE[name]
    state, found = play(state, *events)
    assert {well: item.status.state.value for well, item in state.wells.items()} == wells
    assert found == actions


def test_first_wells_that_fail_alike_end_the_run() -> None:
    state, found = play(
        start("A01", "A02", "A03", "A04", alike=3),
        PREPARED, READY, fail("A01"), fail("A02"), fail("A03"),
    )  # fmt: skip
    assert isinstance(found[-1], End)
    assert found[-1].message == (
        "FAILED 3/4: the first 3 wells failed alike, so the other 1 were not run; the first said: "
        "A01 broke"
    )
    assert state.wells["A04"].status.state is WellPhase.WAITING


@pytest.mark.parametrize(
    "events",
    [
        [fail("A01", "x"), fail("A02", "y"), fail("A03", "x")],
        [fail("A01", ""), fail("A02", ""), fail("A03", "")],
        [fail("A01"), e("well_done", 0, "A02"), fail("A03")],
    ],
    ids=["different", "their own data", "one done"],
)
def test_other_failures_do_not_end_the_run(events: list[Event]) -> None:
    _, found = play(start("A01", "A02", "A03", "A04", alike=3), PREPARED, READY, *events)
    assert found[-1] == Assign(0, "A04")


def test_status_counts_and_sums() -> None:
    state, _ = play(
        start("A01", "A02", workers=2),
        e("run_started", at=10.0),
        PREPARED,
        READY,
        e("worker_ready", 1),
        e("step_started", 1, "A02", step="01_smooth", at=11.0),
        e(
            "well_done", 0, "A01", planes=4, seconds=2.0, at=12.0,
            conversions=FrozenMapping({"dlpack": 2}), fallbacks=("done on the CPU",),
        ),
    )  # fmt: skip
    status = status_of(state, "/out", now=15.0)
    assert (status.state, status.seconds, status.planes) == ("running", 5.0, 4)
    assert status.conversions == {"dlpack": 2}
    assert status.fallbacks == ("Well A01: done on the CPU",)
    assert (status.wells["A02"].step, status.wells["A02"].attempts) == ("01_smooth", 1)
    assert status.count("done") == 1
    state, _ = play(state, e("run_ended", state="stopped", message="STOPPED 1/2", at=16.0))
    status = status_of(state, "/out", now=99.0)
    assert (status.state, status.seconds, status.message) == ("stopped", 6.0, "STOPPED 1/2")
    assert status.wells["A02"].state is WellPhase.WAITING


def test_nothing_happens_after_the_end() -> None:
    state, _ = play(start("A01"), PREPARED, READY, e("run_ended", state="failed"))
    after, found = play(state, LOST, e("well_done", 0, "A01"), READY)
    assert not found
    assert replace(after, last_at=0) == replace(state, last_at=0)
