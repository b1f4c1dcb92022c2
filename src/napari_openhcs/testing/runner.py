"""A tiny plate on disk and plans for it, made without the compiler.

:class:`PlanBuilder` is enough to run every part of the runner; the numbers of its planes tell
well, field, channel and z apart, so that a mix-up shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import (
    PLATE,
    REDUCED,
    ArrayInput,
    CompiledPlate,
    Coord,
    DataPlan,
    FunctionPlan,
    Grid,
    OutputPlan,
    PlannedPlane,
    ProcessingContext,
    SourcePlan,
    StepPlan,
    StorePlan,
    WellLayout,
)
from napari_openhcs.plate import Channel
from napari_openhcs.testing import faults

__all__ = ["PlanBuilder", "call", "digest_of", "make_plane", "write_plate"]

SHAPE = (48, 64)


def make_plane(well: int, coord: Coord) -> np.ndarray:
    """Return a (48, 64) uint16 plane: noise, a few bright squares, the well's number first."""
    seed = [well, int(coord.field), int(coord.channel), coord.z, coord.t]
    plane = np.random.default_rng(seed).integers(100, 200, SHAPE, dtype=np.uint16)
    for number in range(3):
        row, column = 6 + 14 * number, 8 + (7 * well + 13 * number) % 40
        plane[row : row + 6, column : column + 6] += 2000 + 100 * number
    plane[0, 0] = well
    return plane


def write_plate(folder: Path, wells: Sequence[str], grid: Grid) -> dict[str, list[PlannedPlane]]:
    """Write one TIFF file a plane; wells are numbered from 0."""
    folder.mkdir(parents=True, exist_ok=True)
    planes: dict[str, list[PlannedPlane]] = {}
    for number, well in enumerate(wells):
        for coord in grid.coords():
            path = folder / f"{well}_s{coord.field}_w{coord.channel}_z{coord.z}_t{coord.t}.tif"
            if not path.exists():
                tifffile.imwrite(path, make_plane(number, coord))
            planes.setdefault(well, []).append(PlannedPlane(*coord, str(path), (), "disk"))
    return planes


def call(name: str, **parameters: Any) -> FunctionPlan:
    """Plan a call of a function of :mod:`napari_openhcs.testing.faults`."""
    spec = next(item for item in faults.SPECS if item.id.endswith(f".{name}"))
    return FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping(parameters),
        memory_type_in="numpy",
        memory_type_out="numpy",
        contract=spec.contract,
        applies_to="stack" if spec.contract is Contract.REDUCE else "plane",
        output_kind=spec.output_kind,
        array_parameters=tuple(item.name for item in spec.array_parameters),
        shared_columns=spec.shared_columns,
    )


@dataclass
class PlanBuilder:
    """Builds plans step by step.

    Parameters
    ----------
    folder : Path
        Holds ``plate`` and ``output``.
    wells, fields, channels, z : sequences
        What the plate has.
    """

    folder: Path
    wells: Sequence[str] = ("A01", "A02", "B01")
    fields: Sequence[str] = ("1", "2")
    channels: Sequence[str] = ("1", "2")
    z: Sequence[int] = (1,)

    def __post_init__(self) -> None:
        self.grid = Grid(tuple(self.fields), tuple(self.channels), tuple(self.z), (1,))
        self.planes = write_plate(self.folder / "plate", self.wells, self.grid)
        self.steps: list[StepPlan] = []
        self.outputs: list[OutputPlan] = []

    def step(
        self,
        name: str,
        chain: Sequence[FunctionPlan] | Mapping[str, Sequence[FunctionPlan]],
        *,
        source: str | None = None,
        select: Mapping[str, tuple[str | int, ...]] | None = None,
        arrays: Mapping[str, str] | None = None,
        variable: tuple[str, ...] = ("field",),
        dropped: tuple[str, ...] = (),
        **options: Any,
    ) -> StepPlan:
        """Add a step that reads the one before (or `source`); returns it.

        A mapping `chain` has channel ids as keys.
        """
        patterns = chain if isinstance(chain, Mapping) else {"": chain}
        last = next(iter(patterns.values()))[-1]
        before = self.steps[-1].step_id if self.steps else PLATE
        origin = SourcePlan(before if source is None else source, FrozenMapping(select or {}))
        data = self._data(origin.dataset, select or {})
        grid = replace(data.grid, channel=tuple(c for c in data.grid.channel if c not in dropped))
        if last.contract is Contract.REDUCE:
            reduced: dict[str, Any] = {
                "field": (REDUCED,),
                "channel": (REDUCED,),
                "z": (0,),
                "t": (0,),
            }
            grid = replace(grid, **{name: reduced[name] for name in variable})
        if last.output_kind is Kind.TABLE:
            grid = replace(grid, channel=(REDUCED,))
        number = len(self.steps) + 1
        dtypes = {Kind.LABELS: "int32", Kind.MASK: "bool", Kind.TABLE: None}
        step = StepPlan(
            step_id=f"{number:02d}_{name}",
            index=number - 1,
            name=name,
            source=origin,
            variable_components=variable,
            group_by="channel" if isinstance(chain, Mapping) else None,
            patterns=FrozenMapping({key: tuple(item) for key, item in patterns.items()}),
            dropped=dropped,
            arrays=tuple(
                ArrayInput(key, SourcePlan(value)) for key, value in (arrays or {}).items()
            ),
            output=DataPlan(
                last.output_kind,
                grid,
                None if last.output_kind is Kind.TABLE else SHAPE,
                dtypes.get(last.output_kind, "uint16"),
            ),
            dtype_policy="preserve",
            memory_type_in="numpy",
            memory_type_out="numpy",
            **{"key": self._key(origin.dataset, arrays, patterns), **options},
        )
        self.steps.append(step)
        return step

    def _key(self, dataset: str, arrays: Mapping[str, str] | None, patterns: object) -> str:
        keys = {step.step_id: step.key for step in self.steps}
        read = [keys.get(name, name) for name in (dataset, *(arrays or {}).values())]
        return hashlib.sha256(f"{read} {patterns}".encode()).hexdigest()

    def _data(self, dataset: str, select: Mapping[str, tuple[str | int, ...]]) -> DataPlan:
        known = {step.step_id: step.output for step in self.steps}
        data = known.get(dataset, DataPlan(Kind.IMAGE, self.grid, SHAPE, "uint16"))
        kept = {
            name: tuple(value for value in data.grid.values(name) if value in values)
            for name, values in select.items()
        }
        return replace(data, grid=replace(data.grid, **kept))

    def keep(self, dataset: str, role: str, name: str = "", store: str = "plate.ome.zarr") -> None:
        """Keep a step's output (or the raw plate's planes)."""
        data = self._data(dataset, {})
        layout = StorePlan(chunks_yx=SHAPE, n_levels=2)
        output = OutputPlan(name or dataset, dataset, store, role, data, layout)
        self.outputs.append(output)

    def usual(self) -> PlanBuilder:
        """Add smooth → find objects in channel 1 → measure all channels, all kept."""
        smooth = self.step("smooth", [call("smooth")])
        objects = self.step("objects", [call("find_objects")], select={"channel": ("1",)})
        table = self.step(
            "measure", [call("measure")], source=PLATE, arrays={"labels": objects.step_id}
        )
        self.keep(smooth.step_id, "image", "image")
        self.keep(objects.step_id, "labels", "objects")
        self.keep(table.step_id, "table", "objects")
        return self

    def plan(self, **changes: Any) -> CompiledPlate:
        """Return the plan."""
        layout = WellLayout(self.grid, tuple(self.steps), tuple(self.outputs))
        contexts = {
            well: ProcessingContext(well, layout, tuple(self.planes[well])) for well in self.wells
        }
        values: dict[str, Any] = {
            "plate_root": str(self.folder / "plate"),
            "plate_name": "plate",
            "plate_format": "test",
            "channels": tuple(Channel(c, f"dye {c}", "#00ff00") for c in self.channels),
            "n_rows": 8,
            "n_columns": 12,
            "pixel_size_um": 0.5,
            "z_step_um": 2.0,
            "positions_um": FrozenMapping(),
            "conditions": FrozenMapping(),
            "contexts": FrozenMapping(contexts),
            "output": str(self.folder / "output"),
            "plate_store": "plate.ome.zarr",
            "ome_version": "0.5",
            "pipeline_name": "test",
            "script": "# the script\n",
            "key": f"key {[step.key for step in self.steps]}",
            "workers": 2,
            "executor": "processes",
            "scheduler": None,
            "memory_per_well_bytes": 2**20,
            "stop_after_failures": 0,
            "max_attempts": 3,
        }
        return CompiledPlate(**{**values, **changes})


def digest_of(store: Path) -> dict[str, bytes]:
    """Return the content of all files of a store but for what tells times and versions."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name not in ("zarr.json", ".zattrs")
    }
