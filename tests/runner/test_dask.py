"""The same wells on a local Dask cluster; needs ``distributed``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_openhcs.runner import start_run
from napari_openhcs.runner.lock import read_lock
from napari_openhcs.testing.runner import PlanBuilder, call, digest_of

pytest.importorskip("distributed", reason="Dask's scheduler is not installed")

Build = Callable[..., PlanBuilder]


def test_same_bytes_as_processes(builder: Build, tmp_path: Path, nothing_left) -> None:
    built = builder().usual()
    status = start_run(built.plan(executor="dask")).wait(90)
    assert status.state == "done", status
    start_run(built.plan(output=str(tmp_path / "other"))).wait(60)
    digests = [digest_of(tmp_path / name / "plate.ome.zarr") for name in ("output", "other")]
    assert digests[0] == digests[1]
    nothing_left(tmp_path / "output")


def test_failed_wells_and_killed_workers(builder: Build, tmp_path: Path) -> None:
    built = builder()
    flag = tmp_path / "flag"
    built.step("kill", [call("misbehave", how="kill", corner=1, flag=str(flag))])
    built.step("raise", [call("misbehave", how="raise", corner=2)])
    status = start_run(built.usual().plan(executor="dask")).wait(120)
    states = {name: well.state.value for name, well in status.wells.items()}
    assert states == {"A01": "done", "A02": "done", "B01": "failed"}
    assert "Step 2 'raise'" in status.wells["B01"].message


def test_loopback_only_and_stop(builder: Build, nothing_left) -> None:
    built = builder()
    built.step("hang", [call("misbehave", how="hang")])
    plan = built.usual().plan(executor="dask")
    handle = start_run(plan)
    deadline = time.monotonic() + 60
    while handle.status().wells["A01"].state != "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    owner = read_lock(handle.folder / "lock")
    assert owner is not None
    supervisor = psutil.Process(owner.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    listening = [
        connection.laddr.ip
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}
    start = time.monotonic()
    assert handle.stop().state == "stopped"
    assert psutil.wait_procs(family, timeout=max(0.1, 6 - (time.monotonic() - start)))[1] == []


def test_scheduler_without_tls_is_refused_and_a_silent_one_named(builder: Build) -> None:
    built = builder(wells=("A01",)).usual()
    for address, text in (
        ("tcp://192.0.2.1:8786", "without TLS"),
        ("tcp://localhost.example.org:8786", "without TLS"),
        ("127.0.0.1.example.org:8786", "without TLS"),
        ("tcp://127.0.0.1:9", "does not answer"),
    ):
        plan = built.plan(executor="dask", scheduler=address)
        status = start_run(plan, overwrite=True).wait(60)
        assert status.state == "failed"
        assert text in status.message
