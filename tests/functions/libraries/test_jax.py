from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_openhcs import api
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.formats import open_plate
from napari_openhcs.functions.registry import get_functions_by_memory_type
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.runner.executors.processes import _modules
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.libraries import LibraryTests

pytest.importorskip("jax")


class TestJax(LibraryTests):
    library = "jax"
    resampled = 12


def test_there_are_functions_of_every_topic() -> None:
    listed = get_functions_by_memory_type("jax").values()
    assert len(listed) >= 75
    assert {spec.category for spec in listed} >= {
        *("background", "filter", "intensity", "measure", "morphology", "projection"),
        *("restoration", "threshold", "transform"),
    }


PIPELINE = Pipeline(
    [
        FunctionStep(
            ("napari_openhcs.functions.jax_filters.gaussian_blur", {"sigma": 1.5}), name="Smooth"
        ),
        FunctionStep(
            (
                "napari_openhcs.functions.jax_threshold_level.threshold_percentile",
                {"percent": 80.0},
            ),
            name="Nuclei",
        ),
        FunctionStep("napari_openhcs.functions.jax_mask.fill_holes", name="Filled"),
    ],
    name="On JAX arrays",
)


def test_a_script_reads_back_the_same() -> None:
    text = export_script(PIPELINE)
    assert import_script(text) == PIPELINE
    assert export_script(import_script(text)) == text


def test_a_pipeline_of_jax_runs_on_a_plate(tmp_path: Path) -> None:
    sample = write_sample_plate(tmp_path / "plate", wells=2, fields=1, z=1, size=96)
    output = tmp_path / "output"
    status = api.run(PIPELINE, sample.path, output, workers=2, timeout=180)
    assert status.state == "done", status
    results = open_results(output)
    assert results.script == export_script(PIPELINE)
    for well in ("A01", "A02"):
        (source,) = Path(sample.path).rglob(f"*{well}_s1_w1*.TIF")
        smooth = ndimage.gaussian_filter(tifffile.imread(source).astype(float), 1.5).round()
        expected = ndimage.binary_fill_holes(smooth > np.percentile(smooth, 80))
        found = np.asarray(results.labels("filled DAPI", well, "1").levels[0]).squeeze() > 0
        # A value that float32 rounds the other way.
        assert (found != expected).mean() < 0.01


def test_workers_are_forked_before_jax_starts_its_threads(tmp_path: Path) -> None:
    # JAX starts threads when it is imported, and a process that was forked with threads hangs
    # sooner or later: the server that forks the workers must not have it.
    sample = write_sample_plate(tmp_path / "plate", wells=1, fields=1, z=1, size=64)
    preloaded = _modules(compile_pipeline(open_plate(sample.path), PIPELINE))
    assert "napari_openhcs.functions.jax_filters" in preloaded
    code = (
        "import contextlib, importlib, json, os, sys\n"
        f"for name in {preloaded!r}:\n"
        "    with contextlib.suppress(ImportError):\n"
        "        importlib.import_module(name)\n"
        "print(json.dumps([name for name in ('jax', 'torch', 'dm_pix') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
