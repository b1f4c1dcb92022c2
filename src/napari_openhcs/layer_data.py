"""What is shown of a well: raw channels, results and labels as data for layers, without Qt.

Every layer has scale, units and axis labels, or napari would drop the units of all.  Axes
are ``t z y x``; a ``t`` or ``z`` axis of length one is left out.  The field on which the
pipeline is tuned has its corner at (0, 0), also within a mosaic of fields, so that previews
and results lie on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.plan import PlannedPlane
from napari_openhcs.plate import Channel, PlaneKey, Plate
from napari_openhcs.storage import LazyStack, PlaneCache, read_plane

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.read import LazyImage
    from napari_openhcs.ome_zarr.results import Results

__all__ = ["LayerData", "contrast_of", "raw_layers", "result_layers"]

COLORS = ("#5b8cff", "#3ddc84", "#ff5a5a", "#ff6ad5", "#ffd23f", "#40e0ff", "#ffffff")
"""Colours of channels whose metadata has none."""

LARGEST_SINGLE_LEVEL = 4096
"""Images with more rows or columns than this are shown through their pyramid."""


@dataclass(frozen=True)
class LayerData:
    """One layer to show.

    Attributes
    ----------
    key : str
        Identity from well to well: the layer with the same key is updated in place.
    kind : str
        ``image`` or ``labels``.
    data : array-like or list of levels
    options : mapping
        Keyword arguments of the layer.
    """

    key: str
    kind: str
    data: Any
    options: Mapping[str, Any]
    problems: tuple[str, ...] = field(default=())

    def as_tuple(self) -> tuple[Any, dict[str, Any], str]:
        """Return the layer as napari's readers do: (data, options, kind)."""
        return self.data, dict(self.options), self.kind


class _Placed(NamedTuple):
    """A field's plane and the row and column of its corner in a mosaic, px."""

    plane: PlannedPlane
    row: int
    column: int


class _MosaicPlane(NamedTuple):
    """All fields of one plane of a well."""

    placed: tuple[_Placed, ...]
    shape_yx: tuple[int, int]
    dtype: str


def _compose(mosaic: _MosaicPlane) -> np.ndarray:
    canvas = np.zeros(mosaic.shape_yx, mosaic.dtype)
    for plane, row, column in mosaic.placed:
        pixels = read_plane(plane)
        canvas[row : row + pixels.shape[0], column : column + pixels.shape[1]] = pixels
    return canvas


def contrast_of(plane: np.ndarray) -> tuple[float, float]:
    """Return contrast limits that show a plane well: its 0.1 and 99.9 percentiles."""
    sample = plane[:: max(1, plane.shape[0] // 512), :: max(1, plane.shape[1] // 512)]
    low, high = (float(value) for value in np.percentile(sample, (0.1, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def _corners(plate: Plate, well: str) -> dict[str, tuple[int, int]]:
    """Return (row, column) in px of each field's corner: by stage position, else in a square."""
    fields = plate.fields_of(well)
    rows, columns = plate.shape_yx
    stage = [plate.positions_um.get(f"{well}/{name}") for name in fields]
    if plate.pixel_size_um and all(place is not None for place in stage):
        places = np.array(stage, float) / plate.pixel_size_um
        corners = np.rint(places - places.min(axis=0)).astype(int)[:, ::-1]
        height, width = corners.max(axis=0) + np.array(plate.shape_yx)
        # Fields far apart would make a picture of mostly nothing.
        if height * width <= 4 * len(fields) * rows * columns:
            return {name: (int(r), int(c)) for name, (r, c) in zip(fields, corners, strict=True)}
    side = math.ceil(math.sqrt(len(fields)))
    return {
        name: (number // side * rows, number % side * columns) for number, name in enumerate(fields)
    }


def _planned(plate: Plate, key: PlaneKey) -> PlannedPlane | None:
    source = plate.planes.get(key)
    if source is None:
        return None
    return PlannedPlane(
        key.field, key.channel, key.z, key.t,
        str(plate.absolute_path(source)), source.selection, source.backend,
    )  # fmt: skip


def _axes(grid: tuple[int, int], plate: Plate) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return axis names and scale for a (t, z) grid, lengths of one left out."""
    size = plate.pixel_size_um or 1.0
    named = (("t", grid[0], 1.0), ("z", grid[1], plate.z_step_um or 1.0))
    kept = [(name, scale) for name, length, scale in named if length > 1]
    return (*(name for name, _ in kept), "y", "x"), (*(scale for _, scale in kept), size, size)


def units_of(axes: tuple[str, ...], calibrated: bool) -> tuple[str, ...]:
    """Return the unit of each axis: µm in space where the pixel size is known."""
    return tuple("micrometer" if calibrated and axis != "t" else "pixel" for axis in axes)


def _channel_stack(
    plate: Plate, well: str, channel: Channel, fields: tuple[str, ...], cache: PlaneCache
) -> tuple[LazyStack[Any], tuple[int, int], tuple[str, ...]] | None:
    """Return one channel's stack, its (t, z) grid and what is missing; None where nothing is."""
    keys = [key for key in plate.keys_of(well) if key.channel == channel.id and key.field in fields]
    if not keys:
        return None
    z, t = sorted({key.z for key in keys}), sorted({key.t for key in keys})
    corners = _corners(plate, well) if len(fields) > 1 else {fields[0]: (0, 0)}
    rows, columns = plate.shape_yx
    shape = (
        max(row for row, _ in corners.values()) + rows,
        max(column for _, column in corners.values()) + columns,
    )
    planes: list[Any] = []
    missing: list[str] = []
    for t_value in t:
        for z_value in z:
            placed = []
            for name in fields:
                plane = _planned(plate, PlaneKey(well, name, channel.id, z_value, t_value))
                if plane is None:
                    missing.append(f"field {name}")
                else:
                    placed.append(_Placed(plane, *corners[name]))
            planes.append(_MosaicPlane(tuple(placed), shape, plate.dtype))
    grid = tuple(length for length in (len(t), len(z)) if length > 1)
    stack: LazyStack[Any] = LazyStack(planes, grid, shape, plate.dtype, _compose, cache=cache)
    return stack, (len(t), len(z)), tuple(dict.fromkeys(missing))


def raw_layers(
    plate: Plate,
    well: str,
    field: str,
    *,
    mosaic: bool = False,
    cache: PlaneCache | None = None,
    contrast: Mapping[str, tuple[float, float]] | None = None,
) -> list[LayerData]:
    """Return one layer a channel of a well; reads the plane shown first of each.

    Parameters
    ----------
    plate : Plate
    well, field : str
        The field lies at (0, 0).
    mosaic : bool
        Show all fields of the well, placed by stage position.
    cache : PlaneCache, optional
    contrast : mapping of channel id to (low, high), optional
        Limits to use; by default they are taken from the plane read.
    """
    cache = PlaneCache() if cache is None else cache
    fields = plate.fields_of(well) if mosaic else (field,)
    corner = _corners(plate, well)[field] if len(fields) > 1 else (0, 0)
    layers = []
    for number, channel in enumerate(plate.channels):
        found = _channel_stack(plate, well, channel, fields, cache)
        if found is None:
            continue
        stack, grid, missing = found
        axes, scale = _axes(grid, plate)
        size = scale[-1]
        problems = [f"{well} {channel.name}: no plane of {', '.join(missing)}."] if missing else []
        limits = (contrast or {}).get(channel.id)
        try:
            middle = stack[(0,) * (len(axes) - 2)] if grid[1] == 1 else _middle(stack, grid)
            limits = limits or contrast_of(middle)
        except ImageReadError as error:
            layers.append(LayerData(f"raw/{channel.id}", "image", None, {}, (str(error),)))
            continue
        options = {
            "name": channel.name,
            "scale": scale,
            "units": units_of(axes, plate.pixel_size_um is not None),
            "axis_labels": axes,
            "translate": (*(0.0,) * (len(axes) - 2), -corner[0] * size, -corner[1] * size),
            "colormap": _colormap(channel.color or COLORS[number % len(COLORS)]),
            "blending": "additive" if layers else "translucent_no_depth",
            "contrast_limits": limits,
            "metadata": {"openhcs": f"raw/{channel.id}", "well": well, "field": field},
        }
        layers.append(LayerData(f"raw/{channel.id}", "image", stack, options, tuple(problems)))
    return layers


def _middle(stack: LazyStack[Any], grid: tuple[int, int]) -> np.ndarray:
    place = (0, grid[1] // 2) if grid[0] > 1 else (grid[1] // 2,)
    return stack[place]


def _colormap(color: str) -> Any:
    """Return a colormap from black to `color` in a form napari's layers take."""
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return {
        "name": color,
        "colors": [[0.0, 0.0, 0.0, 1.0], [red, green, blue, 1.0]],
    }


def _squeezed(
    image: LazyImage, level: int, fixed: Mapping[str, int]
) -> tuple[LazyStack[Any], tuple[str, ...], tuple[float, ...]]:
    """Return a level with `fixed` axes taken and ``t`` and ``z`` of length one left out."""
    stack: LazyStack[Any] = image.levels[level]
    axes, scale = list(image.axes), list(image.scales[level])
    for axis in tuple(axes[:-2]):
        position = axes.index(axis)
        if axis in fixed or stack.shape[position] == 1:
            stack = stack.take(position, fixed.get(axis, 0))
            del axes[position], scale[position]
    return stack, tuple(axes), tuple(scale)


def _levels(
    image: LazyImage, fixed: Mapping[str, int]
) -> tuple[Any, tuple[str, ...], tuple[float, ...], bool]:
    """Return (data, axes, scale, multiscale) of an image for napari."""
    first, axes, scale = _squeezed(image, 0, fixed)
    if max(first.shape[-2:]) <= LARGEST_SINGLE_LEVEL:
        return first, axes, scale, False
    return [_squeezed(image, n, fixed)[0] for n in range(len(image.levels))], axes, scale, True


def _result_options(
    image: LazyImage, key: str, name: str, axes: tuple[str, ...], scale: tuple[float, ...]
) -> dict[str, Any]:
    calibrated = image.units[-1] != "pixel"
    return {
        "name": name,
        "scale": scale,
        "units": units_of(axes, calibrated),
        "axis_labels": axes,
        "metadata": {"openhcs": key},
    }


def result_layers(results: Results, well: str, field: str) -> list[LayerData]:
    """Return the images and labels of a finished field; labels carry the rows measured on them.

    Parameters
    ----------
    results : Results
    well, field : str

    Raises
    ------
    StoreError
        The well is not among the results, or its metadata is damaged.
    """
    layers = []
    image = results.image(well, field)
    if results.image_name != "raw":
        for number, channel in enumerate(image.channels):
            data, axes, scale, multiscale = _levels(image, {"c": number})
            title = f"{results.image_name} {channel.name}".strip()
            key = f"result/image/{number}"
            options = {
                **_result_options(image, key, f"Result: {title}", axes, scale),
                "colormap": _colormap(channel.color),
                "contrast_limits": channel.contrast or contrast_of(_first_plane(data)),
                "blending": "additive",
                "visible": False,
                "multiscale": multiscale,
            }
            layers.append(LayerData(key, "image", data, options))
    for name in results.label_names:
        labels = results.labels(name, well, field)
        data, axes, scale, multiscale = _levels(labels, {})
        key = f"result/labels/{name}"
        options = {
            **_result_options(labels, key, f"Result: {name}", axes, scale),
            "opacity": 0.6,
            "features": _features(results, well, field),
            "multiscale": multiscale,
        }
        layers.append(LayerData(key, "labels", data, options))
    return layers


def _first_plane(data: Any) -> np.ndarray:
    stack = data[-1] if isinstance(data, list) else data
    plane: np.ndarray = stack[(0,) * (stack.ndim - 2)]
    return plane


def _features(results: Results, well: str, field: str) -> dict[str, np.ndarray] | None:
    """Return the first table with one row an object, as napari's features."""
    for name in results.table_names:
        try:
            table = results.table_for(name, well, field)
        except StoreError:
            continue  # a whole-well table lies in another field
        if "label" in table.column_names:
            columns = {
                column: table.column(column).to_numpy(zero_copy_only=False)
                for column in table.column_names
                if column not in ("well", "field")
            }
            return {"index": columns["label"], **columns}
    return None
