"""Many planes as one array that loads only what is looked at."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np

from napari_openhcs.errors import ImageReadError

__all__ = ["LazyStack", "PlaneCache"]

P = TypeVar("P", bound=Hashable)

DEFAULT_CACHE_BYTES = 128 * 2**20


class PlaneCache:
    """The planes read last, up to a number of bytes; safe for threads.

    Parameters
    ----------
    max_bytes : int
        A single larger plane is still kept, alone.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.max_bytes = max_bytes
        self._planes: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._planes)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._bytes

    def get(self, key: Hashable) -> np.ndarray | None:
        """Return a plane that is kept, or None."""
        with self._lock:
            plane = self._planes.get(key)
            if plane is not None:
                self._planes.move_to_end(key)
            return plane

    def put(self, key: Hashable, plane: np.ndarray) -> None:
        """Keep a plane, dropping those used longest ago."""
        with self._lock:
            replaced = self._planes.pop(key, None)
            if replaced is not None:
                self._bytes -= replaced.nbytes
            self._planes[key] = plane
            self._bytes += plane.nbytes
            while self._bytes > self.max_bytes and len(self._planes) > 1:
                _, dropped = self._planes.popitem(last=False)
                self._bytes -= dropped.nbytes

    def clear(self) -> None:
        """Forget all planes."""
        with self._lock:
            self._planes.clear()
            self._bytes = 0


class LazyStack(Generic[P]):
    """A read-only array over a grid of planes; usable as data of a napari layer.

    Basic indexing and integer or boolean arrays per axis work as in NumPy; several
    index arrays select independently of each other.  Every result is a new
    :class:`numpy.ndarray`.

    Parameters
    ----------
    planes : sequence of planes or None
        As many as the product of `grid`, last axis fastest.  None where there is no
        plane.
    grid : tuple of int
        Lengths of the axes before Y and X; ``()`` for a single plane.
    shape_yx : tuple of int
        Rows and columns of a plane, px.
    dtype : dtype
    read : callable
        Gives the (Y, X) array of a plane, e.g. :func:`napari_openhcs.storage.read_plane`.
    fill : number, optional
        Value shown where there is no plane; by default that is an error.
    cache : PlaneCache, optional
        Shared with other stacks; by default one of its own.

    Raises
    ------
    ValueError
        The number of planes does not match `grid`.
    """

    def __init__(
        self,
        planes: Sequence[P | None],
        grid: tuple[int, ...],
        shape_yx: tuple[int, int],
        dtype: Any,
        read: Callable[[P], np.ndarray],
        *,
        fill: float | None = None,
        cache: PlaneCache | None = None,
    ) -> None:
        if len(planes) != math.prod(grid):
            raise ValueError(
                f"{len(planes)} planes do not fill a grid of {grid}: expected {math.prod(grid)}."
            )
        self._planes = tuple(planes)
        self._numbers = np.arange(len(planes)).reshape(grid)
        self.shape: tuple[int, ...] = (*grid, *shape_yx)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self._read = read
        self._fill = fill
        self._cache = PlaneCache() if cache is None else cache

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def planes(self) -> tuple[P | None, ...]:
        """The planes, last axis fastest."""
        return self._planes

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes it would take when loaded."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"LazyStack(shape={self.shape}, dtype={self.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("A lazy stack is loaded when made an array: copy=False cannot be.")
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = _full_key(key, self.ndim)
        leading, (rows, columns) = keys[:-2], keys[-2:]
        chosen = [
            np.arange(length)[item] for length, item in zip(self.shape, leading, strict=False)
        ]
        grid = tuple(length for item in chosen for length in np.shape(item))
        # A plane without pixels gives the cropped shape and complains about bad indices.
        probe = np.broadcast_to(np.zeros((), self.dtype), self.shape[-2:])
        crop = _crop(probe, rows, columns).shape
        result = np.empty((*grid, *crop), self.dtype)
        flat = result.reshape(math.prod(grid), *crop)
        places = product(*(np.atleast_1d(item) for item in chosen))
        for position, place in enumerate(places):
            flat[position] = _crop(self.plane(int(self._numbers[place])), rows, columns)
        return result[()] if result.ndim == 0 else result

    def take(self, axis: int, index: int) -> LazyStack[P]:
        """Return the stack at one place of an axis before Y and X, without loading anything.

        Parameters
        ----------
        axis : int
            0 for the first axis; it is gone in the result.
        index : int
        """
        numbers = np.take(self._numbers, index, axis)
        return LazyStack(
            [self._planes[number] for number in numbers.ravel()],
            numbers.shape,
            (self.shape[-2], self.shape[-1]),
            self.dtype,
            self._read,
            fill=self._fill,
            cache=self._cache,
        )

    def read_through(
        self, wrap: Callable[..., Callable[[P], np.ndarray]], cache: PlaneCache
    ) -> LazyStack[P]:
        """Return the same stack read by another function, e.g. one that replaces damage.

        Parameters
        ----------
        wrap : callable
            Called with the function that reads a plane, the planes' (rows, columns) and
            dtype; gives the one to use.
        cache : PlaneCache
            Not the one of this stack: what the new function gives may differ.
        """
        shape_yx = (self.shape[-2], self.shape[-1])
        return LazyStack(
            self._planes,
            self.shape[:-2],
            shape_yx,
            self.dtype,
            wrap(self._read, shape_yx, self.dtype),
            fill=self._fill,
            cache=cache,
        )

    def plane(self, number: int) -> np.ndarray:
        """Return one whole plane by its flat number, read-only.

        Raises
        ------
        ImageReadError
            It cannot be read, is missing and there is no fill value, or has another shape
            or dtype than the stack.
        """
        planned = self._planes[number]
        if planned is None:
            if self._fill is None:
                place = np.unravel_index(number, self._numbers.shape)
                raise ImageReadError(
                    f"There is no plane at {tuple(map(int, place))} of this stack: the plate lacks "
                    "it; leave its well out."
                )
            return np.broadcast_to(self.dtype.type(self._fill), self.shape[-2:])
        plane = self._cache.get(planned)
        if plane is None:
            plane = self._read(planned).view()
            self._check(plane, planned)
            plane.flags.writeable = False
            self._cache.put(planned, plane)
        return plane

    def _check(self, plane: np.ndarray, planned: P) -> None:
        if plane.shape != self.shape[-2:] or plane.dtype != self.dtype:
            where = getattr(planned, "path", planned)
            raise ImageReadError(
                f"{where} holds {plane.dtype} {plane.shape}: expected {self.dtype} "
                f"{self.shape[-2:]} as in the rest of the stack; leave its well out."
            )


def _full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return one index for each axis, with an ellipsis replaced."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(item is None for item in keys):
        raise IndexError("A lazy stack takes no new axes: index it first, then add them.")
    dots = [place for place, item in enumerate(keys) if item is Ellipsis]
    if len(dots) > 1 or len(keys) - len(dots) > ndim:
        raise IndexError(f"{key!r} is too many indices for a stack of {ndim} axes.")
    place = dots[0] if dots else len(keys)
    rest = (slice(None),) * (ndim - len(keys) + len(dots))
    return (*keys[:place], *rest, *keys[place + len(dots) :])


def _crop(plane: np.ndarray, rows: Any, columns: Any) -> np.ndarray:
    # One index at a time keeps index arrays independent of each other.
    cropped: np.ndarray = np.asarray(plane[rows])[..., columns]
    return cropped
