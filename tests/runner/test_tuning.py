"""Single-well tuning: only what changed is run again, the newest request wins, nothing stays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_openhcs.errors import RunError
from napari_openhcs.frozen import from_json, to_json
from napari_openhcs.plan import Coord
from napari_openhcs.runner.tuning import TuningProcess, TuningReply
from napari_openhcs.runner.tuning_messages import (
    ReplyWhat,
    TuningMessage,
    pack_column,
    unpack_table,
)
from napari_openhcs.runner.tuning_worker import BoundedCache
from napari_openhcs.testing.runner import PlanBuilder, call, make_plane

Build = Callable[..., PlanBuilder]


@pytest.fixture
def tuning() -> Iterator[TuningProcess]:
    process = TuningProcess(stuck_s=0.5)
    yield process
    process.close()


def answers(tuning: TuningProcess, request: int, seconds: float = 30) -> list[TuningReply]:
    """Wait until a request is done or failed; return its replies."""
    found: list[TuningReply] = []
    deadline = time.monotonic() + seconds
    while not found or found[-1].what not in ("done", "failed"):
        assert time.monotonic() < deadline, found
        found += tuning.poll()
        time.sleep(0.01)
    assert {reply.request for reply in found} == {request}
    return found


def test_steps_are_cached_and_only_what_changed_is_run_again(
    builder: Build, tuning: TuningProcess, tmp_path: Path
) -> None:
    def plan(calls: Path, sigma: float, threshold: float):
        built = PlanBuilder(tmp_path)
        built.step("count", [call("count_call", file=str(calls))])
        built.step("smooth", [call("smooth", sigma=sigma)])
        labels = built.step("objects", [call("find_objects", threshold=threshold)])
        built.step("measure", [call("measure")], source="plate", arrays={"labels": labels.step_id})
        return built.plan(output="")

    calls = tmp_path / "calls"
    first = answers(tuning, tuning.submit(plan(calls, 1.0, 500.0), "A02", "2"))
    assert [(reply.what, reply.step_id, reply.cached) for reply in first] == [
        ("step", "01_count", False),
        ("step", "02_smooth", False),
        ("step", "03_objects", False),
        ("step", "04_measure", False),
        ("done", "", False),
    ]
    array = first[0].array
    assert array is not None
    assert array.shape == (1, 2, 1, 1, 48, 64)
    assert first[0].grid.field == ("2",)
    np.testing.assert_array_equal(array[0, 0, 0, 0], make_plane(1, Coord("2", "1", 1, 1)))
    table = first[3].table
    assert table is not None
    assert list(table)[:3] == ["well", "field", "label"]
    assert set(table["field"]) == {"2"}
    again = answers(tuning, tuning.submit(plan(calls, 1.0, 700.0), "A02", "2"))
    assert [reply.cached for reply in again[:-1]] == [True, True, False, False]
    assert len(calls.read_text().split()) == 2
    np.testing.assert_array_equal(again[1].array, first[1].array)
    other = answers(tuning, tuning.submit(plan(calls, 1.0, 700.0), "A01", "2", "02_smooth"))
    assert [(reply.step_id, reply.cached) for reply in other[:-1]] == [
        ("01_count", False),
        ("02_smooth", False),
    ]


def test_a_failing_step_is_named_and_the_process_stays(
    builder: Build, tuning: TuningProcess
) -> None:
    built = builder()
    built.step("fine", [call("misbehave", how="sleep", corner=9)])
    built.step("fault", [call("misbehave", how="raise", corner=1)])
    failed = answers(tuning, tuning.submit(built.plan(), "A02"))
    assert [reply.what for reply in failed] == ["step", "failed"]
    assert "Step 2 'fault'" in failed[-1].message
    assert failed[-1].step_id == "02_fault"
    assert answers(tuning, tuning.submit(built.plan(), "A01"))[-1].what == "done"


@pytest.mark.parametrize("how", ["exit", "print"])
def test_exits_and_prints_do_no_harm(builder: Build, tuning: TuningProcess, how: str) -> None:
    built = builder(fields=("1",))
    built.step("fault", [call("misbehave", how=how)])
    last = answers(tuning, tuning.submit(built.plan(), "A02"))[-1]
    assert last.what == ("failed" if how == "exit" else "done")


def test_newest_request_wins_even_over_a_function_that_never_returns(
    builder: Build, tuning: TuningProcess
) -> None:
    built = builder()
    built.step("fault", [call("misbehave", how="hang hard", corner=1)])
    plan = built.plan()
    tuning.submit(plan, "A02")
    time.sleep(2.0)
    start = time.monotonic()
    assert answers(tuning, tuning.submit(plan, "A01"))[-1].what == "done"
    assert time.monotonic() - start < 10


def test_time_limit_and_death_are_answered(builder: Build, tuning: TuningProcess) -> None:
    built = builder()
    built.step("fault", [call("misbehave", how="hang", corner=1)], time_limit_s=1.0)
    built.step("more", [call("misbehave", how="kill", corner=2)])
    plan = built.plan()
    assert (
        "longer than its time limit of 1 s"
        in answers(tuning, tuning.submit(plan, "A02"))[-1].message
    )
    died = answers(tuning, tuning.submit(plan, "B01"))[-1]
    assert (died.what, died.step_id) == ("failed", "02_more")
    assert "was killed by signal 9" in died.message
    assert answers(tuning, tuning.submit(plan, "A01"))[-1].what == "done"


def test_no_qt_no_file_and_no_process_is_left(builder: Build, tmp_path: Path) -> None:
    replies: list[TuningReply] = []
    tuning = TuningProcess(replies.append)
    tuning.submit(builder().usual().plan(), "A01", last_step="01_smooth")
    deadline = time.monotonic() + 20
    while (not replies or replies[-1].what != "done") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [reply.what for reply in replies] == ["step", "done"]
    process = tuning._process
    assert process is not None
    maps = {Path(item.path).name.lower() for item in psutil.Process(process.pid).memory_maps()}
    assert not [name for name in maps if "qt" in name and name.endswith(".so")]
    folder = Path(process.args[-2])  # type: ignore[index]
    assert not list(folder.glob("*.npy"))
    tuning.close()
    assert process.poll() is not None
    deadline = time.monotonic() + 5
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()
    assert replies[0].array is not None
    assert replies[0].array.max() > 0
    with pytest.raises(RunError, match="was closed"):
        tuning.start()
    with pytest.raises(RunError, match="Well H12 is not in the plan"):
        TuningProcess().submit(builder().usual().plan(), "H12")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import time\nfrom napari_openhcs.runner.tuning import TuningProcess\n"
        "tuning = TuningProcess(); tuning.start()\n"
        "print(tuning._process.pid, tuning._process.args[-2], flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().decode().split()
        child = psutil.Process(int(pid))
        parent.kill()
    assert psutil.wait_procs([child], timeout=5)[1] == []
    assert not Path(folder).exists()


def test_numbers_that_json_lacks_come_through() -> None:
    table = {
        "ratio": np.array([1.5, np.inf, -np.inf, np.nan, 0.1]),
        "small": np.array([0.1, np.inf, 1e-30], np.float32),
        "area": np.array([1, 2**53 + 1], np.int64),
        "inside": np.array([True, False]),
        "field": np.array(["1", "nan"], dtype=object),
    }
    sent = TuningMessage(
        1,
        ReplyWhat.STEP,
        table={name: pack_column(values) for name, values in table.items()},
        dtypes={name: values.dtype.str for name, values in table.items()},
    )
    message = from_json(to_json(sent), TuningMessage)
    found = unpack_table(message.table, message.dtypes)
    for name, values in table.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_the_cache_is_bounded() -> None:
    class Data:
        nbytes = 40

    cache = BoundedCache(100)
    for key in "ab":
        cache.put(key, Data())  # type: ignore[arg-type]
    assert cache.get("a") is not None
    cache.put("c", Data())  # type: ignore[arg-type]
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.nbytes == 80
    large = Data()
    large.nbytes = 101
    cache.put("d", large)  # type: ignore[arg-type]
    assert cache.get("d") is None
    assert cache.nbytes == 80
