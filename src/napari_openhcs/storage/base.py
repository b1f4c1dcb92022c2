"""What every storage backend does, and how paths stay inside a folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

import numpy as np

from napari_openhcs.errors import ImageReadError, StoreError

__all__ = [
    "StorageBackend",
    "check_plane",
    "check_writable",
    "is_plain",
    "is_text",
    "lies_inside",
    "resolve_inside",
]


@runtime_checkable
class StorageBackend(Protocol):
    """A kind of storage for arrays.

    Paths are text with ``/``.  A backend with a root takes paths relative to it and refuses
    those that leave it; one without takes any path.
    """

    name: str

    def rooted(self, root: str | Path) -> StorageBackend:
        """Return a backend of this kind that stays inside `root`."""
        ...

    def read(self, path: str, selection: tuple[int, ...] = ()) -> np.ndarray:
        """Return one YX plane in the machine's byte order; it may be read-only.

        Parameters
        ----------
        path : str
        selection : tuple of int
            Which plane of what lies there: the page of a TIFF, the leading indices of a
            Zarr array.

        Raises
        ------
        ImageReadError
            Nothing is there, it is damaged or incomplete, or it is no YX plane.
        """
        ...

    def write(self, path: str, array: np.ndarray) -> None:
        """Store a copy of `array`, whole or not at all; what was there is replaced.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        ...

    def exists(self, path: str) -> bool:
        """Whether an array is stored at `path`."""
        ...

    def delete(self, path: str) -> None:
        """Remove the array, or everything below `path`; nothing there is no error."""
        ...

    def list(self, path: str = "") -> tuple[str, ...]:
        """Return the paths directly below `path`, in natural order; each can be read or listed."""
        ...


def is_text(name: str) -> bool:
    """Whether a file name can be written down; bytes that are no text cannot."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def is_plain(path: str) -> bool:
    """Whether a path that metadata names stays, by its words, below the folder it stands in."""
    parts = PurePosixPath(path)
    odd = parts.is_absolute() or ".." in parts.parts or "\\" in path or "\0" in path
    return bool(path) and not odd and is_text(path)


def lies_inside(root: Path, path: str | os.PathLike[str]) -> bool:
    """Whether `path`, links followed, is the folder `root` (itself without links) or lies in it."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def resolve_inside(root: Path | None, path: str) -> Path:
    """Return where `path` lies, links followed, making sure that it lies inside `root`.

    Raises
    ------
    StoreError
        It leaves the root.
    """
    if root is None:
        return Path(path)
    base = root.resolve()
    found = (base / path).resolve()
    if not found.is_relative_to(base):
        raise StoreError(
            f"'{path}' leaves the folder {root}: expected a path inside it, without '..' and "
            "without links that lead out."
        )
    return found


def check_plane(array: np.ndarray, path: str | Path) -> np.ndarray:
    """Return `array` in the machine's byte order if it is a YX plane.

    Raises
    ------
    ImageReadError
        It has another number of axes or no pixels.
    """
    if array.ndim != 2 or array.size == 0:
        raise ImageReadError(
            f"{path} holds an array of shape {array.shape}: expected one plane with rows and "
            "columns; colour images must be split into channels first."
        )
    return np.asarray(array, array.dtype.newbyteorder("="))


def check_writable(array: np.ndarray, path: str | Path) -> None:
    """Make sure that `array` is a YX plane of numbers.

    Raises
    ------
    StoreError
        It has another number of axes, no pixels, or is no array of numbers.
    """
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biufc":
        raise StoreError(
            f"An array of shape {array.shape} and dtype {array.dtype} cannot be stored at {path}: "
            "expected one plane of numbers with rows and columns."
        )
