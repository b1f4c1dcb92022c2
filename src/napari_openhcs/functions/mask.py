"""Masks: fill, clean, grow and combine what a threshold gave.

A mask is bool, (Y, X) or (Z, Y, X).  Morphology uses exact Euclidean disks (balls in 3D):
a pixel belongs to the disk of radius r when its centre is at most r px away, so 1 is a cross
and 1.5 a 3 × 3 square.  What lies outside the image is unknown and never counts as
background: objects at the border are not eaten from there.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    require_at_least,
    require_mask,
    require_same_shape,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "clear_mask_border",
    "close_mask",
    "combine_masks",
    "dilate_mask",
    "erode_mask",
    "fill_holes",
    "invert_mask",
    "open_mask",
    "remove_small_regions",
]


def _erode(mask: Array, radius: float) -> Array:
    from scipy import ndimage

    # Without any background a distance to it is not defined.
    if radius == 0 or mask.all():
        return mask.copy()
    return np.asarray(ndimage.distance_transform_edt(mask) > radius)


def _checked(mask: Array, function: str, radius: float) -> Array:
    found = require_mask(mask, function)
    require_at_least(radius, 0, function, "radius")
    return found


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("shrink", "erosion", "peel"),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@numpy_function
def erode_mask(mask: Array, radius: float = 1.0) -> Array:
    """Shrink a mask by a disk.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius by which it shrinks, px; 0 changes nothing.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `radius` is negative.
    """
    checked = _checked(mask, "erode_mask", radius)
    return _erode(checked, radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("grow", "dilation", "expand"),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@numpy_function
def dilate_mask(mask: Array, radius: float = 1.0) -> Array:
    """Grow a mask by a disk.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius by which it grows, px; 0 changes nothing.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `radius` is negative.
    """
    checked = _checked(mask, "dilate_mask", radius)
    return ~_erode(~checked, radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("opening", "remove spurs", "cut thin bridges", "clean"),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@numpy_function
def open_mask(mask: Array, radius: float = 1.0) -> Array:
    """Remove what is thinner than a disk: shrink, then grow by the same radius.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, px; 0 changes nothing.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `radius` is negative.
    """
    checked = _checked(mask, "open_mask", radius)
    return ~_erode(~_erode(checked, radius), radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("closing", "bridge gaps", "join"),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@numpy_function
def close_mask(mask: Array, radius: float = 1.0) -> Array:
    """Fill gaps narrower than a disk: grow, then shrink by the same radius.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, px; 0 changes nothing.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `radius` is negative.
    """
    checked = _checked(mask, "close_mask", radius)
    return _erode(~_erode(~checked, radius), radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("holes", "nucleoli", "close holes"),
    units={"max_area": "px"},
    limits={"max_area": (0, None)},
)
@numpy_function
def fill_holes(mask: Array, max_area: int | None = None) -> Array:
    """Fill background that is enclosed by a mask.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    max_area : int, optional
        Fill only holes of at most so many pixels.

    Returns
    -------
    ndarray
        bool, same shape.  Background that touches the border is no hole.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `max_area` is negative.
    """
    from scipy import ndimage

    checked = require_mask(mask, "fill_holes")
    filled = np.asarray(ndimage.binary_fill_holes(checked))
    if max_area is None:
        return filled
    require_at_least(max_area, 0, "fill_holes", "max_area")
    holes, _ = ndimage.label(filled & ~checked)
    small = np.bincount(holes.ravel()) <= max_area
    small[0] = False
    return np.asarray(checked | small[holes])


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("remove small objects", "size filter", "debris", "area opening"),
    units={"min_area": "px"},
    limits={"min_area": (0, None)},
)
@numpy_function
def remove_small_regions(mask: Array, min_area: int = 30) -> Array:
    """Remove connected regions of a mask that have fewer pixels than `min_area`.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    min_area : int
        Smallest number of pixels (voxels) that is kept.

    Returns
    -------
    ndarray
        bool, same shape.  Pixels that touch at a corner are connected.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `min_area` is negative.
    """
    from scipy import ndimage

    checked = require_mask(mask, "remove_small_regions")
    require_at_least(min_area, 0, "remove_small_regions", "min_area")
    regions, _ = ndimage.label(checked, structure=np.ones((3,) * mask.ndim))
    kept = np.bincount(regions.ravel()) >= min_area
    kept[0] = False
    return np.asarray(kept[regions])


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("remove border objects", "edge objects"),
    units={"margin": "px"},
    limits={"margin": (0, None)},
)
@numpy_function
def clear_mask_border(mask: Array, margin: int = 0) -> Array:
    """Remove connected regions that touch the border of the image.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.  In a volume the borders in Y and X count, not Z.
    margin : int
        Regions that come this near to the border are removed, too, px.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `margin` is negative.
    """
    from scipy import ndimage

    checked = require_mask(mask, "clear_mask_border")
    require_at_least(margin, 0, "clear_mask_border", "margin")
    regions, count = ndimage.label(checked, structure=np.ones((3,) * mask.ndim))
    inner = np.zeros(mask.shape, bool)
    edge = margin + 1
    inner[..., edge : mask.shape[-2] - edge, edge : mask.shape[-1] - edge] = True
    kept = np.ones(count + 1, bool)
    kept[regions[~inner]] = False
    kept[0] = False
    return np.asarray(kept[regions])


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("complement", "not", "background mask"),
)
@numpy_function
def invert_mask(mask: Array) -> Array:
    """Swap foreground and background.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask.
    """
    return np.asarray(~require_mask(mask, "invert_mask"))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("and", "or", "union", "intersection", "subtract mask"),
    array_kinds={"other": Kind.MASK},
)
@numpy_function
def combine_masks(
    mask: Array, other: Array, operation: Literal["and", "or", "xor", "without"] = "and"
) -> Array:
    """Combine a mask with another one.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    other : ndarray
        bool, same shape; wired to another step.
    operation : str
        ``and``: in both; ``or``: in either; ``xor``: in exactly one; ``without``: in the first
        and not in the other.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        An array is no mask, or the shapes differ.
    ParameterError
        `operation` is unknown.
    """
    first = require_mask(mask, "combine_masks")
    second = require_mask(other, "combine_masks")
    require_same_shape(first, second, "combine_masks", "other")
    if operation == "and":
        return np.asarray(first & second)
    if operation == "or":
        return np.asarray(first | second)
    if operation == "xor":
        return np.asarray(first ^ second)
    if operation == "without":
        return np.asarray(first & ~second)
    raise ParameterError(
        f"combine_masks: 'operation' is '{operation}', expected and, or, xor or without."
    )
