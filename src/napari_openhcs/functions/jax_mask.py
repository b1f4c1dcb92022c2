"""Masks on JAX arrays: grow, clean and combine, for the CPU or a GPU.

A mask is bool, (Y, X) or (Z, Y, X), and stays on its device.  A disk of radius r, in volumes a
ball, holds the pixels whose centres are at most r px away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    closed,
    disk_extreme,
    opened,
    require_at_least,
    require_same_shape,
)
from napari_openhcs.functions._jax_rank import spread_inside
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "clear_mask_border",
    "close_mask",
    "dilate_mask",
    "erode_mask",
    "fill_holes",
    "intersect_masks",
    "invert_mask",
    "keep_marked_regions",
    "mask_outline",
    "open_mask",
    "subtract_mask",
    "union_masks",
]


def _border(mask: Array, sides: int = 3) -> Array:
    """Return the part of a mask at the border along the last `sides` axes."""
    inside = (slice(None),) * max(mask.ndim - sides, 0) + (slice(1, -1),) * min(mask.ndim, sides)
    return mask.at[inside].set(False)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "grow",
        "dilation",
        "expand",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@jax_function
def dilate_mask(mask: Array, radius: float = 1.0) -> Array:
    """Grow a mask by a disk.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.dilate_mask`.
    """
    require_at_least(radius, 0, "dilate_mask", "radius")
    return disk_extreme(mask.astype(bool), radius, largest=True)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "shrink",
        "erosion",
        "peel",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@jax_function
def erode_mask(mask: Array, radius: float = 1.0) -> Array:
    """Shrink a mask by a disk.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.erode_mask`.
    """
    require_at_least(radius, 0, "erode_mask", "radius")
    return disk_extreme(mask.astype(bool), radius, largest=False)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "opening",
        "break thin bridges",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@jax_function
def open_mask(mask: Array, radius: float = 1.0) -> Array:
    """Remove what is thinner than a disk: shrink, then grow by the same radius.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.open_mask`.
    """
    require_at_least(radius, 0, "open_mask", "radius")
    return opened(mask.astype(bool), radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "closing",
        "bridge gaps",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@jax_function
def close_mask(mask: Array, radius: float = 1.0) -> Array:
    """Fill gaps narrower than a disk: grow, then shrink by the same radius.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.close_mask`.
    """
    require_at_least(radius, 0, "close_mask", "radius")
    return closed(mask.astype(bool), radius)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "outlines",
        "contours",
        "borders of cells",
    ),
    units={"radius": "px"},
    limits={"radius": (1, None)},
)
@jax_function
def mask_outline(mask: Array, radius: float = 1.0) -> Array:
    """Keep the pixels of a mask that lie at its edge.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Width of the outline, px.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 1, "mask_outline", "radius")
    inside = mask.astype(bool)
    return inside & ~disk_extreme(inside, radius, largest=False)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "holes",
        "close holes",
    ),
)
@jax_function
def fill_holes(mask: Array) -> Array:
    """Fill background that is enclosed by a mask.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Array
        bool, same shape.

    Notes
    -----
    Equal to ``scipy.ndimage.binary_fill_holes``; background that touches the border, in
    volumes also the first or last plane, is no hole.
    """
    background = ~mask.astype(bool)
    return ~spread_inside(_border(background), background)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "exclude edges",
        "remove border objects",
    ),
)
@jax_function
def clear_mask_border(mask: Array) -> Array:
    """Remove connected regions that touch the border of the image in Y or X.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Array
        bool, same shape.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.clear_mask_border`.
    """
    inside = mask.astype(bool)
    return inside & ~spread_inside(_border(inside, sides=2), inside, diagonal=True)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "morphological reconstruction",
        "select objects",
    ),
    array_kinds={"marks": Kind.MASK},
)
@jax_function
def keep_marked_regions(mask: Array, marks: Array) -> Array:
    """Keep the connected regions of a mask that hold a mark.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    marks : Array
        Marks, bool, of the same shape; wired.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, marks, "keep_marked_regions", "marks")
    return spread_inside(marks.astype(bool), mask.astype(bool), diagonal=True)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "complement",
        "background mask",
    ),
)
@jax_function
def invert_mask(mask: Array) -> Array:
    """Swap objects and background of a mask.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Array
        bool, same shape.
    """
    return ~mask.astype(bool)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "or",
        "combine masks",
    ),
    array_kinds={"other": Kind.MASK},
)
@jax_function
def union_masks(mask: Array, other: Array) -> Array:
    """Mark what is in either of two masks.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    other : Array
        Mask of the same shape; wired.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "union_masks", "other")
    return mask.astype(bool) | other.astype(bool)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "and",
        "combine masks",
        "overlap",
    ),
    array_kinds={"other": Kind.MASK},
)
@jax_function
def intersect_masks(mask: Array, other: Array) -> Array:
    """Mark what is in both of two masks.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    other : Array
        Mask of the same shape; wired.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "intersect_masks", "other")
    return mask.astype(bool) & other.astype(bool)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=(
        "difference",
        "exclude",
        "combine masks",
    ),
    array_kinds={"other": Kind.MASK},
)
@jax_function
def subtract_mask(mask: Array, other: Array) -> Array:
    """Remove from a mask what is in another one.

    Parameters
    ----------
    mask : Array
        (Y, X) or (Z, Y, X), bool.
    other : Array
        Mask of the same shape; wired.

    Returns
    -------
    Array
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "subtract_mask", "other")
    return mask.astype(bool) & ~other.astype(bool)
