"""TensorFlow."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types.base import MemoryType, host_free_memory, host_memory

__all__ = ["EXPORT", "TensorflowMemoryType"]

DLPACK_DEVICE = {"cpu": 1, "cuda": 2}
"""Numbers of the kinds of device in the DLPack standard."""


class _Exporter:
    """A tensor with the two methods of the DLPack standard, which TensorFlow gives as functions."""

    def __init__(self, tensor: Any, to_dlpack: Any, device: str) -> None:
        self._tensor = tensor
        self._to_dlpack = to_dlpack
        self._device = device

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, _, number = self._device.partition(":")
        return DLPACK_DEVICE[kind], int(number or 0)

    def __dlpack__(self, **_: Any) -> Any:
        return self._to_dlpack(self._tensor)


class TensorflowMemoryType(MemoryType):
    """Immutable tensors on the CPU or on CUDA devices."""

    name = "tensorflow"
    library = "tensorflow"
    install = 'pip install "napari-openhcs[tensorflow]"'
    dlpack = frozenset({"cpu", "cuda"})
    out_of_memory_types = ("tensorflow.python.framework.errors_impl.ResourceExhaustedError",)
    out_of_memory_texts = ("OOM when allocating", "RESOURCE_EXHAUSTED", "failed to allocate")

    def is_array(self, value: object) -> bool:
        """Whether `value` is a tensor or a variable."""
        tf = self.module if self.is_loaded() else None
        return tf is not None and isinstance(value, tf.Tensor | tf.Variable)

    def dtype_of(self, array: Any) -> str:
        """Return the NumPy name of a tensor's dtype."""
        return str(array.dtype.name)

    def export_dlpack(self, array: Any) -> Any:
        """Return an object with the methods of the DLPack standard."""
        tensor = self.module.convert_to_tensor(array)
        to_dlpack = self.module.experimental.dlpack.to_dlpack
        return _Exporter(tensor, to_dlpack, self.device_of(tensor))

    def import_dlpack(self, exporter: Any) -> Any:
        """Return a tensor that shares memory with `exporter`.

        Raises
        ------
        BufferError
            TensorFlow takes only arrays in C order.
        """
        try:
            return self.module.experimental.dlpack.from_dlpack(exporter.__dlpack__())
        except self.module.errors.InvalidArgumentError as error:
            raise BufferError(f"TensorFlow does not share this array: {error}") from error

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return the values in CPU memory."""
        result = np.asarray(array.numpy())
        if result.dtype.kind not in "biufc":
            raise ConversionError(
                f"A tensor of dtype {array.dtype.name} has no NumPy counterpart: cast it to "
                "float32 in the function."
            )
        return result

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return a copy on `device`."""
        with self.module.device(self._device(device)):
            return self.module.constant(array)

    def _device(self, device: str) -> str:
        kind, _, number = device.partition(":")
        return f"{'GPU' if kind == 'cuda' else 'CPU'}:{number or 0}"

    def _move(self, array: Any, device: str) -> Any:
        with self.module.device(self._device(device)):
            return self.module.identity(array)

    def devices(self) -> tuple[str, ...]:
        """Return CUDA devices and the CPU."""
        gpus = self.module.config.list_physical_devices("GPU")
        return (*(f"cuda:{number}" for number in range(len(gpus))), "cpu")

    def device_of(self, array: Any) -> str:
        """Return where a tensor lies."""
        _, kind, number = array.device.rsplit(":", 2)
        return f"cuda:{number}" if kind == "GPU" else "cpu"

    def free_memory(self, device: str = "cpu") -> int:
        """Return the bytes free on `device`: on a GPU, its memory less what tensors hold."""
        if device == "cpu":
            return host_free_memory()
        used = self.module.config.experimental.get_memory_info(self._device(device))["current"]
        return self.total_memory(device) - int(used)

    def total_memory(self, device: str = "cpu") -> int:
        """Return the bytes TensorFlow may use on `device`; 0 where it does not say."""
        if device == "cpu":
            return host_memory()
        gpu = self.module.config.list_physical_devices("GPU")[int(device.partition(":")[2])]
        limits = self.module.config.get_logical_device_configuration(gpu)
        return int(limits[0].memory_limit or 0) * 2**20 if limits else 0

    def cleanup(self) -> None:
        """Drop tensors no longer used and the graphs of Keras."""
        if self.is_loaded():
            gc.collect()
            self.module.keras.backend.clear_session()

    def exceptions(self) -> tuple[type[BaseException], ...]:
        """Return TensorFlow's own exception too, which is no RuntimeError."""
        known = super().exceptions()
        return (*known, self.module.errors.ResourceExhaustedError) if self.is_loaded() else known


EXPORT: MemoryType = TensorflowMemoryType()
