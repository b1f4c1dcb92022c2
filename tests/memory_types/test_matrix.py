"""Every pair of the memory types that are usable here, over dtypes, shapes and layouts."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types import MEMORY_TYPES, convert, route
from napari_openhcs.memory_types.base import ALL_DTYPES

SHARED_ON_THE_CPU = {"numpy", "torch", "jax"}


def usable():
    """Return the memory types that have a device here."""
    return [name for name, kind in MEMORY_TYPES.items() if kind.is_available() and kind.devices()]


PAIRS = list(itertools.permutations(usable(), 2))


@st.composite
def layouts(draw):
    """Draw an array with any dtype, shape, order, strides, byte order and writability."""
    dtype = np.dtype(draw(st.sampled_from(sorted(ALL_DTYPES))))
    array = draw(arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    array = np.asfortranarray(array) if draw(st.booleans()) and array.ndim else array
    strides = [draw(st.sampled_from([1, -1, 2, -2])) for _ in range(array.ndim)]
    array = array[tuple(slice(None, None, step) for step in strides)]
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    if draw(st.booleans()):
        array = array.astype(array.dtype.newbyteorder())
    array = np.asarray(array)
    if draw(st.booleans()):
        array = array.view()
        array.flags.writeable = False
    return array


def check_refusal(target, array, error):
    """Check that `target` may refuse the array, and says why in one sentence."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    dtype = array.dtype.newbyteorder("=").name
    wide = target == "jax" and dtype in ("float64", "int64", "uint64", "complex128")
    shaped = target == "pyclesperanto" and (array.size == 0 or array.ndim not in (1, 2, 3))
    assert wide or shaped or dtype not in MEMORY_TYPES[target].dtypes, text
    assert str(array.shape) in text or dtype in text


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda name: name)
@settings(max_examples=60, deadline=None)
@given(array=layouts())
def test_right_or_refused_in_one_sentence(source, target, array):
    before = array.copy()
    try:
        given_array = convert(array, "numpy", source).array
    except ConversionError as error:
        check_refusal(source, array, error)
        return
    try:
        there = convert(given_array, source, target)
    except ConversionError as error:
        check_refusal(target, array, error)
        return
    assert there.route in (route(source, target), "cpu")
    assert MEMORY_TYPES[target].is_array(there.array)
    back = convert(there.array, target, "numpy").array
    # An OpenCL array holds a mask as 0 and 1.
    as_number = "pyclesperanto" in (source, target) and array.dtype == bool
    assert back.dtype == (np.dtype("uint8") if as_number else array.dtype.newbyteorder("="))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    np.testing.assert_array_equal(array, before)


def address(name, array):
    return {
        "numpy": lambda: array.ctypes.data,
        "torch": lambda: array.data_ptr(),
        "jax": lambda: array.unsafe_buffer_pointer(),
    }[name]()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize(
    ("source", "target"),
    [pair for pair in PAIRS if SHARED_ON_THE_CPU.issuperset(pair)],
    ids=lambda name: name,
)
def test_numpy_torch_and_jax_share_memory(source, target, dtype):
    # JAX takes foreign memory as it is only where it begins at a multiple of 64 bytes.
    block = np.zeros(64 * 64 * 8 + 64, "uint8")
    start = -block.ctypes.data % 64
    plane = block[start : start + 64 * 64 * np.dtype(dtype).itemsize].view(dtype).reshape(64, 64)
    plane[...] = np.arange(64 * 64).reshape(64, 64) % 251
    given_array = convert(plane, "numpy", source).array
    there = convert(given_array, source, target)
    assert there.route == "dlpack"
    assert address(target, there.array) == address(source, given_array)
    np.testing.assert_array_equal(convert(there.array, target, "numpy").array, plane)
