"""Other people's software opens what is written here."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np
import pytest
import zarr

from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.ome_zarr.write import create_plate
from napari_openhcs.testing.ome_zarr import STORE, example_plan

pytestmark = [
    # zarr says so of the Parquet file in a table's group, where ngio puts it.
    pytest.mark.filterwarnings("ignore:Object at table.parquet is not recognized"),
]


@pytest.fixture
def level(shared_plate):
    """Pixels of the finest level of a field as this package reads them."""
    return np.asarray(open_results(shared_plate).image("B02", "2").levels[0])


def _models(plate):
    pytest.importorskip("ome_zarr_models")
    version = "v05" if (plate / "zarr.json").exists() else "v04"
    return import_module(f"ome_zarr_models.{version}")


def test_the_plate_is_valid(shared_plate):
    models = _models(shared_plate)
    root = zarr.open_group(shared_plate, mode="r")
    plate = models.HCS.from_zarr(root)
    wells = list(plate.well_groups)
    assert plate.n_wells == len(wells) == 2
    for path in ("A/01/0", "B/02/1"):
        image = models.Image.from_zarr(root[path])
        assert image.labels is not None
        models.ImageLabel.from_zarr(root[f"{path}/labels/Nuclei"])
        models.Labels.from_zarr(root[f"{path}/labels"])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_without_wells_is_valid(tmp_path, version):
    create_plate(tmp_path / STORE, example_plan(ome_version=version), STORE)
    plate = _models(tmp_path / STORE).HCS.from_zarr(zarr.open_group(tmp_path / STORE, mode="r"))
    assert plate.n_wells == 0


# ngio announces a default that changes in its next version.
@pytest.mark.filterwarnings("ignore:Plate-wide operations still read")
def test_ngio_opens_images_labels_and_tables(shared_plate, level):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries ngio imports
        ngio = pytest.importorskip("ngio")
    plate = ngio.open_ome_zarr_plate(shared_plate)
    assert sorted(plate.get_images()) == ["A/01/0", "A/01/1", "B/02/0", "B/02/1"]
    container = plate.get_image("B", "02", "1")
    image = container.get_image()
    np.testing.assert_array_equal(image.get_as_numpy(), level)
    assert (image.pixel_size.x, image.pixel_size.z) == (0.5, 2.0)
    assert image.channel_labels == ["DAPI", "GFP"]
    assert container.list_labels() == ["Nuclei"]
    labels = container.get_label("Nuclei")
    ours = open_results(shared_plate).labels("Nuclei", "B02", "2").levels[0]
    np.testing.assert_array_equal(labels.get_as_numpy(), np.asarray(ours))
    table = container.get_feature_table("Measure")
    assert table.reference_label == "Nuclei"
    assert table.dataframe.index.name == "label"
    assert table.dataframe["area"].to_dict() == {1: 10.0, 2: 20.0, 3: 30.0}
    assert set(table.dataframe["field"]) == {"2"}


def test_what_ngio_adds_is_among_the_results(own_plate):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries ngio imports
        ngio = pytest.importorskip("ngio")
    container = ngio.open_ome_zarr_container(own_plate / "A/01/0")
    mine = container.derive_label("mine")
    mine.set_array(np.ones_like(mine.get_as_numpy()))
    frame = container.get_feature_table("Measure").dataframe
    table = ngio.tables.FeatureTable(frame.assign(twice=2.0), reference_label="mine")
    container.add_table("mine", table, backend="parquet")
    container.add_table("other kind", table, backend="json")
    results = open_results(own_plate)
    assert results.label_names == ("Nuclei", "mine")
    assert results.table_names == ("Measure", "mine")
    assert (results.labels("mine", "A01", "1").levels[0][0, 0] == 1).all()
    columns = results.table("mine").column_names
    assert columns == ["well", "field", "label", "area", "twice", "dose"]


def test_napari_ome_zarr_shows_plate_image_and_labels(shared_plate, level):
    reader = pytest.importorskip("napari_ome_zarr")
    path = str(shared_plate / "B/02/1")
    (pixels, options, kind), (labels, label_options, label_kind) = reader.napari_get_reader(path)(
        path
    )
    assert (kind, label_kind) == ("image", "labels")
    np.testing.assert_array_equal(np.asarray(pixels[0]), level)
    assert options["name"] == ["B02 field 2: DAPI", "B02 field 2: GFP"]
    assert options["scale"] == label_options["scale"] == [1.0, 2.0, 0.5, 0.5]
    assert options["units"] == label_options["units"]
    assert labels[0].shape == (1, 2, 300, 401)
    path = str(shared_plate)
    (mosaic, _, _), *_ = reader.napari_get_reader(path)(path)
    assert mosaic[0].shape == (1, 2, 2, 2 * 300, 3 * 401)


def test_ome_zarr_py_opens_image_and_labels(shared_plate, level):
    io = pytest.importorskip("ome_zarr.io")
    reader = pytest.importorskip("ome_zarr.reader")
    nodes = list(reader.Reader(io.parse_url(str(shared_plate / "B/02/1")))())
    image, labels = (node for node in nodes if node.data)
    np.testing.assert_array_equal(np.asarray(image.data[0]), level)
    assert image.metadata["channel_names"] == ["DAPI", "GFP"]
    assert labels.metadata["name"] == "Nuclei"
    (plate,) = reader.Reader(io.parse_url(str(shared_plate)))()
    assert plate.data[0].shape == (1, 2, 2, 2 * 300, 3 * 401)
