"""The generic lazy registry: one file an entry, found by name, imported on first use.

Formats, storage backends, memory types, function libraries and executors are each one
module in their room.  The file's name is the key and the module's ``EXPORT`` attribute
the entry.  Third parties join through an entry-point group of the same purpose.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from napari_openhcs.installed import entry_points

T = TypeVar("T")

__all__ = ["LazyRegistry"]


class LazyRegistry(Mapping[str, T], Generic[T]):
    """Entries of one room by name; a module is imported when its entry is first used.

    Parameters
    ----------
    package : str
        The room, e.g. ``napari_openhcs.formats``; every public module in it whose source
        defines an entry belongs to the registry.
    entry_points : str
        Entry-point group through which other distributions add entries.
    not_entries : tuple of str
        Modules of the room that are no entries (shared ground such as ``base``).
    """

    def __init__(self, package: str, entry_points: str, not_entries: tuple[str, ...] = ()) -> None:
        self._package = package
        self._group = entry_points
        self._not_entries = frozenset(not_entries)
        self._lock = threading.RLock()
        self._loaded: dict[str, T] = {}
        self._names: dict[str, str] | None = None

    def _locations(self) -> dict[str, str]:
        """Map each entry's name to ``module:attribute``."""
        with self._lock:
            if self._names is None:
                package = importlib.import_module(self._package)
                names = {
                    info.name: f"{self._package}.{info.name}:EXPORT"
                    for info in pkgutil.iter_modules(package.__path__)
                    if info.name not in self._not_entries and not info.name.startswith("_")
                }
                for name, value in entry_points(self._group):
                    names.setdefault(name, value)
                self._names = dict(sorted(names.items()))
            return self._names

    def __getitem__(self, name: str) -> T:
        with self._lock:
            if name not in self._loaded:
                module, _, attribute = self._locations()[name].partition(":")
                self._loaded[name] = getattr(importlib.import_module(module), attribute)
            return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations())

    def __len__(self) -> int:
        return len(self._locations())

    def __contains__(self, name: object) -> bool:
        return name in self._locations()

    def refresh(self) -> None:
        """Look again for modules and entry points; loaded entries are kept."""
        with self._lock:
            self._names = None
