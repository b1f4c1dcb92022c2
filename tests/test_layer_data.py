"""What is shown of a well: order, place, units, contrast, and what is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.layer_data import (
    ShownPlanes,
    colormap_of,
    contrast_of,
    hatch,
    placing,
    raw_layers,
)
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate

SHAPE = (32, 48)


def value_of(key: PlaneKey) -> int:
    return 1000 * int(key.field) + 100 * int(key.channel) + 10 * key.z + key.t


def write(root: Path, key: PlaneKey) -> PlaneSource:
    name = "_".join(map(str, key)) + ".tif"
    image = np.full(SHAPE, value_of(key), np.uint16)
    image[0, 0] = 5  # so that contrast has a range
    tifffile.imwrite(root / name, image)
    return PlaneSource(name)


def make_plate(root: Path, *, fields=("1",), z=(1,), t=(1,), skip=(), **more) -> Plate:
    keys = [
        PlaneKey(well, field, channel, at_z, at_t)
        for well in ("A01", "A02")
        for field in fields
        for channel in ("1", "2")
        for at_z in z
        for at_t in t
    ]
    planes = {key: write(root, key) for key in keys if key not in skip}
    options = {"pixel_size_um": 0.5, "z_step_um": 2.0, **more}
    return Plate(
        root=str(root), name="toy", format="imagexpress",
        channels=(Channel("1", "DAPI", "#0000ff"), Channel("2", "GFP")),
        planes=FrozenMapping(planes), shape_yx=SHAPE, dtype="uint16", n_rows=1, n_columns=2,
        **options,
    )  # fmt: skip


def damage(plate: Plate, key: PlaneKey) -> Path:
    path = plate.absolute_path(plate.planes[key])
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def test_every_layer_has_scale_units_and_axes(tmp_path):
    layers = raw_layers(make_plate(tmp_path, z=(1, 2, 3), t=(1, 2)), "A01", "1")
    assert [layer.key for layer in layers] == ["raw/1", "raw/2"]
    for layer in layers:
        assert layer.data.shape == (2, 3, *SHAPE)
        assert layer.options["axis_labels"] == ("t", "z", "y", "x")
        assert layer.options["scale"] == (1.0, 2.0, 0.5, 0.5)
        assert layer.options["units"] == ("pixel", "micrometer", "micrometer", "micrometer")
        assert layer.problems == ()
    assert [layer.options["name"] for layer in layers] == ["DAPI", "GFP"]
    assert layers[0].options["colormap"]["colors"][1] == [0.0, 0.0, 1.0, 1.0]


def test_planes_stand_where_they_belong(tmp_path):
    plate = make_plate(tmp_path, z=(1, 2, 3), t=(1, 2))
    (dapi, _) = raw_layers(plate, "A02", "1")
    for t, z in np.ndindex(2, 3):
        expected = value_of(PlaneKey("A02", "1", "1", z + 1, t + 1))
        assert dapi.data[t, z, 3, 4] == expected


@pytest.mark.parametrize(
    ("sizes", "units", "scale"),
    [
        ((0.5, 2.0), ("pixel", "micrometer", "micrometer"), (1.0, 2.0, 0.5)),
        ((0.5, None), ("pixel", "pixel", "micrometer"), (1.0, 1.0, 0.5)),
        ((None, None), ("pixel", "pixel", "pixel"), (1.0, 1.0, 1.0)),
    ],
)
def test_only_what_is_known_is_in_micrometers(sizes, units, scale):
    found = placing(("t", "z", "y"), *sizes)
    assert found == {"scale": scale, "units": units, "axis_labels": ("t", "z", "y")}


def test_a_single_plane_has_no_further_axes(tmp_path):
    (layer, _) = raw_layers(make_plate(tmp_path), "A01", "1")
    assert layer.data.shape == SHAPE
    assert layer.options["translate"] == (0.0, 0.0)


def test_only_the_plane_shown_first_is_read(tmp_path):
    plate = make_plate(tmp_path, z=(1, 2, 3))
    cache = ShownPlanes()
    raw_layers(plate, "A01", "1", cache=cache)
    assert len(cache) == 2  # the middle z of two channels
    raw_layers(plate, "A01", "1", cache=cache, shown={"z": 0})
    assert len(cache) == 4


def test_contrast_is_given_or_taken_from_the_tuned_field(tmp_path):
    plate = make_plate(tmp_path, fields=("1", "2"))
    (layer, _) = raw_layers(plate, "A01", "2", mosaic=True)
    assert layer.options["contrast_limits"][1] == pytest.approx(2111, abs=2)
    (layer, _) = raw_layers(plate, "A01", "1", contrast={"1": (3.0, 9.0)})
    assert layer.options["contrast_limits"] == (3.0, 9.0)


def test_contrast_of_a_flat_plane_is_a_range():
    assert contrast_of(np.full((8, 8), 7, np.uint8)) == (7.0, 8.0)


def test_fields_lie_by_stage_position_with_the_tuned_one_at_the_origin(tmp_path):
    stage = {"A01/1": (100.0, 40.0), "A01/2": (124.0, 40.0), "A01/3": (100.0, 56.0)}
    plate = make_plate(tmp_path, fields=("1", "2", "3"), positions_um=FrozenMapping(stage))
    (layer, _) = raw_layers(plate, "A01", "3", mosaic=True)
    assert layer.data.shape == (2 * SHAPE[0], 2 * SHAPE[1])
    image = np.asarray(layer.data)
    assert [image[5, 5], image[5, 60], image[40, 5]] == [1111, 2111, 3111]
    assert image[40, 60] == 0  # nothing was taken there
    assert layer.options["translate"] == (-16.0, 0.0)


@pytest.mark.parametrize(
    "stage",
    [{}, {"A01/1": (0.0, 0.0), "A01/2": (9000.0, 0.0), "A01/3": (0.0, 9000.0)}],
    ids=["unknown", "far apart"],
)
def test_fields_without_useful_positions_lie_in_a_square(tmp_path, stage):
    plate = make_plate(tmp_path, fields=("1", "2", "3"), positions_um=FrozenMapping(stage))
    (layer, _) = raw_layers(plate, "A01", "1", mosaic=True)
    assert layer.data.shape == (2 * SHAPE[0], 2 * SHAPE[1])


def test_a_missing_channel_is_a_sentence_and_no_layer(tmp_path):
    plate = make_plate(tmp_path, skip=[PlaneKey("A01", "1", "2", 1, 1)])
    dapi, gfp = raw_layers(plate, "A01", "1")
    assert dapi.data is not None
    assert dapi.problems == ()
    assert gfp.data is None
    assert gfp.problems == (
        "Well A01 has no image of GFP: its files are missing from the plate's folder.",
    )
    assert all(layer.data is not None for layer in raw_layers(plate, "A02", "1"))


def test_a_missing_field_of_a_mosaic_is_hatched(tmp_path):
    plate = make_plate(tmp_path, fields=("1", "2"), skip=[PlaneKey("A01", "2", "2", 1, 1)])
    _, gfp = raw_layers(plate, "A01", "1", mosaic=True)
    (problem,) = gfp.problems
    assert "field 2" in problem
    image = np.asarray(gfp.data)
    np.testing.assert_array_equal(image[:, SHAPE[1] :], hatch(SHAPE, "uint16"))
    assert gfp.options["contrast_limits"][1] < 2000  # not of the hatching


def test_a_missing_z_is_hatched_and_a_projection_is_shown_at_every_z(tmp_path):
    skip = [PlaneKey("A01", "1", "1", 2, 1)]
    skip += [PlaneKey(well, "1", "2", z, 1) for well in ("A01", "A02") for z in (2, 3)]
    plate = make_plate(tmp_path, z=(1, 2, 3), skip=skip)
    dapi, gfp = raw_layers(plate, "A01", "1")
    np.testing.assert_array_equal(dapi.data[1], hatch(SHAPE, "uint16"))
    assert "1 of its planes of DAPI" in dapi.problems[0]
    assert gfp.data.shape == dapi.data.shape
    assert gfp.problems == ()
    assert [gfp.data[z, 5, 5] for z in range(3)] == [1211] * 3


def test_a_truncated_file_is_a_sentence_and_no_layer(tmp_path):
    plate = make_plate(tmp_path)
    path = damage(plate, PlaneKey("A01", "1", "1", 1, 1))
    cache = ShownPlanes()
    for _ in range(2):  # a second look, from the cache, says the same
        dapi, gfp = raw_layers(plate, "A01", "1", cache=cache)
        assert dapi.data is None
        assert path.name in dapi.problems[0]
        assert gfp.data is not None


def test_a_file_damaged_elsewhere_is_reported_when_it_is_looked_at(tmp_path):
    plate = make_plate(tmp_path, z=(1, 2, 3))
    path = damage(plate, PlaneKey("A01", "1", "1", 3, 1))
    heard = []
    dapi, _ = raw_layers(plate, "A01", "1", report=heard.append)
    assert dapi.problems == ()
    np.testing.assert_array_equal(dapi.data[2], hatch(SHAPE, "uint16"))
    _ = dapi.data[2]
    assert len(heard) == 1
    assert path.name in heard[0]


def test_a_plane_of_another_shape_is_reported(tmp_path):
    plate = make_plate(tmp_path)
    key = PlaneKey("A01", "1", "1", 1, 1)
    tifffile.imwrite(plate.absolute_path(plate.planes[key]), np.ones((8, 8), np.uint16))
    dapi, _ = raw_layers(plate, "A01", "1")
    assert "(8, 8): expected uint16 (32, 48)" in dapi.problems[0]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "float32"])
def test_hatching_is_neither_black_nor_white(dtype):
    lines = hatch((60, 60), dtype)
    assert lines.dtype == dtype
    assert 0.05 < np.count_nonzero(lines) / lines.size < 0.5


def test_colormaps_begin_black():
    assert colormap_of("#ff8000")["colors"][0] == [0.0, 0.0, 0.0, 1.0]
