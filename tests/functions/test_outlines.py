"""Outlines that are traced, simplified and filled again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions.outlines import fill_outlines, trace_outlines


def blobs(shape=(90, 110), seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 4)
    mask = ndimage.binary_fill_holes(noise > np.percentile(noise, 65))
    return ndimage.label(mask)[0].astype(np.int32)


def test_a_square_has_a_known_outline():
    labels = np.zeros((6, 7), np.uint8)
    labels[1:3, 2:5] = 4
    same, (outline,) = trace_outlines(labels)
    assert np.array_equal(same, labels)
    assert same.dtype == np.int32
    corners = {tuple(vertex) for vertex in outline}
    assert {(0.5, 2.0), (0.5, 4.0), (2.5, 2.0), (1.0, 1.5), (2.0, 4.5)} <= corners
    assert len(outline) == 10
    assert tuple(outline[0]) != tuple(outline[-1])


@pytest.mark.parametrize("seed", range(5))
def test_objects_without_holes_come_back_bit_for_bit(seed):
    labels = blobs(seed=seed)
    assert labels.max() > 3
    _, outlines = trace_outlines(labels)
    assert len(outlines) == labels.max()
    assert np.array_equal(fill_outlines(labels, outlines), labels)


def test_objects_at_the_edge_and_missing_numbers():
    labels = np.zeros((8, 8), np.int32)
    labels[0, 0] = 2
    labels[5:, 5:] = 9
    _, outlines = trace_outlines(labels)
    assert len(outlines) == 2
    filled = fill_outlines(labels, outlines)
    assert np.array_equal(filled, np.select([labels == 2, labels == 9], [1, 2], 0))
    assert trace_outlines(np.zeros((5, 5), np.int32))[1] == ()
    assert not fill_outlines(labels, ()).any()


def test_simplified_outlines_have_fewer_vertices_and_stay_near():
    labels = blobs()
    _, full = trace_outlines(labels)
    _, simple = trace_outlines(labels, tolerance=1.0)
    assert sum(map(len, simple)) < 0.5 * sum(map(len, full))
    assert all(len(outline) >= 3 for outline in simple)
    differing = (fill_outlines(labels, simple) > 0) != (labels > 0)
    assert ndimage.distance_transform_edt(differing).max() < 2


def test_what_is_no_label_image_is_refused():
    with pytest.raises(ContractError):
        trace_outlines(np.zeros((3, 4, 5), np.int32))
    with pytest.raises(ContractError):
        fill_outlines(np.zeros(3), ())
    with pytest.raises(ParameterError, match="tolerance"):
        trace_outlines(np.zeros((3, 4), np.int32), tolerance=-1)
