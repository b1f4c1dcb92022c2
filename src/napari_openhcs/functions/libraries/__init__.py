"""Function libraries, one file each: which functions a library offers and how to reach them.

``base.py`` says what an adapter is.  Other distributions add one through the entry-point
group ``napari_openhcs.libraries``.
"""

from __future__ import annotations

from napari_openhcs.functions.libraries.base import FunctionLibrary
from napari_openhcs.registry import LazyRegistry

__all__ = ["LIBRARIES", "FunctionLibrary"]

LIBRARIES: LazyRegistry[FunctionLibrary] = LazyRegistry(
    "napari_openhcs.functions.libraries", "napari_openhcs.libraries", not_entries=("base",)
)
"""All function libraries by key; importing an adapter imports no library."""
