"""What every memory type does, and the registry of them."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import numpy as np

from napari_openhcs.errors import ConversionError, MemoryTypeError
from napari_openhcs.registry import LazyRegistry

__all__ = ["MEMORY_TYPES", "MemoryType", "get_memory_type", "host_free_memory", "host_memory"]

INTEGERS = frozenset({"uint8", "uint16", "uint32", "int8", "int16", "int32"})
WIDE_INTEGERS = frozenset({"uint64", "int64"})
ALL_DTYPES = (
    INTEGERS | WIDE_INTEGERS | {"bool", "float16", "float32", "float64", "complex64", "complex128"}
)


class MemoryType(ABC):
    """An array library.  Instances keep no state but thread-local streams.

    Devices are named ``cpu``, ``cuda:0`` …, ``mps``, ``opencl:0`` …, whatever the library
    calls them.

    Attributes
    ----------
    name : str
        Key in :data:`MEMORY_TYPES`; the file's name.
    library : str
        Module that is imported.
    install : str
        Command that installs the library.
    driver : str
        What a machine without a device for it can install; empty where only hardware helps.
    compile_s : float
        Seconds that a function may compile at its first call on a new shape.
    dlpack : frozenset of str
        Kinds of device (``cpu``, ``cuda``) whose arrays it gives and takes through DLPack.
    cuda_array_interface : bool
        Whether it gives and takes arrays through ``__cuda_array_interface__``.
    has_cpu : bool
        Whether its functions run on the CPU too.
    dtypes : frozenset of str
        NumPy names of the dtypes it holds without loss.
    out_of_memory_types, out_of_memory_texts : tuple of str
        Qualified names of exceptions, and pieces of messages, by which running out of
        memory is recognised.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    install: ClassVar[str]
    driver: ClassVar[str] = ""
    compile_s: ClassVar[float] = 0.0
    dlpack: ClassVar[frozenset[str]] = frozenset()
    cuda_array_interface: ClassVar[bool] = False
    has_cpu: ClassVar[bool] = True
    dtypes: ClassVar[frozenset[str]] = ALL_DTYPES
    out_of_memory_types: ClassVar[tuple[str, ...]] = ()
    out_of_memory_texts: ClassVar[tuple[str, ...]] = ()

    def is_available(self) -> bool:
        """Whether the library is installed; looks without importing it."""
        return self.is_loaded() or importlib.util.find_spec(self.library) is not None

    def is_loaded(self) -> bool:
        """Whether something has imported the library in this process."""
        return sys.modules.get(self.library) is not None

    @property
    def module(self) -> Any:
        """The library, imported when first asked for.

        Raises
        ------
        MemoryTypeError
            It is not installed, or does not load; the message has the command that installs
            it.
        """
        loaded = sys.modules.get(self.library)
        if loaded is not None:
            return loaded
        try:
            return importlib.import_module(self.library)
        except (ImportError, OSError) as error:
            why = "does not load" if self.is_available() else "is not installed here"
            raise MemoryTypeError(
                f"Memory type '{self.name}' needs {self.library}, which {why} ({error}): run "
                f"'{self.install}'."
            ) from error

    @abstractmethod
    def is_array(self, value: object) -> bool:
        """Whether `value` is an array of this library; imports nothing."""

    @abstractmethod
    def to_numpy(self, array: Any) -> np.ndarray:
        """Return the array in CPU memory; without a copy where it is there already.

        Raises
        ------
        ConversionError
            NumPy has no such dtype or layout.
        """

    @abstractmethod
    def from_numpy(self, array: np.ndarray, device: str = "cpu") -> Any:
        """Return an array of this library on `device`; may share memory with `array`.

        `array` is in the machine's byte order, aligned, and without negative strides.
        """

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Return the devices its functions can run on here, preferred first; imports it."""

    @abstractmethod
    def device_of(self, array: Any) -> str:
        """Return the device that holds an array of this library."""

    def to_device(self, array: Any, device: str) -> Any:
        """Return the array on `device`; the same array if it is there already."""
        return array if self.device_of(array) == device else self._move(array, device)

    def _move(self, array: Any, device: str) -> Any:
        return self.from_numpy(self.to_numpy(array), device)

    def export_dlpack(self, array: Any) -> Any:
        """Return an object with ``__dlpack__`` and ``__dlpack_device__`` for `array`."""
        return array

    def import_dlpack(self, exporter: Any) -> Any:
        """Return an array of this library that shares memory with `exporter`."""
        raise ConversionError(f"Memory type '{self.name}' takes no arrays through DLPack.")

    def import_cuda_array_interface(self, exporter: Any) -> Any:
        """Return an array of this library that shares memory with `exporter`."""
        raise ConversionError(
            f"Memory type '{self.name}' takes no arrays through __cuda_array_interface__."
        )

    def check_dtype(self, dtype: str) -> None:
        """Make sure that the library holds `dtype` without loss.

        Raises
        ------
        ConversionError
            It does not; the sentence says which it does.
        """
        if dtype not in self.dtypes:
            raise ConversionError(
                f"Memory type '{self.name}' has no dtype {dtype}: expected one of "
                f"{', '.join(sorted(self.dtypes))}; choose another dtype for the step before."
            )

    def dtype_of(self, array: Any) -> str:
        """Return the NumPy name of an array's dtype."""
        return str(np.dtype(array.dtype).name)

    def default_device(self) -> str:
        """Return the device to use when none was chosen.

        Raises
        ------
        MemoryTypeError
            There is no device for it here.
        """
        devices = self.devices()
        if not devices:
            raise MemoryTypeError(self.no_device())
        return "cpu" if "cpu" in devices else devices[0]

    def no_device(self) -> str:
        """Return the sentence for a machine on which there is no device for it."""
        driver = f"install {self.driver}, " if self.driver else ""
        return (
            f"Memory type '{self.name}' finds no device it can use here: {driver}choose functions "
            "of another memory type, or run on a machine with one."
        )

    def resolve_device(self, device: str) -> str:
        """Return `device` if the library has it.

        ``cpu`` gives the default device of a library that has no CPU.

        Raises
        ------
        MemoryTypeError
            There is no such device; the sentence lists those there are.
        """
        if device == "cpu" and not self.has_cpu:
            return self.default_device()
        devices = self.devices()
        if device not in devices:
            raise MemoryTypeError(
                f"Memory type '{self.name}' has no device '{device}' here: expected one of "
                f"{', '.join(devices) or 'none'}."
            )
        return device

    def free_memory(self, device: str = "cpu") -> int:
        """Return the bytes free on `device`."""
        return host_free_memory()

    def total_memory(self, device: str = "cpu") -> int:
        """Return the bytes `device` has."""
        return host_memory()

    def cleanup(self) -> None:
        """Give memory kept in the library's caches back; does nothing if it is not loaded."""
        gc.collect()

    def exceptions(self) -> tuple[type[BaseException], ...]:
        """Return the exception classes that running out of memory can have here."""
        return (MemoryError, RuntimeError)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether `error`, or one that caused it, says that memory ran out.

        Recognised by the exception's type and, for errors of the runtime or of the
        library, by its text.
        """
        seen = 0
        cause: BaseException | None = error
        while cause is not None and seen < 10:
            if self._says_out_of_memory(cause):
                return True
            cause, seen = cause.__cause__, seen + 1
        return False

    def _says_out_of_memory(self, error: BaseException) -> bool:
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
        if names.intersection(self.out_of_memory_types):
            return True
        of_library = type(error).__module__.split(".")[0] in (self.library, f"{self.library}lib")
        if not (of_library or isinstance(error, RuntimeError | MemoryError)):
            return False
        text = str(error).lower()
        return any(piece.lower() in text for piece in self.out_of_memory_texts)

    def stream(self, device: str = "cpu") -> AbstractContextManager[None]:
        """Return a context in which work is queued on this thread's own stream.

        Leaving it waits for the work.  Libraries without streams give an empty context.
        """
        return nullcontext()


@contextmanager
def entered(stream: Any) -> Iterator[None]:
    """Work on a CUDA stream and wait for it in the end."""
    with stream:
        yield
        stream.synchronize()


def host_memory() -> int:
    """Return the bytes of memory this machine has."""
    import psutil

    return int(psutil.virtual_memory().total)


def host_free_memory() -> int:
    """Return the bytes of memory that this machine can give without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


MEMORY_TYPES: LazyRegistry[MemoryType] = LazyRegistry(
    "napari_openhcs.memory_types",
    "napari_openhcs.memory_types",
    not_entries=("base", "convert", "decorators", "oom"),
)
"""Memory types by name.  Looking one up imports its file here, not its library."""


def get_memory_type(name: str) -> MemoryType:
    """Return a memory type.

    Raises
    ------
    MemoryTypeError
        There is none of this name; the sentence lists those there are.
    """
    if name not in MEMORY_TYPES:
        raise MemoryTypeError(
            f"There is no memory type '{name}': expected one of {', '.join(MEMORY_TYPES)}."
        )
    return MEMORY_TYPES[name]
