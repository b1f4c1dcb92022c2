"""How long compiling takes for a large plate, and again after an edit.

``python benchmarks/compile.py [--wells 384] [--fields 9] [--channels 4]
[--peer-python PYTHON]``.  The plate's index is
complete; only the first well's files exist, since the compiler looks at the pixels of one
well.  The last line is one JSON object, times in seconds:

``first``
    All wells, eight steps, nothing cached but the imports.
``again``
    All wells, nothing changed.
``edited``
    One well after an edit of the fourth step.
``per_well``
    `first` by the number of wells.
``edited_cpu``
    The same, seconds of this process's CPU: what it takes where nothing else runs.
``peer``
    Seconds a well that OpenHCS took.  With ``--peer-python`` (the Python of an environment that
    has it) measured on three wells now; else what was recorded of 0.8.6 on two cores, 0.22 to
    0.29 s, of which the lower counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from itertools import islice, product
from pathlib import Path

import numpy as np
import tifffile

from napari_openhcs import FunctionStep, Pipeline, compile_pipeline
from napari_openhcs.axes import well_name
from napari_openhcs.compiler.trials import CACHE
from napari_openhcs.formats import open_plate
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.sample_data import write_sample_plate

RECORDED_PER_WELL = (0.22, 0.29)
"""Seconds a well that OpenHCS 0.8.6 took in earlier runs on a machine with two cores."""

# Written from its documentation for 0.8.6; where it does not fit an installed version, the
# recorded figure stands and the reason is printed.
PEER = """
import sys, time
from openhcs.config_framework.lazy_factory import ensure_global_config_context
from openhcs.core.config import GlobalPipelineConfig
from openhcs.core.orchestrator.orchestrator import PipelineOrchestrator
from openhcs.core.steps.function_step import FunctionStep
from openhcs.processing.backends.processors.numpy_processor import stack_percentile_normalize

wells = sys.argv[2].split(",")
ensure_global_config_context(GlobalPipelineConfig, GlobalPipelineConfig())
orchestrator = PipelineOrchestrator(sys.argv[1])
orchestrator.initialize()
call = (stack_percentile_normalize, {"low_percentile": 1.0, "high_percentile": 99.0})
steps = [FunctionStep(func=call, name=f"Step {n}") for n in range(8)]
start = time.perf_counter()
orchestrator.compile_pipelines(pipeline_definition=steps, well_filter=wells)
print((time.perf_counter() - start) / len(wells))
"""
NATIVE = "napari_openhcs.functions"
NAMES = ("DAPI", "GFP", "RFP", "Cy5")
SIZE = 1080


def cells(seed: int) -> np.ndarray:
    """Return a plane with round bright spots on noise, uint16."""
    rng = np.random.default_rng(seed)
    image = rng.poisson(200, (SIZE, SIZE)).astype(np.float64)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for y, x in rng.integers(20, SIZE - 20, (60, 2)):
        image += 2000 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 200)
    return image.clip(0, 65535).astype(np.uint16)


def make_plate(folder: Path, n_wells: int, n_fields: int, n_channels: int) -> Plate:
    """Return an index of a plate, and write the files of its first well."""
    wells = list(islice((well_name(*place) for place in product(range(16), range(24))), n_wells))
    image = cells(0)
    planes = {}
    for well, field, channel in product(wells, range(1, n_fields + 1), range(1, n_channels + 1)):
        path = f"plate_{well}_s{field}_w{channel}.tif"
        planes[PlaneKey(well, str(field), str(channel), 0, 0)] = PlaneSource(path)
        if well == wells[0]:
            tifffile.imwrite(folder / path, image)
    return Plate(
        root=str(folder),
        name="benchmark",
        format="imagexpress",
        channels=tuple(
            Channel(str(number), NAMES[number - 1] if number <= 4 else f"C{number}")
            for number in range(1, n_channels + 1)
        ),
        planes=FrozenMapping(planes),
        shape_yx=(SIZE, SIZE),
        dtype="uint16",
        n_rows=16,
        n_columns=24,
        pixel_size_um=0.65,
    )


def make_pipeline(size: float) -> Pipeline:
    """Return eight steps; `size` is a parameter of the fourth."""
    return Pipeline(
        [
            FunctionStep(("scipy.ndimage.median_filter", {"size": 3}), name="Clean"),
            FunctionStep(
                ("skimage.filters.gaussian", {"sigma": 1.0}),
                name="Smooth",
                select={"channel": "DAPI"},
            ),
            FunctionStep(f"{NATIVE}.threshold.threshold_otsu", name="Mask"),
            FunctionStep((f"{NATIVE}.mask.open_mask", {"radius": size}), name="Open"),
            FunctionStep(f"{NATIVE}.mask.fill_holes", name="Fill"),
            FunctionStep(f"{NATIVE}.segmentation.split_touching", name="Nuclei"),
            FunctionStep((f"{NATIVE}.labels.filter_by_area", {"min_area": 20}), name="Keep"),
            FunctionStep(
                f"{NATIVE}.measure.measure_objects",
                name="Measure",
                input_source="plate",
                inputs={"labels": "Keep"},
            ),
        ],
        name="Benchmark",
    )


def timed(plate: Plate, pipeline: Pipeline, wells: list[str] | None = None) -> float:
    """Return the seconds of one compile; a pipeline with problems ends the benchmark."""
    start = time.perf_counter()
    plan: CompiledPlate = compile_pipeline(plate, pipeline, wells=wells)
    seconds = time.perf_counter() - start
    if not plan.ok:
        raise SystemExit("\n".join(problem.message for problem in plan.problems))
    return seconds


def measure_peer(python: str) -> tuple[float, str]:
    """Return seconds a well of OpenHCS, and how they were found.

    Where it cannot be run, the recorded figure stands, with the reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        plate = write_sample_plate(Path(folder, "plate"), wells=3, fields=2, channels=2, size=256)
        command = [python, "-c", PEER, plate.path, ",".join(open_plate(plate.path).wells)]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OPENHCS_CPU_ONLY": "1"}
        )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        return RECORDED_PER_WELL[0], f"recorded, because {python} could not: {reason}"
    return float(done.stdout.split()[-1]), "measured now"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wells", type=int, default=384)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--peer-python", help="Python of an environment that has OpenHCS")
    options = parser.parse_args()
    peer, how = RECORDED_PER_WELL[0], "recorded"
    if options.peer_python:
        peer, how = measure_peer(options.peer_python)
    with tempfile.TemporaryDirectory() as folder:
        plate = make_plate(Path(folder), options.wells, options.fields, options.channels)
        timed(plate, make_pipeline(1.0))
        CACHE.clear()
        first = timed(plate, make_pipeline(1.0))
        again = min(timed(plate, make_pipeline(1.0)) for _ in range(5))
        edited = statistics.median(
            timed(plate, make_pipeline(2.0 + n), [plate.wells[0]]) for n in range(5)
        )
        start = time.process_time()
        for n in range(5):
            timed(plate, make_pipeline(8.0 + n), [plate.wells[0]])
        edited_cpu = (time.process_time() - start) / 5
    result = {
        "wells": options.wells,
        "planes": len(plate.planes),
        "first": round(first, 4),
        "again": round(again, 4),
        "edited": round(edited, 4),
        "per_well": round(first / options.wells, 6),
        "edited_cpu": round(edited_cpu, 4),
        "peer_per_well": round(peer, 4),
        "peer": how,
        "times_faster": round(peer * options.wells / first),
    }
    for name, value in result.items():
        print(f"{name:24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
