"""A crash at every call of the publish path: committed is complete, uncommitted is invisible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_openhcs.axes import well_path
from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.write import create_plate
from napari_openhcs.runner import publish
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.prepare import all_stores, write_books
from napari_openhcs.runner.publish import markers_of, publish_well, read_marker
from napari_openhcs.runner.well import WellExecution
from napari_openhcs.testing.runner import PlanBuilder

Build = Callable[..., PlanBuilder]


class Crash(BaseException):
    """Stands for the process being gone: no code of ours may handle it."""


@pytest.fixture
def built(builder: Build) -> PlanBuilder:
    built = builder(wells=("A01",), fields=("1",), channels=("1",)).usual()
    built.keep("01_smooth", "image", "image", store="steps/01_smooth.ome.zarr")
    return built


def attempt(plan: Any, paths: RunPaths) -> None:
    execution = WellExecution(plan, plan.contexts["A01"])
    report = execution.run()
    inputs = publish.identity_of_planes(plan.contexts["A01"])
    publish_well(plan, paths, execution, report, inputs, lambda: 1.0)


def prepared(plan: Any) -> RunPaths:
    paths = RunPaths.of(plan.output)
    paths.logs.mkdir(parents=True)
    write_books(plan, paths, resume=False, overwrite=False)
    for store in all_stores(plan):
        create_plate(paths.output / store, plan, store)
    return paths


def crash_at(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the n-th call that changes the file system, or makes it durable, crash before it acts."""
    calls = [0]

    def guard(function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            calls[0] += 1
            if calls[0] >= number:
                raise Crash
            return function(*args, **options)

        return guarded

    for name in ("rename", "replace", "mkdir", "write"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))
    monkeypatch.setattr(os, "fsync", guard(lambda file: None))  # a test need not wait for disks
    monkeypatch.setattr(Path, "replace", guard(Path.replace))
    monkeypatch.setattr(shutil, "rmtree", guard(shutil.rmtree))
    return calls


def test_a_crash_anywhere(built: PlanBuilder) -> None:
    plan = built.plan()
    paths = prepared(plan)
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls = crash_at(10**6, monkeypatch)
        attempt(plan, paths)
    total = calls[0]
    assert total > 60
    paths.marker("A01").unlink()
    # Writing and flushing files are many calls alike; committing is at the end.
    committed = []
    for number in (*range(1, total - 30, 5), *range(total - 30, total + 1)):
        with pytest.MonkeyPatch.context() as monkeypatch:
            crash_at(number, monkeypatch)
            with pytest.raises(Crash):
                attempt(plan, paths)
        if read_marker(plan, paths, "A01") is None:
            assert markers_of(plan, paths) == {}
            continue
        committed.append(number)
        for store in all_stores(plan):
            assert (paths.output / store / well_path("A01") / "zarr.json").exists()
        paths.marker("A01").unlink()
    assert committed  # crashes after the marker was written
    assert min(committed) > total - 10
    publish.clean_staging(paths)
    assert not list(paths.staging.iterdir())
    attempt(plan, paths)
    assert read_marker(plan, paths, "A01") is not None


def test_what_differs_from_the_manifest_is_not_published(
    built: PlanBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = built.plan()
    paths = prepared(plan)
    flush = publish.flush

    def flip(folder: Path, manifest: Any) -> None:
        flush(folder, manifest)
        chunk = max((folder / name for name in manifest), key=lambda path: path.stat().st_size)
        data = bytearray(chunk.read_bytes())
        data[len(data) // 2] ^= 1
        chunk.write_bytes(data)

    monkeypatch.setattr(publish, "flush", flip)
    with pytest.raises(StoreError, match="is not what was written"):
        attempt(plan, paths)
    assert read_marker(plan, paths, "A01") is None
    assert not (paths.output / "plate.ome.zarr" / well_path("A01")).exists()
    assert not list(paths.staging.iterdir())


def test_the_same_well_gives_the_same_digest(built: PlanBuilder) -> None:
    plan = built.plan()
    paths = prepared(plan)
    attempt(plan, paths)
    first = read_marker(plan, paths, "A01")
    assert first is not None
    assert first.planes == 1
    assert set(first.steps) == {"01_smooth", "02_objects", "03_measure"}
    assert set(first.manifests) == {"plate.ome.zarr", "steps/01_smooth.ome.zarr"}


def test_a_removed_output_is_not_made_again(built: PlanBuilder) -> None:
    plan = built.plan()
    paths = prepared(plan)
    shutil.rmtree(paths.output / "plate.ome.zarr")
    with pytest.raises(StoreError, match=r"plate\.ome\.zarr is gone"):
        attempt(plan, paths)
    assert not (paths.output / "plate.ome.zarr").exists()
