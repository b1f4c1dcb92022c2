"""Segmentation: from a mask or an image to labelled objects.

Labels are int32, 0 for background, 1 … n without gaps (functions that start from given
labels keep their numbers).  Sizes are px, areas numbers of pixels.
"""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    SMALLEST,
    Array,
    as_float,
    require_array,
    require_at_least,
    require_finite,
    require_mask,
    require_same_shape,
)
from napari_openhcs.functions._objects import components, renumber
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["label_components", "split_by_intensity", "split_touching"]


def _flood(height: Array, seeds: Array, regions: Array) -> Array:
    """Watershed of `height` from `seeds`; labelled regions without a seed become one."""
    from skimage.segmentation import watershed

    seeded = np.zeros(int(regions.max()) + 1, bool)
    seeded[regions[seeds > 0]] = True
    without = np.where(seeded[regions], 0, regions)
    markers = np.where(without > 0, without + int(seeds.max()), seeds)
    return np.asarray(watershed(height, markers, mask=regions > 0), dtype=np.int32)


def _peaks(height: Array, depth: float, regions: Array) -> Array:
    """Label the maxima that stand at least `depth` above the pass to a higher one.

    `height` is above 0 inside the labelled `regions` and 0 outside.  The costly test is made
    only in regions that have several maxima, each in its own box.
    """
    from scipy import ndimage
    from skimage.morphology import local_maxima, reconstruction

    seeds = components(local_maxima(height) & (regions > 0))
    if depth == 0:
        return seeds
    _, first = np.unique(seeds, return_index=True)
    per_region = np.bincount(regions.ravel()[first[1:]], minlength=int(regions.max()) + 1)
    count = int(seeds.max())
    seeds[(per_region > 1)[regions]] = 0
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        if per_region[number] < 2:
            continue
        inside = regions[box] == number
        surface = np.where(inside, height[box], 0).astype(np.float64)
        lowered = reconstruction(surface - depth, surface, method="dilation")
        found = components(local_maxima(lowered) & inside)
        seeds[box][found > 0] = found[found > 0] + count
        count += int(found.max())
    return seeds


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    input_kinds=(Kind.MASK,),
    synonyms=("connected components", "count objects", "label cells", "identify objects"),
    units={"min_area": "px"},
    limits={"min_area": (0, None)},
)
@numpy_function
def label_components(mask: Array, diagonal: bool = True, min_area: int = 0) -> Array:
    """Give every connected region of a mask its own label.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    diagonal : bool
        Pixels that touch only at a corner are connected.
    min_area : int
        Regions with fewer pixels are left out.

    Returns
    -------
    ndarray
        int32, same shape, 1 … n in scan order.

    Raises
    ------
    ContractError
        The array is no mask.
    ParameterError
        `min_area` is negative.
    """
    checked = require_mask(mask, "label_components")
    require_at_least(min_area, 0, "label_components", "min_area")
    return renumber(components(checked, diagonal), min_area)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    input_kinds=(Kind.MASK,),
    synonyms=("watershed", "declump", "separate nuclei", "distance transform", "identify nuclei"),
    units={"smoothing": "px", "min_depth": "px", "min_area": "px"},
    limits={
        "smoothing": (0, None),
        "min_depth": (0, None),
        "min_area": (0, None),
        "intensity_weight": (0, None),
    },
    array_kinds={"intensity": Kind.IMAGE},
)
@numpy_function
def split_touching(
    mask: Array,
    smoothing: float = 1.0,
    min_depth: float = 1.0,
    min_area: int = 0,
    intensity: Array | None = None,
    intensity_weight: float = 0.5,
) -> Array:
    """Split a mask at its necks and label the parts.

    A watershed between peaks of the distance to the background; with `intensity` wired it
    also parts objects along dark lines.

    Parameters
    ----------
    mask : ndarray
        (Y, X) or (Z, Y, X), bool.
    smoothing : float
        Blur of the distance (standard deviation), px; more gives fewer parts.
    min_depth : float
        Height of a peak above the pass to a higher one, px; more gives fewer parts.
    min_area : int
        Parts with fewer pixels are removed.
    intensity : ndarray, optional
        Image of the objects, same shape, finite; only relative brightness matters.
    intensity_weight : float
        The distance is multiplied by this power of the relative brightness.

    Returns
    -------
    ndarray
        int32, same shape, 1 … n; at least one in every region of the mask.

    Raises
    ------
    ContractError
        No mask, or `intensity` is not finite or has another shape.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    After Malpica et al. 1997, Cytometry 28:289; flooding by scikit-image.
    """
    from scipy import ndimage

    function = "split_touching"
    checked = require_mask(mask, function)
    sizes = {"smoothing": smoothing, "min_depth": min_depth, "min_area": min_area}
    for name, value in {**sizes, "intensity_weight": intensity_weight}.items():
        require_at_least(value, 0, function, name)
    if not checked.any():
        return np.zeros(mask.shape, np.int32)
    distance = _distance(checked)
    if intensity is not None and intensity_weight:
        distance *= _relative_brightness(intensity, checked, distance) ** intensity_weight
    distance = ndimage.gaussian_filter(distance, smoothing)
    regions = components(checked)
    seeds = _peaks(np.where(checked, distance, 0), min_depth, regions)
    return renumber(_flood(-distance, seeds, regions), min_area)


def _distance(mask: Array) -> Array:
    """Return the distance to the background, px, float32; the outside of the image is none."""
    from scipy import ndimage

    if mask.all():
        return np.ones(mask.shape, np.float32)
    return np.asarray(ndimage.distance_transform_edt(mask), np.float32)


def _relative_brightness(intensity: Array, mask: Array, distance: Array) -> Array:
    """Return brightness above background relative to the mean of the surroundings, 0 to 1.5.

    The surroundings are foreground pixels within about the radius of the widest objects.
    """
    from scipy import ndimage

    require_same_shape(mask, intensity, "split_touching", "intensity")
    require_finite(intensity, "split_touching")
    image = as_float(intensity)
    outside = image[~mask]
    above = image - (float(np.median(outside)) if outside.size else float(image.min()))
    sigma = max(2.0, float(np.percentile(distance[mask], 95)))
    share = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(mask, above, 0).astype(np.float32), sigma)
    mean = total / np.maximum(share, SMALLEST)
    smooth = ndimage.gaussian_filter(above, 1)
    return np.asarray(np.clip(smooth / np.maximum(mean, SMALLEST), 0, 1.5), np.float32)


@declare(
    contract=Contract.LABELS,
    output_kind=Kind.LABELS,
    category="segment",
    input_kinds=(Kind.IMAGE,),
    synonyms=("watershed on intensity", "declump by intensity", "separate cells"),
    units={"sigma": "px", "min_area": "px"},
    limits={"sigma": (0, None), "min_contrast": (0, 0.99), "min_area": (0, None)},
    array_kinds={"mask": Kind.MASK},
)
@numpy_function
def split_by_intensity(
    image: Array,
    mask: Array,
    sigma: float = 3.0,
    min_contrast: float = 0.1,
    min_area: int = 0,
) -> Array:
    """Split a mask along the dark lines between bright spots of an image.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    mask : ndarray
        bool, same shape; wired to a step that gives a mask.
    sigma : float
        Standard deviation of a blur before peaks are sought, px; about a third of the radius
        of an object.
    min_contrast : float
        A peak counts when the pass to a higher one is darker than it by this share of its
        brightness above the background; 0.1 is 10 %.
    min_area : int
        Parts with fewer pixels are removed.

    Returns
    -------
    ndarray
        int32, same shape, 1 … n.  Every region of the mask has at least one label.

    Raises
    ------
    ContractError
        An array has other axes or shape, or the image is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from scipy import ndimage

    function = "split_by_intensity"
    require_array(image, function)
    require_finite(image, function)
    checked = require_mask(mask, function)
    require_same_shape(image, checked, function, "mask")
    for name, value in (("sigma", sigma), ("min_contrast", min_contrast), ("min_area", min_area)):
        require_at_least(value, 0, function, name)
    if not min_contrast < 1:
        raise ParameterError(f"{function}: 'min_contrast' is {min_contrast:g}, expected below 1.")
    if not checked.any():
        return np.zeros(image.shape, np.int32)
    smooth = ndimage.gaussian_filter(as_float(image), sigma)
    outside = smooth[~checked]
    above = smooth - (float(np.median(outside)) if outside.size else float(smooth.min()))
    # On a log scale the same share of contrast counts alike in bright and dim objects.
    floor = max(0.01 * float(above[checked].max()), SMALLEST)
    height = np.log(np.maximum(above, floor)) - np.log(floor) + 1
    depth = -float(np.log1p(-min_contrast))
    regions = components(checked)
    seeds = _peaks(np.where(checked, height, 0), depth, regions)
    return renumber(_flood(-smooth, seeds, regions), min_area)
