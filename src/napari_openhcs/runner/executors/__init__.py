"""Engines that run wells, one file each: ``processes`` (default), ``threads``, ``dask``.

``base.py`` says what an engine does.  Other distributions add one through the entry-point
group ``napari_openhcs.executors``.
"""

from __future__ import annotations

from napari_openhcs.registry import LazyRegistry
from napari_openhcs.runner.executors.base import Executor, ExecutorFactory

__all__ = ["EXECUTORS", "Executor", "ExecutorFactory"]

EXECUTORS: LazyRegistry[ExecutorFactory] = LazyRegistry(
    "napari_openhcs.runner.executors", "napari_openhcs.executors", not_entries=("base",)
)
"""Makers of engines by name."""
