"""A lazy array over the chunks of one level of an image.

Chunks are decoded here as :mod:`~napari_openhcs.ome_zarr.codecs` wrote them, in a fraction of
the time a general Zarr library takes to open an array; what is encoded in another way is
read through the ``zarr`` backend of :mod:`napari_openhcs.storage`.  Either way a chunk that
is missing or damaged is an error and never a black image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.ome_zarr.codecs import UnknownCodecError, decode
from napari_openhcs.ome_zarr.nodes import read_node
from napari_openhcs.storage import BACKENDS, LazyStack, PlaneCache

__all__ = ["ArrayFile", "open_array", "open_level"]

_NUMBERS = "biuf"


@dataclass(frozen=True)
class ArrayFile:
    """One Zarr array on disk.

    Attributes
    ----------
    folder : Path
    shape, chunks : tuple of int
    dtype : dtype
        As on disk, byte order included.
    codecs : tuple of mapping or None
        In the order of encoding; None where only a full Zarr library can decode.
    prefix, separator : str
        How the names of chunks are made.
    """

    folder: Path
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    codecs: tuple[Mapping[str, Any], ...] | None
    prefix: str
    separator: str

    def read_plane(self, selection: tuple[int, ...]) -> np.ndarray:
        """Read one (Y, X) plane.

        Parameters
        ----------
        selection : tuple of int
            The indices before Y and X.

        Raises
        ------
        StoreError
            A chunk is missing or damaged; the message names its file.
        """
        if self.codecs is None:
            return self._read_through_zarr(selection)
        plane = np.empty(self.shape[-2:], self.dtype.newbyteorder("="))
        leading = tuple(i // size for i, size in zip(selection, self.chunks, strict=False))
        inside = tuple(i % size for i, size in zip(selection, self.chunks, strict=False))
        rows, columns = self.chunks[-2:]
        tiles = (range(-(-n // size)) for n, size in zip(plane.shape, (rows, columns), strict=True))
        for row, column in product(*tiles):
            try:
                chunk = self._read_chunk((*leading, row, column))
            except UnknownCodecError:
                return self._read_through_zarr(selection)
            target = plane[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            target[...] = chunk[inside][: target.shape[0], : target.shape[1]]
        return plane

    def _read_through_zarr(self, selection: tuple[int, ...]) -> np.ndarray:
        try:
            return BACKENDS["zarr"].read(str(self.folder), selection)
        except ImageReadError as error:
            raise StoreError(str(error)) from error

    def _read_chunk(self, index: Sequence[int]) -> np.ndarray:
        path = self.folder / f"{self.prefix}{self.separator.join(map(str, index))}"
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StoreError(
                f"{path} is missing: restore it or run its well again; a missing chunk is not "
                "shown as black."
            ) from error
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            elements = np.frombuffer(decode(data, self.codecs or ()), self.dtype)
            return elements.reshape(self.chunks)
        except (ValueError, RuntimeError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): restore it or run its well again."
            ) from error


def open_array(folder: Path) -> ArrayFile:
    """Read the metadata of an array of either Zarr format.

    Raises
    ------
    StoreError
        There is no array, or its metadata is damaged.
    """
    node = read_node(folder)
    if node is None or node.get("node_type") != "array":
        raise StoreError(
            f"{folder} is no Zarr array: expected zarr.json or .zarray; restore it or run its well "
            "again."
        )
    try:
        array = _from_zarr3(folder, node) if node["zarr_format"] == 3 else _from_zarr2(folder, node)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"The metadata of {folder} is damaged ({error}).") from error
    if len(array.shape) < 2 or len(array.chunks) != len(array.shape) or 0 in array.chunks:
        raise StoreError(
            f"{folder} has shape {array.shape} and chunks {array.chunks}: expected rows and "
            "columns, and as many chunk sizes as axes."
        )
    return array


def _sizes(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _from_zarr3(folder: Path, node: Mapping[str, Any]) -> ArrayFile:
    grid = node["chunk_grid"]["configuration"]["chunk_shape"]
    keys = node["chunk_key_encoding"]
    plain = keys["name"] == "default"
    separator = keys.get("configuration", {}).get("separator", "/" if plain else ".")
    codecs = tuple(node["codecs"])
    order = ""
    for codec in codecs:
        if codec["name"] == "bytes":
            order = codec.get("configuration", {}).get("endian", "little")
    dtype = np.dtype(node["data_type"]).newbyteorder("<" if order in ("little", "") else ">")
    known = codecs if codecs and codecs[0]["name"] == "bytes" and dtype.kind in _NUMBERS else None
    prefix = f"c{separator}" if plain else ""
    return ArrayFile(folder, _sizes(node["shape"]), _sizes(grid), dtype, known, prefix, separator)


def _from_zarr2(folder: Path, node: Mapping[str, Any]) -> ArrayFile:
    dtype = np.dtype(node["dtype"])
    simple = node["order"] == "C" and not node["filters"] and dtype.kind in _NUMBERS
    compressor = node["compressor"]
    chain = () if compressor is None else ({**compressor, "name": compressor["id"]},)
    codecs = chain if simple else None
    separator = node.get("dimension_separator", ".")
    return ArrayFile(
        folder, _sizes(node["shape"]), _sizes(node["chunks"]), dtype, codecs, "", separator
    )


def open_level(folder: Path, cache: PlaneCache | None = None) -> LazyStack[tuple[str, Any]]:
    """Return one level of an image as a lazy array.

    Parameters
    ----------
    folder : Path
        Of the array.
    cache : PlaneCache, optional
        Shared with other levels and images; by default one of its own.

    Raises
    ------
    StoreError
        There is no array, or its metadata is damaged; later, on access, also where a chunk
        is missing or damaged.
    """
    array = open_array(folder)
    key = str(folder)
    planes = tuple((key, place) for place in np.ndindex(array.shape[:-2]))
    return LazyStack(
        planes,
        array.shape[:-2],
        (array.shape[-2], array.shape[-1]),
        array.dtype.newbyteorder("="),
        lambda plane: array.read_plane(plane[1]),
        cache=cache,
    )
