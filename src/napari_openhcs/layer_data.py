"""What is shown of a well: its raw channels as data for layers, without Qt.

Every layer has scale, units and axis labels (:func:`placing`), or napari would drop the
units of all.  Axes are ``t z y x``; a ``t`` or ``z`` axis of length one is left out.  The
field on which the pipeline is tuned has its corner at (0, 0), also within a mosaic of
fields, so that previews and results lie on it.

A plane that is missing or cannot be read is never a black image: it is hatched, and a
sentence says why (:class:`LayerData` ``problems``, or ``report`` for planes that are read
later).  Results are in :mod:`napari_openhcs.result_layers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from napari_openhcs.errors import ImageReadError
from napari_openhcs.plan import PlannedPlane
from napari_openhcs.plate import Channel, PlaneKey, Plate
from napari_openhcs.storage import LazyStack, PlaneCache, read_plane

__all__ = [
    "COLORS",
    "LayerData",
    "ShownPlanes",
    "colormap_of",
    "contrast_of",
    "corners",
    "hatch",
    "place_of_mosaic",
    "placing",
    "raw_layers",
]

COLORS = ("#5b8cff", "#3ddc84", "#ff5a5a", "#ff6ad5", "#ffd23f", "#40e0ff", "#ffffff")
"""Colours of channels whose metadata has none."""

SPARSEST = 4
"""A mosaic larger than this many times its fields is laid out as a square instead."""

Report = Callable[[str], object]


class ShownPlanes(PlaneCache):
    """The planes read last, and of those that could not be read the sentence that says why.

    Attributes
    ----------
    failures : dict of plane to str
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        super().__init__(max_bytes)
        self.failures: dict[Hashable, str] = {}

    def clear(self) -> None:
        """Forget all planes; damaged ones are tried again."""
        super().clear()
        self.failures.clear()


@dataclass(frozen=True)
class LayerData:
    """One layer to show.

    Attributes
    ----------
    key : str
        Identity from well to well: the layer with the same key is updated in place.
    kind : str
        ``image`` or ``labels``.
    data : array-like or list of levels, or None
        None where nothing of it can be shown; `problems` says why.
    options : mapping
        Keyword arguments of the layer.
    problems : tuple of str
        One sentence each.
    """

    key: str
    kind: str
    data: Any
    options: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    def as_tuple(self) -> tuple[Any, dict[str, Any], str]:
        """Return the layer as napari's readers do: (data, options, kind)."""
        return self.data, dict(self.options), self.kind


def placing(
    axes: Sequence[str], pixel_size_um: float | None, z_step_um: float | None
) -> dict[str, Any]:
    """Return scale, units and axis labels of a layer: µm where known, else pixels.

    Parameters
    ----------
    axes : sequence of str
        Of ``t z y x``.
    pixel_size_um, z_step_um : float or None
    """
    sizes = {"z": z_step_um, "y": pixel_size_um, "x": pixel_size_um}
    known = [sizes.get(axis) for axis in axes]
    return {
        "scale": tuple(size or 1.0 for size in known),
        "units": tuple("micrometer" if size else "pixel" for size in known),
        "axis_labels": tuple(axes),
    }


def contrast_of(plane: np.ndarray) -> tuple[float, float]:
    """Return contrast limits that show a plane well: its 0.1 and 99.9 percentiles."""
    sample = plane[:: max(1, plane.shape[0] // 512), :: max(1, plane.shape[1] // 512)]
    low, high = (float(value) for value in np.percentile(sample, (0.1, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def colormap_of(color: str) -> dict[str, Any]:
    """Return a colormap from black to `color` (``#rrggbb``) in a form layers take."""
    end = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return {"name": color, "colors": [[0.0, 0.0, 0.0, 1.0], [*end, 1.0]]}


def hatch(shape_yx: tuple[int, int], dtype: Any) -> np.ndarray:
    """Return what stands for a (Y, X) plane that is not there: bright diagonal lines."""
    kind = np.dtype(dtype)
    top = np.iinfo(kind).max if kind.kind in "iu" else 1 if kind.kind == "b" else 65535.0
    rows, columns = np.indices(shape_yx, sparse=True)
    lines: np.ndarray = np.where((rows + columns) % 24 < 3, top, 0).astype(kind)
    return lines


class _Placed(NamedTuple):
    """A field's plane, None where it is missing, and its corner in a mosaic, px."""

    plane: PlannedPlane | None
    row: int
    column: int


class _MosaicPlane(NamedTuple):
    """All fields of one plane of a well; `readable` says whether there is anything to read."""

    placed: tuple[_Placed, ...]

    @property
    def readable(self) -> bool:
        return any(item.plane is not None for item in self.placed)


class _Composer:
    """Reads the fields of a plane into one image; damaged ones are hatched and reported."""

    def __init__(
        self, plate: Plate, shape_yx: tuple[int, int], failures: dict[Hashable, str]
    ) -> None:
        self._plate = plate
        self._shape_yx = shape_yx
        self._failures = failures
        self.report: Report | None = None

    def __call__(self, mosaic: _MosaicPlane) -> np.ndarray:
        canvas = np.zeros(self._shape_yx, self._plate.dtype)
        rows, columns = self._plate.shape_yx
        for plane, row, column in mosaic.placed:
            canvas[row : row + rows, column : column + columns] = self._read(plane)
        return canvas

    def _read(self, plane: PlannedPlane | None) -> np.ndarray:
        shape, dtype = self._plate.shape_yx, self._plate.dtype
        if plane is None:
            return hatch(shape, dtype)
        try:
            pixels = read_plane(plane)
            if pixels.shape != shape or pixels.dtype != dtype:
                raise ImageReadError(
                    f"{plane.path} holds {pixels.dtype} {pixels.shape}: expected {dtype} {shape} "
                    "as in the rest of the plate; leave its well out."
                )
        except ImageReadError as error:
            if self.report is not None and plane not in self._failures:
                self.report(str(error))
            self._failures[plane] = str(error)
            return hatch(shape, dtype)
        return pixels


def corners(plate: Plate, well: str, fields: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return (row, column) in px of each field's corner: by stage position, else in a square."""
    rows, columns = plate.shape_yx
    stage = [plate.positions_um.get(f"{well}/{name}") for name in fields]
    if plate.pixel_size_um and all(place is not None for place in stage):
        places = np.array(stage, float) / plate.pixel_size_um
        found = np.rint(places - places.min(axis=0)).astype(int)[:, ::-1]
        height, width = found.max(axis=0) + np.array(plate.shape_yx)
        # Fields far apart would make a picture of mostly nothing.
        if height * width <= SPARSEST * len(fields) * rows * columns:
            return {name: (int(r), int(c)) for name, (r, c) in zip(fields, found, strict=True)}
    side = math.ceil(math.sqrt(len(fields)))
    return {
        name: (number // side * rows, number % side * columns) for number, name in enumerate(fields)
    }


def place_of_mosaic(
    plate: Plate | None, well: str, field: str, position_um: tuple[float, float] | None
) -> tuple[int, int]:
    """Return (row, column) of a mosaic's corner, px, seen from that of `field`, at (0, 0).

    Parameters
    ----------
    plate : Plate or None
        For the position of `field`; (0, 0) where it is not known.
    well, field : str
    position_um : (x, y) or None
        Of the mosaic; see :func:`~napari_openhcs.plate.mosaic_position`.
    """
    own = None if plate is None else plate.positions_um.get(f"{well}/{field}")
    if plate is None or own is None or position_um is None or not plate.pixel_size_um:
        return 0, 0
    right, down = (
        round((a - b) / plate.pixel_size_um) for a, b in zip(position_um, own, strict=True)
    )
    return down, right


def _planned(plate: Plate, key: PlaneKey) -> PlannedPlane | None:
    source = plate.planes.get(key)
    if source is None:
        return None
    return PlannedPlane(
        key.field, key.channel, key.z, key.t,
        str(plate.absolute_path(source)), source.selection, source.backend,
    )  # fmt: skip


class _Well:
    """The fields of a well that are shown, with the planes of each channel.

    All channels have the plate's t and z axes; one that was taken at a single z (a
    projection) or t is shown at all of them.
    """

    def __init__(self, plate: Plate, well: str, fields: tuple[str, ...]) -> None:
        self.plate, self.well, self.fields = plate, well, fields
        self.corners = corners(plate, well, fields) if len(fields) > 1 else {fields[0]: (0, 0)}
        last_row, last_column = np.max(list(self.corners.values()), axis=0)
        self.shape_yx = (int(last_row) + plate.shape_yx[0], int(last_column) + plate.shape_yx[1])
        axes = {"t": plate.t, "z": plate.z}
        self.leading = tuple(name for name, values in axes.items() if len(values) > 1)
        self.grid = tuple(len(axes[name]) for name in self.leading)
        self._absent = {key for key in plate.missing if key.well == well}

    def planes(self, channel: str) -> list[_MosaicPlane]:
        """Return the planes of a channel, z fastest."""
        own = {key for key in self.plate.keys_of(self.well) if key.channel == channel}
        expected = own | {key for key in self._absent if key.channel == channel}
        z, t = {key.z for key in expected}, {key.t for key in expected}
        return [
            _MosaicPlane(
                tuple(
                    _Placed(
                        _planned(
                            self.plate,
                            PlaneKey(self.well, name, channel, _only(z, at_z), _only(t, at_t)),
                        ),
                        *self.corners[name],
                    )
                    for name in self.fields
                )
            )
            for at_t in self.plate.t
            for at_z in self.plate.z
        ]

    def missing(self, channel: Channel) -> str:
        """Say what the plate's files lack of a channel; empty where nothing is missing."""
        absent = [k for k in self._absent if k.channel == channel.id and k.field in self.fields]
        if not absent:
            return ""
        own = {key.field for key in self.plate.keys_of(self.well) if key.channel == channel.id}
        gone = [name for name in self.fields if name not in own]
        if len(gone) == len(self.fields):
            where = "" if len(self.plate.fields_of(self.well)) == 1 else f", field {gone[0]}"
            where = where if len(gone) == 1 else ""
            return (
                f"Well {self.well}{where} has no image of {channel.name}: its files are missing "
                "from the plate's folder."
            )
        names = sorted({key.field for key in absent}, key=self.fields.index)
        word = "field" if len(names) == 1 else "fields"
        return (
            f"Well {self.well} lacks {len(absent)} of its planes of {channel.name} ({word} "
            f"{', '.join(names)}): their files are missing; they are hatched."
        )


def _only(values: set[int], wanted: int) -> int:
    """Return the value of a component where it has one only, else the one that is wanted."""
    return next(iter(values)) if len(values) == 1 else wanted


def raw_layers(
    plate: Plate,
    well: str,
    field: str,
    *,
    mosaic: bool = False,
    shown: Mapping[str, int] | None = None,
    cache: ShownPlanes | None = None,
    contrast: Mapping[str, tuple[float, float]] | None = None,
    report: Report | None = None,
) -> list[LayerData]:
    """Return one layer a channel of a well; reads the plane shown first of each.

    Parameters
    ----------
    plate : Plate
    well, field : str
        The field lies at (0, 0).
    mosaic : bool
        Show all fields of the well, placed by stage position.
    shown : mapping of axis to index, optional
        Where on ``t`` and ``z`` the viewer stands; by default in the middle, as napari opens.
    cache : ShownPlanes, optional
    contrast : mapping of channel id to (low, high), optional
        Limits to use; by default they are taken from the plane read.
    report : callable, optional
        Called with a sentence for each plane that turns out to be unreadable later, in the
        thread that reads it.
    """
    cache = ShownPlanes() if cache is None else cache
    found = _Well(plate, well, plate.fields_of(well) if mosaic else (field,))
    row, column = found.corners[field]
    options = placing((*found.leading, "y", "x"), plate.pixel_size_um, plate.z_step_um)
    size = options["scale"][-1]
    options["translate"] = (*(0.0,) * len(found.leading), -row * size, -column * size)
    place = tuple(
        min((shown or {}).get(axis, length // 2), length - 1)
        for axis, length in zip(found.leading, found.grid, strict=True)
    )
    layers = []
    for number, channel in enumerate(plate.channels):
        own = {
            **options,
            "name": channel.name,
            "colormap": colormap_of(channel.color or COLORS[number % len(COLORS)]),
            "blending": "additive",
            "metadata": {"openhcs": f"raw/{channel.id}", "well": well, "field": field},
        }
        limits = (contrast or {}).get(channel.id)
        layers.append(_raw_layer(found, channel, own, limits, place, field, cache, report))
    return layers


def _raw_layer(
    found: _Well,
    channel: Channel,
    options: Mapping[str, Any],
    limits: tuple[float, float] | None,
    place: tuple[int, ...],
    field: str,
    cache: ShownPlanes,
    report: Report | None,
) -> LayerData:
    """Make the layer of one channel, and read the plane at `place` so that showing is quick."""
    planes = found.planes(channel.id)
    key, missing = f"raw/{channel.id}", found.missing(channel)
    problems = [missing] if missing else []
    if not any(plane.readable for plane in planes):
        return LayerData(key, "image", None, {}, tuple(problems))
    composer = _Composer(found.plate, found.shape_yx, cache.failures)
    stack: LazyStack[Any] = LazyStack(
        planes, found.grid, found.shape_yx, found.plate.dtype, composer, cache=cache
    )
    pixels = stack[place]
    composer.report = report
    here = planes[int(np.ravel_multi_index(place, found.grid)) if place else 0].placed
    problems += [cache.failures[item.plane] for item in here if item.plane in cache.failures]
    sound = [
        number
        for number, item in enumerate(here)
        if item.plane is not None and item.plane not in cache.failures
    ]
    if not sound and len(planes) == 1:
        return LayerData(key, "image", None, {}, tuple(problems))
    if limits is None and sound:
        # Of the tuned field where it can be read; hatched fields say nothing about contrast.
        tuned = found.fields.index(field)
        _, row, column = here[tuned if tuned in sound else sound[0]]
        rows, columns = found.plate.shape_yx
        limits = contrast_of(pixels[row : row + rows, column : column + columns])
    return LayerData(key, "image", stack, {**options, "contrast_limits": limits}, tuple(problems))
