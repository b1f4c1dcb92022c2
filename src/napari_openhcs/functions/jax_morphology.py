"""Grey-value morphology on JAX arrays, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); arrays stay on their device.  A disk of radius r, in volumes a
ball, holds the pixels whose centres are at most r px away; what lies outside the image does
not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._jax import (
    closed,
    disk_extreme,
    opened,
    require_at_least,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import jax as jax_function

if TYPE_CHECKING:
    from jax import Array

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
@jax_function
def grey_dilation(image: Array, radius: float = 3.0) -> Array:
    """Grow what is bright by a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_dilation", "radius")
    return disk_extreme(image, radius, largest=True)


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
@jax_function
def grey_erosion(image: Array, radius: float = 3.0) -> Array:
    """Shrink what is bright by a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_erosion", "radius")
    return disk_extreme(image, radius, largest=False)


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
@jax_function
def grey_opening(image: Array, radius: float = 3.0) -> Array:
    """Remove what is bright and smaller than a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_opening", "radius")
    return opened(image, radius)


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
@jax_function
def grey_closing(image: Array, radius: float = 3.0) -> Array:
    """Fill what is dark and smaller than a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype; values are selected, never mixed.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "grey_closing", "radius")
    return closed(image, radius)


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
@jax_function
def white_top_hat(image: Array, radius: float = 3.0) -> Array:
    """Keep what is bright and smaller than a disk: remove the background.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype, grey values above the background.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "white_top_hat", "radius")
    return image - opened(image, radius)


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
@jax_function
def black_top_hat(image: Array, radius: float = 3.0) -> Array:
    """Keep what is dark and smaller than a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype, grey values below the surroundings.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "black_top_hat", "radius")
    return closed(image, radius) - image


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
@jax_function
def morphological_gradient(image: Array, radius: float = 3.0) -> Array:
    """Show edges: the largest minus the smallest value in a disk.

    Parameters
    ----------
    image : Array
        (Y, X) or (Z, Y, X), any real dtype.
    radius : float
        Radius of the disk, in volumes a ball, px; 0 changes nothing.

    Returns
    -------
    Array
        Same shape and dtype, grey values.

    Raises
    ------
    ParameterError
        A parameter is below its minimum.
    """
    require_at_least(radius, 0, "morphological_gradient", "radius")
    highest, lowest = (disk_extreme(image, radius, largest=side) for side in (True, False))
    return highest - lowest
