"""Durable writing, and the manifest by which a written well is verified."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from napari_openhcs.errors import StoreError

__all__ = [
    "FileEntry",
    "Manifest",
    "ManifestWriter",
    "flush",
    "flush_folder",
    "verify",
    "write_atomically",
]


class FileEntry(NamedTuple):
    """What a file of a well was when it was written.

    Attributes
    ----------
    size : int
        Bytes.
    checksum : int
        CRC-32C of the file; of all but its last four bytes when `sealed`.
    sealed : bool
        The file ends in its own little-endian CRC-32C, as the ``crc32c`` codec of Zarr 3
        writes it; the checksum of a chunk is so computed once for codec and manifest.
    """

    size: int
    checksum: int
    sealed: bool = False


Manifest = Mapping[str, FileEntry]
"""Files of a well by path relative to the well's group, with ``/``."""


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of `data`."""
    import google_crc32c  # owned by this file; loaded on first use, start-up is light

    value: int = google_crc32c.value(data)
    return value


class ManifestWriter:
    """Writes files below a folder and keeps their manifest.

    Parameters
    ----------
    folder : Path
        Made when it is not there.  One writer only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, FileEntry] = {}
        self._made: set[Path] = set()

    def write(self, path: str, data: bytes, *, seal: bool = False) -> None:
        """Write one file.

        Parameters
        ----------
        path : str
            Relative to the folder, with ``/``.
        data : bytes
        seal : bool
            Append the CRC-32C of `data`.

        Raises
        ------
        StoreError
            The file cannot be written (no space, no right); the message has the reason.
        """
        target = self.folder / path
        checksum = crc32c(data)
        try:
            if target.parent not in self._made:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(target.parent)
            with target.open("wb", buffering=0) as file:
                _write_all(file.fileno(), data)
                if seal:
                    _write_all(file.fileno(), checksum.to_bytes(4, "little"))
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror}.") from error
        self.entries[path] = FileEntry(len(data) + 4 * seal, checksum, seal)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def flush(folder: Path, manifest: Manifest) -> None:
    """Bring the files of a manifest, and the folders they lie in, to the disk itself.

    Raises
    ------
    StoreError
        A file is not there or cannot be flushed.
    """
    folders = {folder}
    for path in manifest:
        folders.update(_parents(folder, path))
        _fsync(folder / path)
    for item in folders:
        flush_folder(item)


def _parents(folder: Path, path: str) -> Iterator[Path]:
    parent = (folder / path).parent
    while parent != folder:
        yield parent
        parent = parent.parent


def _fsync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{path} cannot be flushed to disk: {error.strerror}.") from error


def flush_folder(path: Path) -> None:
    """Bring what was made or renamed in a folder to the disk itself.

    Raises
    ------
    StoreError
    """
    if os.name != "nt":  # Windows has no handle for folders; it orders renames itself
        _fsync(path)


def verify(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Check that a folder holds exactly the files of a manifest.

    Parameters
    ----------
    folder : Path
    manifest : mapping of str to FileEntry
    content : bool
        Read every file and compare its checksum; otherwise only sizes are compared.

    Raises
    ------
    StoreError
        A file is missing, is not in the manifest, or differs; the message names it.
    """
    found = {
        (Path(root) / name).relative_to(folder).as_posix()
        for root, _, names in os.walk(folder)
        for name in names
    }
    for path in sorted(found ^ manifest.keys()):
        what = "was never written there" if path in found else "was written but is gone"
        raise StoreError(f"{folder / path} {what}: run this well again.")
    for path, entry in manifest.items():
        if not _matches(folder / path, entry, content):
            raise StoreError(
                f"{folder / path} is not what was written ({entry.size} bytes): the disk may be "
                "failing; run this well again."
            )


def _matches(path: Path, entry: FileEntry, content: bool) -> bool:
    if path.stat().st_size != entry.size:
        return False
    if not content:
        return True
    data = path.read_bytes()
    if entry.sealed:
        seal = int.from_bytes(data[-4:], "little")
        return seal == entry.checksum and crc32c(data[:-4]) == entry.checksum
    return crc32c(data) == entry.checksum


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old or the new one, also after a crash.

    There must be one writer only: the temporary file beside it has a fixed name, so that
    a crash leaves at most one and the next write takes it over.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    flush_folder(path.parent)
