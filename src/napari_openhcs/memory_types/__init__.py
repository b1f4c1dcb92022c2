"""Memory types: the array libraries between which data moves.

One file a framework, each with its entry ``EXPORT`` in :data:`MEMORY_TYPES`; a framework is
imported only in its own file and only when it is used.  :func:`convert` moves an array
and says by which route, :func:`route` says it beforehand; :mod:`.decorators` mark
functions; :mod:`.oom` recovers from running out of memory.  A memory type is added by one more
file, or by another distribution through the entry-point group
``napari_openhcs.memory_types``.
"""

from napari_openhcs.memory_types.base import MEMORY_TYPES, MemoryType, get_memory_type
from napari_openhcs.memory_types.convert import Converted, convert, route
from napari_openhcs.memory_types.oom import cleanup_all_gpu_frameworks

__all__ = [
    "MEMORY_TYPES",
    "Converted",
    "MemoryType",
    "cleanup_all_gpu_frameworks",
    "convert",
    "get_memory_type",
    "route",
]
