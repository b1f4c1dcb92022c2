"""Physical metadata of a whole plate from the headers of a few of its images.

Opening thousands of files to read their headers would take minutes on a network drive.
A small plate is read completely; of a large one every field of one well, and a few wells
that show how far apart wells are: the stage moves on a regular grid, and whether it does
is checked on a further well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from napari_openhcs.axes import natural_key, well_position
from napari_openhcs.errors import ImageReadError, PlateError
from napari_openhcs.formats.base import PlateDraft, most_common
from napari_openhcs.formats.tiff_metadata import TiffMetadata, read_tiff_metadata
from napari_openhcs.plate import PlaneKey

__all__ = ["HeaderReader", "read_positions", "read_z_step"]

_READ_ALL = 24
"""Fields of a plate up to which every field's own position is read."""

_MOST_FIELDS = 100
_ATTEMPTS = 20
_TOLERANCE = 0.05
"""Part of the distance between wells by which a predicted position may be wrong."""


@dataclass
class HeaderReader:
    """Reads headers of a draft's planes once each; damage and differences are reported."""

    draft: PlateDraft
    _read: dict[str, TiffMetadata | None] = field(default_factory=dict)

    def __call__(self, key: PlaneKey) -> TiffMetadata | None:
        """Return what the header of a plane says; None for a damaged file."""
        return self.path(self.draft.planes[key].path, key.well)

    def path(self, path: str, well: str = "") -> TiffMetadata | None:
        """Return what the header of a file says, `path` relative to the plate."""
        if path not in self._read:
            try:
                self._read[path] = read_tiff_metadata(self.draft.root / path)
            except ImageReadError as error:
                self.draft.report("unreadable", str(error), path, well)
                self._read[path] = None
        return self._read[path]

    def first(self, keys: Iterable[PlaneKey], attempts: int = 3) -> TiffMetadata | None:
        """Return the first header that can be read among a few `keys`."""
        for key, _ in zip(keys, range(attempts), strict=False):
            found = self(key)
            if found is not None:
                return found
        return None

    def settle(self) -> None:
        """Give the draft the usual shape, dtype and pixel size; report what differs.

        Raises
        ------
        PlateError
            Not one of the images looked at can be read.
        """
        known = _usual_first(self._known() or self._known_elsewhere())
        self._agree(known, "shape", "pixels", lambda found: found.shape_yx)
        self._agree(known, "dtype", "type", lambda found: found.dtype)
        self._agree(known, "metadata", "pixel size (y, x) in µm", lambda found: found.pixel_size_um)
        usual = next(iter(known.values()))
        self.draft.shape_yx, self.draft.dtype = usual.shape_yx, usual.dtype
        sizes = [found.pixel_size_um for found in known.values() if found.pixel_size_um]
        if sizes:
            y, x = sizes[0]
            self.draft.pixel_size_um = x
            if abs(y - x) > 1e-3 * x:
                self.draft.report(
                    "metadata",
                    f"Pixels are not square ({y:g} µm high, {x:g} µm wide): the width is used.",
                )
        for path, found in known.items():
            if found.n_pages > 1:
                self.draft.report(
                    "metadata",
                    f"{path} holds {found.n_pages} pages where one was expected: only the first "
                    "is used.",
                    path,
                )

    def _known(self) -> dict[str, TiffMetadata]:
        return {path: found for path, found in self._read.items() if found is not None}

    def _known_elsewhere(self) -> dict[str, TiffMetadata]:
        """Look at images all over the plate: a first well that is damaged is not the end."""
        keys = list(self.draft.planes)
        self.first(keys[:: max(1, len(keys) // _ATTEMPTS)], _ATTEMPTS)
        known = self._known()
        if not known:
            raise PlateError(
                f"None of the {len(self._read)} images looked at in {self.draft.root} can be read, "
                f"for example: {self.draft.problems[-1].message}"
            )
        return known

    def _agree(
        self,
        known: dict[str, TiffMetadata],
        code: str,
        word: str,
        value: Callable[[TiffMetadata], Any],
    ) -> None:
        first, *others = known.items()
        for path, found in others:
            if value(found) != value(first[1]):
                self.draft.report(
                    code,
                    f"{path} has {word} {value(found)} where {first[0]} has {value(first[1])}: "
                    "leave the well out or acquire it again.",
                    path,
                )


def _usual_first(known: dict[str, TiffMetadata]) -> dict[str, TiffMetadata]:
    """Put an image that is like most others first: a single odd one is no measure of the rest."""
    usual = most_common((found.shape_yx, found.dtype) for found in known.values())
    path = next(path for path, found in known.items() if (found.shape_yx, found.dtype) == usual)
    return {path: known[path], **known}


def read_positions(
    read: HeaderReader, planes: Sequence[PlaneKey]
) -> dict[str, tuple[float, float]]:
    """Return stage positions in µm by ``well/field``.

    Parameters
    ----------
    read : HeaderReader
    planes : sequence of PlaneKey
        One plane of every field, sorted by well and field.

    Returns
    -------
    dict
        Read from the headers of every field of a small plate.  On a large one read in one
        well and, as far as the distance between wells proves regular, carried over to
        the others; else only of the fields that were read.
    """
    if len(planes) <= _READ_ALL:
        return _measured(read, planes)
    wells: dict[str, list[PlaneKey]] = {}
    for key in planes:
        wells.setdefault(key.well, []).append(key)
    first = next(iter(wells))
    positions = _measured(read, wells[first][:_MOST_FIELDS])
    origin = positions.get(f"{first}/{wells[first][0].field}")
    if origin is None:
        return positions
    pitch = _pitch(read, wells, first, origin, positions)
    if pitch is None:
        return positions
    row_0, column_0 = well_position(first)
    for well, keys in wells.items():
        row, column = well_position(well)
        dx, dy = (column - column_0) * pitch[0], (row - row_0) * pitch[1]
        for key in keys:
            place = positions.get(f"{first}/{key.field}")
            if place is not None:
                positions.setdefault(f"{well}/{key.field}", (place[0] + dx, place[1] + dy))
    return positions


def _measured(read: HeaderReader, keys: Iterable[PlaneKey]) -> dict[str, tuple[float, float]]:
    positions = {}
    for key in keys:
        found = read(key)
        if found is not None and found.position_um is not None:
            positions[f"{key.well}/{key.field}"] = found.position_um
    return positions


def _pitch(
    read: HeaderReader,
    wells: dict[str, list[PlaneKey]],
    first: str,
    origin: tuple[float, float],
    positions: dict[str, tuple[float, float]],
) -> tuple[float, float] | None:
    """Measure the distance of neighbouring wells in x and y, µm; None when not regular."""
    start = well_position(first)
    same_field = {
        well: key
        for well, keys in wells.items()
        for key in keys
        if key.field == wells[first][0].field
    }
    pitch = [0.0, 0.0]
    for axis, place in ((0, 1), (1, 0)):
        far = max(same_field, key=lambda well: abs(well_position(well)[place] - start[place]))
        steps = well_position(far)[place] - start[place]
        if steps:
            found = _measured(read, [same_field[far]])
            positions.update(found)
            if not found:
                return None
            pitch[axis] = (next(iter(found.values()))[axis] - origin[axis]) / steps
    names = list(same_field)
    for well in (names[len(names) // 2], names[-1]):
        row, column = well_position(well)
        for at in _measured(read, [same_field[well]]).values():
            positions[f"{well}/{same_field[well].field}"] = at
            off_x = abs(at[0] - origin[0] - (column - start[1]) * pitch[0])
            off_y = abs(at[1] - origin[1] - (row - start[0]) * pitch[1])
            if max(off_x, off_y) > _TOLERANCE * max(abs(pitch[0]), abs(pitch[1])):
                read.draft.report(
                    "metadata",
                    f"The stage position of well {well} is {max(off_x, off_y):.0f} µm off the "
                    "grid of the other wells: positions are known only of the wells that were "
                    "looked at.",
                    well=well,
                )
                return None
    return pitch[0], pitch[1]


def read_z_step(read: HeaderReader, planes: Iterable[PlaneKey]) -> float | None:
    """Return the distance of z planes in µm from the heights in the headers.

    Parameters
    ----------
    planes : iterable of PlaneKey
        One field's planes.  Of each channel the lowest and the highest are looked at; a
        channel whose z planes all have the same height (a projection that was stored
        repeatedly) says nothing.
    """
    steps = []
    stacks: dict[str, list[PlaneKey]] = {}
    for key in sorted(planes, key=lambda key: (natural_key(key.channel), key.t, key.z)):
        stacks.setdefault(key.channel, []).append(key)
    for stack in stacks.values():
        low, high = stack[0], stack[-1]
        if high.z == low.z or high.t != low.t:
            continue
        bottom, top = read(low), read(high)
        if bottom is None or top is None or bottom.z_um is None or top.z_um is None:
            continue
        if bottom.z_um != top.z_um:
            steps.append(abs(top.z_um - bottom.z_um) / (high.z - low.z))
    return round(fmean(steps), 3) if steps else None
