"""Phase 5: devices, memory of a well, workers."""

from __future__ import annotations

import os

import pytest

from napari_openhcs.compiler import compile_pipeline, devices
from napari_openhcs.compiler.devices import WORKER_BYTES, count_workers
from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.pipeline import FunctionStep as Step
from napari_openhcs.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("lab")

GPU = Step("lab.on_gpu", name="On the GPU")
torch = type(MEMORY_TYPES["torch"])


@pytest.fixture
def torch_devices(monkeypatch):
    """Pretend that torch is installed and finds these devices."""

    def pretend(found, available=True):
        monkeypatch.setattr(torch, "is_available", lambda self: available)
        monkeypatch.setattr(torch, "devices", lambda self: found)
        monkeypatch.setattr("napari_openhcs.compiler.memory.infer_outputs", lambda draft: draft)

    return pretend


@pytest.mark.parametrize(
    ("found", "device"), [(("cuda:0", "cpu"), "cuda:0"), (("mps", "cpu"), "mps"), (("cpu",), "cpu")]
)
def test_device(found, device, torch_devices, make_plate):
    torch_devices(found)
    plan = compile_pipeline(make_plate(), Pipeline([Step("lab.smooth"), GPU]))
    assert plan.problems == ()
    first, second = plan.contexts["A01"].layout.steps
    assert (first.device, second.device) == ("cpu", device)
    assert second.patterns[""][0].conversion == "dlpack"


def test_no_device(torch_devices, make_plate):
    torch_devices(())
    plan = compile_pipeline(make_plate(), Pipeline([GPU]))
    (problem,) = plan.problems
    assert (problem.code, problem.step, problem.function) == ("device", 1, "lab.on_gpu")
    assert "another memory type" in problem.message


def _draft(make_draft, size):
    from dataclasses import replace

    return replace(make_draft([Step("lab.smooth")]), memory_per_well_bytes=size)


@pytest.mark.parametrize(
    ("free", "wells", "requested", "workers", "codes"),
    [
        (100, 50, None, 4, []),
        (100, 2, None, 2, []),
        (2.6, 50, None, 2, []),
        (0.1, 50, None, 1, ["memory_well"]),
        (100, 50, 8, 8, []),
        (100, 5, 8, 5, []),
        (2.6, 50, 8, 8, ["memory_workers"]),
    ],
)
def test_workers(free, wells, requested, workers, codes, make_draft, monkeypatch):
    # `free` counts workers that fit: 0.8 of the memory may be used.
    each = 2**30
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(devices, "host_free_memory", lambda: int(free * each / 0.8))
    draft = _draft(make_draft, each - WORKER_BYTES)
    found, problems = count_workers([draft], wells, requested)
    assert found == workers
    assert [item.code for item in problems] == codes
    assert all(item.severity == "warning" for item in problems)


def test_memory_grows_with_the_data(make_plate):
    pipeline = Pipeline([Step("lab.smooth")])
    small = compile_pipeline(make_plate(), pipeline)
    large = compile_pipeline(make_plate(name="large", fields=("1", "2", "3")), pipeline)
    assert large.memory_per_well_bytes > small.memory_per_well_bytes > 0
