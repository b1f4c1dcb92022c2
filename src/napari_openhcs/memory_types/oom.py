"""Running out of memory: recognising it, freeing caches, trying again, going to the CPU.

::

    call ──ok──────────────────────────────────────────────▶ Recovered
      │ out of memory
      ├─ free the framework's caches, try again (`retries` times)
      ├─ free every loaded framework, call `fallback` on the CPU ▶ Recovered(fell_back=True)
      └─ no fallback, or it runs out too: the error

Caches are freed outside the ``except``: while an exception is being handled its
traceback keeps the frames alive, and with them the very arrays that fill the memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_openhcs.memory_types.base import MEMORY_TYPES, MemoryType

__all__ = ["Recovered", "cleanup_all_gpu_frameworks", "with_recovery"]

T = TypeVar("T")


@dataclass(frozen=True)
class Recovered(Generic[T]):
    """What a call gave, and what it took to get it.

    Attributes
    ----------
    retries : int
        How often it was tried again after running out of memory.
    fell_back : bool
        Whether it was done on the CPU in the end.
    message : str
        What the framework said the last time memory ran out; empty when it never did.
    """

    value: T
    retries: int = 0
    fell_back: bool = False
    message: str = ""


def cleanup_all_gpu_frameworks() -> tuple[str, ...]:
    """Free the caches of every framework that is loaded; imports none that is not.

    Returns
    -------
    tuple of str
        Names of the memory types that were freed.
    """
    gc.collect()
    loaded = tuple(name for name, memory_type in MEMORY_TYPES.items() if memory_type.is_loaded())
    for name in loaded:
        MEMORY_TYPES[name].cleanup()
    return loaded


def with_recovery(
    call: Callable[[], T],
    memory_type: MemoryType,
    *,
    retries: int = 2,
    fallback: Callable[[], T] | None = None,
) -> Recovered[T]:
    """Call a function; when memory runs out, free caches and try again.

    Parameters
    ----------
    call : callable
        Must be safe to call again.
    memory_type : MemoryType
        Whose errors are recognised and whose caches are freed.
    retries : int
        How often to try again.
    fallback : callable, optional
        Does the same on the CPU; tried last, after all loaded frameworks were freed.

    Raises
    ------
    Exception
        Whatever `call` raises that is no lack of memory, at once; the lack of memory itself
        when nothing helped.
    """
    message = ""
    for tried in range(retries + (fallback is not None)):
        try:
            return Recovered(call(), tried, message=message)
        except memory_type.exceptions() as error:
            if not memory_type.is_out_of_memory(error):
                raise
            message = f"{type(error).__name__}: {error}"
        gc.collect()
        memory_type.cleanup()
    if fallback is None:
        return Recovered(call(), retries, message=message)
    cleanup_all_gpu_frameworks()
    return Recovered(fallback(), retries, True, message)
