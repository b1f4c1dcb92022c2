"""Skeletons of neurites, vessels and filaments: find, clean and measure them.

A skeleton is a mask of lines one pixel wide, (Y, X).  Its pixels are joined to their straight
neighbours, and to a diagonal one where no straight step leads there; lengths are those of the
steps, 1 and √2 px.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    background_statistics,
    float_type,
    require_array,
    require_at_least,
    require_finite,
    require_labels,
    require_mask,
    require_same_shape,
    round_to,
)
from napari_openhcs.functions._objects import components, object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "enhance_neurites",
    "label_neurites",
    "measure_object_skeleton",
    "measure_skeleton",
    "skeletonise_mask",
    "trace_neurites",
]

Table = dict[str, Array]

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
_WORDS = ("neurite length", "axon length", "dendrites", "branch points", "filaments", "vessels")


def _shifted(array: Array, step: tuple[int, int]) -> tuple[Array, Array]:
    """Return views of the pixels and of those one step (down, or right) away."""
    dy, dx = step
    here = array[: array.shape[0] - dy, max(-dx, 0) : array.shape[1] - max(dx, 0)]
    there = array[dy:, max(dx, 0) : array.shape[1] + min(dx, 0)]
    return here, there


def _links(skeleton: Array, group: Array) -> list[tuple[Array, Array, float]]:
    """Return (pixels from, pixels to, length) of all steps inside a group, as flat indices."""
    numbers = np.arange(skeleton.size).reshape(skeleton.shape)
    groups = np.where(skeleton, group, 0)
    found = []
    for step in _STEPS:
        here, there = _shifted(groups, step)
        joined = (here == there) & (here > 0)
        length = 1.0
        if step[0] and step[1]:
            # The two pixels beside a diagonal step; either makes it a detour.
            left, right = (
                (groups[:-1, 1:], groups[1:, :-1])
                if step[1] > 0
                else (groups[:-1, :-1], groups[1:, 1:])
            )
            joined &= (left != here) & (right != here)
            length = float(np.sqrt(2))
        start, end = _shifted(numbers, step)
        found.append((start[joined], end[joined], length))
    return found


def _degrees(skeleton: Array, group: Array) -> Array:
    """Return how many steps lead from each pixel."""
    degree = np.zeros(skeleton.size, np.int64)
    for start, end, _ in _links(skeleton, group):
        degree += np.bincount(start, minlength=degree.size)
        degree += np.bincount(end, minlength=degree.size)
    return degree.reshape(skeleton.shape)


def _require_plane_mask(mask: Array, function: str) -> Array:
    require_array(mask, function, ndims=(2,))
    return require_mask(mask, function)


def _prune(skeleton: Array, min_branch: float) -> Array:
    """Remove side branches of fewer pixels that end blindly."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from skimage.morphology import skeletonize

    whole = np.ones(skeleton.shape, np.int32)
    at = np.flatnonzero(skeleton)
    links = _links(skeleton, whole)
    start, end = (np.searchsorted(at, np.concatenate([link[i] for link in links])) for i in (0, 1))
    degree = np.bincount(np.r_[start, end], minlength=at.size)
    fork = degree >= 3
    # Branches are what the steps still join without the forks.
    inner = ~fork[start] & ~fork[end]
    ones = np.ones(int(inner.sum()), bool)
    graph = coo_array((ones, (start[inner], end[inner])), shape=(at.size, at.size))
    count, branch = connected_components(graph, directed=False)
    size = np.bincount(branch, minlength=count)
    blind, side = np.zeros(count, bool), np.zeros(count, bool)
    blind[branch[degree <= 1]] = True
    side[branch[start[fork[end]]]] = side[branch[end[fork[start]]]] = True
    short = blind & side & (size < min_branch)
    kept = skeleton.copy()
    kept.ravel()[at[short[branch] & ~fork]] = False
    return np.asarray(skeletonize(kept))


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.MASK,
    category="morphology",
    input_kinds=(Kind.MASK,),
    synonyms=("skeleton", "centre line", "thinning", "prune", *_WORDS),
    units={"min_branch": "px"},
    limits={"min_branch": (0, None)},
)
@numpy_function
def skeletonise_mask(mask: Array, min_branch: float = 5.0) -> Array:
    """Thin a mask to lines one pixel wide and remove short side branches.

    Parameters
    ----------
    mask : ndarray
        (Y, X), bool.
    min_branch : float
        Side branches of fewer pixels are removed; 0 keeps all.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no mask (Y, X).
    ParameterError
        `min_branch` is negative.

    Notes
    -----
    Thinning by Zhang and Suen 1984, doi 10.1145/357994.358023.
    """
    from skimage.morphology import skeletonize

    function = "skeletonise_mask"
    require_at_least(min_branch, 0, function, "min_branch")
    skeleton = np.asarray(skeletonize(_require_plane_mask(mask, function)))
    return _prune(skeleton, min_branch) if min_branch else skeleton


def _ridges(image: Array, radius: float) -> Array:
    """Return how strongly each pixel lies on a bright line of a given half-width, float64."""
    from scipy import ndimage

    # Differences of the blurred image are exactly 0 on an even slope, which a truncated
    # kernel of second derivatives is not.
    blurred = ndimage.gaussian_filter(image.astype(np.float64), radius)
    yy, xx = (ndimage.correlate1d(blurred, (1, -2, 1), axis) for axis in (0, 1))
    slope = ndimage.correlate1d(blurred, (-0.5, 0, 0.5), 0)
    yx = ndimage.correlate1d(slope, (-0.5, 0, 0.5), 1)
    # Across a bright line the second derivative is strongly negative.
    across = (yy + xx) / 2 - np.hypot((yy - xx) / 2, yx)
    return np.asarray(np.maximum(-(radius**2) * across, 0))


def _checked_image(image: Array, function: str, radius: float) -> None:
    require_array(image, function, ndims=(2,))
    require_finite(image, function)
    require_at_least(radius, 0.5, function, "radius")


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("ridge filter", "tubeness", "enhance lines", "neurites", "fibres", *_WORDS),
    units={"radius": "px"},
    limits={"radius": (0.5, None)},
)
@numpy_function
def enhance_neurites(image: Array, radius: float = 2.0) -> Array:
    """Bring out bright lines of a given width.

    Even background and even slopes become 0.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    radius : float
        Half the width of the lines, px.

    Returns
    -------
    ndarray
        Same shape and dtype; about the height of a line above its surroundings.

    Raises
    ------
    ContractError
        The array is not (Y, X) or not finite.
    ParameterError
        `radius` is below 0.5.

    Notes
    -----
    Smallest eigenvalue of the Hessian (Sato et al. 1998, doi 10.1016/S1361-8415(98)80009-1).
    """
    _checked_image(image, "enhance_neurites", radius)
    dtype = np.dtype(float_type(image.dtype)) if image.dtype.kind in "bf" else image.dtype
    return round_to(_ridges(image, radius), dtype)


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.MASK,
    category="segment",
    synonyms=("neurites", "trace lines", "neurite outgrowth", "skeleton", *_WORDS),
    units={"radius": "px", "min_length": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None), "min_length": (0, None)},
)
@numpy_function
def trace_neurites(
    image: Array, radius: float = 2.0, min_contrast: float = 6.0, min_length: float = 10.0
) -> Array:
    """Trace bright lines: a skeleton one pixel wide.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    radius : float
        Half the width of the lines, px.
    min_contrast : float
        The ridge filter's answer must exceed so many standard deviations of its own noise.
    min_length : float
        Traces of fewer pixels, and side branches shorter than half of that, are removed.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is not (Y, X) or not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from skimage.morphology import skeletonize

    function = "trace_neurites"
    _checked_image(image, function, radius)
    require_at_least(min_contrast, 0, function, "min_contrast")
    require_at_least(min_length, 0, function, "min_length")
    answer = _ridges(image, radius)
    level, deviation = background_statistics(answer)
    rounding = 1e-9 * float(np.abs(as_float(image)).max())
    skeleton = np.asarray(skeletonize(answer > level + max(min_contrast * deviation, rounding)))
    skeleton = _prune(skeleton, min_length / 2) if min_length else skeleton
    pieces = components(skeleton)
    values, sizes = object_sizes(pieces)
    return np.asarray(np.isin(pieces, values[sizes >= max(min_length, 1)]))


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    ndims=(2,),
    input_kinds=(Kind.MASK,),
    synonyms=("neurites per cell", "assign neurites", "neurite outgrowth", *_WORDS),
    array_kinds={"cells": Kind.LABELS},
)
@numpy_function
def label_neurites(skeleton: Array, cells: Array) -> Array:
    """Give every neurite the number of the cell body it grows from.

    The traces that touch a cell body get its number along their way; where two meet, the
    shorter way counts.  What touches no cell is left out.

    Parameters
    ----------
    skeleton : ndarray
        (Y, X), bool: traces or masks of neurites.
    cells : ndarray
        (Y, X), integers, 0 for background: cell bodies; wired.

    Returns
    -------
    ndarray
        int32, same shape: the neurites outside the cell bodies.

    Raises
    ------
    ContractError
        An array is not (Y, X), no mask or no labels, or the shapes differ.
    """
    from skimage.segmentation import watershed

    function = "label_neurites"
    lines = _require_plane_mask(skeleton, function)
    require_array(cells, function, ndims=(2,))
    bodies = require_labels(cells, function)
    require_same_shape(lines, bodies, function, "cells")
    flat = np.zeros(lines.shape, np.uint8)
    # On an even landscape the flood goes step by step, so that the shortest way wins.
    grown = watershed(flat, bodies, mask=lines | (bodies > 0), connectivity=2)
    return np.where(lines & (bodies == 0), grown, 0).astype(np.int32)


def _skeleton_table(skeleton: Array, group: Array, values: Array) -> Table:
    """Return length and points of the skeleton in every group of `values` (ascending)."""
    n = values.size
    links = _links(skeleton, group)
    flat = group.ravel()
    length = np.zeros(n)
    for start, _, step in links:
        length += step * np.bincount(np.searchsorted(values, flat[start]), minlength=n)
    degree = _degrees(skeleton, group)
    inside = skeleton & (group > 0)
    row = np.searchsorted(values, group[inside])
    ends = np.bincount(row[degree[inside] == 1], minlength=n)
    # Forks side by side are one branch point, of the object that holds the first pixel.
    forks = components(inside & (degree >= 3))
    _, first = np.unique(forks, return_index=True)
    first = first[forks.ravel()[first] > 0]
    branches = np.bincount(np.searchsorted(values, flat[first]), minlength=n)
    return {
        "skeleton_length": length,
        "skeleton_pixels": np.bincount(row, minlength=n).astype(np.int64),
        "branch_points": branches.astype(np.int64),
        "end_points": ends.astype(np.int64),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.MASK,),
    synonyms=("skeleton length", "total neurite length", "neurite outgrowth", *_WORDS),
    shared_columns=("label",),
)
@numpy_function
def measure_skeleton(mask: Array) -> Table:
    """Measure length and branching of the lines in an image.

    Parameters
    ----------
    mask : ndarray
        (Y, X), bool: a skeleton, or a mask that is thinned first.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``skeleton_length`` (px along the lines),
        ``skeleton_pixels``, ``branch_points``, ``end_points``, ``pieces`` (lines that do not
        touch).

    Raises
    ------
    ContractError
        The array is no mask (Y, X).
    """
    from skimage.morphology import skeletonize

    skeleton = np.asarray(skeletonize(_require_plane_mask(mask, "measure_skeleton")))
    whole = np.ones(skeleton.shape, np.int32)
    return {
        "label": np.zeros(1, np.int32),
        **_skeleton_table(skeleton, whole, np.ones(1, np.int32)),
        "pieces": np.array([int(components(skeleton).max())]),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.MASK,),
    synonyms=("skeleton length per cell", "neurite length per cell", *_WORDS),
    array_kinds={"labels": Kind.LABELS},
    shared_columns=("label",),
)
@numpy_function
def measure_object_skeleton(mask: Array, labels: Array) -> Table:
    """Measure length and branching of the lines in every object.

    Parameters
    ----------
    mask : ndarray
        (Y, X), bool: a skeleton, or a mask that is thinned first.
    labels : ndarray
        (Y, X), integers, 0 for background: cells, or neurites with their cell's number from
        :func:`label_neurites`; wired.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label``, ``skeleton_length`` (px along the lines inside it),
        ``skeleton_pixels``, ``branch_points``, ``end_points``.

    Raises
    ------
    ContractError
        An array is not (Y, X), no mask or no labels, or the shapes differ.
    """
    from skimage.morphology import skeletonize

    function = "measure_object_skeleton"
    skeleton = np.asarray(skeletonize(_require_plane_mask(mask, function)))
    require_array(labels, function, ndims=(2,))
    checked = require_labels(labels, function)
    require_same_shape(skeleton, checked, function, "labels")
    values, _ = object_sizes(checked)
    return {
        "label": values.astype(np.int32),
        **_skeleton_table(skeleton, checked, values),
    }
