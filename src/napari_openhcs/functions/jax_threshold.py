"""Thresholds from the histogram on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); a pixel is marked when its value is above the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import as_float, compiled, is_float, require_at_least
from napari_openhcs.functions._jax_rank import histogram
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "isodata_threshold",
    "li_threshold",
    "otsu_threshold",
    "triangle_threshold",
    "yen_threshold",
]


_LI_ROUNDS = 200
"""More than Li's method ever takes: it settles within about ten."""


def _by_histogram(
    image: Array,
    n_bins: int,
    correction: float,
    find: Callable[[np.ndarray, np.ndarray], float],
    function: str,
) -> Array:
    require_at_least(n_bins, 2, function, "n_bins")
    values = as_float(image)
    low, high = float(values.min()), float(values.max())
    if not low < high:
        return values > high
    return values > find(*histogram(values, n_bins)) * correction


def _means(
    counts: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return weight and mean of the bins up to each one, and of those from each one on."""
    sums = counts * centres
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    mean_below = sums.cumsum() / below.clip(1)
    mean_above = sums[::-1].cumsum()[::-1] / above.clip(1)
    return below, above, mean_below, mean_above


def _otsu(counts: np.ndarray, centres: np.ndarray) -> float:
    below, above, mean_below, mean_above = _means(counts, centres)
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[int(between.argmax())])


def _isodata(counts: np.ndarray, centres: np.ndarray) -> float:
    _, _, mean_below, mean_above = _means(counts, centres)
    middle = (mean_below[:-1] + mean_above[1:]) / 2
    width = float(centres[1] - centres[0])
    # The lowest level that lies in the bin of its own middle.
    distance = middle - centres[:-1]
    fits = ((distance >= 0) & (distance < width)).nonzero()[0]
    return (
        float(centres[int(fits[0])]) if len(fits) else float(middle[int(np.abs(distance).argmin())])
    )


def _triangle(counts: np.ndarray, centres: np.ndarray) -> float:
    peak = int(counts.argmax())
    filled = counts.nonzero()[0]
    first, last = int(filled[0]), int(filled[-1])
    flipped = peak - first < last - peak
    if flipped:
        # The long tail is on the left from here on.
        counts = counts[::-1]
        first, peak = len(counts) - last - 1, len(counts) - peak - 1
    width, height = float(peak - first), float(counts[peak])
    x = np.arange(peak - first)
    # Bins are compared by their distance from the line between the tail's end and the peak.
    length = math.hypot(width, height)
    distance = (height * x - width * counts[first:peak]) / (length or 1.0)
    level = (int(distance.argmax()) if len(distance) else 0) + first
    return float(centres[len(counts) - level - 1 if flipped else level])


def _yen(counts: np.ndarray, centres: np.ndarray) -> float:
    share = counts / counts.sum()
    below = share.cumsum()
    squares_below = (share**2).cumsum()
    squares_above = (share**2)[::-1].cumsum()[::-1]
    product = squares_below[:-1] * squares_above[1:]
    criterion = np.log(
        np.maximum((below[:-1] * (1 - below[:-1])) ** 2, 1e-300) / product.clip(1e-300)
    )
    return float(centres[int(criterion.argmax())])


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "otsu",
    ),
    limits={"n_bins": (2, 65536), "correction": (0, None)},
)
@jax_function
def otsu_threshold(image: Array, n_bins: int = 256, correction: float = 1.0) -> Array:
    """Mark what is brighter than Otsu's threshold.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram between the smallest and the largest value.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape; False everywhere in a constant image.

    Raises
    ------
    ParameterError
        There are fewer than two bins.

    Notes
    -----
    Otsu 1979, doi 10.1109/TSMC.1979.4310076: the threshold that best separates the
    histogram into two classes.
    """
    return _by_histogram(image, n_bins, correction, _otsu, "otsu_threshold")


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "intermeans",
    ),
    limits={"n_bins": (2, 65536), "correction": (0, None)},
)
@jax_function
def isodata_threshold(image: Array, n_bins: int = 256, correction: float = 1.0) -> Array:
    """Mark what is brighter than the isodata threshold.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram between the smallest and the largest value.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape; False everywhere in a constant image.

    Raises
    ------
    ParameterError
        There are fewer than two bins.

    Notes
    -----
    Ridler and Calvard 1978, doi 10.1109/TSMC.1978.4310039: midway between the means of both
    classes.
    """
    return _by_histogram(image, n_bins, correction, _isodata, "isodata_threshold")


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "zack",
    ),
    limits={"n_bins": (2, 65536), "correction": (0, None)},
)
@jax_function
def triangle_threshold(image: Array, n_bins: int = 256, correction: float = 1.0) -> Array:
    """Mark what is brighter than the triangle threshold.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram between the smallest and the largest value.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape; False everywhere in a constant image.

    Raises
    ------
    ParameterError
        There are fewer than two bins.

    Notes
    -----
    Zack, Rogers and Latt 1977, doi 10.1177/25.7.70454: good for few objects on much
    background.
    """
    return _by_histogram(image, n_bins, correction, _triangle, "triangle_threshold")


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "maximum correlation",
    ),
    limits={"n_bins": (2, 65536), "correction": (0, None)},
)
@jax_function
def yen_threshold(image: Array, n_bins: int = 256, correction: float = 1.0) -> Array:
    """Mark what is brighter than Yen's threshold.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram between the smallest and the largest value.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape; False everywhere in a constant image.

    Raises
    ------
    ParameterError
        There are fewer than two bins.

    Notes
    -----
    Yen, Chang and Chang 1995, doi 10.1109/83.366472: maximal correlation of both classes.
    """
    return _by_histogram(image, n_bins, correction, _yen, "yen_threshold")


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "minimum cross entropy",
    ),
    limits={"correction": (0, None)},
)
@jax_function
def li_threshold(image: Array, correction: float = 1.0) -> Array:
    """Mark what is brighter than Li's threshold.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape; False everywhere in a constant image.

    Notes
    -----
    Li and Tam 1998, doi 10.1016/S0167-8655(98)00057-9: minimal cross entropy.
    """
    values = as_float(image)
    low = float(values.min())
    shifted = values - low
    if not float(shifted.max()) > 0:
        return shifted > 0
    previous, level = -1.0, float(shifted.mean())
    # Half the smallest step of an integer image, or a thousandth of the contrast.
    tolerance = float(shifted.max()) * 1e-4 if is_float(image) else 0.5
    for _ in range(_LI_ROUNDS):
        if abs(level - previous) <= tolerance:
            break
        previous = level
        bright, dark = (float(mean) for mean in _class_means(shifted, level))
        if not dark > 0:
            break
        level = (bright - dark) / (math.log(bright) - math.log(dark))
    return values > (level + low) * correction


@compiled()
def _class_means(values: Array, level: Any) -> tuple[Array, Array]:
    """Return the means of what is above a level and of what is not."""
    above = values > level
    count = above.sum()
    bright = (values * above).sum() / count
    return bright, (values * ~above).sum() / (values.size - count)
