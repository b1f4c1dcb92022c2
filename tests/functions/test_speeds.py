"""Measured speeds: kept by function and version, and never in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_openhcs.functions import registry, speeds


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "cache" / "speeds.json"
    monkeypatch.setattr(speeds, "_file", lambda: path)
    return path


def test_the_median_of_the_last_measurements_counts(file):
    for seconds in (90.0, 1.0, 2.0, 3.0, 2.0, 2.0):
        speeds.remember_speed("lab.smooth", "1.0", seconds, 1.0)
    assert speeds.measured_speed("lab.smooth", "1.0") == 2.0
    assert speeds.measured_speed("lab.smooth", "1.1") is None
    assert [path.name for path in file.parent.iterdir()] == ["speeds.json"]


@pytest.mark.parametrize(("seconds", "megapixels"), [(1.0, 0.01), (0.0, 1.0)])
def test_what_tells_nothing_is_not_kept(file, seconds, megapixels):
    speeds.remember_speed("lab.smooth", "1.0", seconds, megapixels)
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "[1]", '{"lab.smooth 1.0": "x"}', "\0"])
def test_a_damaged_file_is_passed_over(file, text):
    file.parent.mkdir()
    file.write_text(text)
    assert speeds.measured_speed("lab.smooth", "1.0") is None
    speeds.remember_speed("lab.smooth", "1.0", 1.0, 1.0)
    assert speeds.measured_speed("lab.smooth", "1.0") == 1.0


def test_a_folder_that_cannot_be_written_is_no_error(file):
    file.parent.write_text("a file where the folder should be")
    speeds.remember_speed("lab.smooth", "1.0", 1.0, 1.0)
    assert speeds.measured_speed("lab.smooth", "1.0") is None


def test_what_was_measured_here_goes_before_the_catalogue(file):
    spec = replace(registry.get_spec("skimage.filters.gaussian"), seconds_per_megapixel=3.0)
    assert speeds.speed(spec) == (3.0, False)
    speeds.remember_speed(spec.id, spec.library_version, 1.0, 2.0)
    assert speeds.speed(spec) == (0.5, True)
