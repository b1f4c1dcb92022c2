"""Edges, ridges, blobs and local detail on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device; borders are mirrored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    as_float,
    blur,
    correlate_axis,
    gaussian_weights,
    like,
    require_at_least,
    second_differences,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "enhance_ridges",
    "focus_map",
    "gaussian_gradient_magnitude",
    "laplace",
    "laplacian_of_gaussian",
    "local_deviation",
    "prewitt",
    "scharr",
    "sobel",
]


def _slope(values: Array, across: tuple[float, float, float]) -> Array:
    """Return the root mean square over the axes of differences over 2 px, smoothed across."""
    import jax.numpy as jnp

    squares = None
    for along in range(values.ndim):
        part = values
        for axis in range(values.ndim):
            part = correlate_axis(part, (-1.0, 0.0, 1.0) if axis == along else across, axis)
        squares = part**2 if squares is None else squares + part**2
    assert squares is not None
    return jnp.sqrt(squares / values.ndim)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "edge detection",
        "gradient",
    ),
)
@jax_function
def sobel(image: Array) -> Array:
    """Show edges: strength of the slope by Sobel's operator.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Notes
    -----
    On floats equal to ``skimage.filters.sobel``.
    """
    return like(_slope(as_float(image), (0.25, 0.5, 0.25)), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "edge detection",
        "gradient",
    ),
)
@jax_function
def prewitt(image: Array) -> Array:
    """Show edges: strength of the slope by Prewitt's operator.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Notes
    -----
    On floats equal to ``skimage.filters.prewitt``.
    """
    return like(_slope(as_float(image), (1 / 3, 1 / 3, 1 / 3)), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "edge detection",
        "gradient",
    ),
)
@jax_function
def scharr(image: Array) -> Array:
    """Show edges: strength of the slope by Scharr's operator.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Notes
    -----
    On floats equal to ``skimage.filters.scharr``.
    """
    return like(_slope(as_float(image), (3 / 16, 10 / 16, 3 / 16)), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "second derivative",
        "focus",
    ),
)
@jax_function
def laplace(image: Array) -> Array:
    """Show fine detail: second differences along all axes.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64); grey values, also below 0.

    Notes
    -----
    On floats equal to ``scipy.ndimage.laplace``.
    """
    return second_differences(as_float(image))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "LoG",
        "spot enhancement",
        "enhance spots",
        "blob enhancement",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0, None)},
)
@jax_function
def laplacian_of_gaussian(image: Array, sigma: float = 2.0) -> Array:
    """Bring out bright blobs of one size: Laplacian of the blurred image.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the blur, px: radius of the blobs over √2 (√3 in volumes).

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64); positive on bright blobs,
        times sigma² so that sizes compare.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(sigma, 0, "laplacian_of_gaussian", "sigma")
    return second_differences(blur(image, sigma)) * -(sigma**2)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "edges",
        "edge detection",
        "gradient",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None)},
)
@jax_function
def gaussian_gradient_magnitude(image: Array, sigma: float = 1.0) -> Array:
    """Show edges of a size: strength of the slope of the blurred image.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the blur, px.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.  Grey values a px.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    On floats equal to ``scipy.ndimage.gaussian_gradient_magnitude``.
    """
    import jax.numpy as jnp

    require_at_least(sigma, 0.1, "gaussian_gradient_magnitude", "sigma")
    squares = None
    for along in range(image.ndim):
        part = as_float(image)
        for axis in range(image.ndim):
            weights = gaussian_weights(sigma, 4.0, order=int(axis == along))
            part = correlate_axis(part, weights, axis)
        squares = part**2 if squares is None else squares + part**2
    assert squares is not None
    return like(jnp.sqrt(squares), image)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "ridge filter",
        "tubeness",
        "neurites",
        "vessels",
        "fibres",
    ),
    units={"radius": "px"},
    limits={"radius": (0.5, None)},
)
@jax_function
def enhance_ridges(image: Array, radius: float = 2.0) -> Array:
    """Bring out bright lines of a given width: neurites, vessels, fibres.

    Parameters
    ----------
    image : Array
        (Y, X), any real dtype.
    radius : float
        Half the width of the lines, px.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.  About the height of a line
        above its surroundings.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.skeleton.enhance_neurites`.
    """
    import jax.numpy as jnp

    require_at_least(radius, 0.5, "enhance_ridges", "radius")
    blurred = blur(image, radius)
    yy, xx = (correlate_axis(blurred, (1.0, -2.0, 1.0), axis) for axis in (0, 1))
    slope = correlate_axis(blurred, (-0.5, 0.0, 0.5), 0)
    yx = correlate_axis(slope, (-0.5, 0.0, 0.5), 1)
    # Across a bright line the second derivative is strongly negative.
    across = (yy + xx) / 2 - jnp.hypot((yy - xx) / 2, yx)
    return like((-(radius**2) * across).clip(0), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "local standard deviation",
        "texture",
        "variance filter",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None)},
)
@jax_function
def local_deviation(image: Array, sigma: float = 3.0) -> Array:
    """Show how much grey values vary around every pixel: texture and detail.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the neighbourhood, px.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64), grey values.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.texture.local_deviation`.
    """
    import jax.numpy as jnp

    require_at_least(sigma, 0.5, "local_deviation", "sigma")
    values = as_float(image)
    # Around the mean: squares of large grey values would eat up the precision.
    values = values - values.mean()
    return jnp.sqrt((blur(values**2, sigma) - blur(values, sigma) ** 2).clip(0))


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=(
        "local sharpness",
        "local focus",
        "detail map",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None)},
)
@jax_function
def focus_map(image: Array, sigma: float = 5.0) -> Array:
    """Show where an image is sharp: the local strength of its gradients.

    Parameters
    ----------
    image : Array
        (Y, X), any real dtype.
    sigma : float
        Standard deviation of the neighbourhood, px.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64), grey values a px.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.focus.focus_map`.
    """
    import jax.numpy as jnp

    require_at_least(sigma, 0.5, "focus_map", "sigma")
    slope = _slope(as_float(image), (0.25, 0.5, 0.25))
    # The mean over two axes of differences over 2 px: the sum of slopes a px is half of it.
    return jnp.sqrt((blur(slope**2, sigma) / 2).clip(0))
