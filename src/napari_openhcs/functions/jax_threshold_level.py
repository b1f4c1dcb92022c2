"""Thresholds from grey values and surroundings on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); a pixel is marked when its value is above the threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import as_float, blur, require_at_least
from napari_openhcs.functions._jax_rank import percentile, spread_inside
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "hysteresis_threshold",
    "threshold_deviations",
    "threshold_local",
    "threshold_mean",
    "threshold_percentile",
    "threshold_range",
    "threshold_value",
]


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
    ),
)
@jax_function
def threshold_value(image: Array, threshold: float = 500.0) -> Array:
    """Mark what is brighter than a fixed grey value.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    threshold : float
        Grey value; pixels above it are marked.

    Returns
    -------
    Array
        bool, same shape.
    """
    return as_float(image) > threshold


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "in range",
        "band",
    ),
)
@jax_function
def threshold_range(image: Array, low: float = 500.0, high: float = 4000.0) -> Array:
    """Mark what lies between two grey values.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Grey values; pixels from `low` to `high` are marked.

    Returns
    -------
    Array
        bool, same shape.
    """
    values = as_float(image)
    return (values >= low) & (values <= high)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "brightest pixels",
        "quantile",
    ),
    units={"percent": "%"},
    limits={"percent": (0, 100)},
)
@jax_function
def threshold_percentile(image: Array, percent: float = 90.0) -> Array:
    """Mark the brightest pixels: those above a percentile.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    percent : float
        Percentile, 0 to 100.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(percent, 0, "threshold_percentile", "percent")
    values = as_float(image)
    return values > percentile(values.ravel(), min(percent, 100.0))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "mean threshold",
        "outliers",
    ),
)
@jax_function
def threshold_deviations(image: Array, deviations: float = 2.0) -> Array:
    """Mark what is so many standard deviations brighter than the mean.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    deviations : float
        Standard deviations above the mean.

    Returns
    -------
    Array
        bool, same shape.
    """
    values = as_float(image)
    return values > values.mean() + deviations * values.std()


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "average",
    ),
    limits={"correction": (0, None)},
)
@jax_function
def threshold_mean(image: Array, correction: float = 1.0) -> Array:
    """Mark what is brighter than the mean.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Array
        bool, same shape.
    """
    values = as_float(image)
    return values > values.mean() * correction


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "adaptive threshold",
        "local threshold",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0, None)},
)
@jax_function
def threshold_local(image: Array, sigma: float = 25.0, offset: float = 0.0) -> Array:
    """Mark what is brighter than its surroundings.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the surroundings, px.
    offset : float
        Grey values by which a pixel must be brighter.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(sigma, 0, "threshold_local", "sigma")
    return as_float(image) > blur(image, sigma) + offset


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=(
        "threshold",
        "binarize",
        "segment",
        "mask",
        "two thresholds",
        "double threshold",
    ),
)
@jax_function
def hysteresis_threshold(image: Array, low: float = 500.0, high: float = 1000.0) -> Array:
    """Mark what is above a low grey value and joined to something above a high one.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low : float
        Grey value above which pixels belong to an object.
    high : float
        Grey value that an object must exceed somewhere.

    Returns
    -------
    Array
        bool, same shape.

    Notes
    -----
    Equal to ``skimage.filters.apply_hysteresis_threshold``.
    """
    values = as_float(image)
    return spread_inside(values > max(low, high), values > low)
