"""Grey values on JAX arrays: normalise, brighten, equalise, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._jax import (
    as_float,
    blur,
    full_scale,
    like,
    require_at_least,
)
from napari_openhcs.functions._jax_rank import histogram, percentile
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "clip_values",
    "equalize_histogram",
    "gamma",
    "invert",
    "log_transform",
    "min_max_normalize",
    "multiply_add",
    "normalize_local_contrast",
    "percentile_normalize",
    "rescale",
    "sigmoid_contrast",
    "z_score",
]


def _stretched(image: Array, low: Array | float, high: Array | float) -> Array:
    """Return the image with `low` at 0 and `high` at full scale, clipped."""
    import jax.numpy as jnp

    values = as_float(image)
    span = jnp.asarray(high - low, values.dtype)
    unit = jnp.where(span > 0, (values - low) / jnp.where(span > 0, span, 1), 0).clip(0, 1)
    return like(unit * full_scale(image), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "normalize",
        "contrast",
        "stretch contrast",
    ),
    units={"low": "%", "high": "%"},
    limits={"low": (0, 100), "high": (0, 100)},
)
@jax_function
def percentile_normalize(image: Array, low: float = 1.0, high: float = 99.8) -> Array:
    """Map a low and a high percentile to the ends of the range.

    Values outside are clipped.  Every plane (or volume) is measured for itself: planes are
    not comparable afterwards.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Percentiles that become the smallest and largest value.

    Returns
    -------
    Array
        Same shape and dtype: over the whole range of an integer dtype, 0 to 1 for floats.
        0 everywhere where both percentiles are equal.
    """
    values = as_float(image)
    ends = (percentile(values.ravel(), share) for share in (low, high))
    return _stretched(image, *ends)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "normalize",
        "contrast",
        "full range",
    ),
)
@jax_function
def min_max_normalize(image: Array) -> Array:
    """Map the smallest and the largest value to the ends of the range.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape and dtype: over the whole range of an integer dtype, 0 to 1 for floats.
        0 everywhere in a constant image.
    """
    values = as_float(image)
    return _stretched(image, values.min(), values.max())


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "standardize",
        "zero mean unit variance",
        "whiten",
    ),
)
@jax_function
def z_score(image: Array) -> Array:
    """Subtract the mean and divide by the standard deviation.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64): mean 0, standard deviation 1.  0
        everywhere in a constant image.
    """
    values = as_float(image)
    centred = values - values.mean()
    spread = values.std()
    return centred / spread if float(spread) > 0 else centred


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "gamma correction",
        "brighten dark parts",
        "power law",
    ),
    limits={"exponent": (0.01, None)},
)
@jax_function
def gamma(image: Array, exponent: float = 0.5) -> Array:
    """Brighten or darken dark parts by a power law.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    exponent : float
        Below 1 brightens dark parts, above 1 darkens them.

    Returns
    -------
    Array
        Same shape and dtype; black and full brightness stay, negative values become 0.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.normalize.gamma`.
    """
    require_at_least(exponent, 0.01, "gamma", "exponent")
    top = full_scale(image)
    return like((as_float(image).clip(0) / top) ** exponent * top, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "complement",
        "negative",
        "brightfield",
    ),
)
@jax_function
def invert(image: Array) -> Array:
    """Swap bright and dark.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.

    Returns
    -------
    Array
        Same shape and dtype: the largest value of the dtype (1 for floats) minus the image.
    """
    return like(full_scale(image) - as_float(image), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "window level",
        "linear scale",
        "contrast limits",
    ),
)
@jax_function
def rescale(image: Array, low: float = 0.0, high: float = 4095.0) -> Array:
    """Map two grey values to the ends of the range.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Grey values that become the smallest and largest value.

    Returns
    -------
    Array
        Same shape and dtype: over the whole range of an integer dtype, 0 to 1 for floats.
        Values outside are clipped.

    Raises
    ------
    ParameterError
        `low` is not below `high`.
    """
    if not low < high:
        raise ParameterError(
            f"rescale: 'low' is {low:g} and 'high' {high:g}, expected low to be the smaller one."
        )
    return _stretched(image, low, high)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "clamp",
        "cut off",
        "hot pixels",
    ),
)
@jax_function
def clip_values(image: Array, low: float = 0.0, high: float = 4095.0) -> Array:
    """Limit grey values.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Smallest and largest grey value that stay.

    Returns
    -------
    Array
        Same shape and dtype.
    """
    return like(as_float(image).clip(low, high), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "brightness",
        "scale intensity",
        "linear",
    ),
)
@jax_function
def multiply_add(image: Array, factor: float = 2.0, offset: float = 0.0) -> Array:
    """Multiply grey values and add an offset.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    factor : float
        Factor.
    offset : float
        Grey values that are added afterwards.

    Returns
    -------
    Array
        Same shape and dtype; integers are rounded and clipped.
    """
    return like(as_float(image) * factor + offset, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "brighten dark parts",
        "logarithm",
        "dynamic range",
    ),
    limits={"gain": (0.01, None)},
)
@jax_function
def log_transform(image: Array, gain: float = 100.0) -> Array:
    """Brighten dark parts by a logarithm.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    gain : float
        How strongly: the darkest values are stretched about so many times.

    Returns
    -------
    Array
        Same shape and dtype; black and full brightness stay, negative values become 0.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    import jax.numpy as jnp

    require_at_least(gain, 0.01, "log_transform", "gain")
    top = full_scale(image)
    relative = as_float(image).clip(0) / top
    return like(jnp.log1p(relative * gain) / math.log1p(gain) * top, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "contrast",
        "brightness",
        "S curve",
    ),
    limits={"middle": (0, 1), "gain": (0, None)},
)
@jax_function
def sigmoid_contrast(image: Array, middle: float = 0.5, gain: float = 10.0) -> Array:
    """Raise the contrast around a middle grey value by a sigmoid curve.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    middle : float
        Share of full brightness that becomes half of it, 0 to 1.
    gain : float
        Steepness of the curve.

    Returns
    -------
    Array
        Same shape and dtype.

    Notes
    -----
    On floats equal to ``skimage.exposure.adjust_sigmoid``.
    """
    import jax

    top = full_scale(image)
    return like(jax.nn.sigmoid(gain * (as_float(image) / top - middle)) * top, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "contrast",
        "enhance contrast",
        "histogram equalization",
    ),
    limits={"n_bins": (2, 65536)},
)
@jax_function
def equalize_histogram(image: Array, n_bins: int = 256) -> Array:
    """Give every grey value the same share of the image.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram.

    Returns
    -------
    Array
        Same shape and dtype: over the whole range of an integer dtype, 0 to 1 for floats.
        A constant image stays.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    On floats equal to ``skimage.exposure.equalize_hist``.
    """
    import jax.numpy as jnp

    require_at_least(n_bins, 2, "equalize_histogram", "n_bins")
    values = as_float(image)
    if not float(values.max()) > float(values.min()):
        return image
    counts, centres = histogram(values, n_bins)
    share = jnp.asarray(counts.cumsum() / counts.sum(), values.dtype)
    low, width = float(centres[0]), float(centres[1] - centres[0])
    position = ((values - low) / width).clip(0, n_bins - 1)
    left = position.astype("int32")
    right = (left + 1).clip(max=n_bins - 1)
    level = share[left] + (share[right] - share[left]) * (position - left)
    return like(level * full_scale(image), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=(
        "local contrast",
        "flatten",
        "uneven staining",
    ),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None)},
)
@jax_function
def normalize_local_contrast(image: Array, sigma: float = 20.0) -> Array:
    """Subtract the local mean and divide by the local standard deviation.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    sigma : float
        Standard deviation of the neighbourhood, px.

    Returns
    -------
    Array
        Same shape, float32 (float64 for float64); 0 where nothing varies.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    import jax.numpy as jnp

    require_at_least(sigma, 0.5, "normalize_local_contrast", "sigma")
    values = as_float(image)
    # Around the mean: squares of large grey values would eat up the precision.
    values = values - values.mean()
    mean = blur(values, sigma)
    spread = jnp.sqrt((blur(values**2, sigma) - mean**2).clip(0))
    return jnp.where(spread > 0, (values - mean) / spread.clip(1e-12), 0.0)
