"""Projections of stacks on JAX arrays, for the CPU or a GPU: (N, Y, X) to (Y, X).

The stack runs over z unless the step's `variable_components` say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    as_float,
    blur,
    like,
    require_at_least,
    require_stack,
    second_differences,
)
from napari_openhcs.functions._jax_rank import percentile
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "best_focus_projection",
    "max_projection",
    "mean_projection",
    "median_projection",
    "min_projection",
    "percentile_projection",
    "range_projection",
    "std_projection",
    "sum_projection",
]


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "maximum intensity projection",
        "MIP",
        "z projection",
    ),
)
@jax_function
def max_projection(image: Array) -> Array:
    """Take the brightest value over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    stack = require_stack(image, "max_projection")
    return stack.max(axis=0)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "minimum intensity projection",
        "z projection",
    ),
)
@jax_function
def min_projection(image: Array) -> Array:
    """Take the darkest value over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    stack = require_stack(image, "min_projection")
    return stack.min(axis=0)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "movement",
        "change over time",
        "z projection",
    ),
)
@jax_function
def range_projection(image: Array) -> Array:
    """Take the difference of the brightest and the darkest value over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    stack = require_stack(image, "range_projection")
    return stack.max(axis=0) - stack.min(axis=0)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "average projection",
        "z projection",
    ),
)
@jax_function
def mean_projection(image: Array) -> Array:
    """Take the mean over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    return like(as_float(require_stack(image, "mean_projection")).mean(axis=0), image)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "background plane",
        "z projection",
    ),
)
@jax_function
def median_projection(image: Array) -> Array:
    """Take the median over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    values = as_float(require_stack(image, "median_projection"))
    return like(percentile(values, 50.0), image)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "quantile projection",
        "z projection",
    ),
    units={"percent": "%"},
    limits={"percent": (0, 100)},
)
@jax_function
def percentile_projection(image: Array, percent: float = 90.0) -> Array:
    """Take a percentile over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.
    percent : float
        Percentile, 0 to 100, interpolated linearly.

    Returns
    -------
    Array
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    require_at_least(percent, 0, "percentile_projection", "percent")
    values = as_float(require_stack(image, "percentile_projection"))
    return like(percentile(values, min(percent, 100.0)), image)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "variation",
        "standard deviation projection",
        "z projection",
    ),
)
@jax_function
def std_projection(image: Array) -> Array:
    """Take the standard deviation over the stack at every pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), float32 (float64 for float64), grey values.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    return as_float(require_stack(image, "std_projection")).std(axis=0)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "add planes",
        "integrated intensity",
        "z projection",
    ),
)
@jax_function
def sum_projection(image: Array) -> Array:
    """Take the sum over the stack at every pixel, without overflow.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.

    Returns
    -------
    Array
        (Y, X), float32 (float64 for float64), grey values.  A step with dtype ``preserve``
        clips it to the dtype of the image.

    Raises
    ------
    ContractError
        The array is no stack.
    """
    return as_float(require_stack(image, "sum_projection")).sum(axis=0)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "autofocus",
        "sharpest plane",
        "extended depth of field",
        "z projection",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0, None)},
)
@jax_function
def best_focus_projection(image: Array, sigma: float = 0.0) -> Array:
    """Take the plane in best focus, whole or pixel by pixel.

    Parameters
    ----------
    image : Array
        (N, Y, X), any real dtype.
    sigma : float
        0 takes one whole plane; otherwise each pixel comes from the plane that is sharpest
        in its neighbourhood: standard deviation of the window, px.

    Returns
    -------
    Array
        (Y, X), same dtype; values are copied, never mixed.

    Raises
    ------
    ContractError
        The array is no stack.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.projection.best_focus_projection`.
    """
    import jax.numpy as jnp

    require_at_least(sigma, 0, "best_focus_projection", "sigma")
    stack = as_float(require_stack(image, "best_focus_projection"))
    # Planes side by side: differences run inside each of them.
    energy = jnp.stack([second_differences(plane) ** 2 for plane in stack])
    if not sigma:
        return image[energy.mean(axis=(1, 2)).argmax()]
    index = jnp.stack([blur(plane, sigma) for plane in energy]).argmax(axis=0)
    return jnp.take_along_axis(image, index[None], axis=0)[0]
