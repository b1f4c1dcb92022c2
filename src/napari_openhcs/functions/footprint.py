"""Footprints (structuring elements) as a shape name and a radius.

In a pipeline a footprint is the literal ``("disk", 3)``: it fits a script, and it fits
planes and volumes alike.  Before a call it becomes an array of the image's dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from napari_openhcs.errors import ParameterError
from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["FOOTPRINT_SHAPES", "footprint", "make_footprints", "with_footprints"]

FOOTPRINT_SHAPES = ("disk", "square", "diamond")
"""Shapes on a plane; in a volume they are a ball, a cube and an octahedron."""


def footprint(shape: str, radius: int, ndim: int) -> np.ndarray:
    """Return a footprint as an array of 0 and 1.

    Parameters
    ----------
    shape : str
        One of :data:`FOOTPRINT_SHAPES`.
    radius : int
        In px; the array has ``2 * radius + 1`` pixels along each axis.
    ndim : int
        2 for a plane, 3 for a volume.

    Returns
    -------
    numpy.ndarray
        uint8; equal to scikit-image's ``disk``, ``ball``, ``diamond``, ``octahedron``.

    Raises
    ------
    ParameterError
        Unknown shape, or a radius below 0.
    """
    if shape not in FOOTPRINT_SHAPES or isinstance(radius, bool) or not isinstance(radius, int):
        raise ParameterError(
            f"({shape!r}, {radius!r}) is no footprint: expected a shape "
            f"({', '.join(FOOTPRINT_SHAPES)}) and a whole radius in px, such as ('disk', 3)."
        )
    if radius < 0:
        raise ParameterError(f"A footprint's radius is {radius} px: expected 0 or more.")
    offsets = np.indices((2 * radius + 1,) * ndim) - radius
    inside: np.ndarray
    if shape == "disk":
        inside = (offsets**2).sum(axis=0) <= radius**2
    elif shape == "diamond":
        inside = np.abs(offsets).sum(axis=0) <= radius
    else:
        inside = np.ones(offsets.shape[1:], bool)
    made: np.ndarray = inside.astype(np.uint8)
    return made


def with_footprints(spec: FunctionSpec, parameters: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    """Return `parameters` with every ``(shape, radius)`` made an array of `ndim` dimensions.

    Raises
    ------
    ParameterError
        A footprint is neither None, an array, nor a valid (shape, radius).
    """
    names = [item.name for item in spec.parameters if item.type == "footprint"]
    return make_footprints(names, spec.id, parameters, ndim)


def make_footprints(
    names: Iterable[str], function: str, parameters: Mapping[str, Any], ndim: int
) -> dict[str, Any]:
    """Return `parameters` with each ``(shape, radius)`` under one of `names` made an array.

    Raises
    ------
    ParameterError
        See :func:`with_footprints`; the sentence names the parameter and the `function`.
    """
    made = dict(parameters)
    for name in names:
        value = made.get(name)
        if value is None or isinstance(value, np.ndarray):
            continue
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ParameterError(
                f"Parameter '{name}' of {function} is {value!r}: expected a shape and a "
                "radius in px, such as ('disk', 3)."
            )
        made[name] = footprint(value[0], value[1], ndim)
    return made
