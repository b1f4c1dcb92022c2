"""Neighbours: how close objects lie, and which of them touch."""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    require_array,
    require_at_least,
    require_labels,
    require_same_shape,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["measure_distance_to_objects", "measure_neighbours"]

Table = dict[str, Array]


def _centres(labels: Array, values: Array, sizes: Array) -> Array:
    """Return the centroids (n, 2) of objects in the order of `values`."""
    flat = np.flatnonzero(labels)
    row = np.searchsorted(values, labels.ravel()[flat])
    return np.stack(
        [np.bincount(row, axis, values.size) / sizes for axis in np.divmod(flat, labels.shape[1])],
        axis=1,
    )


def _outline(labels: Array) -> tuple[Array, Array]:
    """Return (y, x) of the object pixels that have another value beside them."""
    padded = np.pad(labels, 1)
    inner = labels > 0
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        inner &= (
            padded[1 + dy : 1 + dy + labels.shape[0], 1 + dx : 1 + dx + labels.shape[1]] == labels
        )
    y, x = np.nonzero((labels > 0) & ~inner)
    return y, x


def _near(labels: Array, distance: float) -> tuple[Array, Array, Array]:
    """Return pairs of objects at most `distance` apart (n, 2), outline owners and contacts.

    The closest pixels of two objects lie on their outlines, so that no others are looked at.
    """
    y, x = _outline(labels)
    owner = labels[y, x].astype(np.int64)
    contact = np.zeros(owner.size, bool)
    radius = int(distance)
    padded = np.pad(labels, radius).astype(np.int64)
    pairs: list[Array] = []
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if 0 < dy * dy + dx * dx <= distance**2:
                other = padded[y + radius + dy, x + radius + dx]
                near = (other > 0) & (other != owner)
                contact |= near
                if near.any():
                    pairs.append(np.unique(np.stack([owner[near], other[near]], 1), axis=0))
    found = np.unique(np.concatenate(pairs), axis=0) if pairs else np.empty((0, 2), np.int64)
    return found, owner, contact


def _nearest_five(centres: Array) -> tuple[Array, Array]:
    """Return the distances to the five nearest other points, and which is the nearest.

    Parameters
    ----------
    centres : ndarray
        (n, 2).

    Returns
    -------
    distances : ndarray
        (n, 5), ascending; NaN where there are fewer others.
    nearest : ndarray
        (n,), rows of `centres`; of no meaning for a single point.
    """
    from scipy.spatial import KDTree

    n = len(centres)
    distances = np.full((n, 5), np.nan)
    if n < 2:
        return distances, np.zeros(n, np.intp)
    wanted = min(6, n)
    found, index = KDTree(centres).query(centres, k=wanted)
    # The point itself is among the nearest, as a rule the first of them.
    found[index == np.arange(n)[:, np.newaxis]] = -1
    order = np.argsort(found, axis=1, kind="stable")
    found, index = (np.take_along_axis(array, order, axis=1) for array in (found, index))
    distances[:, : wanted - 1] = found[:, 1:]
    return distances, index[:, 1]


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=(
        "nearest neighbour",
        "neighbors",
        "touching cells",
        "cell density",
        "crowding",
        "distance between cells",
    ),
    units={"distance": "px"},
    limits={"distance": (1, 100)},
    shared_columns=(
        "label",
        "neighbour_count",
        "touching_fraction",
        "nearest_label",
        "nearest_distance",
        "second_nearest_distance",
        "mean_distance_5",
    ),
)
@numpy_function
def measure_neighbours(labels: Array, distance: float = 1.5) -> Table:
    """Measure for every object how close its neighbours are.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background.
    distance : float
        Objects whose nearest pixels are at most so far apart are neighbours, px between
        pixel centres; 1.5 means touching, diagonally too.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label``, ``neighbour_count``, ``touching_fraction`` (share of
        the outline's pixels that have a neighbour within `distance`), ``nearest_label``,
        ``nearest_distance``, ``second_nearest_distance`` (px between centroids; 0 and NaN
        where there is no such object), ``mean_distance_5`` (px, mean over the five nearest,
        or as many as there are).

    Raises
    ------
    ContractError
        The array is no label image (Y, X).
    ParameterError
        `distance` is below 1.
    """
    function = "measure_neighbours"
    require_array(labels, function, ndims=(2,))
    checked = require_labels(labels, function)
    require_at_least(distance, 1, function, "distance")
    values, sizes = object_sizes(checked)
    n = values.size
    pairs, owner, contact = _near(checked, distance)
    row = np.searchsorted(values, owner)
    outline = np.bincount(row, minlength=n)
    touching = np.bincount(row, weights=contact, minlength=n)
    distances, first = _nearest_five(_centres(checked, values, sizes))
    with_any = ~np.isnan(distances)
    return {
        "label": values.astype(np.int32),
        "neighbour_count": np.bincount(np.searchsorted(values, pairs[:, 0]), minlength=n),
        "touching_fraction": touching / np.maximum(outline, 1),
        "nearest_label": values[first].astype(np.int32) if n > 1 else np.zeros(n, np.int32),
        "nearest_distance": distances[:, 0],
        "second_nearest_distance": distances[:, 1],
        "mean_distance_5": np.divide(
            np.nansum(distances, axis=1),
            with_any.sum(axis=1),
            out=np.full(n, np.nan),
            where=with_any.any(axis=1),
        ),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    input_kinds=(Kind.LABELS,),
    synonyms=("distance to nucleus", "distance to other objects", "distance between objects"),
    array_kinds={"others": Kind.LABELS},
    shared_columns=("label", "distance_min", "distance_mean", "distance_centre", "other_label"),
)
@numpy_function
def measure_distance_to_objects(labels: Array, others: Array) -> Table:
    """Measure how far every object is from the objects of another kind.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background: spots, organelles, cells.
    others : ndarray
        (Y, X), integers, 0 for background: the objects measured to; wired.

    Returns
    -------
    dict of str to ndarray
        One row an object of `labels`: ``label``, ``distance_min`` and ``distance_mean`` (px
        of the object's pixels to the nearest pixel of any other object; 0 inside one),
        ``distance_centre`` (px from the pixel at its centroid), ``other_label`` (number of
        the object that is nearest to it).  NaN and 0 where `others` is empty.

    Raises
    ------
    ContractError
        An array is no label image (Y, X), or the shapes differ.
    """
    from scipy import ndimage

    function = "measure_distance_to_objects"
    for array in (labels, others):
        require_array(array, function, ndims=(2,))
    mine, theirs = require_labels(labels, function), require_labels(others, function)
    require_same_shape(mine, theirs, function, "others")
    values, sizes = object_sizes(mine)
    n = values.size
    smallest, mean, centre = (np.full(n, np.nan) for _ in range(3))
    nearest = np.zeros(n, np.int32)
    if n and theirs.any():
        away, (y, x) = ndimage.distance_transform_edt(theirs == 0, return_indices=True)
        flat = np.flatnonzero(mine)
        row = np.searchsorted(values, mine.ravel()[flat])
        distance = away.ravel()[flat]
        order = np.lexsort((distance, row))
        first = order[np.r_[0, np.cumsum(sizes)[:-1]]]
        smallest = distance[first]
        mean = np.bincount(row, distance, n) / sizes
        nearest = theirs[y, x].ravel()[flat[first]]
        at = np.rint(_centres(mine, values, sizes)).astype(np.intp)
        centre = away[at[:, 0], at[:, 1]]
    return {
        "label": values.astype(np.int32),
        "distance_min": smallest,
        "distance_mean": mean,
        "distance_centre": centre,
        "other_label": nearest,
    }
