"""Arithmetic of grids: reducing, dropping and broadcasting."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from napari_openhcs.axes import COMPONENTS
from napari_openhcs.plan import REDUCED, Coord, Grid

__all__ = ["coord_in", "drop", "fits", "reduced", "stack_of", "stack_size"]


def reduced(grid: Grid, components: Collection[str]) -> Grid:
    """Return the grid after a reduction over `components`."""
    changes: dict[str, Any] = {
        component: ((REDUCED,) if component in ("field", "channel") else (0,))
        for component in components
    }
    return replace(grid, **changes)


def drop(grid: Grid, component: str, values: Collection[str]) -> Grid:
    """Leave out values (compared as text) of a component."""
    kept = tuple(value for value in grid.values(component) if str(value) not in values)
    changes: dict[str, Any] = {component: kept}
    return replace(grid, **changes)


def stack_size(grid: Grid, components: Collection[str]) -> int:
    """Return how many planes a stack over `components` has."""
    size = 1
    for component in components:
        size *= len(grid.values(component))
    return size


def stack_of(grid: Grid, components: Collection[str], at: Coord) -> Iterator[Coord]:
    """Iterate over the planes of the stack at `at`, in the order of the grid."""
    axes = [
        grid.values(component) if component in components else (getattr(at, component),)
        for component in COMPONENTS
    ]
    return (Coord(*values) for values in product(*axes))


def fits(wired: Grid, grid: Grid) -> str | None:
    """Return the first component in which `wired` cannot serve `grid`, or None.

    A component with a single value serves every value; otherwise all of the grid's values
    must be there.
    """
    for component in COMPONENTS:
        values = wired.values(component)
        if len(values) != 1 and not set(grid.values(component)) <= set(values):
            return component
    return None


def coord_in(grid: Grid, at: Coord) -> Coord:
    """Return the plane of `grid` that serves the place `at`: single values serve all."""
    parts = [
        values[0] if len(values := grid.values(component)) == 1 else getattr(at, component)
        for component in COMPONENTS
    ]
    return Coord(*parts)
