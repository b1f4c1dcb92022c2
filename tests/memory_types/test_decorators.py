import inspect
import pickle

import numpy as np
import pytest

from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.errors import MemoryTypeError
from napari_openhcs.memory_types import decorators
from napari_openhcs.memory_types.decorators import memory_types
from napari_openhcs.memory_types.decorators import numpy as numpy_function


@numpy_function
def invert(image, top: int = 255):
    """Invert."""
    return top - image


@pytest.mark.parametrize("name", VALID_MEMORY_TYPES)
def test_marks_and_changes_nothing(name):
    def f(image, sigma=1.0):
        return image

    marked = getattr(decorators, name)(f)
    assert marked is f
    assert (marked.input_memory_type, marked.output_memory_type) == (name, name)


def test_a_decorated_function_is_called_and_pickled_as_before():
    np.testing.assert_array_equal(invert(np.array([0, 255])), [255, 0])
    assert str(inspect.signature(invert)) == "(image, top: int = 255)"
    assert pickle.loads(pickle.dumps(invert)) is invert


def test_mixed_memory_types():
    @memory_types(input_type="torch", output_type="numpy")
    def f(image):
        return image

    assert (f.input_memory_type, f.output_memory_type) == ("torch", "numpy")


def test_mistakes_are_named():
    with pytest.raises(MemoryTypeError, match="'pytorch'"):
        memory_types(input_type="pytorch", output_type="numpy")
    with pytest.raises(MemoryTypeError, match="cannot be marked"):
        numpy_function(len)
