"""What the steps of one well read and write: planes by place, in memory or spilled to disk."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_openhcs.axes import COMPONENTS, Kind
from napari_openhcs.errors import ImageReadError
from napari_openhcs.plan import (
    REDUCED,
    Coord,
    Grid,
    PlannedPlane,
    ProcessingContext,
    StepPlan,
)
from napari_openhcs.runner.tables import Table
from napari_openhcs.storage import VirtualFileSystem, read_plane

__all__ = [
    "PlateData",
    "StepData",
    "identity_of_planes",
    "matching",
    "narrow_context",
    "places",
]


def places(grid: Grid, components: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Iterate over all combinations of values of some components, first slowest."""
    for values in itertools.product(*(grid.values(component) for component in components)):
        yield dict(zip(components, values, strict=True))


def matching(grid: Grid, coord: Coord) -> Coord:
    """Return the place of `grid` that serves `coord`.

    A component with a single value serves every value.

    Raises
    ------
    LookupError
        The grid has several values of a component, but not this one.
    """
    found = {}
    for component in COMPONENTS:
        values, wanted = grid.values(component), getattr(coord, component)
        if len(values) != 1 and wanted not in values:
            raise LookupError(
                f"{component} {wanted} is not there, only {', '.join(map(str, values))}"
            )
        found[component] = values[0] if len(values) == 1 else wanted
    return Coord(**found)


def narrow_context(context: ProcessingContext, field_id: str) -> ProcessingContext:
    """Return a context in which the well has one field only.

    Where a step works on all fields at once (a stitching, a flat field) they all stay.
    """
    if any(_works_on_fields(step) for step in context.layout.steps):
        return context

    def of(grid: Grid) -> Grid:
        kept = tuple(value for value in grid.field if value in (field_id, REDUCED))
        return replace(grid, field=kept or (field_id,))

    layout = context.layout
    steps = tuple(
        replace(
            step,
            output=replace(step.output, grid=of(step.output.grid)),
            special_outputs=tuple(
                replace(item, grid=of(item.grid)) for item in step.special_outputs
            ),
        )
        for step in layout.steps
    )
    outputs = tuple(
        replace(output, data=replace(output.data, grid=of(output.data.grid)))
        for output in layout.outputs
    )
    return replace(
        context,
        layout=replace(layout, grid=of(layout.grid), steps=steps, outputs=outputs),
        planes=tuple(plane for plane in context.planes if plane.field == field_id),
    )


def _works_on_fields(step: StepPlan) -> bool:
    calls = (call for chain in step.patterns.values() for call in chain)
    return "field" in step.variable_components and any(call.applies_to == "stack" for call in calls)


def identity_of_planes(context: ProcessingContext) -> str:
    """Return the identity of a well's raw planes: their paths, sizes and times of change.

    Empty when one of them is not there.
    """
    digest = hashlib.blake2b(digest_size=16)
    for plane in context.planes:
        try:
            found = os.stat(plane.path)
        except OSError:
            return ""
        digest.update(f"{tuple(plane)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class PlateData:
    """The raw planes of a well, read on demand; those needed again are kept meanwhile.

    Parameters
    ----------
    context : ProcessingContext
    """

    def __init__(self, context: ProcessingContext) -> None:
        self.grid = context.layout.grid
        self._well = context.well
        self._planned = {plane.coord: plane for plane in context.planes}
        self._kept: dict[Coord, np.ndarray] = {}

    def planned(self, coord: Coord) -> PlannedPlane | None:
        """Return which file holds a plane; None where no raw plane has this place."""
        return self._planned.get(coord)

    def nearest(self, coord: Coord) -> PlannedPlane | None:
        """Return a raw plane that a place (perhaps reduced) goes back to, for messages."""
        for plane in self._planned.values():
            if all(
                getattr(coord, name) in (getattr(plane, name), REDUCED) or name in ("z", "t")
                for name in COMPONENTS
            ):
                return plane
        return None

    def read(self, coord: Coord, *, keep: bool = False) -> np.ndarray:
        """Return a (Y, X) plane; with `keep` it stays in memory until :meth:`forget`.

        Raises
        ------
        ImageReadError
            The plane is missing or cannot be read; the sentence names the file.
        """
        if coord in self._kept:
            return self._kept[coord]
        planned = self._planned.get(coord)
        if planned is None:
            raise ImageReadError(
                f"Well {self._well} has no plane for field {coord.field}, channel "
                f"{coord.channel}, z {coord.z}, t {coord.t}: bring the file or leave the well out."
            )
        plane = read_plane(planned)
        if keep:
            self._kept[coord] = plane
        return plane

    def forget(self, coord: Coord) -> None:
        """Free a plane that was kept."""
        self._kept.pop(coord, None)


@dataclass
class StepData:
    """The output of one step for one well: planes or tables by place.

    Parameters
    ----------
    step : StepPlan
    scratch : VirtualFileSystem or None
        Where planes go when the step's backend is not ``memory``.
    specials : dict of name to dict of place to value
        Special outputs; they outlive :meth:`discard`, for later steps and for the results.
    """

    step: StepPlan
    scratch: VirtualFileSystem | None = None
    tables: dict[Coord, Table] = field(default_factory=dict)
    specials: dict[str, dict[Coord, Any]] = field(default_factory=dict)
    _planes: dict[Coord, np.ndarray] = field(default_factory=dict)
    _spilled: dict[Coord, tuple[str, np.dtype[Any]]] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """The places of the output."""
        return self.step.output.grid

    @property
    def is_table(self) -> bool:
        """Whether the step gives tables."""
        return self.step.output.kind is Kind.TABLE

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        columns = (values for table in self.tables.values() for values in table.values())
        return sum(plane.nbytes for plane in self._planes.values()) + sum(
            values.nbytes for values in columns
        )

    def coords(self) -> tuple[Coord, ...]:
        """Return the places that were written, in order of writing."""
        return tuple(self.tables) or (*self._planes, *self._spilled)

    def write(self, coord: Coord, plane: np.ndarray) -> None:
        """Keep a (Y, X) plane."""
        if self.scratch is None or self.step.backend == "memory":
            self._planes[coord] = plane
            return
        path = f"{self.step.step_id}/{len(self._spilled):06d}.tif"
        stored = plane.view(np.uint8) if plane.dtype == np.bool_ else plane
        self.scratch.write(self.step.backend, path, stored)
        self._spilled[coord] = (path, plane.dtype)

    def read(self, coord: Coord) -> np.ndarray:
        """Return a (Y, X) plane.

        Raises
        ------
        KeyError
            The step wrote no such plane.
        """
        if coord not in self._spilled:
            return self._planes[coord]
        path, dtype = self._spilled[coord]
        assert self.scratch is not None
        plane = self.scratch.read(self.step.backend, path)
        return plane.view(np.bool_) if dtype == np.bool_ else plane

    def discard(self) -> None:
        """Free memory and remove what was spilled."""
        self._planes.clear()
        self.tables.clear()
        for path, _ in self._spilled.values():
            assert self.scratch is not None
            self.scratch.delete(self.step.backend, path)
        self._spilled.clear()
