from __future__ import annotations

import os

import pytest

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.files import (
    FileEntry,
    ManifestWriter,
    crc32c,
    flush,
    verify,
    write_atomically,
)


@pytest.fixture
def written(tmp_path):
    writer = ManifestWriter(tmp_path / "well")
    writer.write("zarr.json", b"{}")
    writer.write("0/c/0/0", b"pixels", seal=True)
    return writer


def test_manifest_is_computed_while_writing(written):
    assert written.entries == {
        "zarr.json": FileEntry(2, crc32c(b"{}"), False),
        "0/c/0/0": FileEntry(10, crc32c(b"pixels"), True),
    }
    assert (written.folder / "0/c/0/0").read_bytes()[:6] == b"pixels"
    flush(written.folder, written.entries)
    verify(written.folder, written.entries)


@pytest.mark.parametrize("path", ["zarr.json", "0/c/0/0"])
def test_every_flipped_bit_is_found(written, path):
    file = written.folder / path
    data = file.read_bytes()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        verify(written.folder, written.entries, content=False)
        with pytest.raises(StoreError, match="is not what was written"):
            verify(written.folder, written.entries)


def test_a_missing_an_added_and_a_shortened_file_are_named(written):
    file = written.folder / "0/c/0/0"
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    with pytest.raises(StoreError, match=r"0/c/0/0 is not what was written \(10 bytes\)"):
        verify(written.folder, written.entries, content=False)
    file.unlink()
    with pytest.raises(StoreError, match="0/c/0/0 was written but is gone"):
        verify(written.folder, written.entries)
    with pytest.raises(StoreError, match="cannot be flushed"):
        flush(written.folder, written.entries)
    file.write_bytes(data)
    (written.folder / "more").write_bytes(b"")
    with pytest.raises(StoreError, match="more was never written there"):
        verify(written.folder, written.entries)


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"file/zarr.json cannot be written: File exists"):
        ManifestWriter(tmp_path / "file").write("zarr.json", b"")
    with pytest.raises(StoreError, match=r"file/zarr.json cannot be written"):
        write_atomically(tmp_path / "file" / "zarr.json", b"")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "zarr.json"
    write_atomically(path, b"old")

    def crash(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        with pytest.raises(StoreError, match="No space left on device"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert [item.name for item in tmp_path.iterdir()] == ["zarr.json"]
    assert path.read_bytes() == b"new"
