"""Thresholds from grey values and surroundings on torch tensors, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); a pixel is marked when its value is above the threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._torch import (
    as_float,
    blur,
    percentile,
    require_at_least,
    spread_inside,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

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
@torch_function
def threshold_value(image: Tensor, threshold: float = 500.0) -> Tensor:
    """Mark what is brighter than a fixed grey value.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    threshold : float
        Grey value; pixels above it are marked.

    Returns
    -------
    Tensor
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
@torch_function
def threshold_range(image: Tensor, low: float = 500.0, high: float = 4000.0) -> Tensor:
    """Mark what lies between two grey values.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Grey values; pixels from `low` to `high` are marked.

    Returns
    -------
    Tensor
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
@torch_function
def threshold_percentile(image: Tensor, percent: float = 90.0) -> Tensor:
    """Mark the brightest pixels: those above a percentile.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    percent : float
        Percentile, 0 to 100.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(percent, 0, "threshold_percentile", "percent")
    values = as_float(image)
    return values > percentile(values.flatten(), min(percent, 100.0))


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
@torch_function
def threshold_deviations(image: Tensor, deviations: float = 2.0) -> Tensor:
    """Mark what is so many standard deviations brighter than the mean.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    deviations : float
        Standard deviations above the mean.

    Returns
    -------
    Tensor
        bool, same shape.
    """
    values = as_float(image)
    return values > values.mean() + deviations * values.std(correction=0)


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
@torch_function
def threshold_mean(image: Tensor, correction: float = 1.0) -> Tensor:
    """Mark what is brighter than the mean.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Tensor
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
@torch_function
def threshold_local(image: Tensor, sigma: float = 25.0, offset: float = 0.0) -> Tensor:
    """Mark what is brighter than its surroundings.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the surroundings, px.
    offset : float
        Grey values by which a pixel must be brighter.

    Returns
    -------
    Tensor
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
@torch_function
def hysteresis_threshold(image: Tensor, low: float = 500.0, high: float = 1000.0) -> Tensor:
    """Mark what is above a low grey value and joined to something above a high one.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    low : float
        Grey value above which pixels belong to an object.
    high : float
        Grey value that an object must exceed somewhere.

    Returns
    -------
    Tensor
        bool, same shape.

    Notes
    -----
    Equal to ``skimage.filters.apply_hysteresis_threshold``.
    """
    values = as_float(image)
    return spread_inside(values > max(low, high), values > low)
