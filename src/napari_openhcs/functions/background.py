"""Background subtraction and correction of uneven illumination.

Subtractions give grey values above the background: the dtype and scale are those of the
image, integers are rounded and clipped at 0.  Sizes are in px and meant in Y and X; applied
to a volume they hold in Z, too.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    SMALLEST,
    Array,
    as_float,
    require_array,
    require_at_least,
    require_finite,
    require_same_shape,
    round_to,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "correct_flat_field",
    "divide_by_flat_field",
    "subtract_constant_background",
    "subtract_gaussian_background",
    "subtract_rolling_ball",
    "white_top_hat",
]


def _checked(image: Array, function: str, name: str, size: float, minimum: float) -> Array:
    require_array(image, function)
    require_finite(image, function)
    require_at_least(size, minimum, function, name)
    return as_float(image)


def _subtract(values: Array, background: Array | float, dtype: np.dtype[Any]) -> Array:
    """Return `values` - `background`, never below 0, in `dtype`."""
    return round_to(np.maximum(values - background, 0), dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("remove haze", "subtract blur", "uneven illumination", "high pass"),
    units={"sigma": "px"},
    limits={"sigma": (0.1, None)},
)
@numpy_function
def subtract_gaussian_background(image: Array, sigma: float = 50.0) -> Array:
    """Subtract a strongly blurred copy of the image.

    Quick, but large bright objects raise the background around them; where that matters use
    :func:`subtract_rolling_ball`.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    sigma : float
        Standard deviation of the blur, px; several times the radius of the objects.

    Returns
    -------
    ndarray
        Same shape and dtype, grey values above the background, not below 0.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `sigma` is too small.
    """
    from scipy import ndimage

    values = _checked(image, "subtract_gaussian_background", "sigma", sigma, 0.1)
    return _subtract(values, ndimage.gaussian_filter(values, sigma), image.dtype)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("rolling ball", "ImageJ background", "uneven illumination"),
    units={"radius": "px", "smoothing": "px"},
    limits={"radius": (1, None), "smoothing": (0, None)},
)
@numpy_function
def subtract_rolling_ball(image: Array, radius: float = 50.0, smoothing: float = 1.0) -> Array:
    """Subtract what a ball rolling under the image's surface touches.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    radius : float
        Radius of the ball, px; larger than the largest object.
    smoothing : float
        Standard deviation of a blur before the ball rolls, px, so that single dark pixels do
        not pull it down.  Only the background is blurred, not the result.

    Returns
    -------
    ndarray
        (Y, X), same dtype, grey values above the background, not below 0.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Sternberg 1983 (doi 10.1109/MC.1983.1654163).  As in ImageJ large balls roll over a
    reduced image (minimum of blocks) and the background found is enlarged by linear
    interpolation, which makes it quick.  The ball is replaced by the paraboloid that has its
    curvature at the top and that separates into passes along the axes.
    """
    from scipy import ndimage

    function = "subtract_rolling_ball"
    require_array(image, function, ndims=(2,))
    require_at_least(smoothing, 0, function, "smoothing")
    values = _checked(image, function, "radius", radius, 1)
    smooth = ndimage.gaussian_filter(values, smoothing) if smoothing else values
    step = max(1, int(radius // 12))
    padding = [(0, -length % step) for length in smooth.shape]
    small = np.pad(smooth, padding, mode="edge")
    rows, columns = (length // step for length in small.shape)
    small = small.reshape(rows, step, columns, step).min(axis=(1, 3))
    background = _open_with_parabola(small, radius / step, step)
    if step > 1:
        # Centre of block k lies at k·step + (step - 1)/2 of the full image.
        grid = np.meshgrid(
            *((np.arange(length) - (step - 1) / 2) / step for length in smooth.shape),
            indexing="ij",
        )
        background = ndimage.map_coordinates(background, grid, order=1, mode="nearest")
        background = np.minimum(background, smooth)
    return _subtract(values, background, image.dtype)


def _open_with_parabola(image: Array, radius: float, step: int) -> Array:
    """Open a (Y, X) image with a paraboloid as high as a ball of `radius` px is in px.

    Erosion and dilation with a sum of parabolas separate into passes along the axes.
    """
    from scipy import ndimage

    reach = max(1, round(radius))
    offsets = np.arange(-reach, reach + 1, dtype=image.dtype)
    # A ball of radius r sinks by d²/(2r) at distance d near its top; heights stay in full
    # pixels when the image is reduced.
    parabola = -(offsets**2) * step / (2 * radius)
    result = image
    for operation in (ndimage.grey_erosion, ndimage.grey_dilation):
        for axis in range(2):
            shape = [1, 1]
            shape[axis] = offsets.size
            result = operation(
                result,
                footprint=np.ones(shape, bool),
                structure=parabola.reshape(shape),
                mode="nearest",
            )
    return np.asarray(result)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("top-hat", "spots", "small bright objects", "uneven illumination"),
    units={"radius": "px"},
    limits={"radius": (1, None)},
)
@numpy_function
def white_top_hat(image: Array, radius: int = 15) -> Array:
    """Keep what is brighter and smaller than a disk: the image minus its opening.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    radius : int
        Radius of the disk, px; larger than the objects to keep.

    Returns
    -------
    ndarray
        (Y, X), same dtype, grey values above the background.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `radius` is below 1.

    Notes
    -----
    Larger disks are a sequence of small ones, so that the time grows with the radius and not
    with its square; computed by scikit-image.
    """
    from skimage.morphology import disk, opening

    function = "white_top_hat"
    require_array(image, function, ndims=(2,))
    values = _checked(image, function, "radius", radius, 1)
    footprint = disk(radius, decomposition="sequence" if radius > 4 else None)
    return _subtract(values, opening(values, footprint), image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("offset", "camera offset", "dark level", "baseline"),
    limits={"percentile": (0, 100)},
)
@numpy_function
def subtract_constant_background(
    image: Array, percentile: float = 50.0, value: float | None = None
) -> Array:
    """Subtract one grey value from the whole image: a percentile of it, or a given value.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    percentile : float
        Which percentile is the background, 0 to 100; 50 is right while objects cover less
        than about half of the image.
    value : float, optional
        Subtract this grey value instead, the same in every image.

    Returns
    -------
    ndarray
        Same shape and dtype, grey values above the background, not below 0.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `percentile` is not between 0 and 100.
    """
    function = "subtract_constant_background"
    values = _checked(image, function, "percentile", percentile, 0)
    if percentile > 100:
        raise ParameterError(f"{function}: 'percentile' is {percentile:g}, expected 0 to 100.")
    background = float(np.percentile(values, percentile)) if value is None else value
    return _subtract(values, background, image.dtype)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("shading correction", "illumination correction", "vignetting", "flat field"),
    units={"sigma": "px"},
    limits={"sigma": (1, None)},
)
@numpy_function
def correct_flat_field(
    image: Array, sigma: float = 100.0, estimate: Literal["median", "mean"] = "median"
) -> Array:
    """Divide by a smooth estimate of the illumination made from the image itself.

    The estimate is scaled to mean 1, so that the mean brightness stays.  It is a good one
    only where objects are spread evenly; with a picture of the empty field use
    :func:`divide_by_flat_field`.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    sigma : float
        Standard deviation of the blur that makes the estimate, px; much larger than objects.
    estimate : str
        ``median``: of blocks of about `sigma`/2, so that objects count little; ``mean``: of
        all pixels.

    Returns
    -------
    ndarray
        (Y, X), same dtype, grey values at mean illumination; integers are rounded and clipped.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from scipy import ndimage

    function = "correct_flat_field"
    require_array(image, function, ndims=(2,))
    values = _checked(image, function, "sigma", sigma, 1)
    if estimate == "median":
        flat = ndimage.gaussian_filter(_block_medians(values, max(1, round(sigma / 2))), sigma)
    elif estimate == "mean":
        flat = ndimage.gaussian_filter(values, sigma)
    else:
        raise ParameterError(f"{function}: 'estimate' is '{estimate}', expected median or mean.")
    return _divide(values, flat, image.dtype)


def _block_medians(values: Array, size: int) -> Array:
    """Return an image of the same shape in which every block of `size` px has its median."""
    result = np.empty_like(values)
    for top in range(0, values.shape[0], size):
        for left in range(0, values.shape[1], size):
            block = (slice(top, top + size), slice(left, left + size))
            result[block] = np.median(values[block])
    return result


def _divide(values: Array, flat: Array, dtype: np.dtype[Any]) -> Array:
    """Return `values` divided by `flat` scaled to mean 1; unchanged where `flat` is dark."""
    mean = float(flat.mean())
    if not mean > 0:
        return round_to(values, dtype)
    # Below a hundredth of the mean there is no light to correct, only noise to enlarge.
    return round_to(values / np.maximum(flat / mean, 0.01 + SMALLEST), dtype)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=("shading correction", "illumination correction", "gain image", "reference image"),
    array_kinds={"flat_field": Kind.IMAGE},
    limits={"dark_level": (0, None)},
)
@numpy_function
def divide_by_flat_field(image: Array, flat_field: Array, dark_level: float = 0.0) -> Array:
    """Divide by a picture of the illumination that is wired in.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    flat_field : ndarray
        (Y, X), picture of an evenly bright field; only its shape matters, it is scaled to
        mean 1.
    dark_level : float
        Grey value of the camera without light, subtracted from both and added back.

    Returns
    -------
    ndarray
        (Y, X), same dtype, grey values at mean illumination; integers are rounded and clipped.

    Raises
    ------
    ContractError
        An array is empty, has other axes, is not finite, or the shapes differ.
    """
    function = "divide_by_flat_field"
    require_array(image, function, ndims=(2,))
    require_same_shape(image, flat_field, function, "flat_field")
    require_finite(flat_field, function)
    values = _checked(image, function, "dark_level", dark_level, 0) - dark_level
    flat = as_float(flat_field) - dark_level
    corrected = _divide(values, flat, values.dtype) + dark_level
    return round_to(corrected, image.dtype)
