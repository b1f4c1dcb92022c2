"""Texture: how grey values vary inside objects, and locally in an image."""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions._arrays import (
    Array,
    float_type,
    require_array,
    require_at_least,
    require_finite,
    require_labels,
    require_same_shape,
)
from napari_openhcs.functions._objects import object_sizes
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["local_deviation", "measure_radial_distribution", "measure_texture"]

Table = dict[str, Array]

COLUMNS = (
    "texture_contrast",
    "texture_dissimilarity",
    "texture_homogeneity",
    "texture_energy",
    "texture_entropy",
    "texture_correlation",
)


def _checked_pair(image: Array, labels: Array, function: str) -> Array:
    require_array(image, function, ndims=(2,))
    require_finite(image, function)
    require_array(labels, function, ndims=(2,))
    checked = require_labels(labels, function)
    require_same_shape(image, checked, function, "labels")
    return checked


def _pairs(grey: Array, labels: Array, distance: int) -> tuple[Array, Array, Array]:
    """Return label and both grey levels of all pairs of pixels inside one object.

    The pairs lie `distance` px apart in four directions, each counted both ways.
    """
    found: list[tuple[Array, Array, Array]] = []
    height, width = labels.shape
    for dy, dx in ((0, distance), (distance, 0), (distance, distance), (distance, -distance)):
        here = np.s_[: max(height - dy, 0), max(-dx, 0) : max(width - max(dx, 0), 0)]
        there = np.s_[dy:, max(dx, 0) : width + min(dx, 0)]
        same = (labels[here] == labels[there]) & (labels[here] > 0)
        found.append((labels[here][same], grey[here][same], grey[there][same]))
    label, one, two = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return np.r_[label, label], np.r_[one, two], np.r_[two, one]


def _glcm_table(row: Array, one: Array, two: Array, n: int, levels: int) -> Table:
    """Return Haralick features of the co-occurrence matrices without building them densely."""
    count = np.bincount(row, minlength=n).astype(np.float64)

    def mean(values: Array) -> Array:
        total = np.bincount(row, values, n)
        return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=count > 0))

    a, b = one.astype(np.float64), two.astype(np.float64)
    step = np.abs(a - b)
    entries, times = np.unique((row * levels + one) * levels + two, return_counts=True)
    owner = entries // levels**2
    share = times / count[owner]
    missing = np.where(count > 0, 0.0, np.nan)
    centre = mean(a)
    variance = mean((a - centre[row]) ** 2)
    covariance = mean((a - centre[row]) * (b - centre[row]))
    found = (
        mean(step**2),
        mean(step),
        mean(1 / (1 + step**2)),
        np.sqrt(np.bincount(owner, share**2, n)) + missing,
        -np.bincount(owner, share * np.log2(share), n) + missing,
        # A flat object agrees with itself.
        np.divide(covariance, variance, out=1 + missing, where=variance > 0),
    )
    return dict(zip(COLUMNS, found, strict=True))


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=("Haralick", "GLCM", "granularity", "texture features", "entropy", "contrast"),
    array_kinds={"labels": Kind.LABELS},
    units={"distance": "px"},
    limits={"distance": (1, None), "levels": (2, 256)},
    shared_columns=("label",),
)
@numpy_function
def measure_texture(image: Array, labels: Array, distance: int = 1, levels: int = 32) -> Table:
    """Measure the texture of every object from its grey-level co-occurrences.

    Pairs of pixels inside an object, `distance` px apart along four directions, are pooled.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    labels : ndarray
        (Y, X), integers, 0 for background; wired to the step that gives the objects.
    distance : int
        Distance of the pairs along rows and columns, px.
    levels : int
        Grey levels between the smallest and largest value inside any object of the image.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label``, ``texture_contrast``, ``texture_dissimilarity`` (levels²
        and levels), ``texture_homogeneity`` (0 to 1), ``texture_energy`` (0 to 1),
        ``texture_entropy`` (bit), ``texture_correlation`` (−1 to 1); NaN for an object
        without a pair.

    Raises
    ------
    ContractError
        An array is not (Y, X), the image is not finite, the labels are no integers, or the
        shapes differ.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Haralick, Shanmugam and Dinstein 1973, doi 10.1109/TSMC.1973.4309314; homogeneity and
    energy as in scikit-image's ``graycoprops``.
    """
    function = "measure_texture"
    checked = _checked_pair(image, labels, function)
    require_at_least(distance, 1, function, "distance")
    if not 2 <= levels <= 256:
        raise ParameterError(f"{function}: 'levels' is {levels}, expected 2 to 256.")
    values, _ = object_sizes(checked)
    grey = np.zeros(image.shape, np.int64)
    inside = checked > 0
    if inside.any():
        found = image[inside].astype(np.float64)
        low, span = found.min(), np.ptp(found)
        if span > 0:
            grey[inside] = np.minimum((found - low) * (levels / span), levels - 1).astype(np.int64)
    label, one, two = _pairs(grey, checked, distance)
    row = np.searchsorted(values, label)
    return {
        "label": values.astype(np.int32),
        **_glcm_table(row, one, two, values.size, levels),
    }


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=("radial profile", "edge to centre", "membrane to centre", "perinuclear ring"),
    array_kinds={"labels": Kind.LABELS},
    limits={"rings": (2, 20)},
    shared_columns=("label",),
)
@numpy_function
def measure_radial_distribution(image: Array, labels: Array, rings: int = 4) -> Table:
    """Measure how the intensity of every object spreads from its edge to its middle.

    Rings are equally wide between the edge of an object and its innermost pixel.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    labels : ndarray
        (Y, X), integers, 0 for background; wired to the step that gives the objects.
    rings : int
        Number of rings.

    Returns
    -------
    dict of str to ndarray
        One row an object: ``label``, ``ring_<number>_mean`` (grey values) and
        ``ring_<number>_share`` (of the object's summed intensity, 0 to 1), ring 1 at the
        edge; NaN for a ring without pixels and for shares of a sum that is not above 0.

    Raises
    ------
    ContractError
        An array is not (Y, X), the image is not finite, the labels are no integers, or the
        shapes differ.
    ParameterError
        `rings` is out of its limits.
    """
    function = "measure_radial_distribution"
    checked = _checked_pair(image, labels, function)
    if not 2 <= rings <= 20:
        raise ParameterError(f"{function}: 'rings' is {rings}, expected 2 to 20.")
    values, _ = object_sizes(checked)
    n = values.size
    inside = checked > 0
    row = np.searchsorted(values, checked[inside])
    depth = _depth(checked)[inside]
    deepest = np.zeros(n)
    np.maximum.at(deepest, row, depth)
    ring = np.minimum((depth / deepest[row] * rings).astype(np.int64), rings - 1)
    grey = image[inside].astype(np.float64)
    count, total = (
        np.bincount(row * rings + ring, weights, n * rings).reshape(n, rings)
        for weights in (np.ones(grey.size), grey)
    )
    whole = total.sum(axis=1, keepdims=True)
    empty = np.full((n, rings), np.nan)
    means = np.divide(total, count, out=empty.copy(), where=count > 0)
    shares = np.divide(total, whole, out=empty, where=np.broadcast_to(whole > 0, total.shape))
    table: Table = {"label": values.astype(np.int32)}
    for number in range(rings):
        table[f"ring_{number + 1}_mean"] = means[:, number]
        table[f"ring_{number + 1}_share"] = shares[:, number]
    return table


def _depth(labels: Array) -> Array:
    """Return the distance of every object pixel's centre to its object's edge, px."""
    from scipy import ndimage

    # Between touching objects no pixel is background: a line of doubled size parts them.
    doubled = np.repeat(np.repeat(np.pad(labels, 1), 2, axis=0), 2, axis=1)
    parted = doubled > 0
    parted[1:] &= doubled[1:] == doubled[:-1]
    parted[:, 1:] &= doubled[:, 1:] == doubled[:, :-1]
    distance = ndimage.distance_transform_edt(parted)[2:-2, 2:-2] / 2
    height, width = labels.shape
    return np.asarray(distance.reshape(height, 2, width, 2).mean(axis=(1, 3)))


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("local standard deviation", "texture", "variance filter", "local contrast"),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None)},
)
@numpy_function
def local_deviation(image: Array, sigma: float = 3.0) -> Array:
    """Show how much grey values vary around every pixel: smooth areas dark, texture bright.

    Finds unstained cells in bright-field images, whose brightness is that of the background.

    Parameters
    ----------
    image : ndarray
        (Y, X) or (Z, Y, X), any numeric dtype, finite.
    sigma : float
        Standard deviation of the neighbourhood, px.

    Returns
    -------
    ndarray
        Same shape; float32 (float64 for large integers and float64): the standard deviation
        of the grey values, weighted by a Gaussian.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        `sigma` is below 0.5.
    """
    from scipy import ndimage

    function = "local_deviation"
    require_array(image, function)
    require_finite(image, function)
    require_at_least(sigma, 0.5, function, "sigma")
    values = image.astype(np.float64)
    # Around the mean: squares of large grey values would eat up the precision.
    values -= values.mean()
    mean = ndimage.gaussian_filter(values, sigma)
    square = ndimage.gaussian_filter(values**2, sigma)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.asarray(deviation.astype(float_type(image.dtype)))
