"""NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types.base import MemoryType

__all__ = ["EXPORT", "NumpyMemoryType", "exchangeable"]


class NumpyMemoryType(MemoryType):
    """Arrays in the machine's memory."""

    name = "numpy"
    library = "numpy"
    install = "pip install numpy"
    dlpack = frozenset({"cpu"})
    out_of_memory_types = ("builtins.MemoryError",)

    def is_array(self, value: object) -> bool:
        """Whether `value` is a NumPy array."""
        return isinstance(value, np.ndarray)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return `array` itself."""
        return np.asarray(array)

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> np.ndarray:
        """Return `array` itself."""
        return array

    def devices(self) -> tuple[str, ...]:
        """Return the CPU."""
        return ("cpu",)

    def device_of(self, array: Any) -> str:
        """Return the CPU."""
        return "cpu"

    def import_dlpack(self, exporter: Any) -> np.ndarray:
        """Return an array that shares memory with `exporter`."""
        return np.from_dlpack(exporter)


def exchangeable(array: np.ndarray) -> np.ndarray:
    """Return `array` in a form that every library takes; copied only where it must be.

    It is copied when it is read-only (another library would write to it all the same), has
    negative strides (torch ends the process on them), is not aligned, or is not in the
    machine's byte order.

    Raises
    ------
    ConversionError
        It is masked, or its dtype is no number.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise ConversionError(
            "A masked array would lose its mask: fill it first, for example with .filled(0)."
        )
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > np.dtype("complex128").itemsize:
        raise ConversionError(
            f"An array of dtype {array.dtype} cannot be converted: expected whole numbers, real "
            "numbers or bool."
        )
    native = np.asarray(array, array.dtype.newbyteorder("="))
    fine = (
        native.flags.writeable
        and native.flags.aligned
        and all(stride >= 0 and stride % native.itemsize == 0 for stride in native.strides)
    )
    return native if fine else np.array(native, order="C")


EXPORT: MemoryType = NumpyMemoryType()
