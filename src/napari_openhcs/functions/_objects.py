"""Sums over labelled objects that the native functions share."""

from __future__ import annotations

import numpy as np

from napari_openhcs.functions._arrays import Array

__all__ = ["components", "object_sizes", "renumber"]


def components(mask: Array, diagonal: bool = True) -> Array:
    """Label connected components in scan order."""
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if diagonal else 1)
    labels = np.empty(mask.shape, np.int32)
    ndimage.label(mask, structure=structure, output=labels)
    return labels


def renumber(labels: Array, min_area: int) -> Array:
    """Remove objects below `min_area` and number the rest 1 … n in the same order."""
    values, sizes = object_sizes(labels)
    kept = values[sizes >= min_area]
    table = np.zeros(int(labels.max()) + 1, np.int32)
    table[kept] = np.arange(1, kept.size + 1)
    return np.asarray(table[labels])


def object_sizes(labels: Array) -> tuple[Array, Array]:
    """Return the label values present (ascending, without 0) and their pixel counts."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    values = np.flatnonzero(counts)
    return values, counts[values]
