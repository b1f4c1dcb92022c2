"""CuPy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from napari_openhcs.memory_types.base import MemoryType

__all__ = ["EXPORT", "CupyMemoryType"]


class CupyMemoryType(MemoryType):
    """Arrays on CUDA devices."""

    name = "cupy"
    library = "cupy"
    install = 'pip install "napari-openhcs[cupy]"'
    dlpack = frozenset({"cuda"})
    cuda_array_interface = True
    has_cpu = False
    out_of_memory_types = ("cupy.cuda.memory.OutOfMemoryError",)
    out_of_memory_texts = (
        "cudaErrorMemoryAllocation",
        "out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUFFT_ALLOC_FAILED",
    )

    def __init__(self) -> None:
        self._streams = threading.local()

    def is_array(self, value: object) -> bool:
        """Whether `value` is a CuPy array."""
        return self.is_loaded() and isinstance(value, self.module.ndarray)

    def import_dlpack(self, exporter: Any) -> Any:
        """Return an array that shares memory with `exporter`, which is on a CUDA device."""
        return self.module.from_dlpack(exporter)

    def import_cuda_array_interface(self, exporter: Any) -> Any:
        """Return an array that shares memory with `exporter`."""
        return self.module.asarray(exporter)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return a copy in CPU memory."""
        result: np.ndarray = self.module.asnumpy(array)
        return result

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return a copy on a CUDA device."""
        with self._device(self.resolve_device(device)):
            return self.module.asarray(array)

    def _device(self, device: str) -> Any:
        return self.module.cuda.Device(int(device.partition(":")[2] or 0))

    def devices(self) -> tuple[str, ...]:
        """Return the CUDA devices; none where there is no driver."""
        runtime = self.module.cuda.runtime
        try:
            return tuple(f"cuda:{number}" for number in range(runtime.getDeviceCount()))
        except runtime.CUDARuntimeError:
            return ()

    def device_of(self, array: Any) -> str:
        """Return the CUDA device of an array."""
        return f"cuda:{array.device.id}"

    def free_memory(self, device: str = "cuda:0") -> int:
        """Return the bytes free on `device`, those in CuPy's own pool included."""
        with self._device(device):
            free, _ = self.module.cuda.runtime.memGetInfo()
            return int(free + self.module.get_default_memory_pool().free_bytes())

    def total_memory(self, device: str = "cuda:0") -> int:
        """Return the bytes `device` has."""
        with self._device(device):
            return int(self.module.cuda.runtime.memGetInfo()[1])

    def cleanup(self) -> None:
        """Empty the pools of device and pinned memory and the plans of Fourier transforms."""
        if not self.is_loaded() or not self.devices():
            return
        cupy = self.module
        cupy.fft.config.get_plan_cache().clear()
        cupy.get_default_memory_pool().free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()

    def stream(self, device: str = "cuda:0") -> AbstractContextManager[None]:
        """Return this thread's stream on a CUDA device."""
        return self._on_stream(self.resolve_device(device))

    @contextmanager
    def _on_stream(self, device: str) -> Iterator[None]:
        streams: dict[str, Any] = self._streams.__dict__.setdefault("by_device", {})
        with self._device(device):
            if device not in streams:
                # A blocking stream waits for what the default stream had queued before.
                streams[device] = self.module.cuda.Stream(non_blocking=False)
            with streams[device]:
                yield
                streams[device].synchronize()


EXPORT: MemoryType = CupyMemoryType()
