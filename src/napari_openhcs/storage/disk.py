"""TIFF files."""

from __future__ import annotations

import os
import shutil
import struct
import uuid
import zlib
from pathlib import Path

import numpy as np
import tifffile

from napari_openhcs.axes import natural_key
from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.storage.base import (
    StorageBackend,
    check_plane,
    check_writable,
    resolve_inside,
)

__all__ = ["EXPORT", "DiskBackend"]

DAMAGED = (
    ArithmeticError,
    AssertionError,
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
"""What tifffile and its codecs raise on damaged files; found by truncating and by
flipping bits.  A damaged header can announce any size, hence MemoryError."""


class DiskBackend:
    """Planes as pages of TIFF files, read page by page.

    Parameters
    ----------
    root : path, optional
        Folder that paths are relative to and do not leave.
    """

    name = "disk"

    def __init__(self, root: str | Path | None = None) -> None:
        self._root = None if root is None else Path(root)

    def rooted(self, root: str | Path) -> StorageBackend:
        """Return a backend that stays inside `root`."""
        return DiskBackend(root)

    def read(self, path: str, selection: tuple[int, ...] = ()) -> np.ndarray:
        """Return one page of a TIFF file as a new array.

        Parameters
        ----------
        path : str
        selection : tuple of int
            The 0-based page; empty for the first.

        Raises
        ------
        ImageReadError
            The file is missing, truncated, no TIFF, has no such page, or the page is no
            YX plane.
        """
        file = resolve_inside(self._root, path)
        if len(selection) > 1:
            raise ImageReadError(
                f"{file} was asked for {selection}: a TIFF page is chosen by one number."
            )
        number = selection[0] if selection else 0
        try:
            with tifffile.TiffFile(file) as tiff:
                plane = _read_page(tiff, number, file)
        except ImageReadError:
            raise
        except FileNotFoundError as error:
            raise ImageReadError(
                f"{file} is missing: bring the file back or leave its well out."
            ) from error
        except PermissionError as error:
            raise ImageReadError(
                f"{file} may not be read by this user: change its permissions."
            ) from error
        except DAMAGED as error:
            raise ImageReadError(_sentence(file, error)) from error
        return check_plane(plane, file)

    def write(self, path: str, array: np.ndarray) -> None:
        """Store a plane as an uncompressed TIFF, written aside and renamed into place.

        Raises
        ------
        StoreError
            It is no YX plane of numbers, or the folder cannot be written.
        """
        file = resolve_inside(self._root, path)
        check_writable(array, file)
        aside = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(aside, array, photometric="minisblack", metadata=None)
            os.replace(aside, file)
        except OSError as error:
            raise StoreError(
                f"{file} cannot be written ({error.strerror or error}): check free space and "
                "permissions."
            ) from error
        finally:
            aside.unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        """Whether `path` is a file."""
        return resolve_inside(self._root, path).is_file()

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with all in it.

        Raises
        ------
        StoreError
            It cannot be removed, or `path` is the root itself.
        """
        target = resolve_inside(self._root, path)
        if self._root is not None and target == self._root.resolve():
            raise StoreError(f"The folder {target} itself is not deleted: name a path inside it.")
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{target} cannot be deleted ({error.strerror or error}): check its permissions."
            ) from error

    def list(self, path: str = "") -> tuple[str, ...]:
        """Return the files and folders directly in the folder `path`."""
        folder = resolve_inside(self._root, path)
        if not folder.is_dir():
            return ()
        prefix = f"{path.rstrip('/')}/" if path else ""
        names = [item.name for item in folder.iterdir() if not item.name.startswith(".")]
        return tuple(prefix + name for name in sorted(names, key=natural_key))


def _read_page(tiff: tifffile.TiffFile, number: int, file: Path) -> np.ndarray:
    if number < 0 or (number and number >= len(tiff.pages)):
        raise ImageReadError(
            f"{file} has {len(tiff.pages)} pages: page {number} (counted from 0) is not there; "
            "the file may be truncated, copy it again."
        )
    page = tiff.pages[number]
    if 0 in page.databytecounts:
        # tifffile fills such segments with zeros: never a black image.
        raise ImageReadError(
            f"{file} announces parts of page {number} that were never written: copy the file "
            "again from the microscope."
        )
    try:
        plane: np.ndarray = page.asarray()
    except ValueError as error:
        # LZW, as Harmony writes it: tifffile itself decodes it only with imagecodecs.
        if "imagecodecs" not in str(error):
            raise
        return _read_with_pillow(page, number, file, error)
    return plane


def _read_with_pillow(
    page: tifffile.TiffPage, number: int, file: Path, error: ValueError
) -> np.ndarray:
    """Decode a page with Pillow; where it cannot, raise tifffile's `error`."""
    from PIL import Image

    try:
        with Image.open(file, formats=["TIFF"]) as picture:
            picture.seek(number)
            plane = np.array(picture)
    except Image.DecompressionBombError:
        raise error from None
    native = page.dtype.newbyteorder("=")
    if plane.shape != page.shape or plane.dtype.newbyteorder("=") != native:
        raise error
    return plane.astype(native, copy=False)


def _sentence(file: Path, error: BaseException) -> str:
    if "imagecodecs" in str(error):
        return (
            f"{file} is compressed in a way that needs a further library: run "
            f"'pip install imagecodecs' ({error})."
        )
    return (
        f"{file} is no readable TIFF, it may be truncated or damaged: copy it again or leave its "
        f"well out ({type(error).__name__}: {error})."
    )


EXPORT: StorageBackend = DiskBackend()
