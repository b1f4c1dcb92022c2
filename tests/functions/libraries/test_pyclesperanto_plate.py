"""A pipeline of pyclesperanto functions from the plate to its results, in worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_openhcs import api
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.formats import open_plate
from napari_openhcs.memory_types import get_memory_type
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.sample_data import write_sample_plate


@pytest.fixture
def cle() -> Any:
    memory_type = get_memory_type("pyclesperanto")
    if not memory_type.is_available():
        pytest.skip(f"pyclesperanto is not installed: {memory_type.install}")
    if not memory_type.devices():
        pytest.skip(memory_type.no_device())
    return memory_type.module


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return Path(write_sample_plate(tmp_path / "plate", wells=2, fields=1, size=128, seed=2).path)


def nuclei() -> Pipeline:
    steps = [
        FunctionStep(
            (
                "pyclesperanto.top_hat",
                {"radius_x": 20.0, "radius_y": 20.0, "radius_z": 0.0, "connectivity": "box"},
            ),
            name="Background",
        ),
        FunctionStep(
            ("pyclesperanto.voronoi_otsu_labeling", {"spot_sigma": 3.0, "outline_sigma": 1.0}),
            name="Nuclei",
            select={"channel": "1"},
            materialize=True,
        ),
        FunctionStep(
            ("pyclesperanto.labels_statistics", {}),
            name="Measure",
            inputs={"intensity": "Background"},
        ),
    ]
    return Pipeline(steps, name="nuclei")


def test_from_plate_to_results(cle: Any, plate: Path, tmp_path: Path) -> None:
    status = api.run(nuclei(), plate, tmp_path / "out", workers=2, timeout=200)
    assert str(status.state) == "done", status
    results = open_results(tmp_path / "out")
    table = results.table("Measure")
    assert set(table.column("well").to_pylist()) == {"A01", "A02"}
    assert (np.asarray(table.column("area")) > 0).all()
    assert (np.asarray(table.column("label")) >= 1).all()


def test_steps_are_planned_for_the_opencl_device(cle: Any, plate: Path, tmp_path: Path) -> None:
    plan = compile_pipeline(open_plate(plate), nuclei(), output=tmp_path / "out")
    assert plan.ok, plan.problems
    context = next(iter(plan.contexts.values()))
    assert {step.device for step in context.layout.steps} == {"opencl:0"}


def test_a_script_comes_back_byte_for_byte() -> None:
    script = export_script(nuclei())
    assert "from pyclesperanto import" in script
    assert export_script(import_script(script)) == script


def test_without_a_device_the_compiler_says_what_to_install(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_type = get_memory_type("pyclesperanto")
    if not memory_type.is_available():
        pytest.skip(f"pyclesperanto is not installed: {memory_type.install}")
    monkeypatch.setattr(type(memory_type), "devices", lambda self: ())
    plan = compile_pipeline(open_plate(plate), nuclei(), output=tmp_path / "out")
    assert not plan.ok
    assert "pocl-opencl-icd" in plan.problems[0].message
