"""Positions: spots as points, handed to later steps that count or draw them.

Positions are (N, 2) rows and columns, or (N, 3) with the plane first, px, float64; the centre of
the first pixel is 0.  Labels are int32, 0 for background.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions._arrays import Array, require_array, require_at_least, require_labels
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.functions.special import special_inputs, special_outputs
from napari_openhcs.functions.spots import detect_spots_log
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["count_positions", "draw_positions", "locate_spots"]

Table = dict[str, Array]

_WORDS = ("positions", "points", "coordinates", "spots", "foci")


@special_outputs("positions")
@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("spot positions", "find peaks", "spot coordinates", "points", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None)},
)
@numpy_function
def locate_spots(
    image: Array, radius: float = 2.0, min_contrast: float = 6.0
) -> tuple[Array, Array]:
    """Label bright spots of a given size and give the position of each.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the spots, px.
    min_contrast : float
        The Laplacian of Gaussian must exceed so many standard deviations of its own noise.

    Returns
    -------
    labels : ndarray
        int32, same shape, as :func:`~napari_openhcs.functions.spots.detect_spots_log` gives.
    positions : ndarray
        (N, ndim) float64, px: of spot 1, 2 …, its centre of mass above the darkest of its pixels.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    labels = detect_spots_log(image, radius, min_contrast)
    count = int(labels.max())
    inside = np.nonzero(labels)
    owner = labels[inside] - 1
    values = image[inside].astype(np.float64)
    darkest = np.full(count, np.inf)
    np.minimum.at(darkest, owner, values)
    # An even spot weighs every pixel alike.
    weights = values - darkest[owner]
    even = np.bincount(owner, weights, count) == 0
    weights[even[owner]] = 1.0
    total = np.bincount(owner, weights, count)
    sums = [np.bincount(owner, weights * axis, count) for axis in inside]
    return labels, np.stack(sums, axis=1) / total[:, None]


@special_inputs("positions")
@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    ndims=(2,),
    synonyms=("discs", "circles around spots", "draw points", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0, None)},
)
@numpy_function
def draw_positions(image: Array, positions: Array, radius: float = 3.0) -> Array:
    """Draw a disc around every position that an earlier step found.

    Parameters
    ----------
    image : ndarray
        (Y, X); only its shape matters.
    positions : ndarray
        (N, 2), px: the special output ``positions`` of an earlier step.
    radius : float
        Of the discs, px; 0 marks single pixels.

    Returns
    -------
    ndarray
        int32, same shape: disc 1, 2 … in the order of the positions; where discs overlap, a
        pixel belongs to the nearest position.  What lies outside the image is not drawn.

    Raises
    ------
    ContractError
        The image is not (Y, X), or the positions are not (N, 2).
    ParameterError
        `radius` is below 0.
    """
    function = "draw_positions"
    require_array(image, function, ndims=(2,))
    require_at_least(radius, 0, function, "radius")
    labels = np.zeros(image.shape, np.int32)
    nearest = np.full(image.shape, np.inf)
    for number, (row, column) in enumerate(_planar(positions, function), start=1):
        top, left = max(round(row - radius), 0), max(round(column - radius), 0)
        box = (slice(top, round(row + radius) + 1), slice(left, round(column + radius) + 1))
        rows, columns = np.ogrid[box]
        if row + radius < -0.5 or column + radius < -0.5:
            continue
        rows, columns = rows[: image.shape[0] - top], columns[:, : image.shape[1] - left]
        distance = np.hypot(rows - row, columns - column)
        # The pixel that holds a position belongs to it, however small the disc.
        own = (rows == round(row)) & (columns == round(column))
        drawn = ((distance <= radius) | own) & (distance < nearest[box])
        nearest[box][drawn] = distance[drawn]
        labels[box][drawn] = number
    return labels


@special_inputs("positions")
@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=("points per cell", "spots per cell", "count spots", *_WORDS),
    shared_columns=("label", "area"),
)
@numpy_function
def count_positions(labels: Array, positions: Array) -> Table:
    """Count in every cell or nucleus the positions that an earlier step found.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background.
    positions : ndarray
        (N, 2), px: the special output ``positions`` of an earlier step.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label``, ``area`` (px), ``position_count``, ``position_density``
        (positions a px).  Positions on background or outside the image count for none.

    Raises
    ------
    ContractError
        The array is no label image (Y, X), or the positions are not (N, 2).
    """
    function = "count_positions"
    require_array(labels, function, ndims=(2,))
    objects = require_labels(labels, function)
    values, area = object_sizes(objects)
    places = np.rint(_planar(positions, function)).astype(np.int64)
    inside = ((places >= 0) & (places < objects.shape)).all(axis=1)
    hit = objects[tuple(places[inside].T)]
    hit = hit[hit > 0]
    count = np.bincount(np.searchsorted(values, hit), minlength=values.size)
    return {
        "label": values.astype(np.int32),
        "area": area.astype(np.int64),
        "position_count": count.astype(np.int64),
        "position_density": count / area,
    }


def _planar(positions: Array, function: str) -> Array:
    """Return positions as (N, 2) float64."""
    array = np.asarray(positions, np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ContractError(
            f"{function} takes positions in a plane, and these have shape {array.shape}: expected "
            "(N, 2), rows and columns; find them plane by plane."
        )
    return array
