from __future__ import annotations

from dataclasses import replace

import pytest

from napari_openhcs.ome_zarr.metadata import (
    IMAGE_AXES,
    LABEL_AXES,
    channel_labels,
    multiscales,
    omero,
    plate_attributes,
    safe_name,
    table_attributes,
    well_path,
)
from napari_openhcs.plate import Channel
from napari_openhcs.testing.ome_zarr import STORE, example_plan


@pytest.mark.parametrize(("well", "path"), [("A01", "A/01"), ("B12", "B/12"), ("AF48", "AF/48")])
def test_a_well_lies_in_its_row_and_column(well, path):
    assert well_path(well) == path


@pytest.mark.parametrize(
    ("name", "safe"),
    [("Split nuclei", "Split nuclei"), ("a/b:c", "a_b_c"), ("..", "_"), ("µm", "µm"), ("x.", "x")],
)
def test_names_stay_inside_their_group(name, safe):
    assert safe_name(name) == safe


def test_levels_lie_where_their_blocks_of_pixels_are():
    (image,) = multiscales(IMAGE_AXES, "A01", 3, 0.5, 2.0, "0.5")
    assert [axis.get("unit") for axis in image["axes"]] == [None, None, *["micrometer"] * 3]
    assert [item["coordinateTransformations"] for item in image["datasets"]] == [
        [{"type": "scale", "scale": [1, 1, 2, 0.5, 0.5]}],
        [
            {"type": "scale", "scale": [1, 1, 2, 1, 1]},
            {"type": "translation", "translation": [0, 0, 0, 0.25, 0.25]},
        ],
        [
            {"type": "scale", "scale": [1, 1, 2, 2, 2]},
            {"type": "translation", "translation": [0, 0, 0, 0.75, 0.75]},
        ],
    ]


def test_an_unknown_pixel_size_is_not_guessed():
    (image,) = multiscales(LABEL_AXES, "Nuclei", 1, None, None, "0.4")
    assert not any("unit" in axis for axis in image["axes"])
    assert image["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1, 1, 1, 1]}
    ]
    assert image["version"] == "0.4"


def test_the_plate_lists_all_rows_and_columns_but_only_finished_wells():
    ome, own = plate_attributes(example_plan(), STORE, ["B02"])
    assert ome["plate"]["rows"] == [{"name": "A"}, {"name": "B"}]
    assert ome["plate"]["columns"] == [{"name": "01"}, {"name": "02"}, {"name": "03"}]
    assert ome["plate"]["wells"] == [{"path": "B/02", "rowIndex": 1, "columnIndex": 1}]
    assert ome["plate"]["field_count"] == 2
    assert own["script"] == example_plan().script
    assert own["image"] == "Smooth"


def test_channels_have_names_of_their_own_and_colours():
    plan = example_plan()
    alike = replace(plan, channels=(Channel("1", "DAPI"), Channel("2", "DAPI", "#ff8000")))
    assert channel_labels(alike, ("1", "2", "all")) == ("DAPI (1)", "DAPI (2)", "all channels")
    channels = omero(alike, ("1", "2"), [(0, 255, 3, 9)] * 2, "A01")["channels"]
    assert [channel["color"] for channel in channels] == ["00FFFF", "FF8000"]
    assert channels[0]["window"] == {"min": 0, "max": 255, "start": 3, "end": 9}
    assert omero(alike, ("1",), [(0, 255, 3, 9)], "A01")["channels"][0]["color"] == "FFFFFF"


def test_tables_name_the_labels_they_measure():
    assert table_attributes(["label", "area"], "Nuclei")["region"] == {"path": "../labels/Nuclei"}
    assert table_attributes(["label"], None)["type"] == "feature_table"
    assert table_attributes(["well", "mean"], "Nuclei") == {
        "type": "generic_table",
        "table_version": "1",
        "backend": "parquet",
    }
