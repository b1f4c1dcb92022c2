"""Labels: filter, grow, shrink, number and combine labelled objects.

Labels are int32, 0 for background.  Objects keep their numbers except in
:func:`relabel` and where a docstring says otherwise, so that nuclei, cells and cytoplasm
stay matched.  Sizes are px, areas numbers of pixels.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    require_array,
    require_at_least,
    require_finite,
    require_labels,
    require_same_shape,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions._objects import renumber as number_from_one
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = [
    "clear_border_labels",
    "cytoplasm",
    "expand_labels",
    "filter_by_area",
    "filter_by_intensity",
    "labels_to_mask",
    "match_labels",
    "relabel",
    "shrink_labels",
]


def _keep(labels: Array, kept: Array, renumbered: bool = False) -> Array:
    """Return `labels` with only the values in `kept`."""
    table = np.zeros(int(labels.max()) + 1, np.int32)
    table[kept] = np.arange(1, kept.size + 1) if renumbered else kept
    return np.asarray(table[labels])


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("size filter", "remove small objects", "remove large objects", "debris"),
    units={"min_area": "px", "max_area": "px"},
    limits={"min_area": (0, None), "max_area": (0, None)},
)
@numpy_function
def filter_by_area(
    labels: Array, min_area: int = 30, max_area: int | None = None, renumber: bool = False
) -> Array:
    """Keep objects of a certain size.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.
    min_area : int
        Smallest number of pixels (voxels) that is kept.
    max_area : int, optional
        Largest number of pixels that is kept.
    renumber : bool
        Number what is left 1 … n.

    Returns
    -------
    ndarray
        int32, same shape.

    Raises
    ------
    ContractError
        The array is no label image.
    ParameterError
        A parameter is out of its limits.
    """
    checked = require_labels(labels, "filter_by_area")
    require_at_least(min_area, 0, "filter_by_area", "min_area")
    values, sizes = object_sizes(checked)
    fits = sizes >= min_area
    if max_area is not None:
        if max_area < min_area:
            raise ParameterError(
                f"filter_by_area: 'max_area' is {max_area}, expected at least 'min_area', "
                f"which is {min_area}."
            )
        fits &= sizes <= max_area
    return _keep(checked, values[fits], renumber)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("positive cells", "bright objects", "remove dim objects", "gate"),
    array_kinds={"intensity": Kind.IMAGE},
)
@numpy_function
def filter_by_intensity(
    labels: Array,
    intensity: Array,
    min_mean: float | None = None,
    max_mean: float | None = None,
    renumber: bool = False,
) -> Array:
    """Keep objects whose mean brightness lies in a range.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.
    intensity : ndarray
        Image, same shape, finite; wired.
    min_mean : float, optional
        Smallest mean grey value that is kept.
    max_mean : float, optional
        Largest mean grey value that is kept.
    renumber : bool
        Number what is left 1 … n.

    Returns
    -------
    ndarray
        int32, same shape.

    Raises
    ------
    ContractError
        An array has other axes or shape, is no label image or not finite.
    """
    function = "filter_by_intensity"
    checked = require_labels(labels, function)
    require_array(intensity, function)
    require_same_shape(checked, intensity, function, "intensity")
    require_finite(intensity, function)
    values, sizes = object_sizes(checked)
    sums = np.bincount(checked.ravel(), weights=as_float(intensity).ravel())
    means = sums[values] / sizes
    fits = np.ones(values.size, bool)
    if min_mean is not None:
        fits &= means >= min_mean
    if max_mean is not None:
        fits &= means <= max_mean
    return _keep(checked, values[fits], renumber)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("remove border objects", "edge objects", "incomplete nuclei"),
    units={"margin": "px"},
    limits={"margin": (0, None)},
)
@numpy_function
def clear_border_labels(labels: Array, margin: int = 0, renumber: bool = False) -> Array:
    """Remove objects that touch the border of the image.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.  In a volume the borders in Y and X count, not Z.
    margin : int
        Objects that come this near to the border are removed, too, px.
    renumber : bool
        Number what is left 1 … n.

    Returns
    -------
    ndarray
        int32, same shape.

    Raises
    ------
    ContractError
        The array is no label image.
    ParameterError
        `margin` is negative.
    """
    checked = require_labels(labels, "clear_border_labels")
    require_at_least(margin, 0, "clear_border_labels", "margin")
    outer = np.ones(checked.shape, bool)
    edge = margin + 1
    outer[..., edge : checked.shape[-2] - edge, edge : checked.shape[-1] - edge] = False
    values, _ = object_sizes(checked)
    return _keep(checked, np.setdiff1d(values, checked[outer]), renumber)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("cells around nuclei", "grow", "dilate labels", "ring", "identify secondary objects"),
    units={"distance": "px"},
    limits={"distance": (0, None)},
)
@numpy_function
def expand_labels(labels: Array, distance: float = 5.0) -> Array:
    """Grow every object by a distance, never into another one.

    A quick way from nuclei to whole cells.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.
    distance : float
        By how much objects grow, px; a pixel between two goes to the nearer one.

    Returns
    -------
    ndarray
        int32, same shape, same numbers.

    Raises
    ------
    ContractError
        The array is no label image.
    ParameterError
        `distance` is negative.
    """
    from scipy import ndimage

    checked = require_labels(labels, "expand_labels")
    require_at_least(distance, 0, "expand_labels", "distance")
    if not checked.any():
        return checked.copy()
    gap, nearest = ndimage.distance_transform_edt(checked == 0, return_indices=True)
    return np.asarray(np.where(gap <= distance, checked[tuple(nearest)], 0), np.int32)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("erode labels", "inner nucleus", "separate labels"),
    units={"distance": "px"},
    limits={"distance": (0, None)},
)
@numpy_function
def shrink_labels(labels: Array, distance: float = 1.0) -> Array:
    """Shrink every object by a distance, also where it touches another one.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.
    distance : float
        By how much objects shrink, px; those that are too thin vanish.  The border of the
        image is not an edge of an object.

    Returns
    -------
    ndarray
        int32, same shape, same numbers.

    Raises
    ------
    ContractError
        The array is no label image.
    ParameterError
        `distance` is negative.
    """
    from scipy import ndimage

    checked = require_labels(labels, "shrink_labels")
    require_at_least(distance, 0, "shrink_labels", "distance")
    result = np.zeros_like(checked)
    reach = int(np.ceil(distance)) + 1
    for value, box in enumerate(ndimage.find_objects(checked), start=1):
        if box is None:
            continue
        wide = tuple(
            slice(max(part.start - reach, 0), min(part.stop + reach, length))
            for part, length in zip(box, checked.shape, strict=True)
        )
        inside = checked[wide] == value
        # An object that fills the whole image has no edge to shrink from.
        if not inside.all():
            inside &= ndimage.distance_transform_edt(inside) > distance
        result[wide][inside] = value
    return result


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("renumber", "sequential labels", "compact labels"),
)
@numpy_function
def relabel(labels: Array) -> Array:
    """Number objects 1 … n without gaps, in the order of their numbers.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.

    Returns
    -------
    ndarray
        int32, same shape.

    Raises
    ------
    ContractError
        The array is no label image.
    """
    return number_from_one(require_labels(labels, "relabel"), 0)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("cell minus nucleus", "identify tertiary objects", "ring", "perinuclear"),
    array_kinds={"nuclei": Kind.LABELS},
    units={"gap": "px"},
    limits={"gap": (0, None)},
)
@numpy_function
def cytoplasm(cells: Array, nuclei: Array, gap: float = 0.0) -> Array:
    """Take the nuclei out of the cells.

    Parameters
    ----------
    cells : ndarray
        (Y, X) or (Z, Y, X), labels of whole cells.
    nuclei : ndarray
        Labels of the nuclei, same shape; wired.  Their numbers need not match.
    gap : float
        Also leave out what is this near to a nucleus, px.

    Returns
    -------
    ndarray
        int32, same shape, the numbers of `cells`; a cell without cytoplasm is missing.

    Raises
    ------
    ContractError
        An array is no label image, or the shapes differ.
    ParameterError
        `gap` is negative.
    """
    from scipy import ndimage

    whole = require_labels(cells, "cytoplasm")
    inner = require_labels(nuclei, "cytoplasm")
    require_same_shape(whole, inner, "cytoplasm", "nuclei")
    require_at_least(gap, 0, "cytoplasm", "gap")
    inside = inner > 0
    if gap and inside.any():
        inside = ndimage.distance_transform_edt(~inside) <= gap
    return np.asarray(np.where(inside, 0, whole), np.int32)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("relate objects", "parent", "same numbers", "assign to cells"),
    array_kinds={"reference": Kind.LABELS},
)
@numpy_function
def match_labels(labels: Array, reference: Array) -> Array:
    """Give objects the number of the reference object they overlap most.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.
    reference : ndarray
        Labels, same shape; wired.

    Returns
    -------
    ndarray
        int32, same shape, numbers of `reference`; objects that overlap none are removed and
        several that overlap the same one become one.  Of equal overlaps the lower number.

    Raises
    ------
    ContractError
        An array is no label image, or the shapes differ.
    """
    objects = require_labels(labels, "match_labels")
    parents = require_labels(reference, "match_labels")
    require_same_shape(objects, parents, "match_labels", "reference")
    both = (objects > 0) & (parents > 0)
    pairs = np.stack([objects[both], parents[both]])
    found, counts = np.unique(pairs, axis=1, return_counts=True)
    # The last write wins: the largest overlap, and of equal ones the lower number.
    order = np.lexsort((-found[1], counts))
    table = np.zeros(int(objects.max()) + 1, np.int32)
    for child, parent in found[:, order].T:
        table[child] = parent
    return np.asarray(table[objects])


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="labels",
    input_kinds=(Kind.LABELS,),
    synonyms=("binarize labels", "foreground"),
)
@numpy_function
def labels_to_mask(labels: Array) -> Array:
    """Mark every pixel that belongs to an object.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers.

    Returns
    -------
    ndarray
        bool, same shape.

    Raises
    ------
    ContractError
        The array is no label image.
    """
    return np.asarray(require_labels(labels, "labels_to_mask") > 0)
