"""Masks on torch tensors: grow, clean and combine, for the CPU or a GPU.

A mask is bool, (Y, X) or (Z, Y, X), and stays on its device.  A disk of radius r, in volumes a
ball, holds the pixels whose centres are at most r px away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._torch import (
    closed,
    disk_extreme,
    opened,
    require_at_least,
    require_same_shape,
    spread_inside,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

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


def _border(mask: Tensor, sides: int = 3) -> Tensor:
    """Return the part of a mask at the border along the last `sides` axes."""
    border = mask.clone()
    border[(slice(None),) * max(mask.ndim - sides, 0) + (slice(1, -1),) * min(mask.ndim, sides)] = 0
    return border


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
@torch_function
def dilate_mask(mask: Tensor, radius: float = 1.0) -> Tensor:
    """Grow a mask by a disk.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
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
    return disk_extreme(mask.bool(), radius, largest=True)


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
@torch_function
def erode_mask(mask: Tensor, radius: float = 1.0) -> Tensor:
    """Shrink a mask by a disk.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
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
    return disk_extreme(mask.bool(), radius, largest=False)


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
@torch_function
def open_mask(mask: Tensor, radius: float = 1.0) -> Tensor:
    """Remove what is thinner than a disk: shrink, then grow by the same radius.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
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
    return opened(mask.bool(), radius)


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
@torch_function
def close_mask(mask: Tensor, radius: float = 1.0) -> Tensor:
    """Fill gaps narrower than a disk: grow, then shrink by the same radius.

    What lies outside the image is unknown and does not count.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
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
    return closed(mask.bool(), radius)


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
@torch_function
def mask_outline(mask: Tensor, radius: float = 1.0) -> Tensor:
    """Keep the pixels of a mask that lie at its edge.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    radius : float
        Width of the outline, px.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 1, "mask_outline", "radius")
    inside = mask.bool()
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
@torch_function
def fill_holes(mask: Tensor) -> Tensor:
    """Fill background that is enclosed by a mask.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Tensor
        bool, same shape.

    Notes
    -----
    Equal to ``scipy.ndimage.binary_fill_holes``; background that touches the border, in
    volumes also the first or last plane, is no hole.
    """
    background = ~mask.bool()
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
@torch_function
def clear_mask_border(mask: Tensor) -> Tensor:
    """Remove connected regions that touch the border of the image in Y or X.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Tensor
        bool, same shape.

    Notes
    -----
    The twin of :func:`napari_openhcs.functions.mask.clear_mask_border`.
    """
    inside = mask.bool()
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
@torch_function
def keep_marked_regions(mask: Tensor, marks: Tensor) -> Tensor:
    """Keep the connected regions of a mask that hold a mark.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    marks : Tensor
        Marks, bool, of the same shape; wired.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, marks, "keep_marked_regions", "marks")
    return spread_inside(marks.bool(), mask.bool(), diagonal=True)


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
@torch_function
def invert_mask(mask: Tensor) -> Tensor:
    """Swap objects and background of a mask.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.

    Returns
    -------
    Tensor
        bool, same shape.
    """
    return ~mask.bool()


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
@torch_function
def union_masks(mask: Tensor, other: Tensor) -> Tensor:
    """Mark what is in either of two masks.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    other : Tensor
        Mask of the same shape; wired.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "union_masks", "other")
    return mask.bool() | other.bool()


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
@torch_function
def intersect_masks(mask: Tensor, other: Tensor) -> Tensor:
    """Mark what is in both of two masks.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    other : Tensor
        Mask of the same shape; wired.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "intersect_masks", "other")
    return mask.bool() & other.bool()


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
@torch_function
def subtract_mask(mask: Tensor, other: Tensor) -> Tensor:
    """Remove from a mask what is in another one.

    Parameters
    ----------
    mask : Tensor
        (Y, X) or (Z, Y, X), bool.
    other : Tensor
        Mask of the same shape; wired.

    Returns
    -------
    Tensor
        bool, same shape.

    Raises
    ------
    ContractError
        The shapes differ.
    """
    require_same_shape(mask, other, "subtract_mask", "other")
    return mask.bool() & ~other.bool()
