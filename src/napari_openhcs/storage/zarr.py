"""Planes of Zarr arrays, format 2 and 3."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import threading
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec

from napari_openhcs.axes import natural_key
from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.storage.base import (
    StorageBackend,
    check_plane,
    check_writable,
    resolve_inside,
)

__all__ = ["EXPORT", "ZarrBackend"]

METADATA = ("zarr.json", ".zarray")
OPEN_ARRAYS = 256

DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What zarr and its codecs raise on damaged metadata or chunks."""


class ZarrBackend:
    """One YX plane of a Zarr array; a path is the array's folder.

    Opened arrays are kept, and opened again when their metadata file changes.  A chunk that
    is not there is an error: zarr itself would return the fill value.

    Parameters
    ----------
    root : path, optional
        Folder that paths are relative to and do not leave.
    """

    name = "zarr"

    def __init__(self, root: str | Path | None = None) -> None:
        self._root = None if root is None else Path(root)
        self._opened: OrderedDict[Path, tuple[int, zarr.Array[Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def rooted(self, root: str | Path) -> StorageBackend:
        """Return a backend that stays inside `root`."""
        return ZarrBackend(root)

    def read(self, path: str, selection: tuple[int, ...] = ()) -> np.ndarray:
        """Return one plane of an array as a new array.

        Parameters
        ----------
        path : str
            Folder of the array.
        selection : tuple of int
            The leading indices before Y and X; all of them.

        Raises
        ------
        ImageReadError
            The array or one of the plane's chunks is missing or damaged, or `selection`
            does not leave a YX plane.
        """
        folder = resolve_inside(self._root, path)
        with _readable(folder):
            array = self._open(folder)
            _check_selection(array.shape, selection, folder)
            _check_chunks(array, selection, folder)
            plane = np.asarray(array[selection])
        return check_plane(plane, folder)

    def _open(self, folder: Path) -> zarr.Array[Any]:
        metadata = next((f for name in METADATA if (f := folder / name).is_file()), None)
        if metadata is None:
            raise ImageReadError(
                f"{folder} is no Zarr array, it has neither zarr.json nor .zarray: bring the "
                "folder back or leave its well out."
            )
        stamp = metadata.stat().st_mtime_ns
        with self._lock:
            known = self._opened.get(folder)
            if known is not None and known[0] == stamp:
                self._opened.move_to_end(folder)
                return known[1]
        array = zarr.open_array(
            folder, mode="r", zarr_format=3 if metadata.name == "zarr.json" else 2
        )
        with self._lock:
            self._opened[folder] = (stamp, array)
            while len(self._opened) > OPEN_ARRAYS:
                self._opened.popitem(last=False)
        return array

    def write(self, path: str, array: np.ndarray) -> None:
        """Store a plane as a Zarr 3 array of one checksummed chunk, renamed into place.

        Raises
        ------
        StoreError
            It is no YX plane of numbers, or the folder cannot be written.
        """
        folder = resolve_inside(self._root, path)
        check_writable(array, folder)
        aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
        old = aside.with_suffix(".old")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            zarr.create_array(
                aside,
                data=np.ascontiguousarray(array, array.dtype.newbyteorder("=")),
                chunks=array.shape,
                serializer=BytesCodec(),
                compressors=(
                    BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
                    Crc32cCodec(),
                ),
                config={"write_empty_chunks": True},
            )
            if folder.exists():
                os.replace(folder, old)
            os.replace(aside, folder)
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be written ({error.strerror or error}): check free space and "
                "permissions."
            ) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)

    def exists(self, path: str) -> bool:
        """Whether `path` is the folder of a Zarr array."""
        folder = resolve_inside(self._root, path)
        return (folder / ".zarray").is_file() or _is_array_of_format_3(folder)

    def delete(self, path: str) -> None:
        """Remove an array, or all arrays below `path`.

        Raises
        ------
        StoreError
            It cannot be removed, or `path` is the root itself.
        """
        folder = resolve_inside(self._root, path)
        if self._root is not None and folder == self._root.resolve():
            raise StoreError(f"The folder {folder} itself is not deleted: name a path inside it.")
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be deleted ({error.strerror or error}): check its permissions."
            ) from error

    def list(self, path: str = "") -> tuple[str, ...]:
        """Return the arrays and groups directly below `path`; an array holds none."""
        folder = resolve_inside(self._root, path)
        if not folder.is_dir() or self.exists(path):
            return ()
        prefix = f"{path.rstrip('/')}/" if path else ""
        names = [
            item.name
            for item in folder.iterdir()
            if item.is_dir() and not item.name.startswith(".")
        ]
        return tuple(prefix + name for name in sorted(names, key=natural_key))


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except ImageReadError:
        raise
    except DAMAGED as error:
        raise ImageReadError(
            f"{folder} is damaged, its metadata or a chunk cannot be decoded: restore it or leave "
            f"its well out ({type(error).__name__}: {error})."
        ) from error


def _is_array_of_format_3(folder: Path) -> bool:
    try:
        return '"array"' in (folder / "zarr.json").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return False


def _check_selection(shape: tuple[int, ...], selection: tuple[int, ...], folder: Path) -> None:
    leading = shape[:-2]
    if len(shape) < 2 or len(selection) != len(leading):
        raise ImageReadError(
            f"{folder} has shape {shape} and was asked for {selection}: expected one index for "
            "each axis before Y and X."
        )
    if any(not 0 <= index < size for index, size in zip(selection, leading, strict=True)):
        raise ImageReadError(f"{folder} has shape {shape}: there is no plane {selection} in it.")


def _check_chunks(array: zarr.Array[Any], selection: tuple[int, ...], folder: Path) -> None:
    """Make sure that every file the plane needs is there and not empty.

    A shard is one file; chunks it leaves out were left out by its writer, not lost.
    """
    files = array.shards or array.chunks
    leading = [(index // size,) for index, size in zip(selection, files, strict=False)]
    tiles = [
        range(-(-length // size)) for length, size in zip(array.shape[-2:], files[-2:], strict=True)
    ]
    for coordinates in product(*leading, *tiles):
        key = array.metadata.encode_chunk_key(coordinates)
        try:
            size = os.stat(folder / key).st_size
        except FileNotFoundError:
            size = 0
        if size == 0:
            raise ImageReadError(
                f"{folder} lacks chunk {key}, and would show it black: restore the file, or write "
                "the array with its empty chunks."
            )


EXPORT: StorageBackend = ZarrBackend()
