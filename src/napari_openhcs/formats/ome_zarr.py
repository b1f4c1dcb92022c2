"""OME-Zarr plates (OME-NGFF 0.4 and 0.5) as raw plates.

::

    PLATE.zarr/[zarr.json | .zattrs]     rows, columns, wells
    PLATE.zarr/B/03/…                    its images: the fields
    PLATE.zarr/B/03/0/…                  axes, levels, channels
    PLATE.zarr/B/03/0/LEVEL/…            the array; its finest listed level is used

Only the JSON beside the arrays is read, directly: opening a store through a library costs
milliseconds a group, and a plate has thousands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec

from napari_openhcs.axes import parse_well
from napari_openhcs.errors import PlateError
from napari_openhcs.formats.base import (
    PlateDraft,
    PlateFormat,
    build_plate,
    most_common,
)
from napari_openhcs.formats.channels import channel_color
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.storage.base import is_plain, lies_inside

__all__ = ["EXPORT", "OmeZarr"]

_VERSIONS: Final = ("0.4", "0.5")
_UM: Final = {
    "micrometer": 1.0, "micrometre": 1.0, "um": 1.0, "µm": 1.0, "micron": 1.0,
    "nanometer": 1e-3, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6, "angstrom": 1e-4,
}  # fmt: skip
_COLOR: Final = re.compile(r"^#?([0-9a-fA-F]{6})")

_Json = Mapping[str, Any]


@dataclass(frozen=True)
class _Level:
    """An array and how its indices are to be read; sizes in µm."""

    path: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    scale_um: Mapping[str, float]
    translation_um: Mapping[str, float]


@dataclass
class _Store:
    """JSON documents of a plate; equal ones (most are) are decoded once."""

    root: Path
    _decoded: dict[bytes, Any] = field(default_factory=dict)

    def document(self, path: str, name: str) -> _Json | None:
        """Return a JSON object, or None where there is no such file or it is damaged."""
        try:
            raw = (self.root / path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if raw not in self._decoded:
            try:
                self._decoded[raw] = msgspec.json.decode(raw)
            except ValueError:
                self._decoded[raw] = None
        found = self._decoded[raw]
        return found if isinstance(found, dict) else None

    def attributes(self, path: str) -> _Json:
        """Return the OME attributes of a group: of 0.5 if there are any, else of 0.4."""
        document = self.document(path, "zarr.json")
        if document is not None:
            attributes = _dict(document, "attributes")
            return _dict(attributes, "ome") or attributes
        return self.document(path, ".zattrs") or {}

    def array(self, path: str) -> tuple[tuple[int, ...], str] | None:
        """Return shape and dtype of an array, or None where it has no metadata."""
        document = self.document(path, "zarr.json")
        dtype = (document or {}).get("data_type")
        if document is None:
            document = self.document(path, ".zarray") or {}
            dtype = _numpy_name(document.get("dtype"))
        shape = document.get("shape")
        if not isinstance(dtype, str) or not isinstance(shape, list):
            return None
        if not all(isinstance(size, int) and size > 0 for size in shape):
            return None
        return tuple(shape), dtype


class OmeZarr:
    """Format of OME-Zarr plates, read as raw data."""

    name = "ome_zarr"
    title = "OME-Zarr plate (0.4, 0.5)"
    expects = "a folder with zarr.json or .zattrs that describes a 'plate'"

    def recognises(self, path: Path) -> bool:
        """Whether the folder is a plate's group, or one of its wells or images."""
        return _root(path) is not None

    def read(self, path: Path) -> Plate:
        """Index the arrays that the metadata list."""
        root = _root(path)
        if root is None:
            raise PlateError(f"{path} is no OME-Zarr plate: expected {self.expects}.")
        store = _Store(root)
        attributes = store.attributes("")
        plate = attributes["plate"]
        draft = PlateDraft(root, self.name, _name(root))
        version = str(attributes.get("version") or plate.get("version") or "")
        if version[:3] not in _VERSIONS:
            draft.report(
                "metadata",
                f"The plate is of OME-Zarr version '{version}' where 0.4 or 0.5 was expected: it "
                "is read as far as it is alike.",
            )
        levels: dict[tuple[str, str], _Level] = {}
        for well in _list(plate, "wells"):
            _add_well(draft, store, str(well.get("path", "")), levels)
        _add_metadata(draft, store, levels)
        return build_plate(draft)


def _root(path: Path) -> Path | None:
    """Find the plate's group: the folder itself, or up to three above a well or image."""
    for folder in (path, *path.parents[:3]):
        if not ((folder / "zarr.json").is_file() or (folder / ".zattrs").is_file()):
            # Rows of a 0.4 plate have only .zgroup.
            if (folder / ".zgroup").is_file():
                continue
            return None
        if isinstance(_Store(folder).attributes("").get("plate"), dict):
            return folder
    return None


def _name(root: Path) -> str:
    name = root.name
    for ending in (".zarr", ".ome"):
        name = name.removesuffix(ending)
    return name or root.name


def _add_well(
    draft: PlateDraft, store: _Store, path: str, levels: dict[tuple[str, str], _Level]
) -> None:
    try:
        well = parse_well(path.replace("/", ""))
    except PlateError as error:
        draft.report("metadata", f"The plate lists a well at '{path}', left out: {error}", path)
        return
    if not is_plain(path) or not lies_inside(draft.root, draft.root / path):
        draft.report("metadata", f"Well '{path}' leads out of the plate and is left out.", path)
        return
    images = _list(_dict(store.attributes(path), "well"), "images")
    if not images:
        draft.report(
            "missing", f"Well {well} is listed but has no images: leave it out.", path, well
        )
    for image in images:
        name = str(image.get("path", ""))
        place = f"{path}/{name}"
        if not is_plain(name) or not lies_inside(draft.root, draft.root / place):
            draft.report("metadata", f"Image '{place}' leads out of the plate.", path, well)
            continue
        level = _finest_level(draft, store, place, well)
        if level is not None:
            levels[well, name] = level
            _add_planes(draft, well, name, level)


def _finest_level(draft: PlateDraft, store: _Store, place: str, well: str) -> _Level | None:
    """Return the level with the smallest pixels of an image; report one that is not usable."""
    multiscales = _list(store.attributes(place), "multiscales")
    scales = multiscales[0] if multiscales else {}
    # Up to 0.3 an axis was only its name.
    described = [
        axis if isinstance(axis, dict) else {"name": axis} for axis in _sequence(scales, "axes")
    ]
    axes = tuple(str(axis.get("name", "")) for axis in described)
    datasets = _list(scales, "datasets")
    if axes[-2:] != ("y", "x") or not set(axes[:-2]) <= {"t", "c", "z"} or not datasets:
        draft.report(
            "metadata",
            f"Image {place} has axes {axes} and {len(datasets)} level(s): expected axes ending "
            "in y, x and at least one level; it is left out.",
            place,
            well,
        )
        return None
    units = {str(axis.get("name", "")): axis.get("unit") for axis in described}
    best: _Level | None = None
    for dataset in datasets:
        name = str(dataset.get("path", ""))
        found = store.array(f"{place}/{name}") if is_plain(name) else None
        if found is None or len(found[0]) != len(axes):
            draft.report(
                "missing",
                f"Level '{name}' of image {place} is listed but its array is not there or does "
                f"not have {len(axes)} axes: leave well {well} out or copy it again.",
                f"{place}/{name}",
                well,
            )
            continue
        scale, translation = _placement(scales, dataset, axes, units)
        level = _Level(f"{place}/{name}", axes, found[0], found[1], scale, translation)
        if best is None or math.prod(level.shape[-2:]) > math.prod(best.shape[-2:]):
            best = level
    return best


def _placement(
    scales: _Json, dataset: _Json, axes: Sequence[str], units: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return scale and translation in µm of the axes whose unit is a known length."""
    scale = [1.0] * len(axes)
    shift = [0.0] * len(axes)
    for step in (*_list(dataset, "coordinateTransformations"),
                 *_list(scales, "coordinateTransformations")):  # fmt: skip
        factors, offsets = _numbers(step, "scale"), _numbers(step, "translation")
        if len(factors) == len(axes):
            scale = [a * b for a, b in zip(scale, factors, strict=True)]
            shift = [a * b for a, b in zip(shift, factors, strict=True)]
        if len(offsets) == len(axes):
            shift = [a + b for a, b in zip(shift, offsets, strict=True)]
    known = {axis: _UM[str(units.get(axis))] for axis in axes if str(units.get(axis)) in _UM}
    placed = range(len(axes))
    return (
        {axes[i]: scale[i] * known[axes[i]] for i in placed if axes[i] in known and scale[i] > 0},
        {axes[i]: shift[i] * known[axes[i]] for i in placed if axes[i] in known},
    )


def _add_planes(draft: PlateDraft, well: str, name: str, level: _Level) -> None:
    leading = level.axes[:-2]
    for selection in product(*(range(size) for size in level.shape[:-2])):
        at = dict(zip(leading, selection, strict=True))
        key = PlaneKey(well, name, str(at.get("c", 0)), at.get("z", 0), at.get("t", 0))
        draft.add(key, PlaneSource(level.path, selection, "zarr"))


def _add_metadata(
    draft: PlateDraft, store: _Store, levels: Mapping[tuple[str, str], _Level]
) -> None:
    if not levels:
        return
    usual_kind = most_common((level.shape[-2:], level.dtype) for level in levels.values())
    first = next(
        level for level in levels.values() if (level.shape[-2:], level.dtype) == usual_kind
    )
    draft.shape_yx, draft.dtype = (first.shape[-2], first.shape[-1]), first.dtype
    draft.pixel_size_um = first.scale_um.get("x")
    draft.z_step_um = first.scale_um.get("z")
    if draft.pixel_size_um is None:
        draft.report(
            "metadata",
            f"Image {first.path} does not say its pixel size with a unit of length: sizes are in "
            "pixels.",
            first.path,
        )
    for (well, _), level in levels.items():
        for code, found, usual in (
            ("shape", level.shape[-2:], first.shape[-2:]),
            ("dtype", level.dtype, first.dtype),
            ("metadata", level.scale_um, first.scale_um),
        ):
            if found != usual:
                word = "pixel size" if code == "metadata" else code
                draft.report(
                    code,
                    f"{level.path} has {word} {found} where {first.path} has {usual}: leave well "
                    f"{well} out or run it alone.",
                    level.path,
                    well,
                )
    draft.positions_um = _positions(levels)
    draft.channels = _channels(draft, store, levels)


def _positions(levels: Mapping[tuple[str, str], _Level]) -> dict[str, tuple[float, float]]:
    """Return the translations of the images; none where every one of them is zero."""
    positions = {
        f"{well}/{name}": (level.translation_um["x"], level.translation_um["y"])
        for (well, name), level in levels.items()
        if {"x", "y"} <= level.translation_um.keys()
    }
    return positions if any(any(place) for place in positions.values()) else {}


def _channels(
    draft: PlateDraft, store: _Store, levels: Mapping[tuple[str, str], _Level]
) -> tuple[Channel, ...]:
    image = next(iter(levels.values())).path.rpartition("/")[0]
    described = _list(_dict(store.attributes(image), "omero"), "channels")
    channels = []
    for number in sorted({int(key.channel) for key in draft.planes}):
        entry = described[number] if number < len(described) else {}
        name = str(entry.get("label") or f"Channel {number}")
        color = _COLOR.match(str(entry.get("color", "")))
        shown = f"#{color[1].lower()}" if color else channel_color(name, None, number)
        channels.append(Channel(str(number), name, shown))
    return tuple(channels)


def _dict(document: _Json, key: str) -> _Json:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _list(document: _Json, key: str) -> list[Any]:
    return [item for item in _sequence(document, key) if isinstance(item, dict)]


def _sequence(document: _Json, key: str) -> list[Any]:
    found = document.get(key)
    return found if isinstance(found, list) else []


def _numbers(document: _Json, key: str) -> list[float]:
    found = _sequence(document, key)
    plain = all(isinstance(item, int | float) for item in found)
    return [float(item) for item in found] if plain else []


def _numpy_name(dtype: object) -> str | None:
    import numpy as np

    try:
        return np.dtype(str(dtype)).name
    except TypeError:
        return None


EXPORT: PlateFormat = OmeZarr()
