from __future__ import annotations

import json
import random

import numpy as np
import pytest
import zarr

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.arrays import open_array, open_level


def _chunks(plate):
    return sorted(
        path
        for path in plate.rglob("*")
        if path.is_file() and path.name.isdigit() and "A/01" in path.as_posix()
    )


def test_the_array_is_what_zarr_reads(shared_plate):
    for name in ("0/0", "0/1", "1/labels/Nuclei/0"):
        folder = shared_plate / "A/01" / name
        level = open_level(folder)
        whole = zarr.open_array(folder, mode="r")
        assert (level.shape, level.dtype) == (whole.shape, whole.dtype)
        np.testing.assert_array_equal(np.asarray(level), whole[...])
        np.testing.assert_array_equal(level[0, ..., 10:20, ::3], whole[0, ..., 10:20, ::3])


def test_a_missing_chunk_is_an_error_and_not_black(own_plate):
    chunk = _chunks(own_plate)[0]
    chunk.unlink()
    level = open_level(own_plate / "A/01/0/0")
    with pytest.raises(StoreError, match="is missing: restore it or run its well again") as error:
        level[0, 0, 0]
    assert str(chunk) in str(error.value)
    assert level[0, 1, 1].any()


def _array_of(chunk):
    """Return the folder of a chunk's array and the plane the chunk is."""
    named = ("zarr.json", ".zarray")
    folder = next(path for path in chunk.parents if any((path / name).exists() for name in named))
    parts = chunk.relative_to(folder).parts
    return folder, tuple(int(part) for part in parts if part != "c")[:-2]


def test_flipped_bits_never_give_other_pixels(own_plate):
    generator = random.Random(0)
    chunks = _chunks(own_plate)
    for _ in range(120):
        chunk = generator.choice(chunks)
        folder, place = _array_of(chunk)
        good = open_level(folder)[place]
        data = chunk.read_bytes()
        flipped = bytearray(data)
        bit = generator.randrange(8 * len(data))
        flipped[bit // 8] ^= 1 << bit % 8
        chunk.write_bytes(flipped)
        # The second is how other readers see it; a few bits of a Zstandard frame mean nothing.
        for read in (open_level(folder).__getitem__, zarr.open_array(folder, mode="r").__getitem__):
            try:
                pixels = read(place)
            except (StoreError, RuntimeError, ValueError):
                continue
            np.testing.assert_array_equal(pixels, good)
        chunk.write_bytes(data)


@pytest.mark.parametrize("size", [0, 3, 200])
def test_a_truncated_chunk_is_an_error(own_plate, size):
    chunk = _chunks(own_plate)[0]
    chunk.write_bytes(chunk.read_bytes()[:size])
    with pytest.raises(StoreError, match="is damaged"):
        open_level(own_plate / "A/01/0/0")[0, 0, 0]


@pytest.mark.parametrize("options", [
    {"shards": (1, 20, 20), "chunks": (1, 10, 10)},
    {"zarr_format": 2, "chunks": (2, 7, 9), "order": "F"},
    {"zarr_format": 2, "chunks": (2, 7, 9), "dtype": ">u2"},
    {"chunks": (2, 7, 9), "chunk_key_encoding": {"name": "v2", "separator": "."}},
    {"chunks": (2, 7, 9), "serializer": zarr.codecs.BytesCodec(endian="big")},
    {"chunks": (1, 30, 40), "filters": [zarr.codecs.TransposeCodec(order=(2, 1, 0))]},
])  # fmt: skip
def test_arrays_of_other_writers_are_read_too(tmp_path, options):
    data = np.random.default_rng(0).integers(0, 999, (3, 30, 40)).astype("uint16")
    options = {"dtype": "uint16", **options}
    array = zarr.create_array(tmp_path / "array", shape=data.shape, **options)
    array[...] = data
    level = open_level(tmp_path / "array")
    np.testing.assert_array_equal(np.asarray(level), data)
    assert level.dtype == np.uint16
    victim = max(
        (path for path in (tmp_path / "array").rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    victim.unlink()
    with pytest.raises(StoreError):
        np.asarray(open_level(tmp_path / "array"))


def test_what_is_no_array_is_refused(tmp_path, shared_plate):
    with pytest.raises(StoreError, match=r"is no Zarr array: expected zarr.json or .zarray"):
        open_array(tmp_path)
    with pytest.raises(StoreError, match="is no Zarr array"):
        open_array(shared_plate)
    zarr.create_array(tmp_path / "line", shape=(3,), dtype="uint8")
    with pytest.raises(StoreError, match=r"has shape \(3,\) and chunks"):
        open_array(tmp_path / "line")


def test_damaged_metadata_is_one_sentence(own_plate):
    folder = own_plate / "A/01/0/0"
    path = next(folder / name for name in ("zarr.json", ".zarray") if (folder / name).exists())
    node = json.loads(path.read_bytes())
    needed = {"shape", "data_type", "dtype", "chunk_grid", "chunks", "chunk_key_encoding", "codecs"}
    for key in needed & node.keys():
        path.write_text(json.dumps({name: node[name] for name in node if name != key}))
        with pytest.raises(StoreError, match="is damaged"):
            open_array(folder)
