import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.storage.zarr import ZarrBackend
from napari_openhcs.testing.storage import StorageBackendTests


class TestZarrBackend(StorageBackendTests):
    @pytest.fixture
    def backend(self, tmp_path):
        return ZarrBackend(tmp_path / "root")


DATA = np.arange(2 * 3 * 20 * 30, dtype="uint16").reshape(2, 3, 20, 30)


@pytest.fixture(params=[(2, {}), (3, {}), (3, {"shards": (1, 3, 20, 30)})])
def array(request, tmp_path):
    zarr_format, options = request.param
    path = tmp_path / "0"
    zarr.create_array(
        path,
        data=DATA,
        chunks=(1, 1, 10, 30),
        zarr_format=zarr_format,
        config={"write_empty_chunks": True},
        **options,
    )
    return path


def chunk_files(path: Path) -> list[Path]:
    metadata = ("zarr.json", ".zarray", ".zattrs")
    return sorted(f for f in path.rglob("*") if f.is_file() and f.name not in metadata)


def test_reads_the_selected_plane(array):
    backend = ZarrBackend()
    for c in range(2):
        for z in range(3):
            np.testing.assert_array_equal(backend.read(str(array), (c, z)), DATA[c, z])


def test_a_missing_or_empty_chunk_is_an_error_and_not_a_black_image(array):
    lost = chunk_files(array)[-1]
    content = lost.read_bytes()
    backend = ZarrBackend()
    for damage in (lambda: lost.write_bytes(b""), lost.unlink):
        damage()
        with pytest.raises(ImageReadError, match="lacks chunk"):
            backend.read(str(array), (1, 2))
        np.testing.assert_array_equal(backend.read(str(array), (0, 0)), DATA[0, 0])
    lost.write_bytes(content)
    np.testing.assert_array_equal(backend.read(str(array), (1, 2)), DATA[1, 2])


def test_a_truncated_chunk_is_an_error(array):
    lost = chunk_files(array)[-1]
    lost.write_bytes(lost.read_bytes()[:-7])
    with pytest.raises(ImageReadError, match="damaged"):
        ZarrBackend().read(str(array), (1, 2))


def test_what_it_writes_is_checksummed(tmp_path):
    backend = ZarrBackend(tmp_path)
    backend.write("plane", DATA[0, 0])
    (chunk,) = chunk_files(tmp_path / "plane")
    content = bytearray(chunk.read_bytes())
    for place in range(0, len(content), 37):
        damaged = content.copy()
        damaged[place] ^= 4
        chunk.write_bytes(damaged)
        with pytest.raises(ImageReadError):
            backend.read("plane")


@pytest.mark.parametrize("selection", [(), (0,), (0, 0, 0), (2, 0), (0, -1)])
def test_a_selection_that_leaves_no_plane_is_refused(array, selection):
    with pytest.raises(ImageReadError, match="shape"):
        ZarrBackend().read(str(array), selection)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"zarr_format": 3, "node_type": "array"}'])
def test_damaged_metadata_is_refused_with_the_path(tmp_path, text):
    (tmp_path / "img").mkdir()
    for name in ("zarr.json", ".zarray"):
        (tmp_path / "img" / name).write_text(text)
        with pytest.raises(ImageReadError, match="img"):
            ZarrBackend().read(str(tmp_path / "img"))
        (tmp_path / "img" / name).unlink()


def test_an_array_that_changed_is_opened_again(tmp_path):
    backend = ZarrBackend()
    path = str(tmp_path / "0")
    backend.write(path, np.ones((4, 5), "uint8"))
    backend.read(path)
    backend.write(path, np.ones((6, 7), "uint8"))
    assert backend.read(path).shape == (6, 7)


def test_opened_arrays_are_kept(array, monkeypatch):
    backend = ZarrBackend()
    backend.read(str(array), (0, 0))
    monkeypatch.setattr(zarr, "open_array", None)
    np.testing.assert_array_equal(backend.read(str(array), (1, 1)), DATA[1, 1])


def test_a_group_is_no_array(tmp_path):
    zarr.create_group(tmp_path / "group")
    backend = ZarrBackend()
    assert not backend.exists(str(tmp_path / "group"))
    with pytest.raises(ImageReadError, match="group"):
        backend.read(str(tmp_path / "group"))


def test_empty_chunks_are_written(tmp_path):
    ZarrBackend(tmp_path).write("black", np.zeros((3, 4), "uint8"))
    assert len(chunk_files(tmp_path / "black")) == 1
    metadata = json.loads((tmp_path / "black" / "zarr.json").read_text())
    assert metadata["codecs"][-1]["name"] == "crc32c"


def test_a_failed_write_leaves_what_was_there_and_no_rest(tmp_path, monkeypatch):
    backend = ZarrBackend(tmp_path)
    backend.write("plane", np.ones((2, 3), "u2"))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zarr, "create_array", full)
    with pytest.raises(StoreError, match="No space left"):
        backend.write("plane", np.zeros((2, 3), "u2"))
    monkeypatch.undo()
    assert backend.read("plane").all()
    assert [item.name for item in tmp_path.iterdir()] == ["plane"]


def test_reads_a_real_plate(real_data):
    (plate,) = real_data("omezarr-cardiomyocyte").glob("*.zarr")
    plane = ZarrBackend(plate).read("B/03/0/1", (0, 0))
    assert (plane.shape, plane.dtype) == ((1080, 2560), np.uint16)
    assert plane.mean() > 0
