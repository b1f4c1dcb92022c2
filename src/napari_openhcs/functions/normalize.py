"""Normalising intensities: to percentiles, range, mean and spread, gamma, inverse.

Applied plane by plane every plane is normalised by itself, which makes planes look alike
and their intensities incomparable; with ``volume=True`` in a step the whole stack shares one
scale.  Integers stay integers of the same dtype: where a float image is brought to 0–1 an
integer image is brought to 0–maximum of its dtype, rounded and clipped.  Floats become
float32 (float64 stays).  NaN is ignored in percentiles, means and extremes and stays NaN.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    fill_dtype,
    require_array,
    require_at_least,
    round_to,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "gamma",
    "invert",
    "min_max_normalize",
    "percentile_normalize",
    "rescale",
    "z_score",
]


def _finite(image: Array, function: str) -> Array:
    """Return the finite values of a checked image as float."""
    require_array(image, function)
    values = as_float(image)
    return values[np.isfinite(values)]


def _result_dtype(image: Array) -> np.dtype[np.generic]:
    """Return the dtype of the result: integers and float64 as they are, else float32."""
    return image.dtype if image.dtype.kind in "iu" else as_float(image[:0]).dtype


def _linear(image: Array, low: float, high: float, target: tuple[float, float]) -> Array:
    """Map [low, high] to `target` without clipping; without contrast all is `target[0]`."""
    dtype = _result_dtype(image)
    if not high > low:
        return np.full(image.shape, target[0], dtype)
    factor = (target[1] - target[0]) / (high - low)
    return round_to((image.astype(np.float64) - low) * factor + target[0], dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("contrast stretch", "auto contrast", "normalise", "quantile"),
    limits={"low": (0, 100), "high": (0, 100)},
)
@numpy_function
def percentile_normalize(
    image: Array, low: float = 1.0, high: float = 99.8, clip: bool = True
) -> Array:
    """Stretch intensities so that two percentiles become the ends of the range.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    low : float
        Percentile that becomes 0.
    high : float
        Percentile that becomes 1 in floats, the largest value of the dtype in integers.
    clip : bool
        Values outside become the ends.  Integers are always clipped.

    Returns
    -------
    ndarray
        Same shape; integers keep their dtype.  All 0 for an image without contrast.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        The percentiles are not 0 ≤ low < high ≤ 100.
    """
    if not 0 <= low < high <= 100:
        raise ParameterError(
            f"percentile_normalize: 'low' is {low:g} and 'high' {high:g}, expected "
            "0 ≤ low < high ≤ 100."
        )
    finite = _finite(image, "percentile_normalize")
    if not finite.size:
        return image.copy()
    ends = np.percentile(finite, (low, high))
    target = fill_dtype(image.dtype)
    result = _linear(image, float(ends[0]), float(ends[1]), target)
    return np.clip(result, *target) if clip and result.dtype.kind == "f" else result


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("contrast stretch", "normalise", "full range"),
)
@numpy_function
def min_max_normalize(image: Array) -> Array:
    """Stretch intensities from the darkest to the brightest pixel over the whole range.

    One bright speck decides about the result; :func:`percentile_normalize` is safer.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.

    Returns
    -------
    ndarray
        Same shape, 0–1 for floats, 0–maximum of the dtype for integers.  All 0 for a constant
        image.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    finite = _finite(image, "min_max_normalize")
    if not finite.size:
        return image.copy()
    return _linear(image, float(finite.min()), float(finite.max()), fill_dtype(image.dtype))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("standardize", "zero mean unit variance", "whiten"),
    limits={"deviation": (0, None)},
)
@numpy_function
def z_score(image: Array, mean: float | None = None, deviation: float | None = None) -> Array:
    """Bring mean and standard deviation to given values.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    mean : float, optional
        Mean of the result; by default 0 for floats and the middle of the dtype's range for
        integers, which could not hold negative values.
    deviation : float, optional
        Standard deviation of the result; by default 1 for floats and 1/16 of the dtype's
        range for integers.

    Returns
    -------
    ndarray
        Same shape; integers keep their dtype, rounded and clipped.  A constant image becomes
        `mean` everywhere.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        `deviation` is negative.
    """
    finite = _finite(image, "z_score").astype(np.float64)
    top = fill_dtype(image.dtype)[1]
    whole = image.dtype.kind in "iu"
    target = (top / 2 if whole else 0.0) if mean is None else mean
    spread = (top / 16 if whole else 1.0) if deviation is None else deviation
    require_at_least(spread, 0, "z_score", "deviation")
    if not finite.size:
        return image.copy()
    found = float(finite.std())
    # A constant image has a spread of rounding errors only.
    factor = spread / found if found > 1e-9 * max(float(np.abs(finite).max()), 1e-30) else 0.0
    scaled = (image.astype(np.float64) - float(finite.mean())) * factor + target
    return round_to(scaled, _result_dtype(image))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("gamma correction", "brighten dark parts", "power law"),
    limits={"exponent": (0.01, None)},
)
@numpy_function
def gamma(image: Array, exponent: float = 0.5, maximum: float | None = None) -> Array:
    """Raise intensities to a power, keeping 0 and the maximum where they are.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype; negative values become 0.
    exponent : float
        Below 1 brightens dark parts, above 1 darkens them.
    maximum : float, optional
        Grey value that stays; by default the largest of the dtype for integers and 1 for
        floats.  Give it for 12-bit images (4095).

    Returns
    -------
    ndarray
        Same shape; integers keep their dtype.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        A parameter is not positive.
    """
    require_array(image, "gamma")
    require_at_least(exponent, 0.01, "gamma", "exponent")
    top = fill_dtype(image.dtype)[1] if maximum is None else maximum
    if not top > 0:
        raise ParameterError(f"gamma: 'maximum' is {top:g}, expected a positive grey value.")
    relative = np.maximum(image.astype(np.float64), 0) / top
    return round_to(relative**exponent * top, _result_dtype(image))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("complement", "negative", "brightfield"),
)
@numpy_function
def invert(image: Array, maximum: float | None = None) -> Array:
    """Turn dark into bright: `maximum` minus the image.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    maximum : float, optional
        Grey value that becomes 0; by default the largest of the dtype for integers and 1
        for floats, the same in every plane.

    Returns
    -------
    ndarray
        Same shape; integers keep their dtype, rounded and clipped.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    require_array(image, "invert")
    top = fill_dtype(image.dtype)[1] if maximum is None else maximum
    return round_to(top - image.astype(np.float64), _result_dtype(image))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("window level", "linear scale", "contrast limits", "calibrate"),
    suggested={"in_low": 0.0, "in_high": 4095.0},
)
@numpy_function
def rescale(
    image: Array,
    in_low: float,
    in_high: float,
    out_low: float | None = None,
    out_high: float | None = None,
    clip: bool = True,
) -> Array:
    """Map a fixed range of grey values to another one, the same in every plane.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype.
    in_low : float
        Grey value that becomes `out_low`.
    in_high : float
        Grey value that becomes `out_high`.
    out_low : float, optional
        By default 0.
    out_high : float, optional
        By default the largest value of the dtype for integers and 1 for floats.
    clip : bool
        Values outside become the ends.  Integers never leave the range of their dtype.

    Returns
    -------
    ndarray
        Same shape; integers keep their dtype.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        `in_low` is not below `in_high`.
    """
    require_array(image, "rescale")
    if not in_low < in_high:
        raise ParameterError(
            f"rescale: 'in_low' is {in_low:g} and 'in_high' {in_high:g}, expected in_low to "
            "be the smaller one."
        )
    whole = fill_dtype(image.dtype)
    low = whole[0] if out_low is None else out_low
    high = whole[1] if out_high is None else out_high
    result = _linear(image, in_low, in_high, (low, high))
    if not clip:
        return result
    ends = round_to(np.array([min(low, high), max(low, high)]), result.dtype)
    return np.clip(result, ends[0], ends[1])
