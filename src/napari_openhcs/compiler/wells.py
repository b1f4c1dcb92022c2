"""Which wells are compiled, in which layouts, and what is wrong with their own data."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_openhcs.axes import natural_key, parse_well
from napari_openhcs.compiler.facts import Corners, well_corners
from napari_openhcs.compiler.sources import channel_label, listed, nearest
from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import (
    PLATE,
    Coord,
    Grid,
    PlannedPlane,
    Problem,
    ProcessingContext,
    WellLayout,
)
from napari_openhcs.plate import PlaneKey, Plate
from napari_openhcs.words import counted

__all__ = [
    "Layouts",
    "choose_wells",
    "context_for",
    "plan_layouts",
    "planes_of",
    "read_coords",
]

Depth = FrozenMapping[str, tuple[tuple[int, ...], tuple[int, ...]]]


@dataclass(frozen=True)
class Layouts:
    """The wells of a plate by the grid they have, and by where their fields lie if asked."""

    depth: Depth
    wells: tuple[tuple[Grid, tuple[str, ...], Corners], ...]
    problems: tuple[Problem, ...] = ()


def choose_wells(
    plate: Plate, wells: Iterable[str] | None
) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the wells to compile, in the plate's order, and what is wrong with the choice."""
    if not plate.wells:
        message = f"{plate.root} has no images: choose a folder with the images of a plate."
        return (), [Problem("plate_empty", message)]
    if wells is None:
        return plate.wells, []
    chosen = set()
    problems = []
    for text in wells:
        try:
            well = parse_well(str(text))
        except PlateError as error:
            problems.append(Problem("well_name", str(error), parameter="wells"))
            continue
        if well in plate.wells:
            chosen.add(well)
            continue
        message = (
            f"{plate.name} has no well {well}{nearest(well, plate.wells)}: it has "
            f"{counted(len(plate.wells), 'well')}, {listed(plate.wells, 8)}."
        )
        problems.append(Problem("well_unknown", message, parameter="wells", wells=(well,)))
    if not chosen and not problems:
        message = f"No well of {plate.name} is chosen: choose at least one."
        problems.append(Problem("wells_empty", message, parameter="wells"))
    return tuple(well for well in plate.wells if well in chosen), problems


def plan_layouts(
    plate: Plate,
    wells: Sequence[str],
    fields: Iterable[str | int] | None,
    *,
    by_position: bool = False,
) -> Layouts:
    """Group wells by their fields, and with `by_position` by where those lie.

    Channels, z and t are those of the whole plate.
    """
    depth = plate.depth
    known = [item.id for item in plate.channels if item.id in depth]
    channels = (*known, *sorted((c for c in depth if c not in known), key=natural_key))
    wanted = None if fields is None else {str(item) for item in fields}
    problems: list[Problem] = []
    if wanted is not None:
        problems += _field_problems(plate, wells, wanted)
    alike: dict[tuple[Grid, Corners], list[str]] = defaultdict(list)
    for well in wells:
        kept = [item for item in plate.fields_of(well) if wanted is None or item in wanted]
        places = well_corners(plate, well, kept) if by_position else FrozenMapping[Any, Any]()
        alike[Grid(tuple(kept), channels, plate.z, plate.t), places].append(well)
    # A well without any of the fields has nothing to compile; it takes the first layout.
    full = [key for key in alike if key[0].field]
    if full and len(full) < len(alike):
        for key in [key for key in alike if not key[0].field]:
            alike[full[0]] += alike.pop(key)
    return Layouts(
        depth,
        tuple((grid, tuple(found), at) for (grid, at), found in alike.items() if grid.field),
        tuple(problems),
    )


def _field_problems(plate: Plate, wells: Sequence[str], wanted: set[str]) -> list[Problem]:
    known = sorted({item for well in wells for item in plate.fields_of(well)}, key=natural_key)
    problems = [
        Problem(
            "field_unknown",
            f"{plate.name} has no field '{item}' in the chosen wells: it has {listed(known)}.",
            parameter="fields",
        )
        for item in sorted(wanted - set(known), key=natural_key)
    ]
    if not wanted:
        message = f"No field is chosen: choose at least one of {listed(known)}."
        problems.append(Problem("fields_empty", message, parameter="fields"))
    return problems


def read_coords(layout: WellLayout) -> tuple[Coord, ...]:
    """Return the raw planes a layout reads, in the order of its grid."""
    sources = [
        source
        for step in layout.steps
        for source in (step.source, *(item.source for item in step.arrays))
        if source.dataset == PLATE
    ]
    selects = [source.select for source in sources]
    selects += [output.select for output in layout.outputs if output.dataset == PLATE]
    wanted = {
        tuple(sorted((key, frozenset(kept)) for key, kept in item.items())) for item in selects
    }
    return tuple(
        coord
        for coord in layout.grid.coords()
        if any(all(getattr(coord, key) in kept for key, kept in select) for select in wanted)
    )


def planes_of(
    plate: Plate, well: str, coords: Iterable[Coord]
) -> tuple[tuple[PlannedPlane, ...], list[PlaneKey]]:
    """Return the planes of a well that are there, and the keys of those that are not."""
    planes = []
    missing = []
    for coord in coords:
        key = PlaneKey(well, *coord)
        if key in plate.planes:
            path, selection, backend = plate.planes[key]
            planes.append(PlannedPlane(*coord, os.path.join(plate.root, path), selection, backend))
        else:
            missing.append(key)
    return tuple(planes), missing


def context_for(
    plate: Plate, well: str, layout: WellLayout, coords: Sequence[Coord]
) -> ProcessingContext:
    """Return the plan of one well; what its data lacks is in its problems."""
    planes, missing = planes_of(plate, well, coords)
    problems = []
    if not set(layout.grid.field) & set(plate.fields_of(well)):
        problems.append(
            f"{well} has none of the chosen fields {listed(layout.grid.field)}: it has "
            f"{listed(plate.fields_of(well))}."
        )
    elif missing:
        problems.append(_missing_sentence(plate, well, missing))
    problems += plate.bad_data(
        well, (plate.planes[PlaneKey(well, *plane.coord)].path for plane in planes)
    )
    return ProcessingContext(well, layout, planes, tuple(problems))


def _missing_sentence(plate: Plate, well: str, missing: list[PlaneKey]) -> str:
    several = len(plate.z) > 1 or len(plate.t) > 1
    texts = []
    for key in missing[:3]:
        place = f", z {key.z}, t {key.t}" if several else ""
        path = _expected_path(plate, key)
        found = f" (expected {path})" if path else ""
        channel = channel_label(plate, key.channel)
        texts.append(f"field {key.field}, channel {channel}{place}{found}")
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    planes = "a plane" if len(missing) == 1 else f"{len(missing)} planes"
    return (
        f"{well} lacks {planes} that the pipeline reads: {'; '.join(texts)}{more}: add the "
        "images or leave the well out."
    )


def _expected_path(plate: Plate, missing: PlaneKey) -> str:
    """Return where a missing plane should lie, as other wells tell; empty if they do not.

    Nothing is guessed: the rule (same name but for the well) must give the right name for a
    plane that is there.
    """
    for key in plate.keys_of(missing.well):
        for other in plate.wells:
            twin, donor = key._replace(well=other), missing._replace(well=other)
            if twin in plate.planes and donor in plate.planes:
                here = plate.planes[twin].path.replace(other, missing.well)
                if here == plate.planes[key].path and other != missing.well:
                    return os.path.join(
                        plate.root, plate.planes[donor].path.replace(other, missing.well)
                    )
                break
    return ""
