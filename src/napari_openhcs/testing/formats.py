"""Tests that every microscope format passes."""

# The name of a test says what it shows.
# ruff: noqa: D102

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from napari_openhcs.errors import PlateError
from napari_openhcs.formats import FORMATS, PlateFormat, open_plate
from napari_openhcs.plan import PlannedPlane
from napari_openhcs.plate import PlaneKey, Plate
from napari_openhcs.sample_data import WRITERS, write_sample_plate
from napari_openhcs.storage import read_plane

__all__ = ["FormatTests", "read_key"]


def read_key(plate: Plate, key: PlaneKey) -> np.ndarray:
    """Read a plane of a plate, (Y, X)."""
    source = plate.planes[key]
    path = str(plate.absolute_path(source))
    return read_plane(PlannedPlane(*key[1:], path, source.selection, source.backend))


def _state(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


class FormatTests:
    """Subclass it, name the format and override :meth:`write_plate` to test a format.

    A subclass is found by pytest when its name starts with ``Test``.
    """

    key: str
    """Key of the format in :data:`napari_openhcs.formats.FORMATS`."""

    def write_plate(self, folder: Path) -> Path:
        """Write a tiny plate of this format into an empty folder; return the plate's folder."""
        raise NotImplementedError

    @pytest.fixture
    def format(self) -> PlateFormat:
        """Return the format under test."""
        return FORMATS[self.key]

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return the folder of a tiny plate."""
        home = tmp_path / "own"
        home.mkdir()
        return self.write_plate(home)

    def test_has_a_name_a_title_and_an_expectation(self, format: PlateFormat) -> None:
        assert format.name == self.key
        assert format.title
        assert format.expects

    def test_recognises_its_own_plate(self, format: PlateFormat, folder: Path) -> None:
        assert format.recognises(folder)
        assert open_plate(folder).format == self.key

    def test_refuses_an_empty_folder(self, format: PlateFormat, tmp_path: Path) -> None:
        assert not format.recognises(tmp_path)

    def test_refuses_a_folder_of_other_files(self, format: PlateFormat, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing")
        (tmp_path / "picture.tif").write_bytes(b"II*\0")
        assert not format.recognises(tmp_path)

    @pytest.mark.parametrize("other", list(WRITERS))
    def test_tells_its_plates_from_those_of_other_formats(
        self, format: PlateFormat, tmp_path: Path, other: str
    ) -> None:
        plate = write_sample_plate(tmp_path / "other", wells=1, fields=1, size=64, format=other)
        assert format.recognises(Path(plate.path)) == (other == self.key)

    def test_every_plane_can_be_read(self, folder: Path) -> None:
        plate = open_plate(folder)
        assert plate.planes
        for key in plate.planes:
            plane = read_key(plate, key)
            assert plane.shape == plate.shape_yx
            assert plane.dtype.name == plate.dtype

    def test_never_writes_to_the_folder(self, folder: Path) -> None:
        before = _state(folder.parent)
        plate = open_plate(folder)
        read_key(plate, next(iter(plate.planes)))
        assert _state(folder.parent) == before

    def test_wells_are_canonical_and_sorted(self, folder: Path) -> None:
        plate = open_plate(folder)
        assert all(re.fullmatch(r"[A-Z]{1,2}\d\d", well) for well in plate.wells)
        assert list(plate.wells) == sorted(plate.wells, key=lambda well: (len(well), well))

    def test_says_what_is_known_and_nothing_else(self, folder: Path) -> None:
        plate = open_plate(folder)
        assert {key.channel for key in plate.planes} == {channel.id for channel in plate.channels}
        assert len({channel.name for channel in plate.channels}) == len(plate.channels)
        for channel in plate.channels:
            assert channel.color is None or re.fullmatch("#[0-9a-f]{6}", channel.color)
        for size in (plate.pixel_size_um, plate.z_step_um):
            assert size is None or size > 0
        fields = {f"{key.well}/{key.field}" for key in plate.planes}
        assert set(plate.positions_um) <= fields

    def test_paths_stay_inside_the_plate(self, folder: Path) -> None:
        plate = open_plate(folder)
        assert Path(plate.root).is_absolute()
        for source in plate.planes.values():
            assert not os.path.isabs(source.path)
            assert ".." not in source.path.split("/")
            assert "\\" not in source.path

    def test_opens_the_same_again(self, folder: Path) -> None:
        plate = open_plate(folder)
        assert open_plate(folder) == plate
        assert list(open_plate(folder).planes) == list(plate.planes)
        assert pickle.loads(pickle.dumps(plate)) == plate

    def test_opens_from_a_parent_with_one_plate(self, folder: Path) -> None:
        assert open_plate(folder.parent) == open_plate(folder)

    def test_a_plate_without_images_is_refused(self, folder: Path) -> None:
        plate = open_plate(folder)
        for source in plate.planes.values():
            path = plate.absolute_path(source)
            if path.is_file():
                path.unlink()
            else:
                for name in ("zarr.json", ".zarray"):
                    (path / name).unlink(missing_ok=True)
        with pytest.raises(PlateError, match=re.escape(str(folder))):
            open_plate(folder)
