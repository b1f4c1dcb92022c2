"""Smoothing, sharpening and rank filters on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device; borders are mirrored.  jax is
imported inside the functions: listing them loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    as_float,
    bilateral,
    blur,
    like,
    require_at_least,
    window_extreme,
    window_mean,
)
from napari_openhcs.functions._jax_rank import window_rank
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

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
@jax_function
def gaussian_blur(image: Array, sigma: float = 2.0, truncate: float = 4.0) -> Array:
    """Blur with a Gaussian.

    Equal to ``scipy.ndimage.gaussian_filter`` within float32 precision, also at the border
    (mode ``reflect``).

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype; its dtype is kept, integers are rounded.
    sigma : float
        Standard deviation along every axis; 0 changes nothing.
    truncate : float
        The kernel reaches so many standard deviations far.

    Returns
    -------
    Array
        Same shape and dtype.
    """
    if int(truncate * sigma + 0.5) == 0:
        return image
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
@jax_function
def mean_filter(image: Array, size: int = 3) -> Array:
    """Take the mean in a square window.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.uniform_filter``.
    """
    require_at_least(size, 1, "mean_filter", "size")
    return like(window_mean(as_float(image), size), image)


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
@jax_function
def median_filter(image: Array, size: int = 3) -> Array:
    """Take the median in a square window: removes single bright or dark pixels.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.median_filter``.
    """
    require_at_least(size, 1, "median_filter", "size")
    return window_rank(image, size**image.ndim // 2, size=size)


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
@jax_function
def percentile_filter(image: Array, size: int = 5, percent: float = 50.0) -> Array:
    """Take a percentile in a square window.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.
    percent : float
        Percentile, 0 to 100; the nearest value below is taken.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

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
    return window_rank(image, rank, size=size)


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
@jax_function
def max_filter(image: Array, size: int = 3) -> Array:
    """Take the largest value in a square window.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.maximum_filter``.
    """
    require_at_least(size, 1, "max_filter", "size")
    return window_extreme(image, size, largest=True)


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
@jax_function
def min_filter(image: Array, size: int = 3) -> Array:
    """Take the smallest value in a square window.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Equal to ``scipy.ndimage.minimum_filter``.
    """
    require_at_least(size, 1, "min_filter", "size")
    return window_extreme(image, size, largest=False)


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
@jax_function
def range_filter(image: Array, size: int = 3) -> Array:
    """Take the difference of the largest and the smallest value in a square window.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    size : int
        Side of the window, px.

    Returns
    -------
    Array
        Same shape and dtype, grey values; bright at edges and in texture.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(size, 1, "range_filter", "size")
    highest, lowest = (window_extreme(image, size, largest=side) for side in (True, False))
    return highest - lowest


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
@jax_function
def difference_of_gaussians(image: Array, low_sigma: float = 1.0, high_sigma: float = 4.0) -> Array:
    """Keep structures between two sizes: a weak blur minus a strong one.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low_sigma : float
        Standard deviation of the weaker blur, px.
    high_sigma : float
        Standard deviation of the stronger blur, px.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64); grey values, also below 0.

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
@jax_function
def unsharp_mask(image: Array, sigma: float = 2.0, amount: float = 1.0) -> Array:
    """Sharpen: add what a blur takes away.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the blur, px.
    amount : float
        How much is added; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

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
@jax_function
def bilateral_filter(image: Array, sigma: float = 1.5, sigma_grey: float | None = None) -> Array:
    """Smooth inside regions and keep edges: neighbours of other brightness count less.

    Parameters
    ----------
    image : Array
        (Y, X), any real dtype.
    sigma : float
        Standard deviation of the distance, px; the window reaches twice as far.
    sigma_grey : float, optional
        Standard deviation of the difference in grey values; by default that of the image.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    Tomasi and Manduchi 1998, doi 10.1109/ICCV.1998.710815.
    """
    require_at_least(sigma, 0.1, "bilateral_filter", "sigma")
    values = as_float(image)
    spread = float(values.std()) if sigma_grey is None else sigma_grey
    if not spread > 0:
        return image
    return like(bilateral(values, sigma, spread), image)
