"""Thresholds from a level: a grey value, a percentile, the background, the neighbourhood.

All give a bool array of the image's shape; a pixel is foreground when its value is *above*
the threshold, and NaN is never foreground.  Applied plane by plane each plane has its own
threshold; applied to volumes (``volume=True`` in a step) the whole stack shares one.

The two that know the noise of the background (:func:`threshold_robust_background` and
:func:`threshold_half_maximum`) find nothing in an image that holds only noise.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    MAD_TO_SD,
    SMALLEST,
    Array,
    as_float,
    background_statistics,
    require_array,
    require_at_least,
    require_finite,
    within_bounds,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "threshold_fixed",
    "threshold_half_maximum",
    "threshold_local",
    "threshold_percentile",
    "threshold_robust_background",
]


def _above(image: Array, threshold: float | Array) -> Array:
    """Return where `image` is finite and above `threshold`."""
    return np.asarray((image > threshold) & np.isfinite(image))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("manual threshold", "binarize", "cut-off"),
    suggested={"threshold": 500.0},
)
@numpy_function
def threshold_fixed(image: Array, threshold: float, upper: float | None = None) -> Array:
    """Mark what is brighter than a grey value, the same for every image.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    threshold : float
        Grey value above which a pixel is foreground.
    upper : float, optional
        Grey value above which it is foreground no more (saturated debris).

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        `upper` is below `threshold`.
    """
    require_array(image, "threshold_fixed")
    mask = _above(image, threshold)
    if upper is None:
        return mask
    if not upper >= threshold:
        raise ParameterError(
            f"threshold_fixed: 'upper' is {upper:g}, expected at least the threshold {threshold:g}."
        )
    return np.asarray(mask & (image <= upper))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("quantile threshold", "brightest pixels"),
    limits={"percentile": (0, 100)},
)
@numpy_function
def threshold_percentile(
    image: Array,
    percentile: float = 90.0,
    lower: float | None = None,
    upper: float | None = None,
) -> Array:
    """Mark the brightest part of an image, a fixed share of its pixels.

    It marks that share in an image without objects, too; set `lower` to a grey value that
    only objects reach.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    percentile : float
        Percentage of pixels that are background, 0 to 100.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.
    """
    require_array(image, "threshold_percentile")
    if not 0 <= percentile <= 100:
        raise ParameterError(
            f"threshold_percentile: 'percentile' is {percentile:g}, expected 0 to 100."
        )
    values = image[np.isfinite(image)]
    found = float(np.percentile(as_float(values), percentile)) if values.size else np.inf
    return _above(image, within_bounds(found, lower, upper, "threshold_percentile"))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("RobustBackground", "median plus MAD", "noise threshold", "sigma clipping"),
    limits={"deviations": (0, None), "correction": (0, None)},
)
@numpy_function
def threshold_robust_background(
    image: Array,
    deviations: float = 6.0,
    method: Literal["clipped", "trimmed"] = "clipped",
    correction: float = 1.0,
    lower: float | None = None,
    upper: float | None = None,
    log: bool = False,
) -> Array:
    """Mark what stands out of the background by more than its noise explains.

    Finds dim objects beside very bright ones and nothing in noise alone.  Right while the
    background covers about half of the image or more.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    deviations : float
        Standard deviations of the background above its level.
    method : str
        ``clipped``: median and MAD, again and again without what is three deviations
        brighter.  ``trimmed``: without the darkest and brightest 5 % (as CellProfiler).
    correction : float
        The threshold is multiplied by this; above 1 is stricter.
    lower : float, optional
        The threshold is never below this grey value.
    upper : float, optional
        The threshold is never above this grey value.
    log : bool
        Work on log(1 + value - minimum).

    Returns
    -------
    ndarray
        bool, same shape.  Nothing in a constant image unless it is above `upper`.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    After CellProfiler's RobustBackground (doi 10.1186/s12859-021-04344-9).
    """
    function = "threshold_robust_background"
    require_array(image, function)
    require_at_least(deviations, 0, function, "deviations")
    require_at_least(correction, 0, function, "correction")
    values = as_float(image[np.isfinite(image)])
    found = np.inf
    if values.size and values.min() < values.max():
        base = float(values.min()) if log else 0.0
        level, deviation = _background_of(np.log1p(values - base) if log else values, method)
        found = level + deviations * deviation
        found = (float(np.expm1(found)) + base if log else found) * correction
    return _above(image, within_bounds(found, lower, upper, function))


def _background_of(values: Array, method: str) -> tuple[float, float]:
    """Return level and noise of the background by one of the two methods."""
    if method == "clipped":
        return background_statistics(values)
    if method != "trimmed":
        raise ParameterError(
            f"threshold_robust_background: 'method' is '{method}', expected clipped or trimmed."
        )
    ordered = np.sort(values, axis=None)
    cut = int(0.05 * ordered.size)
    kept = ordered[cut : ordered.size - cut]
    level = float(np.median(kept))
    return level, MAD_TO_SD * float(np.median(np.abs(kept - level)))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("adaptive threshold", "uneven illumination", "local mean"),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None), "min_contrast": (0, None)},
)
@numpy_function
def threshold_local(
    image: Array,
    sigma: float = 25.0,
    offset: float = 0.0,
    min_contrast: float = 3.0,
) -> Array:
    """Mark what is brighter than its neighbourhood.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    sigma : float
        Size of the neighbourhood, px: standard deviation of the Gaussian window.
    offset : float
        Grey values by which a pixel must exceed the mean of its neighbourhood.
    min_contrast : float
        A pixel must also exceed it by so many standard deviations of the image's background
        noise; without this half of an empty image would be foreground.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from scipy import ndimage

    require_array(image, "threshold_local")
    require_finite(image, "threshold_local")
    require_at_least(sigma, 0.1, "threshold_local", "sigma")
    require_at_least(min_contrast, 0, "threshold_local", "min_contrast")
    values = as_float(image)
    above = values - ndimage.gaussian_filter(values, sigma, mode="reflect")
    _, deviation = background_statistics(above)
    # A constant image differs from its mean by rounding errors only.
    rounding = 4 * float(np.finfo(values.dtype).eps) * float(np.abs(values).max())
    return np.asarray(above > offset + max(min_contrast * deviation, rounding))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("half maximum", "FWHM", "adaptive threshold", "dim nuclei beside bright ones"),
    units={"sigma": "px"},
    limits={"fraction": (0, 1), "sigma": (0.1, None), "deviations": (0, None)},
)
@numpy_function
def threshold_half_maximum(
    image: Array,
    fraction: float = 0.5,
    sigma: float = 10.0,
    deviations: float = 15.0,
) -> Array:
    """Mark objects down to a fraction of their own brightness above the background.

    Of what stands out of the background's noise a pixel is kept when it is above `fraction`
    of the way from the background to the mean brightness of the foreground around it.
    Bright and dim objects so get outlines at the same relative height, and a very bright
    speck changes only its own surroundings.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite; smooth it a little first.
    fraction : float
        0 is the background, 1 the object; more opens gaps between touching objects.
    sigma : float
        Size of the neighbourhood, px: standard deviation of the Gaussian window; about the
        radius of an object.
    deviations : float
        Standard deviations of the background above its level at which an object begins.

    Returns
    -------
    ndarray
        bool, same shape.  Nothing is foreground in a constant image.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    The mean over foreground pixels only is a normalised convolution (Knutsson and Westin
    1993, doi 10.1109/CVPR.1993.341081).
    """
    from scipy import ndimage

    function = "threshold_half_maximum"
    require_array(image, function)
    require_finite(image, function)
    if not 0 <= fraction <= 1:
        raise ParameterError(f"{function}: 'fraction' is {fraction:g}, expected 0 to 1.")
    require_at_least(sigma, 0.1, function, "sigma")
    require_at_least(deviations, 0, function, "deviations")
    values = as_float(image)
    level, deviation = background_statistics(values)
    above = values - level
    mask = above > deviations * deviation
    if not mask.any():
        return mask
    share = ndimage.gaussian_filter(mask.astype(values.dtype), sigma)
    total = ndimage.gaussian_filter(np.where(mask, above, 0), sigma)
    return np.asarray(mask & (above > fraction * total / np.maximum(share, SMALLEST)))
