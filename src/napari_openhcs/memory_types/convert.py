"""Moving arrays between memory types, and by which route."""

from __future__ import annotations

from typing import Any, NamedTuple

from napari_openhcs.errors import ConversionError, MemoryTypeError
from napari_openhcs.memory_types.base import MemoryType, get_memory_type
from napari_openhcs.memory_types.numpy import exchangeable

__all__ = ["ROUTES", "Converted", "convert", "route"]

ROUTES = ("none", "dlpack", "cuda_array_interface", "cpu")
"""Ways between memory types, cheapest first."""

REFUSALS = (BufferError, TypeError, RuntimeError, ValueError, NotImplementedError)
"""What libraries raise for arrays they do not exchange directly."""


class Converted(NamedTuple):
    """An array of the memory type asked for, and the route it came by."""

    array: Any
    route: str


def route(source: str, target: str) -> str:
    """Return the route between two memory types, as far as it is known without an array.

    Returns
    -------
    str
        ``none``: the same memory type; ``dlpack`` and ``cuda_array_interface``: memory is
        shared, and moved only if the device differs; ``cpu``: copied over the CPU.

    Raises
    ------
    MemoryTypeError
        There is no such memory type.
    """
    return _routes(get_memory_type(source), get_memory_type(target))[0]


def _routes(source: MemoryType, target: MemoryType) -> list[str]:
    if source.name == target.name:
        return ["none"]
    routes = []
    if source.dlpack & target.dlpack:
        routes.append("dlpack")
    if source.cuda_array_interface and target.cuda_array_interface:
        routes.append("cuda_array_interface")
    return [*routes, "cpu"]


def convert(array: Any, source: str, target: str, device: str = "cpu") -> Converted:
    """Convert an array from one memory type to another.

    Values, shape and dtype stay the same.  By ``dlpack`` and ``cuda_array_interface`` the
    result shares memory with `array` unless `array` is read-only, has negative strides or
    foreign byte order, or lies on another device: writing to one then changes the other.

    Parameters
    ----------
    array : array of memory type `source`
        Of any shape.
    source, target : str
        Names of memory types.
    device : str
        Where the result shall lie; ``cpu`` means the first device for memory types that
        have no CPU.

    Raises
    ------
    MemoryTypeError
        A memory type is unknown, not installed or has no such device, or `array` is not of
        type `source`.
    ConversionError
        The target cannot hold this array without loss.
    """
    giver, taker = get_memory_type(source), get_memory_type(target)
    if not giver.is_array(array):
        raise MemoryTypeError(
            f"Expected an array of memory type '{source}', found "
            f"{type(array).__module__}.{type(array).__qualname__}."
        )
    place = taker.resolve_device(device)
    if source == target:
        return Converted(taker.to_device(array, place), "none")
    if source == "numpy":
        array = exchangeable(array)
    taker.check_dtype(giver.dtype_of(array))
    for way in _routes(giver, taker)[:-1]:
        shared = _share(array, giver, taker, way)
        if shared is not None:
            return Converted(taker.to_device(shared, place), way)
    return Converted(_over_cpu(array, giver, taker, place), "cpu")


def _share(array: Any, giver: MemoryType, taker: MemoryType, way: str) -> Any:
    """Return an array over the same memory, or None where the libraries cannot share this one."""
    if giver.device_of(array).partition(":")[0] not in taker.dlpack:
        return None
    try:
        if way == "dlpack":
            return taker.import_dlpack(giver.export_dlpack(array))
        return taker.import_cuda_array_interface(array)
    except ConversionError:
        raise
    except REFUSALS as error:
        if taker.is_out_of_memory(error) or giver.is_out_of_memory(error):
            raise
        return None


def _over_cpu(array: Any, giver: MemoryType, taker: MemoryType, device: str) -> Any:
    on_cpu = exchangeable(giver.to_numpy(array))
    try:
        return taker.from_numpy(on_cpu, device)
    except REFUSALS as error:
        if taker.is_out_of_memory(error) or isinstance(error, MemoryTypeError):
            raise
        raise ConversionError(
            f"An array of shape {on_cpu.shape} and dtype {on_cpu.dtype} cannot be converted from "
            f"'{giver.name}' to '{taker.name}': {error}"
        ) from error
