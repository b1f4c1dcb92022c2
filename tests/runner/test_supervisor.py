"""Whole runs with real processes, undisturbed and with every fault we can inject."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_openhcs.errors import OutputError, RunError
from napari_openhcs.frozen import to_json
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.runner import RunHandle, read_status, start_run, stop_run
from napari_openhcs.runner.events import What, decode_event
from napari_openhcs.runner.lock import read_lock
from napari_openhcs.testing.runner import PlanBuilder, call, digest_of

Build = Callable[..., PlanBuilder]
WELLS = ("A01", "A02", "B01")


def with_fault(builder: PlanBuilder, **parameters: object) -> PlanBuilder:
    """Put a misbehaving step before the usual ones."""
    builder.step("fault", [call("misbehave", **parameters)])
    return builder.usual()


def finish(plan: CompiledPlate, **options: bool) -> tuple[RunHandle, dict[str, str]]:
    handle = start_run(plan, **options)
    status = handle.wait(60)
    return handle, {well: item.state.value for well, item in status.wells.items()}


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def workers_of(handle: RunHandle) -> list[psutil.Process]:
    """Return worker processes: forked below the supervisor's server, each with its log open."""
    owner = read_lock(handle.folder / "lock")
    if owner is None:
        return []
    found = []
    for process in psutil.Process(owner.pid).children(recursive=True):
        try:
            files = [Path(file.path).name for file in process.open_files()]
        except psutil.NoSuchProcess:
            continue
        if any(name.startswith("worker-") for name in files):
            found.append(process)
    return found


def test_a_run_ends_done_and_leaves_nothing(builder: Build, nothing_left) -> None:
    plan = builder().usual().plan()
    handle, wells = finish(plan)
    status = handle.status()
    assert (status.state, status.planes, status.message) == ("done", 12, "DONE 3/3.")
    assert wells == dict.fromkeys(WELLS, "done")
    assert read_status(plan.output) == status
    assert not list((handle.folder / "staging").iterdir())
    assert not (handle.folder / "lock").exists()
    assert (Path(plan.output) / "pipeline.py").read_text() == plan.script
    assert sorted(path.stem for path in (handle.folder / "markers").iterdir()) == list(WELLS)
    nothing_left(Path(plan.output))


def test_the_plate_lists_the_wells_that_are_done(builder: Build) -> None:
    from ome_zarr_models.v05 import HCS

    plan = with_fault(builder(), how="raise", corner=1).plan(executor="threads")
    _, wells = finish(plan)
    import zarr

    plate = HCS.from_zarr(zarr.open_group(Path(plan.output) / "plate.ome.zarr", mode="r"))
    listed = [well.path for well in plate.ome_attributes.plate.wells]
    assert listed == ["A/01", "B/01"]
    assert wells == {"A01": "done", "A02": "failed", "B01": "done"}


def test_engines_and_numbers_of_workers_give_the_same_bytes(builder: Build, tmp_path: Path) -> None:
    built = builder().usual()
    digests = []
    for number, (executor, workers) in enumerate(
        [("processes", 1), ("processes", 2), ("threads", 2)]
    ):
        output = tmp_path / f"output{number}"
        _, wells = finish(built.plan(output=str(output), executor=executor, workers=workers))
        assert set(wells.values()) == {"done"}
        digests.append(digest_of(output / "plate.ome.zarr"))
    assert digests[0]
    assert digests[0] == digests[1] == digests[2]


def test_json_of_the_status_is_the_document_of_run(builder: Build) -> None:
    import json

    handle, _ = finish(builder(wells=("A01",)).usual().plan(executor="threads"))
    document = json.loads(to_json(handle.status()))
    assert {"state", "wells", "seconds", "planes", "output", "conversions", "fallbacks"} <= set(
        document
    )
    assert {"state", "seconds", "attempts", "message"} <= set(document["wells"]["A01"])


FAILURES = {
    "raise": "ZeroDivisionError: there is nothing to divide by",
    "shape": "promises the same shape",
    "object": "gave something else",
    "exit": "SystemExit: 7",
}


def test_functions_that_fail_are_named_and_the_others_run(builder: Build) -> None:
    built = builder(wells=("A01", "A02", "A03", "A04", "B01"))
    for corner, how in enumerate(FAILURES):
        built.step(how, [call("misbehave", how=how, corner=corner)])
    handle, wells = finish(built.usual().plan())
    assert wells == dict.fromkeys(("A01", "A02", "A03", "A04"), "failed") | {"B01": "done"}
    for number, (how, text) in enumerate(FAILURES.items(), start=1):
        well = f"A0{number}"
        failed = handle.status().wells[well]
        assert text in failed.message
        assert well in failed.message
        if how != "exit":
            step = f"Step {number} '{how}' (napari_openhcs.testing.faults.misbehave)"
            assert step in failed.message
            assert f"{well}_s1_w1_z1_t1.tif" in failed.message
            assert failed.step == f"0{number}_{how}"
    assert handle.status().message == "FAILED 4/5: 4 wells failed."


def test_a_worker_that_dies_costs_only_its_well_which_is_tried_again(
    builder: Build, tmp_path: Path, nothing_left
) -> None:
    built = builder()
    for corner, how in enumerate(("kill", "crash")):
        flag = str(tmp_path / how)
        built.step(how, [call("misbehave", how=how, corner=corner, flag=flag)])
    plan = built.usual().plan()
    handle, wells = finish(plan)
    assert wells == dict.fromkeys(WELLS, "done")
    attempts = {well: item.attempts for well, item in handle.status().wells.items()}
    assert attempts == {"A01": 2, "A02": 2, "B01": 1}
    nothing_left(Path(plan.output))


def test_a_well_that_always_kills_its_worker_fails_with_the_reason(builder: Build) -> None:
    handle, wells = finish(with_fault(builder(), how="kill", corner=1).plan(max_attempts=2))
    assert wells == {"A01": "done", "A02": "failed", "B01": "done"}
    message = handle.status().wells["A02"].message
    assert "killed (SIGKILL)" in message
    assert "attempt 2 of 2" in message


def test_sigkill_from_outside(builder: Build, tmp_path: Path) -> None:
    wells = tuple(f"A{number:02d}" for number in range(1, 7))
    built = builder(wells=wells, fields=("1",), channels=("1",))
    built.step("slow", [call("misbehave", how="sleep")])
    built.usual()
    handle = start_run(built.plan())
    kills = 0
    while handle.status().state == "running" and kills < 3:
        for worker in workers_of(handle)[:1]:
            worker.kill()
            kills += 1
        time.sleep(0.3)
    status = handle.wait(60)
    assert kills >= 2
    assert status.state == "done"
    undisturbed = built.plan(output=str(tmp_path / "undisturbed"))
    finish(undisturbed)
    assert digest_of(tmp_path / "output/plate.ome.zarr") == digest_of(
        tmp_path / "undisturbed/plate.ome.zarr"
    )


def test_sigkill_of_the_supervisor_then_resume(
    builder: Build, tmp_path: Path, nothing_left
) -> None:
    wells = tuple(f"A{number:02d}" for number in range(1, 6))
    calls = tmp_path / "calls"
    built = builder(wells=wells, fields=("1",), channels=("1",))
    built.step("count", [call("count_call", file=str(calls))])
    built.step("slow", [call("misbehave", how="sleep")])
    built.usual()
    plan = built.plan()
    handle = start_run(plan)
    wait_for(lambda: handle.status().count("done") >= 2)
    owner = read_lock(handle.folder / "lock")
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    nothing_left(Path(plan.output))
    lost = handle.status()
    assert lost.state == "lost"
    assert "resume" in lost.message
    done = [well for well in wells if (handle.folder / "markers" / f"{well}.json").exists()]
    before = calls.read_text().split()
    again, states = finish(plan, resume=True)
    assert states == dict.fromkeys(wells, "done")
    assert again.status().state == "done"
    repeated = calls.read_text().split()[len(before) :]
    assert sorted(repeated) == sorted(str(wells.index(w)) for w in wells if w not in done)
    assert again.status().planes == 5


def test_stop_leaves_no_process_within_six_seconds(builder: Build, nothing_left) -> None:
    built = builder()
    for corner, how in enumerate(("hang", "hang hard", "child")):
        built.step(how.replace(" ", "_"), [call("misbehave", how=how, corner=corner)])
    plan = built.usual().plan(workers=3)
    handle = start_run(plan)
    wait_for(lambda: handle.status().wells["A01"].step == "01_hang")
    wait_for(lambda: handle.status().wells["A02"].step == "02_hang_hard")
    wait_for(lambda: handle.status().wells["B01"].step == "03_child")
    time.sleep(0.3)
    owner = read_lock(handle.folder / "lock")
    assert owner is not None
    family = psutil.Process(owner.pid).children(recursive=True)
    assert len(family) >= 6  # tracker, server, three workers and a child of one
    start = time.monotonic()
    status = stop_run(plan.output)
    assert time.monotonic() - start < 6
    assert status.state == "stopped"
    assert {well.state.value for well in status.wells.values()} == {"waiting"}
    _, alive = psutil.wait_procs(family, timeout=max(0.0, 6 - (time.monotonic() - start)))
    assert not alive
    nothing_left(Path(plan.output))


def test_a_supervisor_that_does_not_answer_is_killed(builder: Build, nothing_left) -> None:
    plan = with_fault(builder(), how="hang").plan()
    handle = start_run(plan)
    wait_for(lambda: handle.status().wells["A01"].step == "01_fault")
    owner = read_lock(handle.folder / "lock")
    assert owner is not None
    os.kill(owner.pid, signal.SIGSTOP)
    start = time.monotonic()
    status = stop_run(plan.output, timeout=1.0)
    assert time.monotonic() - start < 6
    assert status.state == "stopped"
    nothing_left(Path(plan.output))


def test_a_step_that_takes_too_long_is_ended_and_not_tried_again(builder: Build) -> None:
    built = builder()
    built.step("fault", [call("misbehave", how="hang", corner=1)], time_limit_s=0.5)
    handle, wells = finish(built.usual().plan())
    assert wells == {"A01": "done", "A02": "failed", "B01": "done"}
    failed = handle.status().wells["A02"]
    assert failed.attempts == 1
    assert "took longer than its time limit of 0.5 s" in failed.message


def test_a_truncated_image_makes_its_well_red_with_the_file_named(builder: Build) -> None:
    plan = builder().usual().plan(executor="threads")
    file = Path(plan.contexts["A02"].planes[1].path)
    file.write_bytes(file.read_bytes()[:1000])
    handle, wells = finish(plan)
    assert wells == {"A01": "done", "A02": "failed", "B01": "done"}
    assert str(file) in handle.status().wells["A02"].message


def test_a_well_with_problems_is_not_run(builder: Build) -> None:
    from dataclasses import replace

    from napari_openhcs.frozen import FrozenMapping

    plan = builder().usual().plan(executor="threads")
    broken = replace(plan.contexts["A02"], problems=("Well A02 lacks channel 2.",))
    handle, wells = finish(replace(plan, contexts=FrozenMapping({**plan.contexts, "A02": broken})))
    assert wells == {"A01": "done", "A02": "failed", "B01": "done"}
    assert handle.status().wells["A02"].message == "Well A02 lacks channel 2."
    assert handle.status().wells["A02"].attempts == 0


def test_first_wells_that_fail_alike_end_the_run(builder: Build) -> None:
    plan = with_fault(builder(), how="raise").plan(
        executor="threads", workers=1, stop_after_failures=2
    )
    handle, wells = finish(plan)
    assert wells == {"A01": "failed", "A02": "failed", "B01": "waiting"}
    assert "first 2 wells failed alike" in handle.status().message


def test_output_that_is_removed_during_the_run_ends_it(
    builder: Build, tmp_path: Path, nothing_left
) -> None:
    handle = start_run(with_fault(builder(), how="hang").plan())
    wait_for(lambda: handle.status().wells["A01"].step == "01_fault")
    (tmp_path / "output").rename(tmp_path / "elsewhere")
    process = handle._process
    wait_for(lambda: process.poll() is not None)
    assert process.returncode == 1
    assert not (tmp_path / "output").exists()
    nothing_left(tmp_path / "elsewhere")


def test_no_listening_socket(builder: Build) -> None:
    handle = start_run(with_fault(builder(), how="hang").plan())
    wait_for(lambda: handle.status().wells["A01"].step == "01_fault")
    owner = read_lock(handle.folder / "lock")
    assert owner is not None
    supervisor = psutil.Process(owner.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    assert len(family) >= 4
    for process in family:
        assert not [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    handle.stop()


def test_events_are_one_json_object_a_line(builder: Build) -> None:
    handle, _ = finish(builder(wells=("A01",)).usual().plan(executor="threads"))
    events = [
        decode_event(line) for line in (handle.folder / "events.jsonl").read_bytes().splitlines()
    ]
    assert events[0].what is What.RUN_STARTED
    assert events[-1].what is What.RUN_ENDED
    assert all(later.at >= earlier.at for earlier, later in itertools.pairwise(events))


def test_prints_and_tracebacks_are_in_the_worker_logs(builder: Build) -> None:
    built = builder(wells=("A01", "A02"))
    built.step(
        "print",
        [call("misbehave", how="print", corner=0), call("misbehave", how="raise", corner=1)],
    )
    handle, _ = finish(built.usual().plan())
    text = "".join(path.read_text() for path in (handle.folder / "logs").glob("worker-*.log"))
    assert "x" * 1000 in text
    assert "Traceback" in text
    assert "there is nothing to divide by" in text


def test_two_runs_to_one_output(builder: Build) -> None:
    plan = with_fault(builder(), how="hang").plan()
    handle = start_run(plan)
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match="is in use: process"):
            start_run(plan, **options)
    handle.stop()


def test_read_status_of_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        read_status(tmp_path)


def test_dask_without_dask(builder: Build) -> None:
    import importlib.util

    if importlib.util.find_spec("distributed"):
        pytest.skip("distributed is installed here: see test_dask.py")
    plan = builder(wells=("A01",)).usual().plan(executor="dask")
    with pytest.raises(RunError, match="pip install distributed"):
        start_run(plan)
    assert not Path(plan.output).exists()


def test_an_unknown_executor(builder: Build) -> None:
    plan = builder(wells=("A01",)).usual().plan(executor="magic")
    with pytest.raises(RunError, match="processes"):
        start_run(plan)
    assert not Path(plan.output).exists()
