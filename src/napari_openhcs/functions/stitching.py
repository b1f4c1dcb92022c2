"""Stitching: the fields of a well become one mosaic.

Fields are moved by whole pixels and never interpolated, so that grey values stay what they
are; only where fields overlap are they mixed, or cut in the middle.  The size of the mosaic
follows from the nominal places alone, so that all channels and planes of a well have the
same size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    require_array,
    require_at_least,
    require_finite,
    require_same_shape,
    round_to,
)
from napari_openhcs.functions._registration import registered_corners
from napari_openhcs.functions.declare import declare
from napari_openhcs.functions.facts import FIELD_POSITIONS
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["stitch_fields", "stitch_grid"]

_STRIP_ROWS = 256
"""Rows of the mosaic that are made at once: sums in float64 need little memory so."""

_SPARSEST = 10
"""A mosaic of more than so many times the area of its fields would be mostly empty."""

_SYNONYMS = (
    "stitching",
    "mosaic",
    "montage",
    "tile fields",
    "join sites",
    "whole well image",
    "align tiles",
)


def _corners(positions: Any, count: int, function: str) -> Array:
    """Return (N, 2) corners of the fields as whole px, the smallest row and column being 0."""
    places = np.asarray(positions, dtype=np.float64)
    if places.shape != (count, 2) or not np.isfinite(places).all():
        raise ParameterError(
            f"{function}: 'positions' has the shape {places.shape} for {count} fields: expected "
            "one finite (row, column) in px for each field."
        )
    return np.asarray(np.rint(places - places.min(axis=0)), int)


def _canvas(corners: Array, field: tuple[int, ...], function: str) -> tuple[int, int]:
    """Return the rows and columns of the mosaic."""
    height, width = (int(corners[:, axis].max()) + field[axis] for axis in range(2))
    if height * width > _SPARSEST * len(corners) * field[0] * field[1]:
        raise ParameterError(
            f"{function}: the {len(corners)} fields of {field[0]} × {field[1]} px lie so far apart "
            f"that their mosaic of {height} × {width} px would be mostly empty: stitch fields that "
            "touch, or select some of them."
        )
    return height, width


def _positions_shape(shape: tuple[int, ...], parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Return the shape of what :func:`stitch_fields` gives."""
    corners = _corners(parameters["positions"], shape[0], "stitch_fields")
    return _canvas(corners, shape[1:], "stitch_fields")


def _grid_positions(
    count: int, field: tuple[int, ...], columns: int | None, order: str, overlap: float
) -> Array:
    """Return (N, 2) corners of fields on a regular grid, px."""
    function = "stitch_grid"
    across = math.ceil(math.sqrt(count)) if columns is None else columns
    require_at_least(across, 1, function, "columns")
    if across > count:
        raise ParameterError(
            f"{function}: 'columns' is {across} for {count} fields, expected at most {count}."
        )
    if not 0 <= overlap < 1:
        raise ParameterError(f"{function}: 'overlap' is {overlap}, expected 0 to below 1.")
    by_columns = order.endswith("columns")
    length = math.ceil(count / across) if by_columns else across
    line, place = np.divmod(np.arange(count), length)
    if order.startswith("snake"):
        place = np.where(line % 2 == 1, length - 1 - place, place)
    rows, lanes = (place, line) if by_columns else (line, place)
    down, right = (round(length * (1 - overlap)) for length in field)
    return np.stack([rows * down, lanes * right], axis=1)


def _grid_shape(shape: tuple[int, ...], parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Return the shape of what :func:`stitch_grid` gives."""
    given = (parameters[name] for name in ("columns", "order", "overlap"))
    places = _grid_positions(shape[0], shape[1:], *given)
    return _canvas(_corners(places, shape[0], "stitch_grid"), shape[1:], "stitch_grid")


def _ramp(length: int) -> Array:
    """Return the distance of every pixel from the nearer end, 1 at the ends, px."""
    index = np.arange(length)
    return np.minimum(index + 1, length - index).astype(np.float64)


def _blend(stack: Array, corners: Array, shape: tuple[int, int], blending: str) -> Array:
    """Put the fields together strip by strip; what lies outside of `shape` is cut off."""
    mosaic = np.zeros(shape, stack.dtype)
    height, width = stack.shape[1:]
    weights = _ramp(height)[:, np.newaxis], _ramp(width)
    for top in range(0, shape[0], _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, shape[0])
        total = np.zeros((bottom - top, shape[1]))
        weight = np.zeros_like(total)
        for field, (row, column) in zip(stack, corners, strict=True):
            low, high = max(top, row), min(bottom, row + height)
            left, right = max(0, column), min(shape[1], column + width)
            if low >= high or left >= right:
                continue
            here = slice(low - top, high - top), slice(left, right)
            own = slice(low - row, high - row), slice(left - column, right - column)
            share = weights[0][own[0]] * weights[1][own[1]]
            if blending == "linear":
                total[here] += share * field[own]
                weight[here] += share
            else:
                nearer = share > weight[here]
                np.copyto(total[here], field[own], where=nearer)
                np.copyto(weight[here], share, where=nearer)
        if blending == "linear":
            np.divide(total, weight, out=total, where=weight > 0)
        mosaic[top:bottom] = round_to(total, stack.dtype)
    return mosaic


def _stitched(
    image: Array,
    corners: Array,
    reference: Array | None,
    blending: str,
    max_shift: int,
    min_correlation: float,
    function: str,
) -> Array:
    if blending not in ("linear", "cut"):
        raise ParameterError(f"{function}: 'blending' is '{blending}', expected linear or cut.")
    require_at_least(max_shift, 1, function, "max_shift")
    require_at_least(min_correlation, 0, function, "min_correlation")
    shape = _canvas(corners, image.shape[1:], function)
    if reference is not None:
        require_array(reference, function, ndims=(3,))
        require_same_shape(image, reference, function, "reference")
        require_finite(reference, function)
        corners = registered_corners(reference, corners, int(max_shift), min_correlation)
    return _blend(image, corners, shape, blending)


def _require_fields(image: Array, function: str) -> None:
    require_array(image, function, ndims=(3,))
    if image.dtype.kind == "b":
        raise ContractError(f"{function} got a mask: stitch the image, and make the mask of it.")


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="stitch",
    synonyms=_SYNONYMS,
    stack_component="field",
    units={"max_shift": "px"},
    limits={"max_shift": (1, None), "min_correlation": (0, 1)},
    array_kinds={"reference": Kind.IMAGE},
    plate_facts={"positions": FIELD_POSITIONS},
    output_shape=_positions_shape,
)
@numpy_function
def stitch_fields(
    image: Array,
    positions: Sequence[tuple[float, float]],
    reference: Array | None = None,
    blending: Literal["linear", "cut"] = "linear",
    max_shift: int = 32,
    min_correlation: float = 0.5,
) -> Array:
    """Stitch the fields of a well into one mosaic by stage position.

    With a `reference` wired the places are refined on its overlaps by phase correlation.
    Wire one channel, so that all channels are put together alike.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), the N fields of a well, any numeric dtype.
    positions : sequence of (float, float)
        Row and column of each field's corner, px.  In a pipeline they come from the plate:
        stage positions divided by the pixel size.
    reference : ndarray, optional
        (N, Y, X), finite; the fields are moved so that it fits in the overlaps.  Without it
        they lie where the stage says.
    blending : str
        Where fields overlap: ``linear`` fades from one to the other, ``cut`` takes each
        pixel from the field whose border is further away.
    max_shift : int
        How far two neighbours may lie from their nominal distance, px.
    min_correlation : float
        Overlaps of `reference` with a lower correlation, 0 to 1, are not trusted; their
        fields keep the stage's distance.

    Returns
    -------
    ndarray
        (Y', X'), same dtype, just as large as the nominal positions need; 0 where no field is.
        What a refined field would put outside is cut off.

    Raises
    ------
    ContractError
        An array has other axes, or `reference` is not finite or has another shape.
    ParameterError
        A parameter is out of its limits, the positions are not one for each field, or the
        fields lie so far apart that the mosaic would be mostly empty.

    Notes
    -----
    As Preibisch et al. 2009 (doi 10.1093/bioinformatics/btp184): peaks of the phase
    correlation are judged by the correlation of the overlap, and all pairs are fitted by
    least squares without those that contradict the others.
    """
    function = "stitch_fields"
    _require_fields(image, function)
    corners = _corners(positions, len(image), function)
    return _stitched(image, corners, reference, blending, max_shift, min_correlation, function)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="stitch",
    synonyms=(*_SYNONYMS, "snake order", "without stage positions"),
    stack_component="field",
    units={"max_shift": "px"},
    limits={
        "columns": (1, None),
        "overlap": (0, 0.95),
        "max_shift": (1, None),
        "min_correlation": (0, 1),
    },
    array_kinds={"reference": Kind.IMAGE},
    output_shape=_grid_shape,
)
@numpy_function
def stitch_grid(
    image: Array,
    reference: Array | None = None,
    columns: int | None = None,
    order: Literal["rows", "snake rows", "columns", "snake columns"] = "rows",
    overlap: float = 0.1,
    blending: Literal["linear", "cut"] = "linear",
    max_shift: int = 32,
    min_correlation: float = 0.5,
) -> Array:
    """Stitch the fields of a well into one mosaic that lie on a regular grid.

    For plates without stage positions; with them :func:`stitch_fields` needs no such values.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), the N fields of a well in the order of their names, any numeric dtype.
    reference : ndarray, optional
        (N, Y, X), finite; the fields are moved so that it fits in the overlaps.  Without it
        they lie on the grid.
    columns : int, optional
        Fields beside each other; by default the grid is as square as possible.
    order : str
        In which order the stage went: ``rows`` from left to right, row by row;
        ``columns`` from top to bottom; a ``snake`` turns round at each end.
    overlap : float
        Part of a field that lies on its neighbour, 0 to 0.95.
    blending : str
        Where fields overlap: ``linear`` fades from one to the other, ``cut`` takes each
        pixel from the field whose border is further away.
    max_shift : int
        How far two neighbours may lie from their nominal distance, px.
    min_correlation : float
        Overlaps of `reference` with a lower correlation, 0 to 1, are not trusted; their
        fields keep the grid's distance.

    Returns
    -------
    ndarray
        (Y', X'), same dtype, just as large as the grid needs; 0 where no field is.

    Raises
    ------
    ContractError
        An array has other axes, or `reference` is not finite or has another shape.
    ParameterError
        A parameter is out of its limits, or there are more columns than fields.
    """
    function = "stitch_grid"
    _require_fields(image, function)
    if order not in ("rows", "snake rows", "columns", "snake columns"):
        raise ParameterError(
            f"{function}: 'order' is '{order}', expected rows, snake rows, columns or snake "
            "columns."
        )
    places = _grid_positions(len(image), image.shape[1:], columns, order, overlap)
    corners = _corners(places, len(image), function)
    return _stitched(image, corners, reference, blending, max_shift, min_correlation, function)
