"""The sample plate of napari's *Open Sample* menu."""

from __future__ import annotations

import pytest

from napari_openhcs import sample_layers


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path)
    small = {"wells": 6, "fields": 1, "channels": 2, "z": 1, "size": 64, "seed": 0}
    monkeypatch.setattr(sample_layers, "SAMPLE", small)
    return tmp_path


def test_it_is_written_once(cache):
    plate = sample_layers.sample_plate()
    written = {path: path.stat().st_mtime_ns for path in plate.rglob("*") if path.is_file()}
    assert sample_layers.sample_plate() == plate
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_one_that_was_not_finished_is_written_again(cache):
    plate = sample_layers.sample_plate()
    (cache / "sample-plate.json").unlink()
    next(plate.rglob("*_w1.TIF")).unlink()
    assert len(list(sample_layers.sample_plate().rglob("*_w1.TIF"))) == 6


def test_one_well_opens_as_layers(cache):
    layers = sample_layers.sample_well()
    assert [options["name"] for _, options, _ in layers] == ["DAPI", "GFP"]
