"""The virtual file system: where arrays lie, whatever they lie in.

A *backend* is a kind of storage; each is one file here and one entry of :data:`BACKENDS`:
``memory`` (a dictionary), ``disk`` (TIFF), ``zarr`` (one YX plane of a Zarr 2 or 3
array).  All speak :class:`~napari_openhcs.storage.base.StorageBackend`.  An entry takes any
absolute path; :meth:`~napari_openhcs.storage.base.StorageBackend.rooted` gives one that stays
inside a folder.  :class:`VirtualFileSystem` joins the rooted backends of one folder behind a
name and a path; :class:`LazyStack` shows many planes as one array without loading
them.  A backend is added by one more file, or by another distribution through the
entry-point group ``napari_openhcs.storage``.

Every plane that is read is complete or an :class:`~napari_openhcs.errors.ImageReadError`:
a missing chunk is never a black image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.plan import PlannedPlane
from napari_openhcs.registry import LazyRegistry
from napari_openhcs.storage.base import StorageBackend
from napari_openhcs.storage.lazy import LazyStack, PlaneCache

__all__ = [
    "BACKENDS",
    "LazyStack",
    "PlaneCache",
    "StorageBackend",
    "VirtualFileSystem",
    "read_plane",
]

BACKENDS: LazyRegistry[StorageBackend] = LazyRegistry(
    "napari_openhcs.storage", "napari_openhcs.storage", not_entries=("base", "lazy")
)
"""Backends by name."""


def read_plane(planned: PlannedPlane) -> np.ndarray:
    """Read one raw plane.

    Parameters
    ----------
    planned : PlannedPlane
        Only `path` (absolute), `selection` and `backend` are looked at.

    Returns
    -------
    ndarray, (Y, X)
        In the machine's byte order.

    Raises
    ------
    ImageReadError
        The file or chunk is missing, truncated or no plane; the sentence names it.
    """
    if planned.backend not in BACKENDS:
        raise ImageReadError(
            f"{planned.path} cannot be read: there is no storage backend '{planned.backend}', "
            f"only {', '.join(BACKENDS)}."
        )
    return BACKENDS[planned.backend].read(planned.path, planned.selection)


class VirtualFileSystem:
    """One folder seen through every backend: a backend's name and a path say where.

    The same path can exist in several backends at once; they do not see each other.
    A backend is opened when it is first used.

    Parameters
    ----------
    root : path
        Folder that no path leaves; created by the first write to disk.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._backends: dict[str, StorageBackend] = {}

    def backend(self, name: str) -> StorageBackend:
        """Return this folder's backend of a name.

        Raises
        ------
        StoreError
            There is no such backend.
        """
        if name not in self._backends:
            if name not in BACKENDS:
                raise StoreError(
                    f"There is no storage backend '{name}': expected one of {', '.join(BACKENDS)}."
                )
            self._backends[name] = BACKENDS[name].rooted(self.root)
        return self._backends[name]

    def read(self, backend: str, path: str, selection: tuple[int, ...] = ()) -> np.ndarray:
        """Return one plane; see :meth:`StorageBackend.read`."""
        return self.backend(backend).read(path, selection)

    def write(self, backend: str, path: str, array: np.ndarray) -> None:
        """Store an array; see :meth:`StorageBackend.write`."""
        self.backend(backend).write(path, array)

    def exists(self, backend: str, path: str) -> bool:
        """Whether an array is stored at `path` in this backend."""
        return self.backend(backend).exists(path)

    def delete(self, backend: str, path: str) -> None:
        """Remove an array; one that is not there is no error."""
        self.backend(backend).delete(path)

    def list(self, backend: str, path: str = "") -> tuple[str, ...]:
        """Return the paths directly below `path` in this backend, in natural order."""
        return self.backend(backend).list(path)
