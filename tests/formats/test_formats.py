import os
import subprocess
import sys

import pytest

from napari_openhcs import formats
from napari_openhcs.errors import PlateError, PlateNotFoundError
from napari_openhcs.formats import FORMATS, open_plate
from napari_openhcs.sample_data import write_sample_plate


def test_the_formats():
    assert set(FORMATS) >= {"imagexpress", "ome_zarr", "opera_phenix"}
    assert all(found.name == key for key, found in FORMATS.items())


def test_a_missing_path(tmp_path):
    with pytest.raises(PlateNotFoundError, match=r"There is no plate at .*nowhere"):
        open_plate(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        open_plate(str(tmp_path / "nowhere"))


def test_a_loop_of_links(tmp_path):
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    with pytest.raises(PlateNotFoundError):
        open_plate(tmp_path / "loop")


def test_a_folder_that_is_no_plate_says_what_was_found_and_expected(tmp_path):
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).touch()
    with pytest.raises(PlateError) as caught:
        open_plate(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "a.txt, b.txt, c.txt and 1 more" in message
    for found in FORMATS.values():
        assert found.title in message
    assert "\n" not in message


def test_an_empty_folder(tmp_path):
    with pytest.raises(PlateError, match="found no files"):
        open_plate(tmp_path)


def test_a_file_that_is_no_plate(tmp_path):
    (tmp_path / "README.md").touch()
    (tmp_path / "other.txt").touch()
    with pytest.raises(PlateError, match=r"The file .*README\.md is not a plate") as caught:
        open_plate(tmp_path / "README.md")
    assert "other.txt" not in str(caught.value)


def test_a_file_does_not_open_a_plate_in_a_folder_beside_it(tmp_path):
    write_sample_plate(tmp_path / "plate", wells=1, fields=1, size=64)
    (tmp_path / "README.md").touch()
    with pytest.raises(PlateError):
        open_plate(tmp_path / "README.md")


def test_a_parent_of_two_plates(tmp_path):
    for name in ("one", "two"):
        write_sample_plate(tmp_path / name, wells=1, fields=1, size=64)
    with pytest.raises(PlateError, match=r"holds 2 plates \(one, two\): open one"):
        open_plate(tmp_path)


def test_a_plate_two_levels_down(tmp_path):
    plate = write_sample_plate(tmp_path / "2024-07-09" / "4711", wells=1, fields=1, size=64)
    assert open_plate(tmp_path).root == plate.path


def test_hidden_folders_and_links_are_not_looked_into(tmp_path):
    write_sample_plate(tmp_path / "a" / ".hidden", wells=1, fields=1, size=64)
    os.symlink(tmp_path / "a" / ".hidden", tmp_path / "a" / "link")
    with pytest.raises(PlateError, match="known format"):
        open_plate(tmp_path / "a")


def test_a_link_to_a_plate_opens_the_plate(tmp_path):
    plate = write_sample_plate(tmp_path / "plate", wells=1, fields=1, size=64)
    os.symlink(plate.path, tmp_path / "link")
    assert open_plate(tmp_path / "link").root == plate.path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o000)
    with pytest.raises(PlateError, match="may not be read"):
        open_plate(folder)


def test_a_new_format_is_one_file(tmp_path, monkeypatch):
    source = """
from pathlib import Path
from napari_openhcs.formats.base import PlateDraft, build_plate
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource

class Dummy:
    name = title = expects = "dummy_format"
    def recognises(self, path):
        return (path / "dummy.txt").exists()
    def read(self, path):
        draft = PlateDraft(path, self.name, shape_yx=(1, 1), dtype="uint8")
        draft.channels = [Channel("1", "one")]
        draft.add(PlaneKey("A01", "1", "1", 0, 0), PlaneSource("dummy.txt"))
        return build_plate(draft)

EXPORT = Dummy()
"""
    (tmp_path / "dummy_format.py").write_text(source)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    FORMATS.refresh()
    try:
        plate = tmp_path / "plate"
        plate.mkdir()
        (plate / "dummy.txt").touch()
        assert open_plate(plate).format == "dummy_format"
    finally:
        monkeypatch.undo()
        FORMATS.refresh()
    assert "dummy_format" not in FORMATS


def test_opening_a_plate_loads_nothing_heavy(tmp_path):
    write_sample_plate(tmp_path / "plate", wells=1, fields=1, size=64)
    code = (
        "import sys; from napari_openhcs.formats import open_plate; open_plate(sys.argv[1]);"
        "bad = {'skimage', 'torch', 'zarr', 'dask', 'qtpy', 'napari', 'scipy'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "plate")], check=True)


def test_a_broken_format_of_others_does_no_harm(tmp_path, monkeypatch):
    point = ("aaa", "no_such_module:EXPORT")
    monkeypatch.setattr("napari_openhcs.registry.entry_points", lambda group: [point])
    FORMATS.refresh()
    try:
        write_sample_plate(tmp_path / "plate", wells=1, fields=1, channels=1, size=64)
        assert open_plate(tmp_path / "plate").wells == ("A01",)
        (tmp_path / "other").mkdir()
        with pytest.raises(PlateError, match=r"known format: .* 'aaa' .* cannot be imported"):
            open_plate(tmp_path / "other")
    finally:
        monkeypatch.undo()
        FORMATS.refresh()


def test_a_path_with_a_zero_byte():
    with pytest.raises(PlateNotFoundError, match="There is no plate"):
        open_plate("/tmp/a\0b")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_no_text(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/pl\xff")
    write_sample_plate(folder, wells=1, fields=1, channels=1, size=64)
    with pytest.raises(PlateError, match="name that is not valid text"):
        open_plate(folder)
