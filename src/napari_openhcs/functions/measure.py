"""Measuring: one row an object, or one row an image.

A table is a dict of equally long columns.  Lengths are px, areas numbers of pixels,
positions those of pixel centres with (0, 0) at the first pixel; intensities are the image's
grey values.  Everything is computed for all objects at once.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    require_array,
    require_labels,
    require_same_shape,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["count_objects", "measure_image", "measure_objects", "measure_shape"]

Table = dict[str, Array]

SHAPE_COLUMNS = (
    "label",
    "area",
    "centroid_y",
    "centroid_x",
    "bbox_top",
    "bbox_left",
    "bbox_bottom",
    "bbox_right",
    "equivalent_diameter",
    "major_axis_length",
    "minor_axis_length",
    "eccentricity",
    "orientation",
    "perimeter",
    "form_factor",
    "extent",
    "touches_border",
)
"""What depends on the labels alone."""

_PERIMETER_WEIGHTS = np.zeros(50)
_PERIMETER_WEIGHTS[[5, 7, 15, 17, 25, 27]] = 1
_PERIMETER_WEIGHTS[[21, 33]] = np.sqrt(2)
_PERIMETER_WEIGHTS[[13, 23]] = (1 + np.sqrt(2)) / 2
"""Length that a border pixel stands for, by 10 × diagonal + 2 × straight border neighbours
+ 1 (Benkrid, Crookes and Benkrid 2000)."""


class _Objects:
    """The pixels of all objects, sorted by object: a table of coordinates and rows."""

    def __init__(self, labels: Array) -> None:
        self.labels = labels
        self.values, self.area = object_sizes(labels)
        self.n = self.values.size
        self.flat = np.flatnonzero(labels)
        row_of = np.zeros(int(labels.max()) + 1, np.intp)
        row_of[self.values] = np.arange(self.n)
        self.row = row_of[labels.ravel()[self.flat]]
        self.y, self.x = (axis.astype(np.float64) for axis in np.divmod(self.flat, labels.shape[1]))

    def sums(self, weights: Array) -> Array:
        """Return the sum of `weights` (one a pixel) over each object."""
        return np.bincount(self.row, weights=weights, minlength=self.n)


def _boxes(objects: _Objects) -> Table:
    top, left = (np.full(objects.n, np.iinfo(np.int64).max) for _ in range(2))
    bottom, right = (np.zeros(objects.n, np.int64) for _ in range(2))
    y, x = objects.y.astype(np.int64), objects.x.astype(np.int64)
    np.minimum.at(top, objects.row, y)
    np.minimum.at(left, objects.row, x)
    np.maximum.at(bottom, objects.row, y + 1)
    np.maximum.at(right, objects.row, x + 1)
    return {"bbox_top": top, "bbox_left": left, "bbox_bottom": bottom, "bbox_right": right}


def _ellipses(objects: _Objects, centre_y: Array, centre_x: Array) -> Table:
    """Return axes, eccentricity and angle of the ellipses with the objects' second moments."""
    dy, dx = objects.y - centre_y[objects.row], objects.x - centre_x[objects.row]
    yy = objects.sums(dy * dy) / objects.area
    xx = objects.sums(dx * dx) / objects.area
    xy = objects.sums(dx * dy) / objects.area
    root = np.sqrt((yy - xx) ** 2 / 4 + xy**2)
    mean = (yy + xx) / 2
    large, small = mean + root, np.maximum(mean - root, 0)
    ratio = np.divide(small, large, out=np.ones(objects.n), where=large > 0)
    return {
        "major_axis_length": 4 * np.sqrt(large),
        "minor_axis_length": 4 * np.sqrt(small),
        "eccentricity": np.sqrt(1 - ratio),
        "orientation": np.degrees(np.arctan2(2 * xy, xx - yy) / 2),
    }


def _perimeters(objects: _Objects) -> Array:
    """Return the length of each object's outline, px, as scikit-image's ``perimeter``."""
    padded = np.pad(objects.labels, 1)
    height, width = objects.labels.shape

    def shifted(array: Array, dy: int, dx: int) -> Array:
        return array[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    straight = ((0, 1), (0, -1), (1, 0), (-1, 0))
    diagonal = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    inner = np.logical_and.reduce([shifted(padded, *step) == objects.labels for step in straight])
    border = np.pad(np.where(inner, 0, objects.labels), 1)
    code = np.ones(objects.labels.shape, np.intp)
    for weight, steps in ((2, straight), (10, diagonal)):
        for step in steps:
            code += weight * (shifted(border, *step) == objects.labels)
    length = np.where(inner, 0.0, _PERIMETER_WEIGHTS[code])
    return objects.sums(length.ravel()[objects.flat])


def _shape_table(objects: _Objects) -> Table:
    area = objects.area.astype(np.float64)
    centre_y, centre_x = objects.sums(objects.y) / area, objects.sums(objects.x) / area
    boxes = _boxes(objects)
    height = boxes["bbox_bottom"] - boxes["bbox_top"]
    width = boxes["bbox_right"] - boxes["bbox_left"]
    perimeter = _perimeters(objects)
    round_area = np.divide(
        4 * np.pi * area, perimeter**2, out=np.full(objects.n, np.nan), where=perimeter > 0
    )
    rows, columns = objects.labels.shape
    touches = (boxes["bbox_top"] == 0) | (boxes["bbox_left"] == 0)
    touches |= (boxes["bbox_bottom"] == rows) | (boxes["bbox_right"] == columns)
    table = {
        "label": objects.values.astype(np.int32),
        "area": objects.area.astype(np.int64),
        "centroid_y": centre_y,
        "centroid_x": centre_x,
        **boxes,
        "equivalent_diameter": np.sqrt(4 * area / np.pi),
        **_ellipses(objects, centre_y, centre_x),
        "perimeter": perimeter,
        "form_factor": round_area,
        "extent": area / np.maximum(height * width, 1),
        "touches_border": touches,
    }
    return {name: table[name] for name in SHAPE_COLUMNS}


def _intensity_table(objects: _Objects, image: Array) -> Table:
    values = image.ravel()[objects.flat].astype(np.float64)
    total = objects.sums(values)
    mean = total / objects.area
    spread = np.sqrt(objects.sums((values - mean[objects.row]) ** 2) / objects.area)
    # Sorted by object and then by value, an object's extremes are the ends of its stretch
    # and its median lies in the middle; NaN sorts last and is put right below.
    ordered = values[np.lexsort((values, objects.row))]
    last = np.cumsum(objects.area) - 1
    first = last - objects.area + 1
    low_middle, high_middle = first + (objects.area - 1) // 2, first + objects.area // 2
    table = {
        "mean_intensity": mean,
        "median_intensity": (ordered[low_middle] + ordered[high_middle]) / 2,
        "min_intensity": ordered[first],
        "max_intensity": ordered[last],
        "std_intensity": spread,
        "sum_intensity": total,
    }
    invalid = np.isnan(mean)
    return {name: np.where(invalid, np.nan, column) for name, column in table.items()}


def _checked_labels(labels: Array, function: str) -> Array:
    require_array(labels, function, ndims=(2,))
    return require_labels(labels, function)


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=(
        "regionprops",
        "features",
        "mean intensity per cell",
        "measure intensity",
        "cell measurements",
        "quantify",
    ),
    array_kinds={"labels": Kind.LABELS},
    shared_columns=SHAPE_COLUMNS,
)
@numpy_function
def measure_objects(image: Array, labels: Array) -> Table:
    """Measure shape and brightness of every object.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype; what is measured.
    labels : ndarray
        (Y, X), integers, 0 for background; wired to the step that gives the objects.

    Returns
    -------
    dict of str to ndarray
        One row an object, in the order of the labels; no rows without objects.

        ``label, area`` (px), ``centroid_y, centroid_x`` (px), ``bbox_top, bbox_left,
        bbox_bottom, bbox_right`` (px, the ends exclusive), ``equivalent_diameter,
        major_axis_length, minor_axis_length`` (px), ``eccentricity`` (0 round, 1 a line),
        ``orientation`` (degrees of the major axis from the x axis towards larger y),
        ``perimeter`` (px), ``form_factor`` (4π·area/perimeter², about 1 for a disk; NaN
        without a perimeter), ``extent`` (area/area of the box), ``touches_border``,
        ``mean_intensity, median_intensity, min_intensity, max_intensity, std_intensity,
        sum_intensity`` (grey values; NaN where a pixel of the object is NaN).

    Raises
    ------
    ContractError
        An array is not (Y, X), the labels are no integers, or the shapes differ.

    Notes
    -----
    Lengths of axes, perimeter and so on are defined as in scikit-image's ``regionprops``
    and equal to it; only `orientation` has another zero.
    """
    function = "measure_objects"
    require_array(image, function, ndims=(2,))
    checked = _checked_labels(labels, function)
    require_same_shape(image, checked, function, "labels")
    objects = _Objects(checked)
    return {**_shape_table(objects), **_intensity_table(objects, image)}


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=("regionprops", "morphology", "size and shape", "area", "circularity", "cell shape"),
    shared_columns=SHAPE_COLUMNS,
)
@numpy_function
def measure_shape(labels: Array) -> Table:
    """Measure the shape of every object.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background.

    Returns
    -------
    dict of str to ndarray
        One row an object; the shape columns of :func:`measure_objects`.

    Raises
    ------
    ContractError
        The array is not (Y, X) or no label image.
    """
    return _shape_table(_Objects(_checked_labels(labels, "measure_shape")))


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=("cell count", "number of nuclei", "confluence"),
    shared_columns=("label", "count", "total_area", "mean_area", "coverage"),
)
@numpy_function
def count_objects(labels: Array) -> Table:
    """Count the objects of an image.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``count``, ``total_area`` and ``mean_area``
        (px; NaN without objects), ``coverage`` (share of the image, 0 to 1).

    Raises
    ------
    ContractError
        The array is not (Y, X) or no label image.
    """
    _, sizes = object_sizes(_checked_labels(labels, "count_objects"))
    total = int(sizes.sum())
    return {
        "label": np.zeros(1, np.int32),
        "count": np.array([sizes.size]),
        "total_area": np.array([total]),
        "mean_area": np.array([total / sizes.size if sizes.size else np.nan]),
        "coverage": np.array([total / labels.size]),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=(
        "image statistics",
        "quality control",
        "focus score",
        "saturation",
        "mean brightness",
    ),
    shared_columns=("label",),
)
@numpy_function
def measure_image(image: Array) -> Table:
    """Measure brightness, sharpness and saturation of a whole image.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype; NaN and infinite pixels are left out.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``image_mean, image_std, image_median,
        image_min, image_max, image_p01, image_p99, image_sum`` (grey values; p01 and p99 are
        the 1st and 99th percentile), ``focus`` (variance of the Laplacian over the mean, more
        is sharper; 0 for a black image), ``saturated`` (share of pixels at the largest value
        of an integer dtype), ``invalid`` (share of pixels left out).  NaN where no pixel
        is valid.

    Raises
    ------
    ContractError
        The array is not (Y, X).

    Notes
    -----
    Variance of the Laplacian as a measure of focus: Pech-Pacheco et al. 2000,
    doi 10.1109/ICPR.2000.903548.
    """
    from scipy import ndimage

    require_array(image, "measure_image", ndims=(2,))
    values = image.astype(np.float64)
    valid = np.isfinite(values)
    finite = values[valid]
    empty = finite.size == 0
    mean = np.nan if empty else float(finite.mean())
    laplacian = ndimage.laplace(np.where(valid, values, 0 if empty else mean))[valid]
    whole = image.dtype.kind in "iu"
    p01, median, p99 = [np.nan] * 3 if empty else np.percentile(finite, (1, 50, 99))
    row = {
        "image_mean": mean,
        "image_std": np.nan if empty else finite.std(),
        "image_median": median,
        "image_min": np.nan if empty else finite.min(),
        "image_max": np.nan if empty else finite.max(),
        "image_p01": p01,
        "image_p99": p99,
        "image_sum": np.nan if empty else finite.sum(),
        "focus": np.nan if empty else (laplacian.var() / mean if mean else 0.0),
        "saturated": float((image == np.iinfo(image.dtype).max).mean()) if whole else 0.0,
        "invalid": 1 - finite.size / image.size,
    }
    columns = {name: np.array([value], np.float64) for name, value in row.items()}
    return {"label": np.zeros(1, np.int32), **columns}
