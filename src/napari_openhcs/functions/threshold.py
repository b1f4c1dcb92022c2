"""Thresholds from the histogram: a mask of what is brighter than the background.

All give a bool array of the image's shape; a pixel is foreground when its value is *above*
the threshold, and NaN is never foreground.  Applied plane by plane each plane has its own
threshold; applied to volumes (``volume=True`` in a step) the whole stack shares one.

The methods that split a histogram (Otsu, Li, …) always find two classes, also in an image
without any object.  `min_separation` guards against that: where the two classes are closer
than so many standard deviations of the darker one, nothing is foreground.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    require_array,
    require_at_least,
    within_bounds,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "threshold_isodata",
    "threshold_li",
    "threshold_mean",
    "threshold_otsu",
    "threshold_triangle",
    "threshold_yen",
]

SEPARATION = 4.0
"""Default of `min_separation`: normal noise split at any level gives 2.3 to 3.3, an even ramp
3.5, stained nuclei 10 and more."""


def _is_separated(values: Array, threshold: float, min_separation: float) -> bool:
    """Whether the classes on both sides of a threshold are further apart than noise."""
    bright = values > threshold
    if not bright.any() or bright.all():
        return True
    dark = values[~bright]
    # A handful of dark pixels is the tail of one class rather than the background.
    spread = dark.std() if dark.size >= 0.05 * values.size else values[bright].std()
    return bool(values[bright].mean() - dark.mean() >= min_separation * spread)


def _by_histogram(
    image: Array,
    find: Callable[[Array], float],
    function: str,
    *,
    correction: float,
    lower: float | None,
    upper: float | None,
    log: bool,
    min_separation: float,
) -> Array:
    """Threshold `image` with the value that `find` gives for its finite pixels."""
    require_array(image, function)
    require_at_least(min_separation, 0, function, "min_separation")
    require_at_least(correction, 0, function, "correction")
    values = as_float(image[np.isfinite(image)])
    found = np.inf
    if values.size and values.min() < values.max():
        found = _find_in(values, find, image.dtype.kind in "iu" and image.dtype.itemsize <= 2, log)
        if not _is_separated(values, found, min_separation):
            found = np.inf
    if np.isfinite(found):
        found *= correction
    return np.asarray((image > within_bounds(found, lower, upper, function)) & np.isfinite(image))


def _find_in(values: Array, find: Callable[[Array], float], whole: bool, log: bool) -> float:
    """Return the threshold of finite, not all equal values.

    Small integers are handed over as such: scikit-image then has one bin a grey value.
    """
    if log:
        base = float(values.min())
        return float(np.expm1(find(np.log1p(values - base)))) + base
    return float(find(values.astype(np.int32) if whole else values))


_declare_histogram = declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("binarize", "foreground", "mask", "detect nuclei"),
    limits={"correction": (0, None), "min_separation": (0, None)},
)


@_declare_histogram
@numpy_function
def threshold_otsu(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by Otsu's method.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Threshold where the two classes have the least variance within
    (Otsu 1979, doi 10.1109/TSMC.1979.4310076); computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_otsu,
        "threshold_otsu",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )


@_declare_histogram
@numpy_function
def threshold_li(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by Li's method.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Threshold where the cross-entropy between the image and its two-level version is least
    (Li and Tam 1998, doi 10.1016/S0167-8655(98)00057-9); computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_li,
        "threshold_li",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )


@_declare_histogram
@numpy_function
def threshold_triangle(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by the triangle method.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Threshold where the histogram is furthest below the line from its peak to its far end;
    good for few objects on much background (Zack et al. 1977, doi 10.1177/25.7.70454);
    computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_triangle,
        "threshold_triangle",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )


@_declare_histogram
@numpy_function
def threshold_yen(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by Yen's method.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Threshold where the entropic correlation of the two classes is greatest
    (Yen et al. 1995, doi 10.1109/83.366472); computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_yen,
        "threshold_yen",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )


@_declare_histogram
@numpy_function
def threshold_isodata(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by the isodata method.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    The threshold is the middle of the means of its two classes; ImageJ's Default is a
    variant (Ridler and Calvard 1978, doi 10.1109/TSMC.1978.4310039); computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_isodata,
        "threshold_isodata",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )


@_declare_histogram
@numpy_function
def threshold_mean(
    image: Array,
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
    min_separation: float = SEPARATION,
) -> Array:
    """Mark what is brighter than a threshold found by the mean intensity.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Find the threshold on log(1 + value - minimum); favours dim objects beside bright ones.
    min_separation : float
        Nothing is foreground where the means of the two classes are closer than so many
        standard deviations of the darker class; 0 always splits.

    Returns
    -------
    ndarray
        bool, same shape.  Without two classes (a constant image, or see `min_separation`)
        only what is above `upper`, if that is set, is foreground.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    The mean of all finite pixels
    (Glasbey 1993, doi 10.1006/cgip.1993.1040); computed by scikit-image.
    """
    from skimage import filters

    return _by_histogram(
        image,
        filters.threshold_mean,
        "threshold_mean",
        correction=correction,
        lower=lower,
        upper=upper,
        log=log,
        min_separation=min_separation,
    )
