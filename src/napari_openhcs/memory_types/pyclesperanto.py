"""pyclesperanto: OpenCL on any GPU, or on the CPU through PoCL."""

from __future__ import annotations

import gc
import re
import warnings
from typing import Any

import numpy as np

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types.base import INTEGERS, MemoryType, host_free_memory, host_memory

__all__ = ["EXPORT", "PyclesperantoMemoryType", "bytes_in"]


class PyclesperantoMemoryType(MemoryType):
    """Arrays on OpenCL devices.

    They hold numbers of at most 32 bits.  A bool array becomes uint8 with the values 0 and
    1 and comes back as such.
    """

    name = "pyclesperanto"
    library = "pyclesperanto"
    install = 'pip install "napari-openhcs[pyclesperanto]"'
    driver = (
        "an OpenCL driver of your GPU, or PoCL for the CPU ('sudo apt-get install pocl-opencl-icd' "
        "or 'conda install -c conda-forge pocl')"
    )
    # Kernels are compiled for each shape and kept on disk: a composite of thirty takes PoCL
    # 8 s on two free cores.
    compile_s = 60.0
    has_cpu = False
    dtypes = INTEGERS | {"bool", "float32"}
    out_of_memory_texts = (
        "CL_MEM_OBJECT_ALLOCATION_FAILURE",
        "CL_OUT_OF_RESOURCES",
        "CL_OUT_OF_HOST_MEMORY",
        "CL_INVALID_BUFFER_SIZE",
        "Failed to allocate buffer memory",
        "error code: -4",
        "error code: -61",
        "out of memory",
    )

    @property
    def module(self) -> Any:
        """The library, imported when first asked for."""
        if self.is_loaded():
            return super().module
        with warnings.catch_warnings():
            # Where no driver is found it takes its own parts for missing; see `no_device`.
            warnings.simplefilter("ignore", RuntimeWarning)
            return super().module

    def is_array(self, value: object) -> bool:
        """Whether `value` is an OpenCL array."""
        return self.is_loaded() and isinstance(value, self.module.Array)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return a copy in CPU memory."""
        return np.asarray(self.module.pull(array))

    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return a copy on an OpenCL device.

        Raises
        ------
        ConversionError
            It has no pixels, or other than one to three axes.
        """
        if array.size == 0 or array.ndim not in (1, 2, 3):
            raise ConversionError(
                f"pyclesperanto has no arrays of shape {array.shape}: expected one to three axes "
                "and at least one pixel."
            )
        values = array.astype("uint8") if array.dtype.kind == "b" else array
        return self.module.push(
            np.ascontiguousarray(values), device=self._device(self.resolve_device(device))
        )

    def _names(self) -> list[str]:
        # The name is missing where none of the library's backends is installed.
        listed = getattr(self.module, "list_available_devices", list)
        return list(listed())

    def _device(self, device: str) -> Any:
        name = self._names()[int(device.partition(":")[2] or 0)]
        return self.module.select_device(name)

    def devices(self) -> tuple[str, ...]:
        """Return the OpenCL devices; none where there is no driver."""
        try:
            return tuple(f"opencl:{number}" for number in range(len(self._names())))
        except RuntimeError:
            return ()

    def device_of(self, array: Any) -> str:
        """Return the OpenCL device of an array."""
        name = array.device.name
        return f"opencl:{self._names().index(name)}"

    def free_memory(self, device: str = "opencl:0") -> int:
        """Return the bytes of the device; OpenCL does not tell how many are free.

        On a device that is the CPU it is the machine's free memory.
        """
        return min(self.total_memory(device), host_free_memory())

    def total_memory(self, device: str = "opencl:0") -> int:
        """Return the bytes the device has."""
        info = self._device(device).info
        # A method in some of the library's backends, a text in others.
        return bytes_in(str(info() if callable(info) else info)) or host_memory()

    def cleanup(self) -> None:
        """Drop arrays no longer used; the library keeps no cache of its own."""
        if self.is_loaded():
            gc.collect()


def bytes_in(info: str) -> int | None:
    """Return the memory that a device's description tells, in bytes, or None."""
    found = re.search(r"global memory size\W+([\d.]+)\s*([KMG]?)B", info, re.IGNORECASE)
    if found is None:
        return None
    return int(float(found[1]) * 2 ** (10 * " KMG".index(found[2].upper() or " ")))


EXPORT: MemoryType = PyclesperantoMemoryType()
