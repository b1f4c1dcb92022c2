"""Arrays kept in this process's memory."""

from __future__ import annotations

import posixpath
import threading
from pathlib import Path

import numpy as np

from napari_openhcs.axes import natural_key
from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.storage.base import StorageBackend, check_writable

__all__ = ["EXPORT", "MemoryBackend"]


class MemoryBackend:
    """A dictionary from path to array, safe for threads.

    Arrays are copied when written and come back read-only without a copy, so that no
    step can change what another has stored.
    """

    name = "memory"

    def __init__(self, root: str | Path | None = None) -> None:
        self._root = root
        self._arrays: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def rooted(self, root: str | Path) -> StorageBackend:
        """Return a new, empty backend."""
        return MemoryBackend(root)

    def _key(self, path: str) -> str:
        key = posixpath.normpath(path) if path else ""
        if self._root is not None and (key.startswith("/") or key.split("/")[0] == ".."):
            raise StoreError(f"'{path}' leaves the folder {self._root}: expected a path inside it.")
        return "" if key == "." else key

    def read(self, path: str, selection: tuple[int, ...] = ()) -> np.ndarray:
        """Return the plane stored at `path`, read-only, not copied.

        Raises
        ------
        ImageReadError
            Nothing is stored there, or `selection` is not empty.
        """
        array = self._arrays.get(self._key(path))
        if array is None:
            raise ImageReadError(f"Nothing is stored in memory at '{path}': write it first.")
        if selection:
            raise ImageReadError(
                f"'{path}' in memory is one plane: expected no selection, found {selection}."
            )
        return array

    def write(self, path: str, array: np.ndarray) -> None:
        """Store a copy of a plane.

        Raises
        ------
        StoreError
            It is no YX plane of numbers.
        """
        check_writable(array, path)
        copy = np.array(array, array.dtype.newbyteorder("="))
        copy.flags.writeable = False
        with self._lock:
            self._arrays[self._key(path)] = copy

    def exists(self, path: str) -> bool:
        """Whether a plane is stored at `path`."""
        return self._key(path) in self._arrays

    def delete(self, path: str) -> None:
        """Forget the plane at `path` and all below it."""
        key = self._key(path)
        with self._lock:
            for stored in list(self._arrays):
                if not key or stored == key or stored.startswith(f"{key}/"):
                    del self._arrays[stored]

    def list(self, path: str = "") -> tuple[str, ...]:
        """Return the paths directly below `path`."""
        key = self._key(path)
        prefix = f"{key}/" if key else ""
        with self._lock:
            stored = tuple(self._arrays)
        names = {item[len(prefix) :].split("/")[0] for item in stored if item.startswith(prefix)}
        return tuple(sorted((prefix + name for name in names), key=natural_key))


EXPORT: StorageBackend = MemoryBackend()
