"""A small compiled plate with known pixels, for tests of what reads or writes results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_openhcs.axes import Contract, Kind, well_path
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr.files import Manifest, flush, verify
from napari_openhcs.ome_zarr.pyramid import plan_layout
from napari_openhcs.ome_zarr.write import create_plate, update_plate, write_well
from napari_openhcs.plan import (
    PLATE,
    ArrayInput,
    CompiledPlate,
    Coord,
    DataPlan,
    FunctionPlan,
    Grid,
    OutputPlan,
    ProcessingContext,
    SourcePlan,
    StepPlan,
    WellLayout,
)
from napari_openhcs.plate import Channel

__all__ = ["ExamplePixels", "example_plan", "publish", "write_example"]

STORE = "example.ome.zarr"
SEGMENT = "02_nuclei"


def _step(index: int, name: str, kind: Kind, data: DataPlan, **sources: str) -> StepPlan:
    call = FunctionPlan(
        "example.function", FrozenMapping(), "numpy", "numpy", Contract.PLANE, "plane", kind
    )
    return StepPlan(
        step_id=f"{index + 1:02d}_{name.lower()}",
        index=index,
        name=name,
        source=SourcePlan(sources.pop("source", PLATE)),
        variable_components=("field",),
        group_by=None,
        patterns=FrozenMapping({"": (call,)}),
        dropped=(),
        arrays=tuple(ArrayInput(key, SourcePlan(item)) for key, item in sources.items()),
        output=data,
        dtype_policy="preserve",
        memory_type_in="numpy",
        memory_type_out="numpy",
    )


def example_plan(
    output: str | Path = "/output",
    *,
    wells: Sequence[str] = ("A01", "B02"),
    grid: Grid | None = None,
    shape_yx: tuple[int, int] = (300, 401),
    dtype: str = "uint16",
    label_kind: Kind = Kind.LABELS,
    ome_version: str = "0.5",
    compressor: str = "lz4",
) -> CompiledPlate:
    """Return a plan of three steps — smooth, segment, measure — that writes one plate.

    By default 2 wells × 2 fields × 2 channels × 2 z; labels are those of the first channel.
    """
    full = grid or Grid(("1", "2"), ("1", "2"), (1, 2), (1,))
    first = replace(full, channel=full.channel[:1])
    layout = plan_layout(shape_yx, compressor)
    image = DataPlan(Kind.IMAGE, full, shape_yx, dtype)
    labels = DataPlan(label_kind, first, shape_yx, "bool" if label_kind is Kind.MASK else "int32")
    table = DataPlan(Kind.TABLE, first, columns=("label", "area"))
    steps = (
        _step(0, "Smooth", Kind.IMAGE, image),
        _step(1, "Nuclei", label_kind, labels, source="01_smooth"),
        _step(2, "Measure", Kind.TABLE, table, source=PLATE, labels=SEGMENT),
    )
    outputs = (
        OutputPlan("image", "01_smooth", STORE, "image", image, layout),
        OutputPlan("Nuclei", SEGMENT, STORE, "labels", labels, layout),
        OutputPlan("Measure", "03_measure", STORE, "table", table, layout),
    )
    well_layout = WellLayout(full, steps, outputs)
    return CompiledPlate(
        plate_root="/data/example",
        plate_name="example",
        plate_format="imagexpress",
        channels=(Channel("1", "DAPI", "#0000ff"), Channel("2", "GFP", "#00ff00")),
        n_rows=2,
        n_columns=3,
        pixel_size_um=0.5,
        z_step_um=2.0,
        positions_um=FrozenMapping({"A01/1": (0.0, 0.0), "A01/2": (200.5, 0.0)}),
        conditions=FrozenMapping(
            {well: FrozenMapping({"dose": float(i)}) for i, well in enumerate(wells)}
        ),
        contexts=FrozenMapping({well: ProcessingContext(well, well_layout, ()) for well in wells}),
        output=str(output),
        plate_store=STORE,
        ome_version=ome_version,
        pipeline_name="example",
        script="# the pipeline as a script\n",
        key="0123456789abcdef",
        workers=1,
        executor="threads",
        scheduler=None,
        memory_per_well_bytes=0,
        stop_after_failures=3,
        max_attempts=3,
    )


@dataclass(frozen=True)
class ExamplePixels:
    """Known pixels and rows of one well: what they are depends only on where they are."""

    well: str

    def array(self, output: OutputPlan, coord: Coord) -> np.ndarray:
        """Return a (Y, X) plane of an output."""
        shape = output.data.shape_yx or (1, 1)
        dtype = np.dtype(output.data.dtype or "uint8")
        place = (self.well, output.name, *coord)
        generator = np.random.default_rng(list("/".join(map(str, place)).encode()))
        if output.role == "labels":
            rows, columns = np.indices(shape) // 50
            blocks = (rows * (shape[1] // 50 + 1) + columns) * (generator.random(shape) < 0.9)
            return np.asarray(blocks, dtype)
        if dtype.kind == "f":
            return generator.normal(100, 10, shape).astype(dtype)
        return generator.integers(0, 200, shape).astype(dtype)

    def table(self, output: OutputPlan, field: str) -> dict[str, np.ndarray]:
        """Return the rows of one field: three objects, the area being the label times 10."""
        label = np.arange(1, 4, dtype=np.int32)
        return {"area": label * 10.0, "label": label}


def publish(plan: CompiledPlate, well: str, store: str = STORE) -> Manifest:
    """Write a well aside, verify it and rename it into its place; the plate is not updated."""
    pixels = ExamplePixels(well)
    staging = Path(plan.output, ".openhcs", "staging", well)
    manifest = write_well(
        staging,
        plan,
        plan.contexts[well],
        store,
        pixels.array,
        pixels.table,
        provenance={"seconds": 1.5},
    )
    flush(staging, manifest)
    verify(staging, manifest)
    target = Path(plan.output, store, well_path(well))
    target.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(target)
    return manifest


def write_example(plan: CompiledPlate) -> Path:
    """Write all wells of a plan; returns the plate's folder."""
    folder = Path(plan.output, plan.plate_store)
    create_plate(folder, plan, plan.plate_store)
    for well in plan.contexts:
        publish(plan, well)
    update_plate(folder, plan, plan.plate_store, tuple(plan.contexts))
    return folder
