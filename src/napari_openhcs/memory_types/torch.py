"""PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types.base import MemoryType, host_free_memory, host_memory

__all__ = ["EXPORT", "TorchMemoryType"]


class TorchMemoryType(MemoryType):
    """Tensors on the CPU, on CUDA devices or on Apple's GPU."""

    name = "torch"
    library = "torch"
    install = 'pip install "napari-openhcs[torch]"'
    dlpack = frozenset({"cpu", "cuda"})
    cuda_array_interface = True
    out_of_memory_types = ("torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError")
    out_of_memory_texts = (
        "CUDA out of memory",
        "CUDA error: out of memory",
        "MPS backend out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
        "can't allocate memory",
        "not enough memory: you tried to allocate",
    )

    def __init__(self) -> None:
        self._streams = threading.local()

    def is_array(self, value: object) -> bool:
        """Whether `value` is a tensor."""
        return self.is_loaded() and isinstance(value, self.module.Tensor)

    def dtype_of(self, array: Any) -> str:
        """Return the NumPy name of a tensor's dtype."""
        return str(array.dtype).removeprefix("torch.")

    def export_dlpack(self, array: Any) -> Any:
        """Return a plain tensor over the same memory.

        Raises
        ------
        ConversionError
            The tensor is sparse, quantised or without data.
        """
        if array.layout is not self.module.strided or array.is_quantized or array.is_meta:
            raise ConversionError(
                f"A tensor of layout {array.layout} and dtype {array.dtype} on {array.device} "
                "cannot be converted: expected a dense tensor of plain numbers."
            )
        # DLPack knows neither conjugation nor negation kept as a flag, and drops the latter.
        return array.detach().resolve_conj().resolve_neg()

    def import_dlpack(self, exporter: Any) -> Any:
        """Return a tensor that shares memory with `exporter`."""
        return self.module.from_dlpack(exporter)

    def import_cuda_array_interface(self, exporter: Any) -> Any:
        """Return a tensor that shares memory with `exporter`."""
        return self.module.as_tensor(exporter, device="cuda")

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return the tensor's values in CPU memory."""
        result: np.ndarray = self.export_dlpack(array).cpu().numpy()
        return result

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return a tensor on `device`."""
        return self.to_device(self.module.from_numpy(array), device)

    def devices(self) -> tuple[str, ...]:
        """Return CUDA devices, Apple's GPU and the CPU."""
        torch = self.module
        cuda = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        mps = ("mps",) if torch.backends.mps.is_available() else ()
        return (*cuda, *mps, "cpu")

    def device_of(self, array: Any) -> str:
        """Return where a tensor lies."""
        device = array.device
        return f"cuda:{device.index or 0}" if device.type == "cuda" else str(device.type)

    def _move(self, array: Any, device: str) -> Any:
        return array.to(device)

    def free_memory(self, device: str = "cpu") -> int:
        """Return the bytes free on `device`, those in torch's own cache included."""
        if not device.startswith("cuda"):
            return host_free_memory()
        cuda = self.module.cuda
        free, _ = cuda.mem_get_info(device)
        return int(free + cuda.memory_reserved(device) - cuda.memory_allocated(device))

    def total_memory(self, device: str = "cpu") -> int:
        """Return the bytes `device` has."""
        if not device.startswith("cuda"):
            return host_memory()
        return int(self.module.cuda.mem_get_info(device)[1])

    def cleanup(self) -> None:
        """Empty the caches of CUDA and Apple's GPU."""
        if not self.is_loaded():
            return
        torch = self.module
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.ipc_collect()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()

    def stream(self, device: str = "cpu") -> AbstractContextManager[None]:
        """Return this thread's stream on a CUDA device; nothing elsewhere."""
        return self._on_stream(device) if device.startswith("cuda") else nullcontext()

    @contextmanager
    def _on_stream(self, device: str) -> Iterator[None]:
        cuda = self.module.cuda
        streams: dict[str, Any] = self._streams.__dict__.setdefault("by_device", {})
        if device not in streams:
            streams[device] = cuda.Stream(device=device)
        # What was queued before on the default stream must be there first.
        streams[device].wait_stream(cuda.default_stream(device))
        with cuda.stream(streams[device]):
            yield
            streams[device].synchronize()


EXPORT: MemoryType = TorchMemoryType()
