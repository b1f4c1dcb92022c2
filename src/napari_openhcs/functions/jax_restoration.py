"""Deblurring, denoising, moving and distances on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device; borders are mirrored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import as_float, blur, compiled, like, require_at_least
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = ["deblur_gaussian", "denoise_tv", "distance_to_background", "shift_image"]


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="restoration",
    synonyms=("deconvolution", "Richardson Lucy", "sharpen"),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None), "iterations": (1, 500)},
)
@jax_function
def deblur_gaussian(image: Array, sigma: float = 1.5, iterations: int = 10) -> Array:
    """Undo a Gaussian blur: Richardson-Lucy deconvolution.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype; values below 0 count as 0.
    sigma : float
        Standard deviation of the blur of the microscope along every axis.
    iterations : int
        More sharpen more, and bring out noise.

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
    Richardson 1972, doi 10.1364/JOSA.62.000055; Lucy 1974, doi 10.1086/111605.
    """
    require_at_least(sigma, 0.1, "deblur_gaussian", "sigma")
    require_at_least(iterations, 1, "deblur_gaussian", "iterations")
    values = as_float(image).clip(0)
    # A share of the mean keeps the division finite where the image is black.
    smallest = 1e-6 * float(values.mean()) or 1.0
    found = blur(values, sigma)
    for _ in range(iterations):
        ratio = values / blur(found, sigma).clip(smallest)
        found = found * blur(ratio, sigma)
    return like(found, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="restoration",
    synonyms=("denoise", "remove noise", "total variation", "edge preserving smoothing"),
    limits={"strength": (0, None), "iterations": (1, 1000)},
)
@jax_function
def denoise_tv(image: Array, strength: float = 1.0, iterations: int = 50) -> Array:
    """Remove noise and keep edges: total variation.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    strength : float
        Grey values, in units of the image's noise: its typical difference between neighbours.
    iterations : int
        More come closer to the best image.

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
    Chambolle 2004, doi 10.1023/B:JMIV.0000011325.36760.1e.
    """
    require_at_least(strength, 0, "denoise_tv", "strength")
    require_at_least(iterations, 1, "denoise_tv", "iterations")
    values = as_float(image)
    noise = float(abs(values[..., 1:] - values[..., :-1]).mean())
    if not strength * noise > 0:
        return image
    return like(_least_variation(values, strength * noise, iterations), image)


@compiled()
def _least_variation(values: Array, weight: Any, iterations: Any) -> Array:
    """Return the image of least variation near `values`, by Chambolle's projection."""
    import jax
    import jax.numpy as jnp

    ndim = values.ndim
    step = 1.0 / (2.0 * ndim)

    def divergence(field: Array) -> Array:
        total = jnp.zeros_like(values)
        for axis in range(ndim):
            part = jnp.moveaxis(field[axis], axis, 0)
            inside = jnp.concatenate([part[:1], part[1:-1] - part[:-2], -part[-2:-1]])
            total = total + jnp.moveaxis(inside, 0, axis)
        return total

    def slopes(of: Array) -> Array:
        last = [[(0, 1) if n == axis else (0, 0) for n in range(ndim)] for axis in range(ndim)]
        return jnp.stack([jnp.pad(jnp.diff(of, axis=a), last[a]) for a in range(ndim)])

    def improve(_: Any, field: Array) -> Array:
        slope = slopes(divergence(field) - values / weight)
        length = jnp.sqrt((slope**2).sum(axis=0))
        return (field + step * slope) / (1 + step * length)

    none = jnp.zeros((ndim, *values.shape), values.dtype)
    return values - weight * divergence(jax.lax.fori_loop(0, iterations, improve, none))


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="transform",
    synonyms=("translate", "align", "register channels", "chromatic shift"),
    units={"y": "px", "x": "px"},
)
@jax_function
def shift_image(image: Array, y: float = 0.0, x: float = 0.0) -> Array:
    """Move an image by a part of a pixel or more, for example onto another channel.

    Parameters
    ----------
    image : Array
        (Y, X), any real dtype.
    y, x : float
        How far the image moves down and to the right.

    Returns
    -------
    Array
        Same shape and dtype; interpolated linearly, the border is mirrored; integers are
        rounded.

    Notes
    -----
    Equal to ``scipy.ndimage.shift`` of order 1 in mode ``reflect``.
    """
    import jax.scipy.ndimage
    from jax import numpy as jnp

    rows, columns = (jnp.arange(side, dtype="float32") for side in image.shape)
    places = jnp.meshgrid(rows - y, columns - x, indexing="ij")
    moved = jax.scipy.ndimage.map_coordinates(as_float(image), places, order=1, mode="reflect")
    return like(moved, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="measure",
    input_kinds=(Kind.MASK,),
    synonyms=("distance map", "euclidean distance", "distance transform"),
)
@jax_function
def distance_to_background(mask: Array) -> Array:
    """Measure how far every marked pixel is from the background.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Array
        float32, same shape, px; infinite everywhere where there is no background.

    Notes
    -----
    Exact Euclidean distance, equal to ``scipy.ndimage.distance_transform_edt``, axis by axis
    (Felzenszwalb and Huttenlocher 2012, doi 10.4086/toc.2012.v008a019).
    """
    import jax.numpy as jnp

    squares = jnp.where(mask.astype(bool), jnp.float32(np.inf), jnp.float32(0))
    for axis in range(mask.ndim):
        squares = _nearest(squares, axis=axis)
    return jnp.sqrt(squares)


@compiled("axis")
def _nearest(squares: Array, axis: int) -> Array:
    """Return the least of squared distances so far plus those along one axis.

    A pixel further away than the largest distance so far can be nobody's nearest one, so that
    the loop ends after as many steps as the objects are wide.
    """
    import jax
    import jax.numpy as jnp

    length = squares.shape[axis]
    ends = [(length, length) if n == axis else (0, 0) for n in range(squares.ndim)]
    wide = jnp.pad(squares, ends, constant_values=np.inf)

    def goes_on(state: tuple[Any, Array]) -> Any:
        offset, best = state
        return (offset < length) & (offset**2 < best.max())

    def widen(state: tuple[Any, Array]) -> tuple[Any, Array]:
        offset, best = state
        for side in (-offset, offset):
            part = jax.lax.dynamic_slice_in_dim(wide, length + side, length, axis)
            best = jnp.minimum(best, part + offset.astype("float32") ** 2)
        return offset + 1, best

    best: Array = jax.lax.while_loop(goes_on, widen, (jnp.int32(1), squares))[1]
    return best
