"""Projections of stacks on torch tensors, for the CPU or a GPU: (N, Y, X) to (Y, X).

The stack runs over z unless the step's `variable_components` say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._torch import (
    as_float,
    blur,
    like,
    percentile,
    require_at_least,
    require_stack,
    second_differences,
    widened,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

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
@torch_function
def max_projection(image: Tensor) -> Tensor:
    """Take the brightest value over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    wide = widened(require_stack(image, "max_projection"))
    return wide.amax(dim=0).to(image.dtype)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "minimum intensity projection",
        "z projection",
    ),
)
@torch_function
def min_projection(image: Tensor) -> Tensor:
    """Take the darkest value over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    wide = widened(require_stack(image, "min_projection"))
    return wide.amin(dim=0).to(image.dtype)


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
@torch_function
def range_projection(image: Tensor) -> Tensor:
    """Take the difference of the brightest and the darkest value over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    wide = widened(require_stack(image, "range_projection"))
    return (wide.amax(dim=0) - wide.amin(dim=0)).to(image.dtype)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "average projection",
        "z projection",
    ),
)
@torch_function
def mean_projection(image: Tensor) -> Tensor:
    """Take the mean over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    return like(as_float(require_stack(image, "mean_projection")).mean(dim=0), image)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=(
        "background plane",
        "z projection",
    ),
)
@torch_function
def median_projection(image: Tensor) -> Tensor:
    """Take the median over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    values = as_float(require_stack(image, "median_projection"))
    return like(percentile(values.movedim(0, -1), 50.0), image)


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
@torch_function
def percentile_projection(image: Tensor, percent: float = 90.0) -> Tensor:
    """Take a percentile over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.
    percent : float
        Percentile, 0 to 100, interpolated linearly.

    Returns
    -------
    Tensor
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    require_at_least(percent, 0, "percentile_projection", "percent")
    values = as_float(require_stack(image, "percentile_projection"))
    return like(percentile(values.movedim(0, -1), min(percent, 100.0)), image)


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
@torch_function
def std_projection(image: Tensor) -> Tensor:
    """Take the standard deviation over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), float32 (float64 for float64), grey values.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    return as_float(require_stack(image, "std_projection")).std(dim=0, correction=0)


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
@torch_function
def sum_projection(image: Tensor) -> Tensor:
    """Take the sum over the stack at every pixel, without overflow.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), float32 (float64 for float64), grey values.  A step with dtype ``preserve``
        clips it to the dtype of the image.

    Raises
    ------
    ContractError
        The tensor is no stack.
    """
    return as_float(require_stack(image, "sum_projection")).sum(dim=0)


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
@torch_function
def best_focus_projection(image: Tensor, sigma: float = 0.0) -> Tensor:
    """Take the plane in best focus, whole or pixel by pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.
    sigma : float
        0 takes one whole plane; otherwise each pixel comes from the plane that is sharpest
        in its neighbourhood: standard deviation of the window, px.

    Returns
    -------
    Tensor
        (Y, X), same dtype; values are copied, never mixed.

    Raises
    ------
    ContractError
        The tensor is no stack.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.projection.best_focus_projection`.
    """
    import torch

    require_at_least(sigma, 0, "best_focus_projection", "sigma")
    stack = as_float(require_stack(image, "best_focus_projection"))
    energy = [second_differences(plane) ** 2 for plane in stack]
    if not sigma:
        best = torch.stack([plane.mean(dtype=torch.float64) for plane in energy]).argmax()
        return widened(image)[best].to(image.dtype)
    index = torch.stack([blur(plane, sigma) for plane in energy]).argmax(dim=0, keepdim=True)
    return widened(image).gather(0, index)[0].to(image.dtype)
