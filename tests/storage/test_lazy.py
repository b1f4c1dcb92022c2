import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_openhcs.errors import ImageReadError
from napari_openhcs.storage import LazyStack, PlaneCache

GRID, YX = (2, 3), (5, 7)
FULL = np.arange(2 * 3 * 5 * 7, dtype="uint16").reshape(*GRID, *YX)


class Reader:
    def __init__(self):
        self.calls = []

    def __call__(self, number):
        self.calls.append(number)
        return FULL.reshape(-1, *YX)[number].copy()


def make(planes=range(6), **options):
    reader = Reader()
    return LazyStack(tuple(planes), GRID, YX, "uint16", reader, **options), reader


def index(length):
    return st.one_of(
        st.integers(-length, length - 1),
        st.slices(length),
        st.lists(st.integers(-length, length - 1), min_size=1, max_size=4),
    )


@settings(max_examples=150, deadline=None)
@given(st.tuples(*(index(n) for n in FULL.shape)), st.integers(0, 4))
def test_indexes_as_numpy_does_axis_by_axis(keys, n_axes):
    keys = keys[:n_axes]
    expected = FULL
    for axis in reversed(range(len(keys))):
        expected = expected[(slice(None),) * axis + (keys[axis],)]
    got = make()[0][keys]
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("key", [..., (0, ...), (..., 3), (1, ..., 2, slice(1, 4)), -1])
def test_takes_an_ellipsis(key):
    np.testing.assert_array_equal(make()[0][key], FULL[key])


@pytest.mark.parametrize("key", [2, (0, 3), (0, 0, 5), (0, 0, 0, 7), (0,) * 5, (..., ...), None])
def test_refuses_indices_that_are_not_there(key):
    with pytest.raises(IndexError):
        make()[0][key]


def test_looks_like_an_array():
    stack, _ = make()
    assert (stack.shape, stack.ndim, stack.dtype, len(stack)) == (FULL.shape, 4, FULL.dtype, 2)
    assert (stack.size, stack.nbytes) == (FULL.size, FULL.nbytes)
    np.testing.assert_array_equal(np.asarray(stack), FULL)
    assert np.asarray(stack, "float32").dtype == np.float32
    np.testing.assert_array_equal(np.stack(list(stack)), FULL)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(stack, copy=False)


def test_reads_only_what_is_looked_at_and_once():
    stack, reader = make()
    assert reader.calls == []
    stack[1, 2, :3]
    stack[1, 2]
    stack[-1, -1, 0, 0]
    assert reader.calls == [5]


def test_the_cache_is_small_and_can_be_shared():
    plane = FULL[0, 0].nbytes
    cache = PlaneCache(2 * plane)
    stack, reader = make(cache=cache)
    np.asarray(stack)
    assert (len(cache), cache.nbytes) == (2, 2 * plane)
    stack[1, 2]
    assert reader.calls == [0, 1, 2, 3, 4, 5]
    stack[0, 0]
    assert reader.calls[-1] == 0
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_results_do_not_change_what_is_kept():
    stack, _ = make()
    stack[0, 0][:] = 0
    stack[0, 0, :2][:] = 0
    np.testing.assert_array_equal(stack[0, 0], FULL[0, 0])
    with pytest.raises(ValueError, match="read-only"):
        stack.plane(0)[:] = 0


def test_a_missing_plane_is_an_error_unless_a_fill_value_is_given():
    planes = [0, 1, 2, 3, None, 5]
    with pytest.raises(ImageReadError, match=r"\(1, 1\)"):
        make(planes)[0][1, 1]
    filled, _ = make(planes, fill=0)
    assert not filled[1, 1].any()
    np.testing.assert_array_equal(filled[0], FULL[0])


@pytest.mark.parametrize("wrong", [np.zeros((5, 6), "uint16"), np.zeros((5, 7), "uint8")])
def test_a_plane_that_differs_is_an_error(wrong):
    stack = LazyStack(["A01.tif"], (1,), YX, "uint16", lambda _: wrong)
    with pytest.raises(ImageReadError, match=r"A01\.tif.*expected uint16"):
        stack[0]


def test_the_number_of_planes_must_fill_the_grid():
    with pytest.raises(ValueError, match="5 planes"):
        make(range(5))


def test_a_single_plane_needs_no_grid():
    stack = LazyStack(["x"], (), YX, "uint16", lambda _: FULL[0, 0])
    np.testing.assert_array_equal(stack[...], FULL[0, 0])
    np.testing.assert_array_equal(stack[2], FULL[0, 0, 2])
