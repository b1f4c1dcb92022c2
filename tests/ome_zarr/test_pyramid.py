from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_openhcs.ome_zarr.pyramid import (
    halve_image,
    halve_labels,
    level_shapes,
    n_levels,
    plan_layout,
)

DTYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]


@pytest.mark.parametrize(
    ("shape", "levels"),
    [((1, 1), 1), ((256, 256), 1), ((257, 10), 2), ((1080, 1080), 4), ((2048, 2048), 4)],
)
def test_coarsest_level_is_at_most_256_px(shape, levels):
    assert n_levels(shape) == levels
    shapes = level_shapes(shape, levels)
    assert len(shapes) == levels
    assert shapes[0] == shape
    assert max(shapes[-1]) <= 256


@pytest.mark.parametrize(
    ("shape", "chunks"), [((2048, 2048), (2048, 2048)), ((4096, 9000), (4096, 2048))]
)
def test_a_plane_is_one_chunk_unless_very_large(shape, chunks):
    assert plan_layout(shape).chunks_yx == chunks


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_integers_are_exact_means_rounded_half_up(data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    plane = data.draw(npst.arrays(dtype, shape))
    padded = np.pad(plane, [(0, n % 2) for n in shape], mode="edge").astype(object)
    sums = padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]
    result = halve_image(plane)
    assert result.dtype == plane.dtype
    assert result.tolist() == ((sums + 2) // 4).tolist()


def test_strips_join_without_a_seam():
    plane = np.random.default_rng(0).integers(0, 65536, (201, 67)).astype("uint16")
    padded = np.pad(plane, ((0, 1), (0, 1)), mode="edge").astype(np.int64)
    means = (padded.reshape(101, 2, 34, 2).sum((1, 3)) + 2) // 4
    np.testing.assert_array_equal(halve_image(plane), means)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_keep_dtype_and_do_not_overflow(dtype):
    plane = np.full((4, 4), np.finfo(dtype).max, dtype)
    result = halve_image(plane)
    assert result.dtype == plane.dtype
    np.testing.assert_array_equal(result, plane[:2, :2])


def test_labels_are_never_mixed():
    plane = np.arange(35).reshape(5, 7)
    assert halve_labels(plane).tolist() == [[0, 2, 4, 6], [14, 16, 18, 20], [28, 30, 32, 34]]
