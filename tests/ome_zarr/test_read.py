from __future__ import annotations

import contextlib
import json
import math
import shutil

import numpy as np
import pytest

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.read import names_in, read_image, read_plate, read_well, tables_in
from napari_openhcs.ome_zarr.results import open_results


def test_metadata_comes_back(shared_plate):
    plate = read_plate(shared_plate)
    assert (plate.name, plate.n_rows, plate.n_columns) == ("example", 2, 3)
    assert plate.ome_version in ("0.4", "0.5")
    assert dict(plate.wells) == {"A01": "A/01", "B02": "B/02"}
    well = read_well(shared_plate / "A/01")
    assert dict(well.fields) == {"1": "0", "2": "1"}
    assert dict(well.own["provenance"]) == {"seconds": 1.5}
    image = read_image(shared_plate / "A/01/1")
    assert image.axes == ("t", "c", "z", "y", "x")
    assert image.scale == (1, 1, 2, 0.5, 0.5)
    assert image.units == ("pixel", "pixel", "micrometer", "micrometer", "micrometer")
    assert image.translations == ((0, 0, 0, 0, 0), (0, 0, 0, 0.25, 0.25))
    assert [level.shape for level in image.levels] == [(1, 2, 2, 300, 401), (1, 2, 2, 150, 201)]
    assert [(item.name, item.color) for item in image.channels] == [
        ("DAPI", "#0000ff"),
        ("GFP", "#00ff00"),
    ]
    low, high = image.channels[0].contrast
    assert 0 <= low < high <= 200
    assert image.channels[0].limits == (0, 65535)
    assert image.position_um == (200.5, 0)
    labels = read_image(shared_plate / "A/01/1/labels/Nuclei")
    assert labels.axes == ("t", "z", "y", "x")
    assert labels.scale == (1, 2, 0.5, 0.5)
    assert labels.channels == ()


@contextlib.contextmanager
def edited(folder):
    """Give the standard's part of a group's attributes to be changed."""
    path = next(folder / name for name in ("zarr.json", ".zattrs") if (folder / name).exists())
    node = json.loads(path.read_bytes())
    attributes = node["attributes"] if path.name == "zarr.json" else node
    yield attributes.get("ome", attributes)
    path.write_text(json.dumps(node))


LEADING_OUT = ["../../B/02/0", "..", "/etc", "a/../../b", "", "a\0b", "\udcff", "a\\b", "out", 5]


@pytest.mark.parametrize("path", LEADING_OUT, ids=ascii)
def test_paths_of_metadata_that_lead_out_are_refused(path, own_plate, tmp_path):
    image = own_plate / "A/01/0"
    for folder in (own_plate, own_plate / "A/01", image, image / "labels", image / "tables"):
        (folder / "out").symlink_to(tmp_path)
    with edited(own_plate / "A/01") as ome:
        ome["well"]["images"][0]["path"] = path
    with edited(image) as ome:
        ome["multiscales"][0]["datasets"][1]["path"] = path
    for name in ("labels", "tables"):
        with edited(image / name) as ome:
            ome[name] = [path]
    for read in (
        lambda: read_well(own_plate / "A/01"),
        lambda: read_image(image),
        lambda: names_in(image / "labels"),
        lambda: tables_in(image),
    ):
        with pytest.raises(StoreError, match=r"names the path .* inside that folder"):
            read()


def test_a_well_that_leads_out_is_refused(own_plate, tmp_path):
    results = open_results(own_plate)
    shutil.move(own_plate / "A", tmp_path / "A")
    (own_plate / "A").symlink_to(tmp_path / "A")
    with pytest.raises(StoreError, match="names the path 'A/01'"):
        results.fields("A01")
    assert results.fields("B02") == ("1", "2")


def _mutations(value):
    """Yield a document with each of its values replaced by one of another type."""
    for key in value if isinstance(value, dict) else range(len(value)):
        kept = value[key]
        for other in (None, 7, "text", [], {}, [None], math.nan):
            value[key] = other
            yield
        value[key] = kept
        if isinstance(kept, dict | list):
            yield from _mutations(kept)


@pytest.mark.parametrize(
    ("folder", "read"), [("", read_plate), ("A/01", read_well), ("A/01/0", read_image)]
)
def test_metadata_of_any_shape_are_read_or_refused(folder, read, own_plate):
    path = own_plate / folder
    file = next(path / name for name in ("zarr.json", ".zattrs") if (path / name).exists())
    node = json.loads(file.read_bytes())
    refused = 0
    for _ in _mutations(node):
        file.write_text(json.dumps(node))
        try:
            read(path)
        except StoreError:
            refused += 1
    assert refused > 10


def test_transformations_of_level_and_image_are_applied_in_turn(own_plate):
    folder = own_plate / "A/01/0"
    with edited(folder) as ome:
        ome["multiscales"][0]["coordinateTransformations"] = [
            {"type": "scale", "scale": [1, 1, 1, 2, 2]},
            {"type": "translation", "translation": [0, 0, 0, 10, 20]},
        ]
    image = read_image(folder)
    assert image.scales == ((1, 1, 2, 1, 1), (1, 1, 2, 2, 2))
    assert image.translations == ((0, 0, 0, 10, 20), (0, 0, 0, 10.5, 20.5))


def test_names_of_groups(shared_plate, tmp_path):
    assert names_in(shared_plate / "A/01/0/labels") == ("Nuclei",)
    assert names_in(shared_plate / "A/01/0/tables") == ("Measure",)
    assert names_in(tmp_path / "labels") == ()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/.zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "labels/.zattrs").write_text('{"labels": 3}')
    with pytest.raises(StoreError, match="expected a list of labels"):
        names_in(tmp_path / "labels")


def test_what_is_something_else_is_refused(shared_plate, tmp_path):
    with pytest.raises(StoreError, match="is no Zarr group: expected the plate there"):
        read_plate(tmp_path)
    with pytest.raises(StoreError, match="is no OME-Zarr plate"):
        read_plate(shared_plate / "A/01/0")
    with pytest.raises(StoreError, match="lacks metadata of the well"):
        read_well(shared_plate)
    with pytest.raises(StoreError, match="lacks metadata of the image"):
        read_image(shared_plate / "A/01")


def test_a_plate_of_others_is_read(real_data):
    folder = next(real_data("omezarr-cardiomyocyte").rglob("*.zarr"))
    plate = read_plate(folder)
    well, path = next(iter(plate.wells.items()))
    group = read_well(folder / path)
    image = read_image(group.folder / next(iter(group.fields.values())))
    assert well == "B03"
    assert image.units[-1] == "micrometer"
    middle = tuple(size // 2 for size in image.levels[-1].shape[:-2])
    assert np.asarray(image.levels[-1][middle]).any()
