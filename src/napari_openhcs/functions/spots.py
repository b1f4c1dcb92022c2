"""Spots: small bright points such as foci, puncta, vesicles and FISH signals.

A spot is found where a band-pass filter of its size answers above its own noise.  Answers
are scale-normalised, so that a threshold in standard deviations means the same for every
size.  Sizes are px; labels are int32, 0 for background.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    background_statistics,
    float_type,
    require_array,
    require_at_least,
    require_finite,
    require_labels,
    require_same_shape,
    round_to,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "count_spots",
    "count_spots_in_objects",
    "detect_spots_dog",
    "detect_spots_log",
    "enhance_spots_dog",
    "enhance_spots_log",
    "spot_mask",
]

Table = dict[str, Array]


def _log(image: Array, radius: float) -> Array:
    """Return the scale-normalised Laplacian of Gaussian of bright blobs, float64."""
    from scipy import ndimage

    sigma = radius / np.sqrt(image.ndim)
    # Differences of the blurred image are exactly 0 on an even slope, which a truncated
    # kernel of second derivatives is not.
    blurred = ndimage.gaussian_filter(image.astype(np.float64), sigma)
    return np.asarray(-(sigma**2) * ndimage.laplace(blurred))


def _dog(image: Array, radius: float, ratio: float) -> Array:
    """Return the difference of Gaussians around the size of the spots, float64."""
    from scipy import ndimage

    values = image.astype(np.float64)
    sigma = radius / np.sqrt(image.ndim)
    narrow, wide = sigma / np.sqrt(ratio), sigma * np.sqrt(ratio)
    return np.asarray(
        ndimage.gaussian_filter(values, narrow) - ndimage.gaussian_filter(values, wide)
    )


def _checked(image: Array, function: str, radius: float) -> None:
    require_array(image, function)
    require_finite(image, function)
    require_at_least(radius, 0.5, function, "radius")


def _require_ratio(ratio: float, function: str) -> None:
    if not ratio > 1:
        raise ParameterError(
            f"{function}: 'ratio' is {ratio}, expected more than 1: it is how much wider the "
            "second Gaussian is."
        )


def _significant(image: Array, answer: Array, min_contrast: float) -> Array:
    """Return where the filter's answer is above its noise."""
    level, deviation = background_statistics(answer)
    # In a constant image the answer is rounding error.
    rounding = 1e-9 * float(np.abs(as_float(image)).max())
    return np.asarray(answer > level + max(min_contrast * deviation, rounding))


def _label_spots(image: Array, answer: Array, min_contrast: float) -> Array:
    """Label every peak of the answer together with the significant pixels that belong to it."""
    from scipy import ndimage
    from skimage.morphology import local_maxima
    from skimage.segmentation import watershed

    mask = _significant(image, answer, min_contrast)
    structure = np.ones((3,) * image.ndim, bool)
    markers = np.empty(image.shape, np.int32)
    ndimage.label(local_maxima(answer) & mask, structure=structure, output=markers)
    return np.asarray(watershed(-answer, markers, mask=mask)).astype(np.int32)


_WORDS = ("spots", "foci", "puncta", "dots", "vesicles", "FISH", "particles")


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("LoG", "spot detection", "find spots", "detect foci", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None)},
)
@numpy_function
def detect_spots_log(image: Array, radius: float = 2.0, min_contrast: float = 6.0) -> Array:
    """Label bright spots of a given size by the Laplacian of Gaussian.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    min_contrast : float
        The filter's answer must exceed so many standard deviations of its own noise.

    Returns
    -------
    ndarray
        int32, same shape; each spot with the pixels around its peak, touching spots parted.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Laplacian of Gaussian with σ = radius/√d in d dimensions (Lindeberg 1998,
    doi 10.1023/A:1008045108935).
    """
    function = "detect_spots_log"
    _checked(image, function, radius)
    require_at_least(min_contrast, 0, function, "min_contrast")
    return _label_spots(image, _log(image, radius), min_contrast)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("DoG", "spot detection", "difference of Gaussians", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "ratio": (1.01, None), "min_contrast": (0, None)},
)
@numpy_function
def detect_spots_dog(
    image: Array, radius: float = 2.0, ratio: float = 1.6, min_contrast: float = 6.0
) -> Array:
    """Label bright spots of a given size by a difference of Gaussians.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    ratio : float
        How much wider the second Gaussian is; 1.6 resembles the Laplacian of Gaussian.
    min_contrast : float
        The filter's answer must exceed so many standard deviations of its own noise.

    Returns
    -------
    ndarray
        int32, same shape; each spot with the pixels around its peak, touching spots parted.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    function = "detect_spots_dog"
    _checked(image, function, radius)
    _require_ratio(ratio, function)
    require_at_least(min_contrast, 0, function, "min_contrast")
    return _label_spots(image, _dog(image, radius, ratio), min_contrast)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("mask of spots", "spot detection", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None)},
)
@numpy_function
def spot_mask(image: Array, radius: float = 2.0, min_contrast: float = 6.0) -> Array:
    """Mark bright spots of a given size, whatever the background around them.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    min_contrast : float
        The filter's answer must exceed so many standard deviations of its own noise.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    function = "spot_mask"
    _checked(image, function, radius)
    require_at_least(min_contrast, 0, function, "min_contrast")
    return _significant(image, _log(image, radius), min_contrast)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("LoG", "spot enhancement", "blob filter", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None)},
)
@numpy_function
def enhance_spots_log(image: Array, radius: float = 2.0) -> Array:
    """Bring out bright spots of a given size by the Laplacian of Gaussian.

    Even background becomes 0.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.

    Returns
    -------
    ndarray
        Same shape and dtype: about the height of a spot above its surroundings; what is
        darker than its surroundings is 0.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `radius` is below 0.5.
    """
    _checked(image, "enhance_spots_log", radius)
    return _above_zero(_log(image, radius), image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("DoG", "spot enhancement", "band pass", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "ratio": (1.01, None)},
)
@numpy_function
def enhance_spots_dog(image: Array, radius: float = 2.0, ratio: float = 1.6) -> Array:
    """Bring out bright spots of a given size by a difference of Gaussians.

    Even background becomes 0.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    ratio : float
        How much wider the second Gaussian is.

    Returns
    -------
    ndarray
        Same shape and dtype, grey values; what is darker than its surroundings is 0.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    function = "enhance_spots_dog"
    _checked(image, function, radius)
    _require_ratio(ratio, function)
    return _above_zero(_dog(image, radius, ratio), image)


def _above_zero(answer: Array, image: Array) -> Array:
    dtype = np.dtype(float_type(image.dtype)) if image.dtype.kind in "bf" else image.dtype
    return round_to(np.maximum(answer, 0), dtype)


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=("spot count", "number of spots", "count foci", "spots per image", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None)},
    shared_columns=("label",),
)
@numpy_function
def count_spots(image: Array, radius: float = 2.0, min_contrast: float = 6.0) -> Table:
    """Count the bright spots of an image.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    min_contrast : float
        The Laplacian of Gaussian must exceed so many standard deviations of its own noise.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``spot_count``, ``spot_area`` (px, all
        together), ``spot_density`` (spots a px), ``spot_intensity`` (mean grey value inside
        the spots; NaN without any).

    Raises
    ------
    ContractError
        The array is not (Y, X) or not finite.
    ParameterError
        A parameter is out of its limits.
    """
    function = "count_spots"
    require_array(image, function, ndims=(2,))
    _checked(image, function, radius)
    require_at_least(min_contrast, 0, function, "min_contrast")
    labels = _label_spots(image, _log(image, radius), min_contrast)
    inside = labels > 0
    count = int(labels.max())
    return {
        "label": np.zeros(1, np.int32),
        "spot_count": np.array([count]),
        "spot_area": np.array([int(inside.sum())]),
        "spot_density": np.array([count / image.size]),
        "spot_intensity": np.array([image[inside].mean(dtype=np.float64) if count else np.nan]),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=("spots per cell", "foci per nucleus", "count foci", "puncta per cell", *_WORDS),
    array_kinds={"objects": Kind.LABELS},
    shared_columns=("label", "area"),
)
@numpy_function
def count_spots_in_objects(spots: Array, objects: Array) -> Table:
    """Count the spots in every cell or nucleus.

    A spot belongs to the object that holds most of its pixels; one mostly on background
    counts for none.

    Parameters
    ----------
    spots : ndarray
        (Y, X), integers, 0 for background: labels of spots.
    objects : ndarray
        (Y, X), integers, 0 for background: labels of cells; wired to the step that gives them.

    Returns
    -------
    dict of str to ndarray
        One row an object of `objects`: ``label``, ``area`` (px), ``spot_count``,
        ``spot_area`` (px, of the spots that belong to it), ``spot_fraction`` (share of the
        object's pixels that is spot, 0 to 1).

    Raises
    ------
    ContractError
        An array is no label image (Y, X), or the shapes differ.
    """
    function = "count_spots_in_objects"
    for array in (spots, objects):
        require_array(array, function, ndims=(2,))
    dots, cells = require_labels(spots, function), require_labels(objects, function)
    require_same_shape(dots, cells, function, "objects")
    values, area = object_sizes(cells)
    numbers, sizes = object_sizes(dots)
    inside = dots > 0
    row = np.searchsorted(numbers, dots[inside])
    owner = np.searchsorted(values, cells[inside]) + 1
    owner[cells[inside] == 0] = 0
    # Pixels of every pair of spot and object (0: background), without a table of all pairs.
    pairs, shared = np.unique(row.astype(np.int64) * (values.size + 1) + owner, return_counts=True)
    spot, cell = np.divmod(pairs, values.size + 1)
    order = np.lexsort((cell, -shared, spot))
    first = order[np.r_[True, np.diff(spot[order]) > 0]] if order.size else order
    count = np.bincount(cell[first], minlength=values.size + 1)[1:]
    total = np.bincount(cell[first], weights=sizes[spot[first]], minlength=values.size + 1)[1:]
    covered = np.bincount(owner, minlength=values.size + 1)[1:]
    return {
        "label": values.astype(np.int32),
        "area": area.astype(np.int64),
        "spot_count": count.astype(np.int64),
        "spot_area": total.astype(np.int64),
        "spot_fraction": covered / area,
    }
