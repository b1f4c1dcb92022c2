"""How a plane becomes a chunk on disk, and back: compression and checksums.

======== ================================= ======================================
name     Zarr 3 (OME-NGFF 0.5)             Zarr 2 (OME-NGFF 0.4)
======== ================================= ======================================
lz4      Blosc LZ4 with shuffle, crc32c    Zstandard at level 1 with its checksum
zstd     Blosc Zstandard, shuffle, crc32c  Zstandard with its checksum
gzip     gzip, crc32c                      gzip (has a CRC-32)
none     crc32c                            no compression **and no checksum**
======== ================================= ======================================

Zarr 2 has no checksum that its readers know, so Blosc, whose chunks have none either,
is not used there: a flipped bit would read as a wrong pixel.  Zstandard's own checksum is
in its frame and every decoder verifies it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.files import crc32c

__all__ = ["COMPRESSORS", "Codec", "UnknownCodecError", "decode", "make_codec"]

COMPRESSORS = ("lz4", "zstd", "gzip", "none")

_BLOSC_ZSTD_LEVEL_MAX = 9


class UnknownCodecError(StoreError):
    """A chunk is encoded by a codec that only a full Zarr library may know."""


@dataclass(frozen=True)
class Codec:
    """One way to encode chunks.

    Attributes
    ----------
    compressor : str
        One of :data:`COMPRESSORS`.
    level : int
        1 (fast) to 9 (small).
    zarr_format : int
        2 or 3.
    """

    compressor: str
    level: int
    zarr_format: int

    @property
    def sealed(self) -> bool:
        """Whether the CRC-32C of an encoded chunk is appended to it."""
        return self.zarr_format == 3

    def encode(self, chunk: NDArray[Any]) -> bytes:
        """Return a C-contiguous chunk as bytes, without the appended CRC-32C.

        Parameters
        ----------
        chunk : ndarray
            Little-endian.
        """
        if self.compressor == "none":
            return chunk.tobytes()
        if self.compressor == "gzip":
            return zlib.compress(chunk.data, self.level, wbits=31)
        import numcodecs  # loaded on first use: start-up is light

        if self.zarr_format == 2:
            level = 1 if self.compressor == "lz4" else self.level
            return bytes(numcodecs.Zstd(level, checksum=True).encode(chunk))
        name = self.compressor.encode()
        shuffle = numcodecs.blosc.SHUFFLE
        encoded: bytes = numcodecs.blosc.compress(chunk, name, self.level, shuffle)
        return encoded

    def metadata(self, dtype: np.dtype[Any]) -> Any:
        """Return the ``codecs`` of a Zarr 3 array, or the ``compressor`` of a Zarr 2 array."""
        if self.zarr_format == 2:
            return self._zarr2()
        chain: list[dict[str, Any]] = [_codec("bytes", endian="little")]
        if dtype.itemsize == 1:
            chain = [{"name": "bytes"}]
        if self.compressor == "gzip":
            chain.append(_codec("gzip", level=self.level))
        elif self.compressor != "none":
            blosc = _codec(
                "blosc",
                typesize=dtype.itemsize,
                cname=self.compressor,
                clevel=self.level,
                shuffle="shuffle",
                blocksize=0,
            )
            chain.append(blosc)
        return [*chain, {"name": "crc32c"}]

    def _zarr2(self) -> dict[str, Any] | None:
        if self.compressor == "none":
            return None
        if self.compressor == "gzip":
            return {"id": "gzip", "level": self.level}
        # Without "checksum": true, which older readers refuse; decoders look at the frame.
        return {"id": "zstd", "level": 1 if self.compressor == "lz4" else self.level}


def _codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def make_codec(compressor: str, level: int, zarr_format: int) -> Codec:
    """Return a codec.

    Raises
    ------
    StoreError
        No such compressor or level.
    """
    if compressor not in COMPRESSORS:
        raise StoreError(
            f"'{compressor}' is not a compressor: expected one of {', '.join(COMPRESSORS)}."
        )
    if not 1 <= level <= _BLOSC_ZSTD_LEVEL_MAX:
        raise StoreError(f"Compression level {level} is not from 1 (fast) to 9 (small).")
    return Codec(compressor, level, zarr_format)


def decode(data: bytes, chain: Sequence[Mapping[str, Any]]) -> bytes:
    """Undo a chain of codecs.

    Parameters
    ----------
    data : bytes
        The chunk's file.
    chain : sequence of mapping
        ``codecs`` of a Zarr 3 array in the order of encoding; the compressor of a Zarr 2
        array as ``{"name": id}``.

    Returns
    -------
    bytes
        The elements in C order; byte order is the caller's matter.

    Raises
    ------
    UnknownCodecError
        The chain has a codec that is not known here.
    ValueError, RuntimeError
        The chunk is damaged.
    """
    for codec in reversed(chain):
        data = _decode_one(data, str(codec["name"]))
    return data


def _decode_one(data: bytes, name: str) -> bytes:
    if name == "bytes":
        return data
    if name == "crc32c":
        body, seal = data[:-4], data[-4:]
        if crc32c(body) != int.from_bytes(seal, "little") or len(seal) < 4:
            raise ValueError("its checksum does not match")
        return body
    if name in ("gzip", "zlib"):
        try:
            return zlib.decompress(data, wbits=31 if name == "gzip" else 15)
        except zlib.error as error:
            raise ValueError(str(error)) from error
    if name in ("blosc", "zstd"):
        import numcodecs  # loaded on first use: start-up is light

        module = numcodecs.blosc if name == "blosc" else numcodecs.zstd
        return bytes(module.decompress(data))
    raise UnknownCodecError(f"Codec '{name}' is not known.")
