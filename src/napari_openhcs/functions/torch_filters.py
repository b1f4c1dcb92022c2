"""Smoothing, sharpening and rank filters on torch tensors, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); tensors stay on their device; borders are mirrored.  torch is
imported inside the functions: listing them loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._torch import (
    as_float,
    blur,
    like,
    line_extreme,
    neighbours,
    require_at_least,
    widened,
    windows,
    windows_along,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "bilateral_filter",
    "difference_of_gaussians",
    "gaussian_blur",
    "max_filter",
    "mean_filter",
    "median_filter",
    "min_filter",
    "percentile_filter",
    "range_filter",
    "unsharp_mask",
]


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("blur", "smooth", "gaussian blur", "reduce noise"),
    units={"sigma": "px"},
    limits={"sigma": (0, None), "truncate": (0.5, 10)},
)
@torch_function
def gaussian_blur(image: Tensor, sigma: float = 2.0, truncate: float = 4.0) -> Tensor:
    """Blur with a Gaussian.

    Equal to ``scipy.ndimage.gaussian_filter`` within float32 precision, also at the border
    (mode ``reflect``).

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype; its dtype is kept, integers are rounded.
    sigma : float
        Standard deviation along every axis; 0 changes nothing.
    truncate : float
        The kernel reaches so many standard deviations far.

    Returns
    -------
    Tensor
        Same shape, dtype and device; a new tensor.
    """
    if int(truncate * sigma + 0.5) == 0:
        return image.clone()
    return like(blur(image, sigma, truncate), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "box blur",
        "average",
        "smooth",
    ),
    units={"size": "px"},
    limits={"size": (1, None)},
)
@torch_function
def mean_filter(image: Tensor, size: int = 3) -> Tensor:
    """Take the mean in a square window.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Tensor
        Same shape, dtype and device; integers are rounded.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.uniform_filter``.
    """
    require_at_least(size, 1, "mean_filter", "size")
    result = as_float(image)
    for axis in range(image.ndim):
        result = windows_along(result, size, axis).mean(-1)
    return like(result, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "despeckle",
        "remove noise",
        "denoise",
        "salt and pepper noise",
    ),
    units={"size": "px"},
    limits={"size": (1, None)},
)
@torch_function
def median_filter(image: Tensor, size: int = 3) -> Tensor:
    """Take the median in a square window: removes single bright or dark pixels.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.median_filter``.
    """
    require_at_least(size, 1, "median_filter", "size")
    middle = size**image.ndim // 2
    return windows(widened(image), size, lambda values: values.sort(-1).values[..., middle]).to(
        image.dtype
    )


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "rank filter",
        "background estimate",
    ),
    units={"size": "px", "percent": "%"},
    limits={"size": (1, None), "percent": (0, 100)},
)
@torch_function
def percentile_filter(image: Tensor, size: int = 5, percent: float = 50.0) -> Tensor:
    """Take a percentile in a square window.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.
    percent : float
        Percentile, 0 to 100; the nearest value below is taken.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.percentile_filter``.
    """
    require_at_least(size, 1, "percentile_filter", "size")
    require_at_least(percent, 0, "percentile_filter", "percent")
    count = size**image.ndim
    rank = min(int(count * percent / 100.0), count - 1)
    return windows(widened(image), size, lambda values: values.sort(-1).values[..., rank]).to(
        image.dtype
    )


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "maximum filter",
        "grow bright",
    ),
    units={"size": "px"},
    limits={"size": (1, None)},
)
@torch_function
def max_filter(image: Tensor, size: int = 3) -> Tensor:
    """Take the largest value in a square window.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.maximum_filter``.
    """
    require_at_least(size, 1, "max_filter", "size")
    result = widened(image)
    for axis in range(image.ndim):
        result = line_extreme(result, size, axis, largest=True)
    return result.to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "minimum filter",
        "shrink bright",
    ),
    units={"size": "px"},
    limits={"size": (1, None)},
)
@torch_function
def min_filter(image: Tensor, size: int = 3) -> Tensor:
    """Take the smallest value in a square window.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.minimum_filter``.
    """
    require_at_least(size, 1, "min_filter", "size")
    result = widened(image)
    for axis in range(image.ndim):
        result = line_extreme(result, size, axis, largest=False)
    return result.to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "local contrast",
        "texture",
    ),
    units={"size": "px"},
    limits={"size": (1, None)},
)
@torch_function
def range_filter(image: Tensor, size: int = 3) -> Tensor:
    """Take the difference of the largest and the smallest value in a square window.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Tensor
        Same shape, dtype and device, grey values; bright at edges and in texture.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(size, 1, "range_filter", "size")
    highest = lowest = widened(image)
    for axis in range(image.ndim):
        highest = line_extreme(highest, size, axis, largest=True)
        lowest = line_extreme(lowest, size, axis, largest=False)
    return (highest - lowest).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "DoG",
        "band pass",
        "enhance spots",
        "spot enhancement",
    ),
    units={"low_sigma": "px", "high_sigma": "px"},
    limits={"low_sigma": (0, None), "high_sigma": (0, None)},
)
@torch_function
def difference_of_gaussians(
    image: Tensor, low_sigma: float = 1.0, high_sigma: float = 4.0
) -> Tensor:
    """Keep structures between two sizes: a weak blur minus a strong one.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    low_sigma : float
        Standard deviation of the weaker blur, px.
    high_sigma : float
        Standard deviation of the stronger blur, px.

    Returns
    -------
    Tensor
        Same shape and device, float32 (float64 for float64); grey values, also below 0.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(low_sigma, 0, "difference_of_gaussians", "low_sigma")
    require_at_least(high_sigma, low_sigma, "difference_of_gaussians", "high_sigma")
    return blur(image, low_sigma) - blur(image, high_sigma)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "sharpen",
        "sharpening",
        "deblur",
        "enhance edges",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0, None), "amount": (0, None)},
)
@torch_function
def unsharp_mask(image: Tensor, sigma: float = 2.0, amount: float = 1.0) -> Tensor:
    """Sharpen: add what a blur takes away.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the blur, px.
    amount : float
        How much is added; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device; integers are rounded.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(sigma, 0, "unsharp_mask", "sigma")
    values = as_float(image)
    return like(values + amount * (values - blur(image, sigma)), image)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edge preserving smoothing",
        "denoise",
        "reduce noise",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None)},
)
@torch_function
def bilateral_filter(image: Tensor, sigma: float = 1.5, sigma_grey: float | None = None) -> Tensor:
    """Smooth inside regions and keep edges: neighbours of other brightness count less.

    Parameters
    ----------
    image : Tensor
        (Y, X), any real dtype.
    sigma : float
        Standard deviation of the distance, px; the window reaches twice as far.
    sigma_grey : float, optional
        Standard deviation of the difference in grey values; by default that of the image.

    Returns
    -------
    Tensor
        Same shape, dtype and device; integers are rounded.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Tomasi and Manduchi 1998, doi 10.1109/ICCV.1998.710815.
    """
    import torch

    require_at_least(sigma, 0.1, "bilateral_filter", "sigma")
    values = as_float(image)
    spread = float(values.std(correction=0)) if sigma_grey is None else sigma_grey
    if not spread > 0:
        return image.clone()
    total, weights = torch.zeros_like(values), torch.zeros_like(values)
    for distance, shifted in neighbours(values, int(2 * sigma + 0.5)):
        weight = torch.exp(
            -0.5 * (distance / sigma) ** 2 - 0.5 * ((shifted - values) / spread) ** 2
        )
        total += weight * shifted
        weights += weight
    return like(total / weights, image)
