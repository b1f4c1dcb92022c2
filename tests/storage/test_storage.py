import subprocess
import sys

import numpy as np
import pytest

from napari_openhcs import storage
from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.plan import PlannedPlane
from napari_openhcs.storage import BACKENDS, StorageBackend, VirtualFileSystem, read_plane
from napari_openhcs.storage.base import lies_inside


def planned(path, backend, selection=()):
    return PlannedPlane("1", "1", 0, 0, str(path), selection, backend)


def test_the_backends_are_the_files_of_the_room():
    assert set(BACKENDS) == {"disk", "memory", "zarr"}
    for name, backend in BACKENDS.items():
        assert isinstance(backend, StorageBackend)
        assert backend.name == name


@pytest.mark.parametrize("backend", ["disk", "zarr"])
def test_reads_a_planned_plane(tmp_path, backend):
    plane = np.arange(12, dtype="uint16").reshape(3, 4)
    path = tmp_path / "plane"
    BACKENDS[backend].write(str(path), plane)
    np.testing.assert_array_equal(read_plane(planned(path, backend)), plane)


def test_errors_name_the_path(tmp_path):
    with pytest.raises(ImageReadError, match=r"A01\.tif"):
        read_plane(planned(tmp_path / "A01.tif", "disk"))
    with pytest.raises(ImageReadError, match=r"A01\.czi.*'tape'.*disk, memory, zarr"):
        read_plane(planned(tmp_path / "A01.czi", "tape"))


def test_the_virtual_file_system_keeps_backends_apart(tmp_path):
    files = VirtualFileSystem(tmp_path)
    for value, backend in enumerate(BACKENDS):
        files.write(backend, f"01_smooth/{backend}_only", np.full((2, 3), value))
        assert files.exists(backend, f"01_smooth/{backend}_only")
    for value, backend in enumerate(BACKENDS):
        assert (files.read(backend, f"01_smooth/{backend}_only") == value).all()
    assert files.list("memory", "01_smooth") == ("01_smooth/memory_only",)
    assert not files.exists("memory", "01_smooth/disk_only")
    files.delete("memory", "01_smooth/memory_only")
    assert not files.exists("memory", "01_smooth/memory_only")
    with pytest.raises(StoreError, match="'tape'"):
        files.backend("tape")
    assert VirtualFileSystem(tmp_path).list("memory") == ()


def test_importing_the_room_loads_neither_zarr_nor_tifffile():
    code = (
        "import sys, napari_openhcs.storage; "
        "print([m for m in ('zarr', 'tifffile', 'torch', 'skimage') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_backend_is_added_by_one_file(tmp_path, monkeypatch):
    (tmp_path / "tape.py").write_text(
        "from napari_openhcs.storage.memory import MemoryBackend\n"
        "class Tape(MemoryBackend):\n"
        "    name = 'tape'\n"
        "EXPORT = Tape()\n"
    )
    monkeypatch.setattr(storage, "__path__", [*storage.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "napari_openhcs.storage.tape", raising=False)
    BACKENDS.refresh()
    try:
        files = VirtualFileSystem(tmp_path)
        files.write("tape", "plane", np.ones((2, 3)))
        assert files.read("tape", "plane").all()
    finally:
        monkeypatch.undo()
        BACKENDS.refresh()
    assert "tape" not in BACKENDS


def test_lies_inside(tmp_path):
    (tmp_path / "plate").mkdir()
    (tmp_path / "plate2").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "plate")
    assert lies_inside(tmp_path / "plate", tmp_path / "plate")
    assert lies_inside(tmp_path / "plate", tmp_path / "plate" / "a.tif")
    assert lies_inside(tmp_path / "plate", tmp_path / "link" / "a.tif")
    assert not lies_inside(tmp_path / "plate", tmp_path / "plate2" / "a.tif")
    assert not lies_inside(tmp_path / "plate", tmp_path / "plate" / ".." / "a.tif")
