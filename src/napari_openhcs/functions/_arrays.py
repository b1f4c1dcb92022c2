"""Checks and small sums that the native functions share.

Every check raises :class:`~napari_openhcs.errors.ContractError` (the data are not what the
function takes) or :class:`~napari_openhcs.errors.ParameterError` (a parameter is out of its
limits) with one sentence that names the function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.errors import ContractError, ParameterError

__all__ = [
    "Array",
    "as_float",
    "background_statistics",
    "fill_dtype",
    "float_type",
    "require_array",
    "require_at_least",
    "require_finite",
    "require_labels",
    "require_mask",
    "require_same_shape",
    "round_to",
    "within_bounds",
]

Array = NDArray[Any]
"""A NumPy array; axes are (Y, X) or (Z, Y, X) unless the function says otherwise."""

MAD_TO_SD = 1.4826
"""Standard deviations in one median absolute deviation of normally distributed values."""

SMALLEST = 1e-12
"""Stands in for zero in divisions; far below one grey value."""


def float_type(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """Return the smallest float that holds every value of `dtype` exactly.

    float32 for integers of up to 16 bits, bool, float16 and float32; float64 otherwise.
    """
    if dtype.kind in "iub" and dtype.itemsize <= 2:
        return np.float32
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.float32
    return np.float64


def as_float(image: Array) -> Array:
    """Return `image` as float32 or float64 with the same values; no copy when it is already."""
    return image.astype(float_type(image.dtype), copy=False)


def round_to(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return `values` in `dtype`: rounded and clipped for integers, cast for floats."""
    if dtype.kind not in "iu":
        return values.astype(dtype if dtype.kind == "f" else values.dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def fill_dtype(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the range an intensity is normalised to: 0–1 for floats, 0–maximum for integers."""
    return (0.0, float(np.iinfo(dtype).max)) if dtype.kind in "iu" else (0.0, 1.0)


def require_array(image: Array, function: str, *, ndims: tuple[int, ...] = (2, 3)) -> None:
    """Refuse what is not a numeric array with pixels in it and one of `ndims` dimensions."""
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iufb":
        found = getattr(image, "dtype", type(image).__name__)
        raise ContractError(
            f"{function} got {found}: expected a NumPy array of integers, floats or bool."
        )
    if image.ndim not in ndims or image.size == 0:
        axes = " or ".join({2: "(Y, X)", 3: "(Z, Y, X)"}[number] for number in ndims)
        raise ContractError(
            f"{function} got an array of shape {image.shape}: expected {axes} with at least "
            "one pixel."
        )


def require_finite(image: Array, function: str) -> None:
    """Refuse NaN and infinity, which a filter would spread over their neighbours."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = int(image.size - np.isfinite(image).sum())
        raise ContractError(
            f"{function} got {count} pixels that are NaN or infinite: expected finite values; "
            "replace them in an earlier step."
        )


def require_mask(mask: Array, function: str) -> Array:
    """Return `mask` as bool: bool as it is, numbers as "not zero".

    Raises
    ------
    ContractError
        The array has values other than one besides zero, so it is an image or labels.
    """
    require_array(mask, function)
    if mask.dtype == bool:
        return mask
    values = mask[mask != 0]
    if values.size and (values != values[0]).any():
        raise ContractError(
            f"{function} got an array with several values besides 0 ({values[0]}, "
            f"{values[values != values[0]][0]}, …): expected a mask; make one with a threshold."
        )
    return np.asarray(mask != 0)


def require_labels(labels: Array, function: str) -> Array:
    """Return `labels` as int32; refuse floats, negative and too large values."""
    require_array(labels, function)
    if labels.dtype.kind not in "iub":
        raise ContractError(
            f"{function} got {labels.dtype} where labels were expected: a label image holds "
            "integers, 0 for background; wire it to a step that gives labels."
        )
    if labels.dtype == np.int32 or labels.dtype.itemsize < 4:
        bad = labels.dtype.kind == "i" and bool(labels.min() < 0)
    else:
        bad = bool(labels.min() < 0 or labels.max() > np.iinfo(np.int32).max)
    if bad:
        raise ContractError(
            f"{function} got labels from {labels.min()} to {labels.max()}: expected 0 for "
            f"background and up to {np.iinfo(np.int32).max}; relabel them first."
        )
    return labels.astype(np.int32, copy=False)


def require_same_shape(first: Array, second: Array, function: str, name: str) -> None:
    """Refuse a wired array whose shape is not that of the first one."""
    if first.shape != second.shape:
        raise ContractError(
            f"{function} got '{name}' of shape {second.shape} for an array of shape "
            f"{first.shape}: expected the same shape; wire '{name}' to a step of the same field."
        )


def require_at_least(value: float, minimum: float, function: str, name: str) -> None:
    """Refuse a parameter below its minimum, and NaN."""
    if not value >= minimum:
        raise ParameterError(f"{function}: '{name}' is {value}, expected at least {minimum:g}.")


def within_bounds(
    threshold: float, lower: float | None, upper: float | None, function: str
) -> float:
    """Return `threshold` kept between `lower` and `upper`, either of which may be None."""
    if lower is not None and upper is not None and lower > upper:
        raise ParameterError(
            f"{function}: 'lower' is {lower:g} and 'upper' {upper:g}, expected lower to be "
            "the smaller one."
        )
    if lower is not None:
        threshold = max(threshold, lower)
    return threshold if upper is None else min(threshold, upper)


def background_statistics(
    values: Array, *, clip: float = 3.0, rounds: int = 10
) -> tuple[float, float]:
    """Return level and noise of the background among `values`.

    Median and standard deviation (1.4826 × MAD), taken again and again without the values
    more than `clip` deviations above the median until nothing changes, so that objects,
    which are brighter, do not count.  Right while objects cover less than about half.

    Parameters
    ----------
    values : ndarray
        Finite values of any shape, at least one.
    clip : float
        Deviations above the median from which a value is no background.
    rounds : int
        At most so many repetitions.

    Returns
    -------
    level, deviation : float
        `deviation` is 0 where more than half of the values are equal.

    Notes
    -----
    Sigma clipping as in SExtractor (Bertin and Arnouts 1996, doi 10.1051/aas:1996164), here
    on one side only and with the median absolute deviation.
    """
    kept = np.sort(values, axis=None)
    level, deviation = 0.0, 0.0
    for _ in range(rounds):
        level = float(np.median(kept))
        deviation = MAD_TO_SD * float(np.median(np.abs(kept - level)))
        end = int(np.searchsorted(kept, level + clip * deviation, side="right"))
        if end == kept.size or deviation == 0:
            break
        kept = kept[:end]
    return level, deviation
