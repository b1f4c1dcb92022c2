"""What a run left of a field, as data for layers, without Qt.

Pixels are read when they are looked at; damaged ones are reported in one sentence and shown
hatched (images) or left out (labels).  Labels carry the rows measured on them as features,
which napari's features table and status line show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.layer_data import (
    LayerData,
    Report,
    ShownPlanes,
    colormap_of,
    contrast_of,
    corners,
    hatch,
)
from napari_openhcs.storage import LazyStack

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.read import ImageChannel, LazyImage
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.plate import Plate

__all__ = ["LABELS", "OTHER_FIELDS", "other_field_layers", "result_layers"]

LABELS = "result/labels/"
"""Beginning of the keys of label layers."""

OTHER_FIELDS = "result/other fields/"
"""Beginning of the keys of layers with the labels of a well's other fields."""

LARGEST_SINGLE_LEVEL = 4096
"""Images with more rows or columns than this are shown through their pyramid."""

Reader = Callable[[Any], np.ndarray]


class _Levels:
    """An image's levels with some axes taken, guarded against damaged pixels."""

    def __init__(
        self, image: LazyImage, fixed: Mapping[str, int], cache: ShownPlanes, fill_labels: bool
    ) -> None:
        self._failures = cache.failures
        self._fill_labels = fill_labels
        self.report: Report | None = None
        shape = image.levels[0].shape
        kept = [
            (axis, position)
            for position, axis in enumerate(image.axes)
            if axis in "yx" or (axis not in fixed and shape[position] > 1)
        ]
        self.axes = tuple(axis for axis, _ in kept)
        self.scale = tuple(image.scale[position] for _, position in kept)
        # Time is not calibrated on raw layers either; units must agree or napari drops them.
        self.units = tuple("pixel" if axis == "t" else image.units[n] for axis, n in kept)
        large = max(shape[-2:]) > LARGEST_SINGLE_LEVEL
        levels = image.levels if large else image.levels[:1]
        self.stacks = [
            _taken(level, image.axes, self.axes, fixed).read_through(self._guard, cache)
            for level in levels
        ]

    @property
    def multiscale(self) -> bool:
        return len(self.stacks) > 1

    @property
    def data(self) -> Any:
        """What a layer takes: one stack, or all levels."""
        return self.stacks if self.multiscale else self.stacks[0]

    def first_plane(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the coarsest level's plane in the middle, and what was damaged in it."""
        stack = self.stacks[-1]
        grid = stack.shape[:-2]
        place = tuple(length // 2 for length in grid)
        pixels = stack[place]
        key = stack.planes[int(np.ravel_multi_index(place, grid)) if grid else 0]
        return pixels, (self._failures[key],) if key in self._failures else ()

    def _guard(self, read: Reader, shape_yx: tuple[int, int], dtype: Any) -> Reader:
        def guarded(plane: Any) -> np.ndarray:
            try:
                return read(plane)
            except (ImageReadError, StoreError) as error:
                if self.report is not None and plane not in self._failures:
                    self.report(str(error))
                self._failures[plane] = str(error)
            return np.zeros(shape_yx, dtype) if self._fill_labels else hatch(shape_yx, dtype)

        return guarded


def _taken(
    stack: LazyStack[Any], axes: tuple[str, ...], kept: tuple[str, ...], fixed: Mapping[str, int]
) -> LazyStack[Any]:
    for position in reversed(range(len(axes))):
        if axes[position] not in kept:
            stack = stack.take(position, fixed.get(axes[position], 0))
    return stack


def _options(levels: _Levels, key: str, name: str) -> dict[str, Any]:
    return {
        "name": f"Result: {name}",
        "scale": levels.scale,
        "units": levels.units,
        "axis_labels": levels.axes,
        "multiscale": levels.multiscale,
        "metadata": {"openhcs": key},
    }


def result_layers(
    results: Results,
    well: str,
    field: str,
    *,
    cache: ShownPlanes | None = None,
    report: Report | None = None,
    corner: tuple[int, int] = (0, 0),
) -> list[LayerData]:
    """Return the images and labels of a finished field; labels carry the rows measured on them.

    Images that are the raw planes are left out: they are shown already.

    Parameters
    ----------
    results : Results
    well, field : str
    cache : ShownPlanes, optional
    report : callable, optional
        Called with a sentence for pixels that turn out to be damaged later, in the thread
        that reads them.

    Raises
    ------
    StoreError
        The well is not among the results, or its metadata is damaged.
    """
    cache = ShownPlanes() if cache is None else cache
    layers = []
    at = partial(_translated, corner=corner)
    if results.image_name != "raw":
        image = results.image(well, field)
        for number, channel in enumerate(image.channels):
            levels = _Levels(image, {"c": number}, cache, fill_labels=False)
            title = f"{results.image_name} {channel.name}".strip()
            found = _image_layer(levels, f"result/image/{number}", title, channel, report)
            layers.append(at(found, levels))
    rows = _rows(results, well, field)
    for name in results.label_names:
        levels = _Levels(results.labels(name, well, field), {}, cache, fill_labels=True)
        key = f"{LABELS}{name}"
        _, problems = levels.first_plane()
        levels.report = report
        options = {**_options(levels, key, name), "opacity": 0.6, "features": rows.get(name)}
        layers.append(at(LayerData(key, "labels", levels.data, options, problems), levels))
    return layers


def _translated(layer: LayerData, levels: _Levels, corner: tuple[int, int]) -> LayerData:
    if corner == (0, 0):
        return layer
    *lead, height, width = levels.scale
    place = (*(0.0 for _ in lead), corner[0] * height, corner[1] * width)
    return replace(layer, options={**layer.options, "translate": place})


def _image_layer(
    levels: _Levels, key: str, title: str, channel: ImageChannel, report: Report | None
) -> LayerData:
    first, problems = levels.first_plane()
    levels.report = report
    if problems and levels.stacks[0].ndim == 2:
        return LayerData(key, "image", None, {}, problems)
    options = {
        **_options(levels, key, title),
        "colormap": colormap_of(channel.color),
        "contrast_limits": channel.contrast or contrast_of(first),
        "blending": "additive",
        "visible": False,
    }
    return LayerData(key, "image", levels.data, options, problems)


def _rows(results: Results, well: str, field: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the rows measured on each label image of a field, as napari's features."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, measured in results.tables_of(well, field).items():
        labels = measured or (results.label_names[-1] if results.label_names else "")
        if labels in found:
            continue
        table = results.table_for(name, well, field)
        if "label" in table.column_names:
            columns = {
                column: table.column(column).to_numpy(zero_copy_only=False)
                for column in table.column_names
                if column not in ("well", "field")
            }
            # "index" is how napari knows which label a row belongs to.
            found[labels] = {"index": columns["label"], **columns}
    return found


class _MosaicLabels(NamedTuple):
    """One plane of the labels of all fields of a well but one."""

    store: str
    well: str
    without: str
    name: str
    number: int


def other_field_layers(
    results: Results,
    plate: Plate,
    well: str,
    field: str,
    *,
    cache: ShownPlanes | None = None,
    report: Report | None = None,
) -> list[LayerData]:
    """Return the labels of a well's other fields, placed around `field` as the raw mosaic is.

    They carry no rows: label numbers begin anew in each field.

    Parameters
    ----------
    results : Results
    plate : Plate
        The raw plate, for where the fields lie.
    well, field : str
        The field lies at (0, 0) and is left out.
    cache, report
        As :func:`result_layers`.

    Raises
    ------
    StoreError
        The well is not among the results, or its metadata is damaged.
    """
    cache = ShownPlanes() if cache is None else cache
    places = corners(plate, well, plate.fields_of(well))
    others = [name for name in results.fields(well) if name in places and name != field]
    if field not in places or not others:
        return []
    last = np.max(list(places.values()), axis=0)
    shape = (int(last[0]) + plate.shape_yx[0], int(last[1]) + plate.shape_yx[1])
    found = (
        _other_layer(results, (well, field, name), others, places, shape, cache, report)
        for name in results.label_names
    )
    # Labels of another size than the raw fields have no place in their mosaic.
    return [layer for layer, size in found if size == plate.shape_yx]


def _other_layer(
    results: Results,
    what: tuple[str, str, str],
    others: Sequence[str],
    places: Mapping[str, tuple[int, int]],
    shape_yx: tuple[int, int],
    cache: ShownPlanes,
    report: Report | None,
) -> tuple[LayerData, tuple[int, ...]]:
    """Return the layer of one name, and the rows and columns of a field of it."""
    well, field, name = what
    levels = {}
    for other in others:
        levels[other] = _Levels(results.labels(name, well, other), {}, cache, fill_labels=True)
        levels[other].report = report
    first = levels[others[0]]
    grid = first.stacks[0].shape[:-2]
    planes = [
        _MosaicLabels(str(results.plate_path), well, field, name, number)
        for number in range(math.prod(grid))
    ]
    read = _composer({other: item.stacks[0] for other, item in levels.items()}, places, shape_yx)
    stack: LazyStack[_MosaicLabels] = LazyStack(
        planes, grid, shape_yx, first.stacks[0].dtype, read, cache=cache
    )
    row, column = places[field]
    key = f"{OTHER_FIELDS}{name}"
    options = {
        **_options(first, key, f"{name}, other fields"),
        "multiscale": False,
        "opacity": 0.6,
        "translate": (*(0.0,) * len(grid), -row * first.scale[-2], -column * first.scale[-1]),
    }
    return LayerData(key, "labels", stack, options), first.stacks[0].shape[-2:]


def _composer(
    stacks: Mapping[str, LazyStack[Any]],
    places: Mapping[str, tuple[int, int]],
    shape_yx: tuple[int, int],
) -> Callable[[_MosaicLabels], np.ndarray]:
    def compose(mosaic: _MosaicLabels) -> np.ndarray:
        canvas = np.zeros(shape_yx, next(iter(stacks.values())).dtype)
        for field, stack in stacks.items():
            row, column = places[field]
            plane = stack.plane(mosaic.number)
            here = canvas[row : row + plane.shape[0], column : column + plane.shape[1]]
            np.copyto(here, plane, where=plane > 0)
        return canvas

    return compose
