from __future__ import annotations

import json

import numpy as np
import pytest

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.read import names_in, read_image, read_plate, read_well


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


def test_transformations_of_level_and_image_are_applied_in_turn(own_plate):
    folder = own_plate / "A/01/0"
    path = next(folder / name for name in ("zarr.json", ".zattrs") if (folder / name).exists())
    node = json.loads(path.read_bytes())
    ome = node["attributes"]["ome"] if path.name == "zarr.json" else node
    ome["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [1, 1, 1, 2, 2]},
        {"type": "translation", "translation": [0, 0, 0, 10, 20]},
    ]
    path.write_text(json.dumps(node))
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
