"""Special outputs go through every format of their kind without loss."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import roifile
import tifffile

from napari_openhcs.axes import SpecialKind
from napari_openhcs.errors import StoreError
from napari_openhcs.functions.special import FORMATS
from napari_openhcs.ome_zarr.special import (
    SpecialFile,
    decode_special,
    encode_special,
    file_name,
    special_entry,
)
from napari_openhcs.plan import Coord, Grid, SpecialOutput

GRID = Grid(("1",), ("DAPI", "GFP"), (0, 1), (0,))
PLACES = list(GRID.coords())
SQUARE = np.array([(1.0, 2.0), (1.0, 6.5), (5.25, 6.5), (5.25, 2.0)])

VALUES = {
    SpecialKind.POSITIONS: [
        np.array([(1.5, 2.25), (30.0, 4.0)]),
        np.empty((0, 2)),
        np.array([(0.1, 1 / 3)]),
        np.array([(7.0, 8.0)]),
    ],
    SpecialKind.REGIONS: [(SQUARE, SQUARE[:3] + 10), (), (SQUARE * 2,), (SQUARE - 0.5,)],
    SpecialKind.TABLE: [
        {
            "label": np.array([1, 2]),
            "mean": np.array([0.5, np.nan]),
            "name": np.array(["07", 'é, "b"']),
            "flat": np.array([True, False]),
            "z": np.array([3, 4]),
        }
    ]
    * 4,
    SpecialKind.JSON: [{"a": [1, 2.5, None]}, [], "text", {"deep": {"b": True}}],
    SpecialKind.IMAGE: [np.arange(12, dtype=np.uint16).reshape(3, 4) + n for n in range(4)],
}

PAIRS = [(kind, form) for kind, forms in FORMATS.items() for form in forms]


def written(tmp_path, kind, form, values):
    output = SpecialOutput("thing", kind, GRID, form)
    path = tmp_path / file_name(output)
    data = encode_special(output, values, well="B02", field="1")
    path.write_bytes(data)
    entry = special_entry(output, values, data)
    places = tuple(Coord(*item) for item in entry["places"])
    return SpecialFile("thing", "Step", kind, form, path, entry["crc32c"], places)


def assert_same(found, expected, exact):
    if isinstance(expected, dict) and any(isinstance(v, np.ndarray) for v in expected.values()):
        assert list(found) == list(expected)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])
            assert found[name].dtype.kind in (expected[name].dtype.kind, "O")
    elif isinstance(expected, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, exact)
    elif isinstance(expected, np.ndarray):
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0 if exact else 1e-6)
    else:
        assert found == expected


@pytest.mark.parametrize(("kind", "form"), PAIRS, ids=[f"{k}-{f}" for k, f in PAIRS])
def test_what_was_written_comes_back(tmp_path, kind, form):
    values = dict(zip(PLACES, VALUES[kind], strict=True))
    file = written(tmp_path, kind, form, values)
    found = decode_special(file)
    assert list(found) == PLACES
    for place, value in values.items():
        assert_same(found[place], value, exact=form != "roi")
    again = encode_special(SpecialOutput("thing", kind, GRID, form), values, well="B02", field="1")
    assert again == file.path.read_bytes()


@pytest.mark.parametrize("form", FORMATS[SpecialKind.POSITIONS])
def test_positions_of_a_stack(tmp_path, form):
    points = np.array([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)])
    found = decode_special(written(tmp_path, SpecialKind.POSITIONS, form, {PLACES[0]: points}))
    if form == "roi":
        # A point of ImageJ lies in a plane.
        points = points[:, 1:]
    np.testing.assert_array_equal(found[PLACES[0]], points)


def test_imagej_finds_outlines_at_their_slices_half_a_px_further(tmp_path):
    values = dict(zip(PLACES, VALUES[SpecialKind.REGIONS], strict=True))
    file = written(tmp_path, SpecialKind.REGIONS, "roi", values)
    rois = roifile.roiread(file.path)
    assert [roi.name for roi in rois] == [
        "f1_DAPI_z0_t0_00001",
        "f1_DAPI_z0_t0_00002",
        "f1_GFP_z0_t0_00001",
        "f1_GFP_z1_t0_00001",
    ]
    assert [(roi.c_position, roi.z_position, roi.t_position) for roi in rois] == [
        (1, 1, 1),
        (1, 1, 1),
        (2, 1, 1),
        (2, 2, 1),
    ]
    np.testing.assert_allclose(rois[0].coordinates(), SQUARE[:, ::-1] + 0.5)
    assert rois[0].roitype == roifile.ROI_TYPE.POLYGON
    points = dict(zip(PLACES, VALUES[SpecialKind.POSITIONS], strict=True))
    file = written(tmp_path, SpecialKind.POSITIONS, "roi", points)
    assert {roi.roitype for roi in roifile.roiread(file.path)} == {roifile.ROI_TYPE.POINT}


def test_csv_json_and_tiff_say_where_each_value_is_from(tmp_path):
    rows = VALUES[SpecialKind.POSITIONS]
    values = dict(zip(PLACES, rows, strict=True))
    lines = written(tmp_path, SpecialKind.POSITIONS, "csv", values).path.read_text().splitlines()
    assert lines[0] == '"well","field","channel","z","t","y","x"'
    assert lines[1] == '"B02","1","DAPI",0,0,1.5,2.25'
    assert len(lines) == 1 + 4
    document = json.loads(written(tmp_path, SpecialKind.POSITIONS, "json", values).path.read_text())
    assert document["well"] == "B02"
    assert document["places"][1] == {"field": "1", "channel": "DAPI", "z": 1, "t": 0, "value": []}
    images = dict(zip(PLACES, VALUES[SpecialKind.IMAGE], strict=True))
    path = written(tmp_path, SpecialKind.IMAGE, "tiff", images).path
    with tifffile.TiffFile(io.BytesIO(path.read_bytes())) as tiff:
        assert tiff.asarray().shape == (4, 3, 4)
        assert len(json.loads(tiff.pages.first.description)["places"]) == 4


def test_images_of_several_forms_do_not_fit_into_one_file():
    output = SpecialOutput("thing", SpecialKind.IMAGE, GRID, "tiff")
    values = {PLACES[0]: np.zeros((3, 4)), PLACES[1]: np.zeros((3, 5))}
    with pytest.raises(StoreError, match="images of several forms"):
        encode_special(output, values, well="B02", field="1")


def test_a_column_that_some_places_lack_is_named():
    output = SpecialOutput("thing", SpecialKind.TABLE, GRID, "csv")
    values = {PLACES[0]: {"a": np.zeros(1)}, PLACES[1]: {"b": np.zeros(1)}}
    with pytest.raises(StoreError, match="a column 'a' at some places only"):
        encode_special(output, values, well="B02", field="1")


@pytest.mark.parametrize(("kind", "form"), PAIRS, ids=[f"{k}-{f}" for k, f in PAIRS])
@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_file_is_named(tmp_path, kind, form, damage):
    values = dict(zip(PLACES, VALUES[kind], strict=True))
    file = written(tmp_path, kind, form, values)
    data = file.path.read_bytes()
    if damage == "gone":
        file.path.unlink()
    else:
        file.path.write_bytes(data[:-1] if damage == "cut" else b"\x00\xff\x12 no file")
    with pytest.raises(StoreError, match=str(file.path.name)):
        decode_special(file)
