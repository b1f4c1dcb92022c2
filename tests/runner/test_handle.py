"""Starting into folders that are not empty, the lock, and following by files alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from napari_openhcs.errors import CompileError, OutputError, RunError
from napari_openhcs.frozen import FrozenMapping, to_json
from napari_openhcs.plan import Problem, encode_plan
from napari_openhcs.runner import EventFollower, committed_wells, read_status, start_run, stop_run
from napari_openhcs.runner.events import Event, EventLog, What, decode_event, encode_event
from napari_openhcs.runner.lock import Owner, acquire, is_alive, owner_of, read_lock, release
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.prepare import write_books
from napari_openhcs.testing.runner import PlanBuilder, digest_of

Build = Callable[..., PlanBuilder]


@pytest.fixture
def built(builder: Build) -> PlanBuilder:
    return builder(wells=("A01", "A02"), fields=("1",), channels=("1",)).usual()


def test_resume_and_overwrite(built: PlanBuilder, tmp_path: Path) -> None:
    plan = built.plan(executor="threads")
    start_run(plan).wait(60)
    foreign = tmp_path / "output/notes.txt"
    foreign.write_text("mine")
    with pytest.raises(OutputError, match=r"already holds 2 wells .* resume=True.*overwrite=True"):
        start_run(plan)
    status = start_run(plan, resume=True).wait(60)
    assert (status.state, status.planes) == ("done", 2)
    assert {well.attempts for well in status.wells.values()} == {0}
    other = replace(plan, key="another")
    for resume in (False, True):
        with pytest.raises(OutputError, match="results of another pipeline"):
            start_run(other, resume=resume)
    assert read_status(plan.output).state == "done"
    status = start_run(other, overwrite=True).wait(60)
    assert {well.attempts for well in status.wells.values()} == {1}
    assert foreign.read_text() == "mine"


def test_a_plate_that_moved_is_told_by_both_paths(built: PlanBuilder) -> None:
    plan = built.plan(executor="threads")
    start_run(plan).wait(60)
    moved = replace(plan, plate_root="/elsewhere/plate", key="another")
    with pytest.raises(OutputError, match=r"now the plate is at /elsewhere/plate") as caught:
        start_run(moved, resume=True)
    assert plan.plate_root in str(caught.value)


def test_finished_wells_of_earlier_runs_are_known(built: PlanBuilder) -> None:
    plan = built.plan(executor="threads")
    start_run(plan).wait(60)
    alone = replace(plan, contexts=FrozenMapping({"A01": plan.contexts["A01"]}))
    status = start_run(alone, resume=True).wait(60)
    assert set(status.wells) == {"A01"}
    assert committed_wells(plan.output) == {"A01", "A02"}


@pytest.mark.parametrize("name", ["plan", "events", "lock"])
def test_books_that_cannot_be_read(name: str, built: PlanBuilder) -> None:
    plan = built.plan(executor="threads")
    start_run(plan).wait(60)
    book = getattr(RunPaths.of(plan.output), name)
    book.unlink(missing_ok=True)
    # Root may read every file, but nobody reads a folder.
    book.mkdir()
    with pytest.raises(RunError, match=rf"{book.name} cannot be read \(Is a directory\)"):
        read_status(plan.output)


@pytest.mark.parametrize("name", ["a\0b", "a\udcff"])
def test_a_folder_that_no_system_can_name(name: str) -> None:
    for look in (read_status, stop_run, committed_wells):
        with pytest.raises(RunError, match="has a name that is not valid text"):
            look(name)


def test_resume_with_more_wells_keeps_listing_all(built: PlanBuilder, tmp_path: Path) -> None:
    import json

    plan = built.plan(executor="threads")
    for well in ("A01", "A02"):
        alone = FrozenMapping({well: plan.contexts[well]})
        start_run(replace(plan, contexts=alone), resume=True).wait(60)
    attributes = json.loads((tmp_path / "output/plate.ome.zarr/zarr.json").read_bytes())
    listed = attributes["attributes"]["ome"]["plate"]["wells"]
    assert [well["path"] for well in listed] == ["A/01", "A/02"]


def test_damaged_or_outdated_wells_are_run_again(built: PlanBuilder, tmp_path: Path) -> None:
    plan = built.plan(executor="threads")
    start_run(plan).wait(60)
    next((tmp_path / "output/plate.ome.zarr/A/01").rglob("table.parquet")).unlink()
    status = start_run(plan, resume=True).wait(60)
    assert {name: well.attempts for name, well in status.wells.items()} == {"A01": 1, "A02": 0}
    os.utime(plan.contexts["A02"].planes[0].path, ns=(1, 1))
    status = start_run(plan, resume=True).wait(60)
    assert {name: well.attempts for name, well in status.wells.items()} == {"A01": 0, "A02": 1}


def test_what_no_run_wrote_is_never_touched(built: PlanBuilder, tmp_path: Path) -> None:
    for name in ("plate.ome.zarr", "pipeline.py"):
        output = tmp_path / f"with {name}"
        (output / name).mkdir(parents=True)
        for overwrite in (False, True):
            with pytest.raises(OutputError, match="no run recorded in this folder wrote it"):
                start_run(built.plan(output=str(output)), overwrite=overwrite)
        assert not (output / ".openhcs/lock").exists()


def test_a_tampered_plan_removes_nothing_outside(built: PlanBuilder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    plan = built.plan()
    output = replace(plan.contexts["A01"].layout.outputs[0], store="../precious")
    layout = replace(plan.contexts["A01"].layout, outputs=(output,))
    context = replace(plan.contexts["A01"], layout=layout)
    paths = RunPaths.of(plan.output)
    paths.logs.mkdir(parents=True)
    tampered = replace(plan, contexts=FrozenMapping({"A01": context}))
    paths.plan.write_bytes(encode_plan(tampered))
    write_books(plan, paths, resume=False, overwrite=True)
    assert precious.is_dir()


@pytest.mark.parametrize("raw", ["plate.ome.zarr", "plate.ome.zarr/inner"])
def test_results_that_are_the_raw_plate_are_never_removed(
    raw: str, built: PlanBuilder, tmp_path: Path
) -> None:
    start_run(built.plan(executor="threads")).wait(60)
    (tmp_path / "output" / raw).mkdir(exist_ok=True)
    before = digest_of(tmp_path / "output/plate.ome.zarr")
    again = built.plan(plate_root=str(tmp_path / "output" / raw), key="another")
    with pytest.raises(OutputError, match="the raw plate"):
        start_run(again, overwrite=True)
    # Also where only the earlier run wrote there.
    contexts = {}
    for well, context in again.contexts.items():
        outputs = tuple(replace(item, store="new.ome.zarr") for item in context.layout.outputs)
        contexts[well] = replace(context, layout=replace(context.layout, outputs=outputs))
    moved = replace(again, plate_store="new.ome.zarr", contexts=FrozenMapping(contexts))
    with pytest.raises(OutputError, match=r"the raw plate, .* lies there and is never written to"):
        start_run(moved, overwrite=True)
    assert digest_of(tmp_path / "output/plate.ome.zarr") == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_output(built: PlanBuilder, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        start_run(built.plan())


def test_output_that_cannot_be_a_folder(built: PlanBuilder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        start_run(built.plan(output=str(tmp_path / "file/output")))


def test_refusals_before_anything_is_written(built: PlanBuilder, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="never written to"):
        start_run(built.plan(output=str(tmp_path / "plate/results")))
    with pytest.raises(OutputError, match="without an output folder"):
        start_run(built.plan(output=""))
    with pytest.raises(CompileError, match="it is wrong"):
        start_run(built.plan(problems=(Problem("x", "it is wrong"),)))
    with pytest.raises(RunError, match="no wells"):
        start_run(built.plan(contexts=FrozenMapping()))
    assert not (tmp_path / "output").exists()


def test_damaged_plan(built: PlanBuilder, tmp_path: Path) -> None:
    books = tmp_path / "output/.openhcs"
    books.mkdir(parents=True)
    (books / "plan.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        read_status(tmp_path / "output")
    with pytest.raises(OutputError, match="is damaged"):
        start_run(built.plan(), resume=True)
    status = start_run(built.plan(executor="threads"), overwrite=True).wait(60)
    assert status.state == "done"
    for key in (built.plan().key, "another"):
        (books / "plan.json").write_text("{")
        status = start_run(built.plan(executor="threads", key=key), overwrite=True).wait(60)
        assert {well.attempts for well in status.wells.values()} == {1}
    (books / "plan.json").write_text("{")
    (tmp_path / "output/plate.ome.zarr/zarr.json").unlink()
    with pytest.raises(OutputError, match="no run recorded in this folder wrote it"):
        start_run(built.plan(), overwrite=True)


def test_lock_of_the_living_and_of_the_dead(tmp_path: Path) -> None:
    path = tmp_path / "books/lock"
    path.parent.mkdir()
    assert acquire(path) is False
    assert acquire(path) is True
    release(path)
    assert read_lock(path) is None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        owner = owner_of(other.pid)
        assert is_alive(owner)
        assert not is_alive(replace(owner, started="another time"))
        path.write_bytes(to_json(owner))
        with pytest.raises(OutputError, match=f"process {other.pid}"):
            acquire(path, timeout=0.1)
        other.kill()
    assert not is_alive(owner)
    assert acquire(path) is False
    path.write_bytes(b"{ not whole")
    assert acquire(path) is False
    path.write_bytes(to_json(Owner(1, "x", "another machine")))
    with pytest.raises(OutputError, match="another machine"):
        acquire(path)
    release(path)
    assert path.exists()


def test_events_survive_json_and_a_crash_in_the_middle_of_a_line(tmp_path: Path) -> None:
    event = Event(
        What.WELL_DONE, 1.5, "now", "A01", worker=0, conversions=FrozenMapping({"dlpack": 2})
    )
    assert decode_event(encode_event(event)) == event
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode_event(event) + b'\n{"what":"well_')
    with EventLog(path) as log:
        log.append(event)
    lines = path.read_bytes().splitlines()
    assert [decode_event(lines[0]), decode_event(lines[2])] == [event, event]


def test_follower_reads_only_what_is_new(built: PlanBuilder, tmp_path: Path) -> None:
    plan = built.plan()
    paths = RunPaths.of(plan.output)
    paths.logs.mkdir(parents=True)
    write_books(plan, paths, resume=False, overwrite=False)
    follower = EventFollower(plan.output)
    assert follower.read_new() == ()
    assert follower.status().state == "lost"
    with EventLog(paths.events) as log:
        log.append(Event(What.RUN_STARTED, at=1.0))
        assert [event.what for event in follower.read_new()] == [What.RUN_STARTED]
        os.write(log._file, b'{"what":"well_kept",')
        assert follower.read_new() == ()
        os.write(log._file, b'"well":"A01","planes":3}\n')
        assert [event.well for event in follower.read_new()] == ["A01"]
        assert follower.status().planes == 3
    paths.stop.touch()
    assert follower.status().state == "stopped"


def test_the_room_is_light() -> None:
    code = (
        "import sys, napari_openhcs.runner, napari_openhcs.api, napari_openhcs.runner.tuning\n"
        "heavy = {'skimage', 'scipy', 'zarr', 'torch', 'dask', 'qtpy', 'napari', 'tifffile'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
