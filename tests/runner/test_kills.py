"""Many kills on a full plate."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_openhcs.axes import well_name
from napari_openhcs.runner import start_run
from napari_openhcs.runner.lock import read_lock
from napari_openhcs.testing.runner import PlanBuilder, digest_of

KILLS = 100


def random_worker(lock: Path, chance: random.Random) -> psutil.Process | None:
    owner = read_lock(lock)
    try:
        children = psutil.Process(owner.pid).children(recursive=True) if owner else []
        found = [c for c in children if any("worker-" in file.path for file in c.open_files())]
    except psutil.Error:
        return None
    return chance.choice(found) if found else None


@pytest.mark.long
def test_a_hundred_kills_on_384_wells(builder: Callable[..., PlanBuilder], tmp_path: Path) -> None:
    wells = [well_name(number // 24, number % 24) for number in range(384)]
    built = builder(wells=wells, fields=("1", "2"), channels=("1", "2")).usual()
    size = {"n_rows": 16, "n_columns": 24}
    handle = start_run(built.plan(max_attempts=50, **size))
    chance, kills = random.Random(0), 0
    while handle.status().state == "running":
        victim = random_worker(handle.folder / "lock", chance) if kills < KILLS else None
        if victim is not None and victim.is_running():
            victim.kill()
            kills += 1
        time.sleep(chance.uniform(0.05, 0.15))
    status = handle.wait(60)
    assert (status.state, status.count("done")) == ("done", 384), status.message
    assert kills == KILLS
    assert not list((handle.folder / "staging").iterdir())
    undisturbed = start_run(built.plan(output=str(tmp_path / "other"), **size)).wait(300)
    assert undisturbed.state == "done"
    digests = [digest_of(tmp_path / name / "plate.ome.zarr") for name in ("output", "other")]
    assert digests[0] == digests[1]
    start = time.monotonic()
    again = start_run(built.plan(max_attempts=50, **size), resume=True).wait(60)
    assert {well.attempts for well in again.wells.values()} == {0}
    assert time.monotonic() - start < 2
