"""Background and several images on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device; second images are wired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    as_float,
    blur,
    like,
    require_at_least,
    require_same_shape,
)
from napari_openhcs.functions._jax_rank import percentile
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "absolute_difference",
    "apply_mask",
    "divide_by_flat_field",
    "max_of_images",
    "mean_of_images",
    "min_of_images",
    "ratio_of_images",
    "subtract_channel",
    "subtract_constant_background",
    "subtract_gaussian_background",
]


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=(
        "remove background",
        "background subtraction",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None)},
)
@jax_function
def subtract_gaussian_background(image: Array, sigma: float = 50.0) -> Array:
    """Subtract a strongly blurred copy of the image.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the blur, px; several times the radius of the objects.

    Returns
    -------
    Array
        Same shape and dtype, grey values above the background, not below 0.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.background.subtract_gaussian_background`.
    """
    require_at_least(sigma, 0.1, "subtract_gaussian_background", "sigma")
    return like((as_float(image) - blur(image, sigma)).clip(0), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=(
        "remove background",
        "background subtraction",
        "offset",
    ),
    units={"percent": "%"},
    limits={"percent": (0, 100)},
)
@jax_function
def subtract_constant_background(image: Array, percent: float = 50.0) -> Array:
    """Subtract a percentile of the image from all of it.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    percent : float
        Percentile that is the background, 0 to 100; 50 is right while objects cover less
        than about half.

    Returns
    -------
    Array
        Same shape and dtype, grey values above the background, not below 0.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(percent, 0, "subtract_constant_background", "percent")
    values = as_float(image)
    return like((values - percentile(values.ravel(), min(percent, 100.0))).clip(0), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=(
        "flat field",
        "shading correction",
        "illumination correction",
        "vignetting",
    ),
    array_kinds={"flat_field": Kind.IMAGE},
)
@jax_function
def divide_by_flat_field(image: Array, flat_field: Array, dark_level: float = 0.0) -> Array:
    """Divide by a picture of the illumination that is wired in.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    flat_field : Array
        Picture of an evenly bright field; it is scaled to mean 1; wired.
    dark_level : float
        Grey value of the camera without light, subtracted from both and added back.

    Returns
    -------
    Array
        Same shape and dtype, grey values at mean illumination; unchanged where the picture
        is not above the dark level.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    import jax.numpy as jnp

    require_same_shape(image, flat_field, "divide_by_flat_field", "flat_field")
    light = as_float(flat_field) - dark_level
    share = light / light.mean()
    values = as_float(image) - dark_level
    divided = jnp.where(share > 0, values / share.clip(1e-12), values)
    return like(divided + dark_level, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "bleed through",
        "crosstalk",
        "spectral unmixing",
    ),
    array_kinds={"other": Kind.IMAGE},
    limits={"factor": (0, None)},
)
@jax_function
def subtract_channel(image: Array, other: Array, factor: float = 0.1) -> Array:
    """Subtract what of another channel bleeds into this one.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.
    factor : float
        Share of the other channel's light that arrives here.

    Returns
    -------
    Array
        Same shape and dtype, not below 0.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(image, other, "subtract_channel", "other")
    return like((as_float(image) - factor * as_float(other)).clip(0), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "blend",
        "average images",
        "merge channels",
    ),
    array_kinds={"other": Kind.IMAGE},
    limits={"weight": (0, 1)},
)
@jax_function
def mean_of_images(image: Array, other: Array, weight: float = 0.5) -> Array:
    """Take the mean of two images.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.
    weight : float
        Weight of the other image, 0 to 1.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(image, other, "mean_of_images", "other")
    values = as_float(image)
    return like(values + (as_float(other) - values) * weight, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "merge channels",
        "combine images",
    ),
    array_kinds={"other": Kind.IMAGE},
)
@jax_function
def max_of_images(image: Array, other: Array) -> Array:
    """Take the brighter of two images at every pixel.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.

    Returns
    -------
    Array
        Same shape and dtype.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    import jax.numpy as jnp

    require_same_shape(image, other, "max_of_images", "other")
    return like(jnp.maximum(image, other), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "merge channels",
        "combine images",
    ),
    array_kinds={"other": Kind.IMAGE},
)
@jax_function
def min_of_images(image: Array, other: Array) -> Array:
    """Take the darker of two images at every pixel.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.

    Returns
    -------
    Array
        Same shape and dtype.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    import jax.numpy as jnp

    require_same_shape(image, other, "min_of_images", "other")
    return like(jnp.minimum(image, other), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "ratio",
        "FRET",
        "ratiometric",
        "divide channels",
    ),
    array_kinds={"other": Kind.IMAGE},
)
@jax_function
def ratio_of_images(image: Array, other: Array, background: float = 0.0) -> Array:
    """Divide an image by another one: ratiometric dyes and FRET.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.
    background : float
        Grey value without light, subtracted from both.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64); 0 where the other image is not above the
        background.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    import jax.numpy as jnp

    require_same_shape(image, other, "ratio_of_images", "other")
    above, below = as_float(image) - background, as_float(other) - background
    return jnp.where(below > 0, above / below.clip(1e-12), 0.0)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "difference of images",
        "change",
    ),
    array_kinds={"other": Kind.IMAGE},
)
@jax_function
def absolute_difference(image: Array, other: Array) -> Array:
    """Show how far two images differ.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    other : Array
        Image of the same shape; wired.

    Returns
    -------
    Array
        Same shape and dtype, grey values.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(image, other, "absolute_difference", "other")
    return like(abs(as_float(image) - as_float(other)), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "mask image",
        "cut out",
        "blank",
    ),
    array_kinds={"mask": Kind.MASK},
)
@jax_function
def apply_mask(image: Array, mask: Array, outside: float = 0.0) -> Array:
    """Set everything outside a mask to one grey value.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    mask : Array
        Mask of the same shape; wired.
    outside : float
        Grey value outside.

    Returns
    -------
    Array
        Same shape and dtype.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    import jax.numpy as jnp

    require_same_shape(image, mask, "apply_mask", "mask")
    # The one value is brought to the dtype of the image, which keeps large integers exact.
    value = like(jnp.asarray(outside, "float32"), image)
    return jnp.where(mask.astype(bool), image, value)
