"""Grey-value morphology on torch tensors, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); tensors stay on their device.  A disk of radius r, in volumes a
ball, holds the pixels whose centres are at most r px away; what lies outside the image does
not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._torch import (
    closed,
    disk_extreme,
    opened,
    require_at_least,
    widened,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "black_top_hat",
    "grey_closing",
    "grey_dilation",
    "grey_erosion",
    "grey_opening",
    "morphological_gradient",
    "white_top_hat",
]


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "dilate",
        "grow bright",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def grey_dilation(image: Tensor, radius: float = 3.0) -> Tensor:
    """Grow what is bright by a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_dilation", "radius")
    return disk_extreme(widened(image), radius, largest=True).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "erode",
        "shrink bright",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def grey_erosion(image: Tensor, radius: float = 3.0) -> Tensor:
    """Shrink what is bright by a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_erosion", "radius")
    return disk_extreme(widened(image), radius, largest=False).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "open",
        "remove small bright spots",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def grey_opening(image: Tensor, radius: float = 3.0) -> Tensor:
    """Remove what is bright and smaller than a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_opening", "radius")
    return opened(widened(image), radius).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "close",
        "fill small gaps",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def grey_closing(image: Tensor, radius: float = 3.0) -> Tensor:
    """Fill what is dark and smaller than a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_closing", "radius")
    return closed(widened(image), radius).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "remove background",
        "top hat",
        "enhance spots",
        "background subtraction",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def white_top_hat(image: Tensor, radius: float = 3.0) -> Tensor:
    """Keep what is bright and smaller than a disk: remove the background.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device, grey values above the background.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "white_top_hat", "radius")
    wide = widened(image)
    return (wide - opened(wide, radius)).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "bottom hat",
        "dark spots",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def black_top_hat(image: Tensor, radius: float = 3.0) -> Tensor:
    """Keep what is dark and smaller than a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device, grey values below the surroundings.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "black_top_hat", "radius")
    wide = widened(image)
    return (closed(wide, radius) - wide).to(image.dtype)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="morphology",
    synonyms=(
        "edges",
        "edge detection",
        "outlines",
    ),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@torch_function
def morphological_gradient(image: Tensor, radius: float = 3.0) -> Tensor:
    """Show edges: the largest minus the smallest value in a disk.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Tensor
        Same shape, dtype and device, grey values.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "morphological_gradient", "radius")
    wide = widened(image)
    highest, lowest = (disk_extreme(wide, radius, largest=side) for side in (True, False))
    return (highest - lowest).to(image.dtype)
