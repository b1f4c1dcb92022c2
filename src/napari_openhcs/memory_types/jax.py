"""JAX."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types.base import MemoryType, host_free_memory, host_memory

__all__ = ["EXPORT", "JaxMemoryType"]

_DLPACK_CPU = 1
"""Kind of device in the DLPack protocol."""

SIXTY_FOUR_BITS = frozenset({"float64", "int64", "uint64", "complex128"})


class JaxMemoryType(MemoryType):
    """Immutable arrays on the CPU or on CUDA devices."""

    name = "jax"
    library = "jax"
    install = 'pip install "napari-openhcs[jax]"'
    dlpack = frozenset({"cpu", "cuda"})
    out_of_memory_texts = ("RESOURCE_EXHAUSTED", "Out of memory allocating", "out of memory")

    def is_array(self, value: object) -> bool:
        """Whether `value` is a JAX array."""
        return self.is_loaded() and isinstance(value, self.module.Array)

    def check_dtype(self, dtype: str) -> None:
        """Make sure that JAX holds `dtype` without loss.

        Raises
        ------
        ConversionError
            It has no such dtype, or has 64-bit numbers switched off, as is its default.
        """
        super().check_dtype(dtype)
        if dtype in SIXTY_FOUR_BITS and not self.module.config.jax_enable_x64:
            raise ConversionError(
                f"JAX would cut {dtype} to 32 bits: choose a 32-bit dtype for the step before, or "
                "set the environment variable JAX_ENABLE_X64=1."
            )

    def import_dlpack(self, exporter: Any) -> Any:
        """Return an array that shares memory with `exporter` where its alignment allows.

        CPU memory goes through NumPy: JAX frees what it took by ``from_dlpack`` on a thread of
        its own, which needs Python's lock and ends or hangs the process when that is at its
        end (one in five did); the reference it keeps to a NumPy array it frees in time.
        """
        if exporter.__dlpack_device__()[0] != _DLPACK_CPU:
            return self.module.numpy.from_dlpack(exporter)
        host = exporter if isinstance(exporter, np.ndarray) else np.from_dlpack(exporter)
        return self.module.device_put(host, self._device("cpu"), may_alias=True)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return the values in CPU memory, read-only where memory is shared."""
        result = np.asarray(array)
        if result.dtype.kind not in "biufc":
            raise ConversionError(
                f"A JAX array of dtype {array.dtype} has no NumPy counterpart: convert it to "
                "float32 in the function."
            )
        return result

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return a copy on `device`."""
        return self.module.device_put(array.copy(), self._device(device))

    def _device(self, device: str) -> Any:
        kind, _, number = device.partition(":")
        return self.module.devices(kind)[int(number or 0)]

    def _move(self, array: Any, device: str) -> Any:
        return self.module.device_put(array, self._device(device))

    def devices(self) -> tuple[str, ...]:
        """Return CUDA devices and the CPU."""
        try:
            found = self.module.devices("cuda")
        except RuntimeError:
            found = []
        return (*(f"cuda:{number}" for number in range(len(found))), "cpu")

    def device_of(self, array: Any) -> str:
        """Return where an array lies."""
        (device, *_) = array.devices()
        return "cpu" if device.platform == "cpu" else f"cuda:{device.id}"

    def free_memory(self, device: str = "cpu") -> int:
        """Return the bytes free on `device` as JAX counts them."""
        if device == "cpu":
            return host_free_memory()
        stats = self._device(device).memory_stats()
        return int(stats["bytes_limit"] - stats["bytes_in_use"])

    def total_memory(self, device: str = "cpu") -> int:
        """Return the bytes JAX may use on `device`."""
        if device == "cpu":
            return host_memory()
        return int(self._device(device).memory_stats()["bytes_limit"])

    def cleanup(self) -> None:
        """Drop arrays no longer used and compiled programs with their constants."""
        if self.is_loaded():
            gc.collect()
            self.module.clear_caches()


EXPORT: MemoryType = JaxMemoryType()
