from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.codecs import COMPRESSORS, UnknownCodecError, decode, make_codec
from napari_openhcs.ome_zarr.files import crc32c


def _chain(codec, dtype):
    metadata = codec.metadata(dtype)
    if codec.zarr_format == 3:
        return metadata
    return [] if metadata is None else [{"name": metadata["id"]}]


def _encode(codec, chunk):
    data = codec.encode(chunk)
    return data + crc32c(data).to_bytes(4, "little") if codec.sealed else data


@pytest.mark.parametrize("zarr", [2, 3])
@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_chunks_come_back(compressor, zarr, dtype):
    chunk = np.random.default_rng(0).integers(0, 50, (40, 30)).astype(dtype)
    codec = make_codec(compressor, 5, zarr)
    data = decode(_encode(codec, chunk), _chain(codec, chunk.dtype))
    np.testing.assert_array_equal(np.frombuffer(data, dtype).reshape(chunk.shape), chunk)


@pytest.mark.parametrize(
    ("compressor", "zarr"),
    [(name, zarr) for name in COMPRESSORS for zarr in (2, 3) if (name, zarr) != ("none", 2)],
)
def test_no_flipped_bit_gives_other_pixels(compressor, zarr):
    chunk = np.random.default_rng(1).integers(0, 9, (16, 16)).astype("uint16")
    codec = make_codec(compressor, 5, zarr)
    good = _encode(codec, chunk)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            data = decode(bytes(bad), _chain(codec, chunk.dtype))
        except (ValueError, RuntimeError):
            continue
        assert data == chunk.tobytes()  # a bit that means nothing, such as gzip's time stamp


def test_what_is_not_known_is_refused():
    with pytest.raises(StoreError, match="'lzma' is not a compressor: expected one of lz4, zstd"):
        make_codec("lzma", 5, 3)
    with pytest.raises(StoreError, match="level 0 is not from 1"):
        make_codec("lz4", 0, 3)
    with pytest.raises(UnknownCodecError):
        decode(b"", [{"name": "sharding_indexed"}])
