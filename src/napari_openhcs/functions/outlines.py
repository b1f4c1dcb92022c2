"""Outlines: objects as polygons, for ImageJ's ROI manager and for later steps.

An outline is (M, 2) vertices, rows and columns, px, float64; the centre of the first pixel is
0.  It runs halfway between the object's pixels and those beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_openhcs.axes import Contract, Kind, SpecialKind
from napari_openhcs.functions._arrays import Array, require_array, require_at_least, require_labels
from napari_openhcs.functions.declare import declare
from napari_openhcs.functions.special import special_inputs, special_outputs
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["fill_outlines", "trace_outlines"]

_WORDS = ("outline", "contour", "polygon", "ROI", "region of interest", "ImageJ")


@special_outputs(outlines=SpecialKind.REGIONS)
@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="measure",
    input_kinds=(Kind.LABELS,),
    ndims=(2,),
    synonyms=("ImageJ ROI", "labels to ROIs", "export outlines", *_WORDS),
    units={"tolerance": "px"},
    limits={"tolerance": (0, None)},
)
@numpy_function
def trace_outlines(labels: Array, tolerance: float = 0.0) -> tuple[Array, tuple[Array, ...]]:
    """Trace the outline of every object.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for background.
    tolerance : float
        Vertices are left out while the outline moves by no more than so much, px; 0 keeps all.

    Returns
    -------
    labels : ndarray
        int32, same shape, the objects as they were.
    outlines : tuple of ndarray
        (M, 2) vertices each, in the order of the labels; of an object in several parts its
        longest outline.  Holes are left out.

    Raises
    ------
    ContractError
        The array is no label image (Y, X).
    ParameterError
        `tolerance` is below 0.
    """
    from scipy import ndimage
    from skimage.measure import approximate_polygon, find_contours

    function = "trace_outlines"
    require_array(labels, function, ndims=(2,))
    require_at_least(tolerance, 0, function, "tolerance")
    objects = require_labels(labels, function).astype(np.int32)
    outlines = []
    for number, box in enumerate(ndimage.find_objects(objects), start=1):
        if box is None:
            continue
        # A margin closes the outlines of objects at the edge.
        inside = np.pad(objects[box] == number, 1).astype(np.float32)
        found = max(find_contours(inside, 0.5, fully_connected="high"), key=len)
        outline = approximate_polygon(found, tolerance) if tolerance else found
        if len(outline) < 4:
            outline = found
        # The last vertex is the first one again.
        outlines.append(outline[:-1] + np.array([part.start - 1.0 for part in box]))
    return objects, tuple(outlines)


@special_inputs(outlines=SpecialKind.REGIONS)
@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    ndims=(2,),
    synonyms=("ROIs to labels", "draw outlines", "polygons to labels", *_WORDS),
)
@numpy_function
def fill_outlines(image: Array, outlines: Sequence[Array]) -> Array:
    """Fill the outlines that an earlier step traced.

    Parameters
    ----------
    image : ndarray
        (Y, X); only its shape matters.
    outlines : sequence of ndarray
        (M, 2) vertices each, px: the special output ``outlines`` of an earlier step.

    Returns
    -------
    ndarray
        int32, same shape: object 1, 2 … in the order of the outlines, a later one over
        earlier ones.

    Raises
    ------
    ContractError
        The image is not (Y, X).
    """
    from skimage.draw import polygon

    require_array(image, "fill_outlines", ndims=(2,))
    labels = np.zeros(image.shape, np.int32)
    for number, outline in enumerate(outlines, start=1):
        rows, columns = polygon(outline[:, 0], outline[:, 1], image.shape)
        labels[rows, columns] = number
    return labels
