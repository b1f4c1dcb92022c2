"""The frozen plate model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from napari_openhcs.axes import PLATE_SIZES, natural_key, well_position
from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import FrozenMapping

__all__ = [
    "BAD_DATA",
    "Channel",
    "PlaneKey",
    "PlaneSource",
    "Plate",
    "PlateProblem",
    "find_missing",
    "first_problems",
    "mosaic_position",
]

BAD_DATA = frozenset({"shape", "dtype", "unreadable"})
"""Codes of problems with which a plane cannot be run."""


class PlaneKey(NamedTuple):
    """Which plane: well name, field and channel ids as written in the files, z and t numbers."""

    well: str
    field: str
    channel: str
    z: int
    t: int


class PlaneSource(NamedTuple):
    """Where a plane lies.

    Attributes
    ----------
    path : str
        Path of the file or array, relative to the plate's root, with ``/``.
    selection : tuple of int
        TIFF: the page, or empty for the first.  Zarr: the leading indices before Y and X.
    backend : str
        Storage backend that reads it: ``disk`` (TIFF, PNG) or ``zarr``.
    """

    path: str
    selection: tuple[int, ...] = ()
    backend: str = "disk"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: `id` as in the files (``1``), `name` for people (``DAPI``), display `color`.

    `color` is ``#rrggbb``; `wavelength_nm` is the emission wavelength; None where unknown.
    """

    id: str
    name: str
    color: str | None = None
    wavelength_nm: float | None = None
    exposure_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PlateProblem:
    """Something wrong with a plate's files, in one sentence, never raised.

    `code` is one of ``missing``, ``unreadable``, ``unknown_file``, ``duplicate``, ``shape``,
    ``dtype``, ``metadata``, ``uneven_fields``; `path` is relative to the plate's root.
    """

    code: str
    message: str
    path: str = ""
    well: str = ""


@dataclass(frozen=True)
class Plate:
    """A frozen index of planes and what is known about them.

    Attributes
    ----------
    root : str
        Absolute path of the plate's folder; never written to.
    name, format : str
        Name for people; key of the format in :mod:`napari_openhcs.formats`.
    channels : tuple of Channel
    planes : FrozenMapping of PlaneKey to PlaneSource
        Only planes that are there.
    shape_yx : tuple of int
        Rows and columns of one plane, px.
    dtype : str
        NumPy name of the pixel type.
    pixel_size_um, z_step_um : float or None
        µm per pixel and between z planes; None where the files do not say.
    positions_um : FrozenMapping of (well, field) joined by "/" to (x, y)
        Stage position of the field in µm, x to the right and y downwards in the image.
    n_rows, n_columns : int
        Size of the physical plate.
    conditions : FrozenMapping of well to FrozenMapping of str
        Plate map, e.g. ``{"B02": {"dose": 3.0}}``.
    problems : tuple of PlateProblem
    """

    root: str
    name: str
    format: str
    channels: tuple[Channel, ...]
    planes: FrozenMapping[PlaneKey, PlaneSource]
    shape_yx: tuple[int, int]
    dtype: str
    n_rows: int
    n_columns: int
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    positions_um: FrozenMapping[str, tuple[float, float]] = field(default_factory=FrozenMapping)
    conditions: FrozenMapping[str, FrozenMapping[str, str | float]] = field(
        default_factory=FrozenMapping
    )
    problems: tuple[PlateProblem, ...] = ()

    @cached_property
    def wells(self) -> tuple[str, ...]:
        """Names of the wells that have planes, row by row."""
        return tuple(sorted({key.well for key in self.planes}, key=well_position))

    @cached_property
    def _keys_by_well(self) -> dict[str, tuple[PlaneKey, ...]]:
        keys: dict[str, list[PlaneKey]] = defaultdict(list)
        for key in self.planes:
            keys[key.well].append(key)
        return {well: tuple(found) for well, found in keys.items()}

    def keys_of(self, well: str) -> tuple[PlaneKey, ...]:
        """Return the planes of a well; empty for a well that has none."""
        return self._keys_by_well.get(well, ())

    def fields_of(self, well: str) -> tuple[str, ...]:
        """Return the ids of the fields of a well in natural order."""
        return self._fields_by_well.get(well, ())

    @cached_property
    def _fields_by_well(self) -> dict[str, tuple[str, ...]]:
        # Most wells have the same fields, which are brought in order once.
        ordered: dict[frozenset[str], tuple[str, ...]] = {}
        found = {}
        for well, keys in self._keys_by_well.items():
            fields = frozenset(key.field for key in keys)
            if fields not in ordered:
                ordered[fields] = tuple(sorted(fields, key=natural_key))
            found[well] = ordered[fields]
        return found

    @cached_property
    def depth(self) -> FrozenMapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """The z and the t numbers that each channel (by id) has anywhere on the plate."""
        z: dict[str, set[int]] = defaultdict(set)
        t: dict[str, set[int]] = defaultdict(set)
        for key in self.planes:
            z[key.channel].add(key.z)
            t[key.channel].add(key.t)
        return FrozenMapping(
            {channel: (tuple(sorted(z[channel])), tuple(sorted(t[channel]))) for channel in z}
        )

    @cached_property
    def z(self) -> tuple[int, ...]:
        """All z numbers of the plate, ascending."""
        return tuple(sorted({key.z for key in self.planes}))

    @cached_property
    def t(self) -> tuple[int, ...]:
        """All t numbers of the plate, ascending."""
        return tuple(sorted({key.t for key in self.planes}))

    @cached_property
    def missing(self) -> tuple[PlaneKey, ...]:
        """Planes that the rest of the plate makes one expect but that are not there."""
        return find_missing(self.planes)

    @cached_property
    def _bad_data(self) -> dict[str, list[PlateProblem]]:
        """Problems of data by the path they are about, else by their well."""
        found: dict[str, list[PlateProblem]] = defaultdict(list)
        for problem in self.problems:
            if problem.code in BAD_DATA:
                found[problem.path or problem.well].append(problem)
        return found

    def bad_data(self, well: str, paths: Iterable[str]) -> list[str]:
        """Return why planes of a well at `paths` (relative to the root) cannot be run."""
        if not self._bad_data:
            return []
        places = dict.fromkeys((well, *paths))
        return [item.message for place in places for item in self._bad_data.get(place, ())]

    def channel(self, id_or_name: str) -> Channel:
        """Return a channel by its id or, failing that, by its name.

        Raises
        ------
        PlateError
            There is no such channel; the message lists those there are.
        """
        for attribute in ("id", "name"):
            for channel in self.channels:
                if getattr(channel, attribute) == id_or_name:
                    return channel
        known = ", ".join(f"{c.id} ({c.name})" for c in self.channels)
        raise PlateError(f"{self.root} has no channel '{id_or_name}': it has {known}.")

    def absolute_path(self, source: PlaneSource) -> Path:
        """Return the absolute path of a plane's file."""
        return Path(self.root, source.path)


def first_problems(problems: Iterable[PlateProblem], most: int = 20) -> Iterator[PlateProblem]:
    """Give the first problems of each code, to be shown, and say how many more there are.

    A folder of thousands of strange files must not drown the problem that matters.
    """
    seen: Counter[str] = Counter()
    for problem in problems:
        seen[problem.code] += 1
        if seen[problem.code] <= most:
            yield problem
    for code, number in seen.items():
        if number > most:
            more = number - most
            what = "is 1 more problem" if more == 1 else f"are {more} more problems"
            yield PlateProblem(code, f"There {what} of the kind '{code}'.")


def smallest_plate(wells: Iterable[str]) -> tuple[int, int]:
    """Return (rows, columns) of the smallest standard plate that holds all `wells`."""
    positions = [well_position(well) for well in wells]
    rows = max((row for row, _ in positions), default=0) + 1
    columns = max((column for _, column in positions), default=0) + 1
    for size in PLATE_SIZES:
        if rows <= size[0] and columns <= size[1]:
            return size
    return PLATE_SIZES[-1]


def mosaic_position(
    positions_um: Mapping[str, tuple[float, float]], well: str, fields: Iterable[str]
) -> tuple[float, float] | None:
    """Return the stage position of a mosaic of fields: the least x and y any of them has, µm.

    None where one of them has no position, or there are no fields.
    """
    places = [positions_um.get(f"{well}/{name}") for name in fields]
    known = [place for place in places if place is not None]
    if not known or len(known) < len(places):
        return None
    return min(x for x, _ in known), min(y for _, y in known)


def find_missing(planes: Mapping[PlaneKey, PlaneSource]) -> tuple[PlaneKey, ...]:
    """Return the planes one would expect but that are not there.

    Every field of a well is expected to have every channel of the plate, each channel with
    the z and t numbers it has anywhere on the plate.
    """
    z_t: dict[str, set[tuple[int, int]]] = defaultdict(set)
    fields: dict[tuple[str, str], None] = {}
    for key in planes:
        z_t[key.channel].add((key.z, key.t))
        fields[key.well, key.field] = None
    return tuple(
        key
        for well, field_id in fields
        for channel in sorted(z_t, key=natural_key)
        for z, t in sorted(z_t[channel])
        if (key := PlaneKey(well, field_id, channel, z, t)) not in planes
    )
