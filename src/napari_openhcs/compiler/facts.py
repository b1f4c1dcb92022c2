"""Facts of the plate that functions take: filled into the plan, or named where they lack.

The one fact there is, :data:`~napari_openhcs.functions.facts.FIELD_POSITIONS`, differs from well
to well only where the stage went another way: wells with equal positions share a layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from napari_openhcs.compiler.draft import Draft, find_spec
from napari_openhcs.compiler.sources import listed
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.declare import declared_shape
from napari_openhcs.functions.facts import FIELD_POSITIONS, PLATE_FACTS, scaled
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.plan import REDUCED, FunctionPlan, Grid, StepPlan
from napari_openhcs.plate import Plate

__all__ = [
    "Corners",
    "chain_shape",
    "fact_values",
    "lacking",
    "needs_positions",
    "on_crop",
    "well_corners",
]

Corners = FrozenMapping[str, tuple[int, int]]
"""Row and column of each field of a well against the first ones, px; empty where unknown."""

STITCH_GRID = "napari_openhcs.functions.stitching.stitch_grid"


def well_corners(plate: Plate, well: str, fields: Iterable[str]) -> Corners:
    """Return where the fields of a well lie; empty unless size of pixels and all places are known.

    Whole px: equal stage movements give equal plans, whatever their last digits.
    """
    places = {name: plate.positions_um.get(f"{well}/{name}") for name in fields}
    size = plate.pixel_size_um
    known = [place for place in places.values() if place is not None]
    if not size or not known or len(known) < len(places):
        return FrozenMapping()
    left, top = (min(place[axis] for place in known) for axis in range(2))
    return FrozenMapping(
        {
            name: (round((place[1] - top) / size), round((place[0] - left) / size))
            for name, place in places.items()
            if place is not None
        }
    )


def needs_positions(pipeline: Pipeline) -> bool:
    """Whether a step takes the positions of fields from the plate."""
    return any(
        item.fact == FIELD_POSITIONS and item.name not in call.parameters
        for step in pipeline
        if step.enabled
        for _, chain in step.chains()
        for call in chain
        if (spec := find_spec(call.function)) is not None
        for item in spec.fact_parameters
    )


def fact_values(
    draft: Draft, spec: FunctionSpec, components: tuple[str, ...], grid: Grid
) -> dict[str, Any]:
    """Return the parameters of a function that the plate gives; those that lack are left out.

    Parameters
    ----------
    draft : Draft
    spec : FunctionSpec
    components : tuple of str
        Over which the stack runs.
    grid : Grid
        Of what the step reads: positions come in the order of its fields.
    """
    known = components == ("field",) and set(grid.field) <= set(draft.corners)
    if not known or not grid.field:
        return {}
    places = [draft.corners[name] for name in grid.field]
    top, left = (min(place[axis] for place in places) for axis in range(2))
    value = tuple((row - top, column - left) for row, column in places)
    return {item.name: value for item in spec.fact_parameters if item.fact == FIELD_POSITIONS}


def lacking(
    draft: Draft, plan: StepPlan, call: FunctionPlan, spec: FunctionSpec
) -> Iterator[tuple[str, str]]:
    """Iterate over (parameter, sentence) of the facts that a call needs and does not have."""
    for item in spec.fact_parameters:
        if item.name in call.parameters:
            continue
        start = f"{call.function} needs {PLATE_FACTS[item.fact]} ('{item.name}'), "
        if plan.variable_components != ("field",):
            yield (
                item.name,
                f"{start}but its stack runs over {listed(plan.variable_components)}: set "
                "variable_components=('field',), or leave it out.",
            )
            continue
        lacks = _lacks(draft, plan)
        yield (
            item.name,
            f"{start}but {lacks}: use {STITCH_GRID}, which takes columns, order and overlap "
            f"instead, or give '{item.name}', a (row, column) in px for each field.",
        )


def _lacks(draft: Draft, plan: StepPlan) -> str:
    """Say what the plate does not tell."""
    plate = draft.plate
    if REDUCED in draft.data(plan.source.dataset).grid.field:
        return "what it reads is one image of all fields already"
    if not plate.positions_um:
        return f"{plate.name} has no stage positions"
    if not plate.pixel_size_um:
        return f"the pixel size of {plate.name} is not known"
    return f"{plate.name} has none for some fields of these wells"


def on_crop(
    call: FunctionPlan, full: tuple[int, int] | None, crop: tuple[int, ...]
) -> FunctionPlan:
    """Return a call as it is tried on a crop: facts in px fit a plate with such small planes."""
    spec = find_spec(call.function)
    facts = {} if spec is None else {item.name: item.fact for item in spec.fact_parameters}
    if full is None or not set(facts) & set(call.parameters):
        return call
    factors = crop[0] / full[0], crop[1] / full[1]
    parameters = {
        name: scaled(facts[name], value, factors) if name in facts else value
        for name, value in call.parameters.items()
    }
    return replace(call, parameters=FrozenMapping(parameters))


def chain_shape(
    chain: Iterable[FunctionPlan], planes: int, shape: tuple[int, int]
) -> tuple[int, int] | None:
    """Return what shape the planes of a chain declare to have; None where none declares any."""
    found: tuple[int, int] | None = None
    for call in chain:
        given = (planes, *(found or shape)) if call.applies_to == "stack" else found or shape
        parameters: Mapping[str, Any] = call.parameters
        found = declared_shape(registry.get_function(call.function), given, parameters) or found
    return found
