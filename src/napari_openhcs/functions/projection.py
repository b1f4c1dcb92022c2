"""Projections: a stack of N planes to one plane.

The stack runs over z unless the step's `variable_components` say otherwise.  Axes are
(N, Y, X) → (Y, X).  NaN in any plane gives NaN.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    float_type,
    require_array,
    require_at_least,
    require_finite,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "best_focus_projection",
    "max_projection",
    "mean_projection",
    "median_projection",
    "min_projection",
    "std_projection",
    "sum_projection",
]


def _stack(image: Array, function: str) -> Array:
    """Return the (N, Y, X) stack; a single plane counts as a stack of one."""
    require_array(image, function)
    return image[np.newaxis] if image.ndim == 2 else image


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("maximum intensity projection", "MIP", "z projection", "flatten"),
)
@numpy_function
def max_projection(image: Array) -> Array:
    """Take the brightest value over the stack at every pixel.

    The dtype is kept.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "max_projection")
    return np.asarray(stack.max(axis=0))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("minimum intensity projection", "z projection", "flatten"),
)
@numpy_function
def min_projection(image: Array) -> Array:
    """Take the darkest value over the stack at every pixel.

    The dtype is kept; finds what is dark in every plane, such as a background.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "min_projection")
    return np.asarray(stack.min(axis=0))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("average projection", "z projection", "flatten"),
)
@numpy_function
def mean_projection(image: Array) -> Array:
    """Take the mean over the stack at every pixel.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X), float32 (float64 for integers of more than 16 bits and for float64); a step
        with dtype ``preserve`` rounds it back to the dtype of `image`.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "mean_projection")
    return np.asarray(stack.mean(axis=0, dtype=np.float64).astype(float_type(stack.dtype)))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("middle value", "z projection", "flatten"),
)
@numpy_function
def median_projection(image: Array) -> Array:
    """Take the median over the stack at every pixel.

    Unlike the mean it ignores a few outlying planes.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X), float32 (float64 for integers of more than 16 bits and for float64); a step
        with dtype ``preserve`` rounds it back to the dtype of `image`.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "median_projection")
    return np.asarray(np.median(as_float(stack), axis=0))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("variation", "standard deviation projection", "z projection"),
)
@numpy_function
def std_projection(image: Array) -> Array:
    """Take the standard deviation over the stack at every pixel.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X), float32 (float64 for integers of more than 16 bits and for float64), grey values; a
        step with dtype ``preserve`` rounds it.  0 for a stack of one plane.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "std_projection")
    return np.asarray(stack.std(axis=0, dtype=np.float64).astype(float_type(stack.dtype)))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("add planes", "integrated intensity", "z projection"),
)
@numpy_function
def sum_projection(image: Array) -> Array:
    """Take the sum over the stack at every pixel, without overflow.

    A step with dtype ``preserve`` clips the sum to the dtype of `image`; use ``native`` or
    ``uint32`` to keep it.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype; (Y, X) counts as one plane.

    Returns
    -------
    ndarray
        (Y, X).  Integers of up to 16 bits give uint32 or int32, larger ones uint64 or int64;
        floats give float32 or float64.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    """
    stack = _stack(image, "sum_projection")
    kind, size = stack.dtype.kind, stack.dtype.itemsize
    if kind == "f":
        return np.asarray(stack.sum(axis=0, dtype=np.float64).astype(float_type(stack.dtype)))
    sign = "i" if kind == "i" else "u"
    # 65 535 planes of 16 bits fit into 32 bits.
    return np.asarray(stack.sum(axis=0, dtype=f"{sign}{4 if size <= 2 else 8}"))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("autofocus", "sharpest plane", "extended depth of field", "z projection"),
    units={"sigma": "px"},
    limits={"sigma": (0, None)},
)
@numpy_function
def best_focus_projection(image: Array, sigma: float = 0.0) -> Array:
    """Take the plane in best focus, whole or pixel by pixel.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype, finite; (Y, X) counts as one plane.
    sigma : float
        0 takes one whole plane.  Otherwise each pixel comes from the plane that is sharpest
        in its neighbourhood: standard deviation of the Gaussian window, px.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`; values are copied, never mixed.  Of equally sharp planes
        the first one.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `sigma` is negative.

    Notes
    -----
    Sharpness is the energy of the Laplacian (Subbarao, Choi and Nikzad 1993,
    doi 10.1117/12.147706).
    """
    from scipy import ndimage

    function = "best_focus_projection"
    stack = _stack(image, function)
    require_finite(stack, function)
    require_at_least(sigma, 0, function, "sigma")
    best_value = np.full(stack.shape[1:] if sigma else (), -np.inf)
    best = stack[0].copy()
    for plane in stack:
        energy = ndimage.laplace(plane.astype(np.float64)) ** 2
        value = ndimage.gaussian_filter(energy, sigma) if sigma else energy.mean()
        best = np.where(value > best_value, plane, best)
        best_value = np.maximum(value, best_value)
    return np.asarray(best)
