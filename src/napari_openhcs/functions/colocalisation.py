"""Colocalisation: how far two channels agree, in the image or in every object.

The second channel is wired.  Intensities are grey values as given: subtract the background
before, since it counts in Manders' coefficients and the overlap.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    require_array,
    require_finite,
    require_labels,
    require_same_shape,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["colocalisation_mask", "measure_colocalisation", "measure_object_colocalisation"]

Table = dict[str, Array]
Method = Literal["otsu", "costes", "fixed"]

COLUMNS = (
    "pearson",
    "spearman",
    "manders_m1",
    "manders_m2",
    "overlap",
    "k1",
    "k2",
    "both_area",
)


def _checked_pair(image: Array, second: Array, function: str) -> tuple[Array, Array]:
    for array in (image, second):
        require_array(array, function, ndims=(2,))
        require_finite(array, function)
    require_same_shape(image, second, function, "second")
    return image.astype(np.float64), second.astype(np.float64)


def _otsu(image: Array) -> float:
    from skimage.filters import threshold_otsu

    if image.min() == image.max():
        return np.inf
    # Small integers have one bin a grey value.
    small = image.dtype.kind in "iu" and image.dtype.itemsize <= 2
    return float(threshold_otsu(image.astype(np.int32 if small else np.float64)))


def _costes(one: Array, two: Array) -> tuple[float, float]:
    """Return the thresholds below which the two channels are not correlated any more.

    Halves the interval in which the correlation of what lies below changes sign, on the
    line of orthogonal regression (Costes et al. 2004, doi 10.1529/biophysj.103.038422).
    """
    covariance = np.cov(one.ravel(), two.ravel())
    xx, yy, xy = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    if xy <= 0:
        return np.inf, np.inf
    slope = (yy - xx + np.hypot(yy - xx, 2 * xy)) / (2 * xy)
    offset = two.mean() - slope * one.mean()
    low, high = float(one.min()), float(one.max())
    for _ in range(24):
        middle = (low + high) / 2
        below = (one < middle) | (two < slope * middle + offset)
        a, b = one[below], two[below]
        varied = a.size > 2 and np.ptp(a) > 0 and np.ptp(b) > 0
        if varied and np.corrcoef(a, b)[0, 1] > 0:
            high = middle
        else:
            low = middle
    return high, slope * high + offset


def _thresholds(
    image: Array,
    second: Array,
    method: str,
    given: tuple[float, float],
    function: str,
) -> tuple[float, float]:
    if method == "fixed":
        return given
    if method == "otsu":
        return _otsu(image), _otsu(second)
    if method == "costes":
        return _costes(image.astype(np.float64), second.astype(np.float64))
    raise ParameterError(
        f"{function}: 'thresholds' is '{method}', expected 'otsu', 'costes' or 'fixed'."
    )


def _share(part: Array, whole: Array) -> Array:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


def _correlation(a: Array, b: Array, row: Array, n: int) -> Array:
    """Return Pearson's coefficient in each group; NaN where one channel is constant."""
    count = np.maximum(np.bincount(row, minlength=n), 1)
    a = a - (np.bincount(row, a, n) / count)[row]
    b = b - (np.bincount(row, b, n) / count)[row]
    top = np.bincount(row, a * b, n)
    bottom = np.sqrt(np.bincount(row, a * a, n) * np.bincount(row, b * b, n))
    return np.clip(_share(top, bottom), -1, 1)


def _ranks(values: Array, row: Array) -> Array:
    """Return the rank of each value inside its group; equal values share their mean rank."""
    order = np.lexsort((values, row))
    ordered, group = values[order], row[order]
    new = np.r_[True, (np.diff(ordered) != 0) | (np.diff(group) != 0)]
    run = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    ends = np.r_[starts[1:], values.size]
    ranks = np.empty(values.size)
    # Ranks over all groups: only differences inside a group count in a correlation.
    ranks[order] = ((starts + ends - 1) / 2)[run]
    return ranks


def _coefficients(
    one: Array, two: Array, row: Array, n: int, thresholds: tuple[float, float]
) -> Table:
    """Return the columns of `COLUMNS` for pixels `one` and `two` of groups `row`."""
    above_one, above_two = one > thresholds[0], two > thresholds[1]

    def sums(values: Array) -> Array:
        return np.bincount(row, values, n)

    square_one, square_two, product = sums(one * one), sums(two * two), sums(one * two)
    found = (
        _correlation(one, two, row, n),
        _correlation(_ranks(one, row), _ranks(two, row), row, n),
        _share(sums(one * (above_one & above_two)), sums(one * above_one)),
        _share(sums(two * (above_one & above_two)), sums(two * above_two)),
        _share(product, np.sqrt(square_one * square_two)),
        _share(product, square_one),
        _share(product, square_two),
        np.bincount(row[above_one & above_two], minlength=n).astype(np.int64),
    )
    return dict(zip(COLUMNS, found, strict=True))


_WORDS = (
    "coloc",
    "colocalization",
    "Pearson",
    "Manders",
    "correlation of channels",
    "overlap of channels",
)


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=_WORDS,
    array_kinds={"second": Kind.IMAGE},
    shared_columns=("label",),
)
@numpy_function
def measure_colocalisation(
    image: Array,
    second: Array,
    thresholds: Method = "otsu",
    threshold_1: float = 0.0,
    threshold_2: float = 0.0,
) -> Table:
    """Measure how far two channels agree in the whole image.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite: the first channel.
    second : ndarray
        (Y, X), any numeric dtype, finite: the second channel; wired.
    thresholds : {'otsu', 'costes', 'fixed'}
        How the grey value above which a channel counts as present is found.
    threshold_1, threshold_2 : float
        Grey values for 'fixed'.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``pearson, spearman`` (−1 to 1; NaN where a
        channel is constant), ``manders_m1`` (share of the first channel's intensity that
        lies where the second is present, of what is above the first's threshold),
        ``manders_m2`` (the other way round), ``overlap`` (Manders' overlap coefficient),
        ``k1, k2`` (its two parts), ``both_area`` (px where both are present),
        ``threshold_1, threshold_2`` (grey values; infinite where none was found).

    Raises
    ------
    ContractError
        An array is not (Y, X) or not finite, or the shapes differ.
    ParameterError
        `thresholds` is no method.

    Notes
    -----
    Manders, Verbeek and Aten 1993, doi 10.1111/j.1365-2818.1993.tb03313.x; thresholds by
    Costes et al. 2004, doi 10.1529/biophysj.103.038422.
    """
    function = "measure_colocalisation"
    one, two = _checked_pair(image, second, function)
    found = _thresholds(image, second, thresholds, (threshold_1, threshold_2), function)
    row = np.zeros(one.size, np.intp)
    return {
        "label": np.zeros(1, np.int32),
        **_coefficients(one.ravel(), two.ravel(), row, 1, found),
        "threshold_1": np.array([found[0]]),
        "threshold_2": np.array([found[1]]),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=("colocalisation per cell", *_WORDS),
    array_kinds={"second": Kind.IMAGE, "labels": Kind.LABELS},
    shared_columns=("label",),
)
@numpy_function
def measure_object_colocalisation(
    image: Array,
    second: Array,
    labels: Array,
    thresholds: Method = "otsu",
    threshold_1: float = 0.0,
    threshold_2: float = 0.0,
) -> Table:
    """Measure how far two channels agree in every object.

    The thresholds are those of the whole image, the same for all objects.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite: the first channel.
    second : ndarray
        (Y, X), any numeric dtype, finite: the second channel; wired.
    labels : ndarray
        (Y, X), integers, 0 for background; wired to the step that gives the objects.
    thresholds : {'otsu', 'costes', 'fixed'}
        How the grey value above which a channel counts as present is found.
    threshold_1, threshold_2 : float
        Grey values for 'fixed'.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label`` and the coefficients of :func:`measure_colocalisation`.

    Raises
    ------
    ContractError
        An array is not (Y, X), an image is not finite, the labels are no integers, or the
        shapes differ.
    ParameterError
        `thresholds` is no method.
    """
    function = "measure_object_colocalisation"
    one, two = _checked_pair(image, second, function)
    require_array(labels, function, ndims=(2,))
    checked = require_labels(labels, function)
    require_same_shape(image, checked, function, "labels")
    found = _thresholds(image, second, thresholds, (threshold_1, threshold_2), function)
    values, _ = object_sizes(checked)
    inside = checked > 0
    row = np.searchsorted(values, checked[inside])
    return {
        "label": values.astype(np.int32),
        **_coefficients(one[inside], two[inside], row, values.size, found),
    }


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("both channels", "double positive", "overlap mask", *_WORDS),
    array_kinds={"second": Kind.IMAGE},
)
@numpy_function
def colocalisation_mask(
    image: Array,
    second: Array,
    thresholds: Method = "otsu",
    threshold_1: float = 0.0,
    threshold_2: float = 0.0,
) -> Array:
    """Mark where both channels are present.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite: the first channel.
    second : ndarray
        (Y, X), any numeric dtype, finite: the second channel; wired.
    thresholds : {'otsu', 'costes', 'fixed'}
        How the grey value above which a channel counts as present is found.
    threshold_1, threshold_2 : float
        Grey values for 'fixed'.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        An array is not (Y, X) or not finite, or the shapes differ.
    ParameterError
        `thresholds` is no method.
    """
    function = "colocalisation_mask"
    one, two = _checked_pair(image, second, function)
    found = _thresholds(image, second, thresholds, (threshold_1, threshold_2), function)
    return np.asarray((one > found[0]) & (two > found[1]))
