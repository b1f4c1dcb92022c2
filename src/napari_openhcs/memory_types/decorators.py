"""Decorators that say which memory type a function takes and gives.

They change no result and wrap nothing: the function that comes back is the same object
with the attributes ``input_memory_type`` and ``output_memory_type``.  What they promise is
acted on when the function runs in a pipeline
(:mod:`napari_openhcs.functions.apply`): conversion in, a stream, recovery from running
out of memory, the dtype policy.

::

    from napari_openhcs.memory_types.decorators import numpy as numpy_function

    @numpy_function
    def invert(image):
        return image.max() - image
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from napari_openhcs.errors import MemoryTypeError
from napari_openhcs.memory_types.base import get_memory_type

__all__ = [
    "cupy",
    "jax",
    "memory_types",
    "numpy",
    "pyclesperanto",
    "tensorflow",
    "torch",
]

F = TypeVar("F", bound=Callable[..., Any])


def memory_types(*, input_type: str, output_type: str) -> Callable[[F], F]:
    """Return a decorator for a function that takes one memory type and gives another.

    Parameters
    ----------
    input_type, output_type : str
        Names of memory types.

    Raises
    ------
    MemoryTypeError
        There is no such memory type.
    """
    for name in (input_type, output_type):
        get_memory_type(name)

    def mark(function: F) -> F:
        for attribute, value in (
            ("input_memory_type", input_type),
            ("output_memory_type", output_type),
        ):
            try:
                setattr(function, attribute, value)
            except (AttributeError, TypeError) as error:
                raise MemoryTypeError(
                    f"{function!r} cannot be marked with a memory type: write a Python function "
                    "that calls it and decorate that."
                ) from error
        return function

    return mark


def numpy(function: F) -> F:
    """Mark a function that takes and gives NumPy arrays."""
    return memory_types(input_type="numpy", output_type="numpy")(function)


def cupy(function: F) -> F:
    """Mark a function that takes and gives CuPy arrays."""
    return memory_types(input_type="cupy", output_type="cupy")(function)


def torch(function: F) -> F:
    """Mark a function that takes and gives PyTorch tensors."""
    return memory_types(input_type="torch", output_type="torch")(function)


def jax(function: F) -> F:
    """Mark a function that takes and gives JAX arrays."""
    return memory_types(input_type="jax", output_type="jax")(function)


def tensorflow(function: F) -> F:
    """Mark a function that takes and gives TensorFlow tensors."""
    return memory_types(input_type="tensorflow", output_type="tensorflow")(function)


def pyclesperanto(function: F) -> F:
    """Mark a function that takes and gives pyclesperanto's OpenCL arrays."""
    return memory_types(input_type="pyclesperanto", output_type="pyclesperanto")(function)
