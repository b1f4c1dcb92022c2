"""What trials on small crops gave, kept so that an edit runs again only what it changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

__all__ = ["TrialCache"]


class TrialCache:
    """Least recently used results by key, bounded by their bytes; safe between threads.

    Parameters
    ----------
    max_bytes : int
        Arrays beyond this are forgotten, oldest first.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what is kept under `key`, or make and keep it.

        `make` runs outside the lock; what it raises is not kept.
        """
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key][0]
        value = make()
        self._keep(key, value)
        return value

    def _keep(self, key: Hashable, value: Any) -> None:
        size = _size(value)
        with self._lock:
            self._bytes += size - self._items.get(key, (None, 0))[1]
            self._items[key] = (value, size)
            self._items.move_to_end(key)
            while self._bytes > self.max_bytes and len(self._items) > 1:
                _, (_, gone) = self._items.popitem(last=False)
                self._bytes -= gone

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)


def _size(value: Any) -> int:
    """Return the bytes of the arrays in a result, and a little for the rest."""
    if isinstance(value, np.ndarray):
        return value.nbytes + 500
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values()) + 500
    if isinstance(value, tuple | list):
        return sum(_size(item) for item in value) + 500
    return 500
