import numpy as np
import pytest

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types import convert
from napari_openhcs.memory_types.numpy import exchangeable
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestNumpy(MemoryTypeTests):
    name = "numpy"


def test_the_same_memory_type_is_the_same_array():
    array = np.zeros((2, 3))
    converted = convert(array, "numpy", "numpy")
    assert converted.array is array
    assert converted.route == "none"


def test_only_what_must_be_is_copied():
    array = np.arange(12.0).reshape(3, 4)
    for fine in (array, array.T, array[::2], array[1:, 1:], array[:0], array[0]):
        same = exchangeable(fine)
        assert np.shares_memory(same, fine) or not fine.size
        assert same.strides == fine.strides
    unaligned = np.frombuffer(bytearray(41), "u1")[1:].view("f8")
    for copied in (array[::-1], np.broadcast_to(array[0], (2, 4)), array.astype(">f8"), unaligned):
        new = exchangeable(copied)
        assert not np.shares_memory(new, copied)
        assert new.flags.c_contiguous
        assert new.flags.writeable
        assert new.dtype.isnative
        np.testing.assert_array_equal(new, copied)


def test_a_mask_is_not_lost_silently():
    pytest.importorskip("torch")
    with pytest.raises(ConversionError, match="mask"):
        convert(np.ma.masked_array([1, 2], [True, False]), "numpy", "torch")
