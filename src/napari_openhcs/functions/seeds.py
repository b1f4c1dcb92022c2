"""Growing objects from seeds: nuclei from their centres, cells from their nuclei.

Labels are int32, 0 for background; what grows from given labels keeps their numbers.
Sizes are px.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    as_float,
    background_statistics,
    require_array,
    require_at_least,
    require_finite,
    require_labels,
    require_mask,
    require_same_shape,
)
from napari_openhcs.functions._objects import components, renumber
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["cells_by_watershed", "seeded_watershed", "seeds_from_blobs", "voronoi_otsu"]


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("LoG", "blob detection", "spots", "seeds", "foci", "Laplacian of Gaussian"),
    units={"radius": "px"},
    limits={"radius": (0.5, None), "min_contrast": (0, None)},
)
@numpy_function
def seeds_from_blobs(image: Array, radius: float = 8.0, min_contrast: float = 5.0) -> Array:
    """Label the centres of bright round blobs of a given size.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    radius : float
        Radius of the blobs, px.
    min_contrast : float
        The filter's answer must exceed so many standard deviations of its own noise; a
        blob-free image then gives none.

    Returns
    -------
    ndarray
        int32, same shape, 1 … n at the centres, one pixel each as a rule; markers for
        :func:`seeded_watershed`, or spots to count.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Laplacian of Gaussian with σ = radius/√d in d dimensions (Lindeberg 1998,
    doi 10.1023/A:1008045108935).
    """
    from scipy import ndimage
    from skimage.morphology import local_maxima

    function = "seeds_from_blobs"
    require_array(image, function)
    require_finite(image, function)
    require_at_least(radius, 0.5, function, "radius")
    require_at_least(min_contrast, 0, function, "min_contrast")
    sigma = radius / np.sqrt(image.ndim)
    answer = -(sigma**2) * ndimage.gaussian_laplace(image.astype(np.float64), sigma)
    level, deviation = background_statistics(answer)
    # In a constant image the answer is rounding error.
    rounding = 1e-9 * float(np.abs(as_float(image)).max())
    seeds = local_maxima(answer) & (answer > level + max(min_contrast * deviation, rounding))
    return components(seeds)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("watershed", "marker-controlled watershed", "grow seeds"),
    array_kinds={"markers": Kind.LABELS, "mask": Kind.MASK},
    limits={"compactness": (0, None)},
)
@numpy_function
def seeded_watershed(
    image: Array,
    markers: Array,
    mask: Array | None = None,
    objects: Literal["bright", "dark"] = "bright",
    compactness: float = 0.0,
) -> Array:
    """Grow given seeds until they meet.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    markers : ndarray
        Labels of the seeds, same shape; wired.  Objects keep their numbers.
    mask : ndarray, optional
        bool, same shape; objects grow only inside.  Without it they fill the image.
    objects : str
        ``bright``: objects meet along dark lines; ``dark``: along bright lines (membranes).
    compactness : float
        More gives rounder objects; 0 follows the image alone.

    Returns
    -------
    ndarray
        int32, same shape, the numbers of `markers`.

    Raises
    ------
    ContractError
        An array has other axes or shape, or the image is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from skimage.segmentation import watershed

    function = "seeded_watershed"
    require_array(image, function)
    require_finite(image, function)
    seeds = require_labels(markers, function)
    require_same_shape(image, seeds, function, "markers")
    require_at_least(compactness, 0, function, "compactness")
    inside = None
    if mask is not None:
        inside = require_mask(mask, function)
        require_same_shape(image, inside, function, "mask")
    if objects not in ("bright", "dark"):
        raise ParameterError(f"{function}: 'objects' is '{objects}', expected bright or dark.")
    if not seeds.any() or (inside is not None and not inside.any()):
        return np.zeros(image.shape, np.int32)
    values = as_float(image)
    height = -values if objects == "bright" else values
    return np.asarray(watershed(height, seeds, mask=inside, compactness=compactness), np.int32)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("cell body", "cytoplasm", "identify secondary objects", "cells around nuclei"),
    units={"max_distance": "px"},
    limits={"max_distance": (0, None), "compactness": (0, None)},
    array_kinds={"nuclei": Kind.LABELS, "mask": Kind.MASK},
)
@numpy_function
def cells_by_watershed(
    image: Array,
    nuclei: Array,
    mask: Array | None = None,
    max_distance: float | None = None,
    compactness: float = 0.0,
) -> Array:
    """Find the cell around every nucleus in an image of the cell bodies.

    Cells have the numbers of their nuclei and hold them whole.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), the cells bright, finite; smooth it a little first.
    nuclei : ndarray
        Labels of the nuclei, same shape; wired.
    mask : ndarray, optional
        bool, same shape; by default what is 5 standard deviations above the background.
    max_distance : float, optional
        A cell ends this far from its nucleus, px.
    compactness : float
        More gives rounder borders between cells; 0 follows the image alone.

    Returns
    -------
    ndarray
        int32, same shape, the numbers of `nuclei`.

    Raises
    ------
    ContractError
        An array has other axes or shape, or the image is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    As CellProfiler's IdentifySecondaryObjects, method Watershed – Image.
    """
    from scipy import ndimage

    function = "cells_by_watershed"
    require_array(image, function)
    require_finite(image, function)
    seeds = require_labels(nuclei, function)
    require_same_shape(image, seeds, function, "nuclei")
    if not seeds.any():
        return np.zeros(image.shape, np.int32)
    if mask is None:
        level, deviation = background_statistics(as_float(image))
        inside = image > level + 5 * deviation
    else:
        inside = require_mask(mask, function)
        require_same_shape(image, inside, function, "mask")
    if max_distance is not None:
        require_at_least(max_distance, 0, function, "max_distance")
        inside = inside & (ndimage.distance_transform_edt(seeds == 0) <= max_distance)
    grown = seeded_watershed(image, seeds, inside | (seeds > 0), compactness=compactness)
    return np.asarray(np.where(seeds > 0, seeds, grown))


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    synonyms=("clesperanto", "identify nuclei", "quick segmentation"),
    units={"spot_sigma": "px", "outline_sigma": "px"},
    limits={"spot_sigma": (0, None), "outline_sigma": (0, None)},
)
@numpy_function
def voronoi_otsu(image: Array, spot_sigma: float = 5.0, outline_sigma: float = 1.0) -> Array:
    """Segment bright roundish objects in one go: blur, peaks, Otsu, Voronoi regions.

    Otsu's threshold is not applied where its two classes are no further apart than noise
    (see :func:`~napari_openhcs.functions.threshold.threshold_otsu`), so that an image without
    objects gives none.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    spot_sigma : float
        Standard deviation of the blur before peaks are sought, px: how close objects may be.
    outline_sigma : float
        Standard deviation of the blur before the threshold, px: how smooth outlines are.

    Returns
    -------
    ndarray
        int32, same shape, 1 … n.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    The recipe of clesperanto's ``voronoi_otsu_labeling`` (Haase et al. 2020,
    doi 10.1038/s41592-019-0650-1), with the guard against empty images.
    """
    from scipy import ndimage
    from skimage.morphology import local_maxima

    from napari_openhcs.functions.threshold import threshold_otsu

    function = "voronoi_otsu"
    require_array(image, function)
    require_finite(image, function)
    require_at_least(spot_sigma, 0, function, "spot_sigma")
    require_at_least(outline_sigma, 0, function, "outline_sigma")
    values = as_float(image)
    mask = threshold_otsu(ndimage.gaussian_filter(values, outline_sigma))
    if not mask.any():
        return np.zeros(image.shape, np.int32)
    spots = local_maxima(ndimage.gaussian_filter(values, spot_sigma)) & mask
    seeds = components(spots)
    if not seeds.any():
        return components(mask)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    regions = seeds[tuple(nearest)]
    return renumber(np.where(mask, regions, 0).astype(np.int32), 0)
