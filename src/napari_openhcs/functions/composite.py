"""Composites: the channels of a field to one plane.

The stack runs over channels unless the step's `variable_components` say otherwise.  Axes are
(C, Y, X) → (Y, X).  Grey values are those of the channels; normalise the channels first
where their scales differ.  NaN in any channel with a weight gives NaN.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    require_array,
    require_at_least,
    require_same_shape,
    round_to,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["max_composite", "mean_composite", "subtract_channel"]


def _stack(image: Array, weights: tuple[float, ...] | None, function: str) -> tuple[Array, Array]:
    """Return the (C, Y, X) stack and one weight a channel."""
    require_array(image, function)
    stack = image[np.newaxis] if image.ndim == 2 else image
    if weights is None:
        return stack, np.ones(stack.shape[0])
    found = np.asarray(weights, np.float64)
    if found.shape != (stack.shape[0],) or not np.isfinite(found).all() or (found < 0).any():
        raise ParameterError(
            f"{function}: 'weights' is {tuple(weights)}, expected {stack.shape[0]} numbers of "
            "at least 0, one for each channel in the order of the plate."
        )
    if not found.any():
        raise ParameterError(f"{function}: all 'weights' are 0, expected at least one above 0.")
    return stack, found


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="composite",
    ndims=(2, 3),
    synonyms=("merge channels", "weighted mean", "average channels", "combine channels"),
    stack_component="channel",
)
@numpy_function
def mean_composite(image: Array, weights: tuple[float, ...] | None = None) -> Array:
    """Take the weighted mean of the channels at every pixel.

    Parameters
    ----------
    image : ndarray
        (C, Y, X), any numeric dtype; (Y, X) counts as one channel.
    weights : tuple of float, optional
        One number a channel, at least 0; they are divided by their sum.  By default all
        count alike; 0 leaves a channel out.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`, rounded for integers.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        `weights` has another length, a negative number or only zeros.
    """
    stack, found = _stack(image, weights, "mean_composite")
    used = found > 0
    mean = np.tensordot(found[used] / found.sum(), stack[used].astype(np.float64), axes=1)
    return round_to(mean, stack.dtype if stack.dtype.kind != "b" else np.dtype(np.float32))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="composite",
    ndims=(2, 3),
    synonyms=("merge channels", "brightest channel", "combine channels"),
    stack_component="channel",
)
@numpy_function
def max_composite(image: Array, weights: tuple[float, ...] | None = None) -> Array:
    """Take the brightest channel at every pixel, each multiplied by a weight.

    Parameters
    ----------
    image : ndarray
        (C, Y, X), any numeric dtype; (Y, X) counts as one channel.
    weights : tuple of float, optional
        One number a channel, at least 0, relative to the largest of them.  By default all
        count alike; 0 leaves a channel out.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`, rounded for integers.

    Raises
    ------
    ContractError
        The array is empty or has other axes.
    ParameterError
        `weights` has another length, a negative number or only zeros.
    """
    stack, found = _stack(image, weights, "max_composite")
    if weights is None:
        return np.asarray(stack.max(axis=0))
    used = found > 0
    relative = (found[used] / found.max()).reshape(-1, 1, 1)
    return round_to((stack[used] * relative).max(axis=0), stack.dtype)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="composite",
    synonyms=("bleed-through", "crosstalk", "unmix", "spectral overlap"),
    array_kinds={"other": Kind.IMAGE},
    limits={"factor": (0, None)},
)
@numpy_function
def subtract_channel(
    image: Array, other: Array, factor: float = 0.1, other_background: float = 0.0
) -> Array:
    """Subtract what of another channel bleeds into this one.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype.
    other : ndarray
        (Y, X), the channel that bleeds through; wired.
    factor : float
        Share of the other channel's light that arrives here.
    other_background : float
        Grey value of the other channel where there is no light.

    Returns
    -------
    ndarray
        (Y, X), same dtype, not below 0, rounded for integers.

    Raises
    ------
    ContractError
        An array is empty, or the shapes differ.
    ParameterError
        `factor` is negative.
    """
    function = "subtract_channel"
    require_array(image, function, ndims=(2,))
    require_array(other, function, ndims=(2,))
    require_same_shape(image, other, function, "other")
    require_at_least(factor, 0, function, "factor")
    light = np.maximum(as_float(other) - other_background, 0)
    return round_to(np.maximum(as_float(image) - factor * light, 0), image.dtype)
