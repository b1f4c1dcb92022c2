"""What a run left of a field: labels with their rows, hidden images, damage in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.plan import Coord
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.result_layers import other_field_layers, result_layers
from napari_openhcs.testing.ome_zarr import ExamplePixels, example_plan, write_example


@pytest.fixture
def plan(tmp_path):
    return example_plan(tmp_path, shape_yx=(100, 120))


@pytest.fixture
def results(plan):
    write_example(plan)
    return open_results(plan.output)


def by_key(results, well="A01", field="1", **more):
    return {layer.key: layer for layer in result_layers(results, well, field, **more)}


def test_labels_and_images_are_placed_like_the_raw_ones(results):
    layers = by_key(results)
    assert list(layers) == ["result/image/0", "result/image/1", "result/labels/Nuclei"]
    for layer in layers.values():
        assert layer.options["axis_labels"] == ("z", "y", "x")
        assert layer.options["scale"] == (2.0, 0.5, 0.5)
        assert layer.options["units"] == ("micrometer",) * 3
        assert layer.problems == ()
    assert layers["result/image/0"].options["visible"] is False
    assert layers["result/image/1"].options["colormap"]["name"] == "#00ff00"


def test_pixels_are_those_of_the_run(plan, results):
    labels = by_key(results)["result/labels/Nuclei"]
    output = next(item for item in plan.contexts["A01"].layout.outputs if item.role == "labels")
    for z in (0, 1):
        expected = ExamplePixels("A01").array(output, Coord("1", "1", z + 1, 1))
        np.testing.assert_array_equal(labels.data[z], expected)


def test_labels_carry_the_rows_measured_on_them(results):
    features = by_key(results)["result/labels/Nuclei"].options["features"]
    assert list(features["index"]) == [1, 2, 3]
    assert list(features["area"]) == [10.0, 20.0, 30.0]
    assert "well" not in features


def test_large_images_come_with_their_pyramid(tmp_path, monkeypatch):
    plan = example_plan(tmp_path)
    write_example(plan)
    monkeypatch.setattr("napari_openhcs.result_layers.LARGEST_SINGLE_LEVEL", 256)
    layer = by_key(open_results(plan.output))["result/labels/Nuclei"]
    assert layer.options["multiscale"] is True
    assert [level.shape for level in layer.data] == [(2, 300, 401), (2, 150, 201)]
    assert layer.options["scale"] == (2.0, 0.5, 0.5)


def test_damage_is_a_sentence(plan, results):
    folder = results.plate_path
    chunks = [p for p in folder.rglob("labels/Nuclei/0/c/**/*") if p.is_file() and "A" in p.parts]
    for chunk in chunks:
        chunk.unlink()
    heard: list[str] = []
    layer = by_key(open_results(plan.output), report=heard.append)["result/labels/Nuclei"]
    assert layer.data is not None
    assert len(layer.problems) == 1
    assert np.count_nonzero(layer.data[0]) == 0
    assert heard
    assert "Nuclei" in heard[0]


def plate_of(shape_yx, positions=()):
    """A raw plate of one well and two fields of this size."""
    keys = [PlaneKey("A01", field, "1", 1, 1) for field in ("1", "2")]
    return Plate(
        root="/raw", name="raw", format="imagexpress", channels=(Channel("1", "DAPI"),),
        planes=FrozenMapping({key: PlaneSource("gone.tif") for key in keys}),
        shape_yx=shape_yx, dtype="uint16", n_rows=1, n_columns=1, pixel_size_um=0.5,
        positions_um=FrozenMapping(positions),
    )  # fmt: skip


def test_other_fields_lie_around_the_one_that_is_tuned(plan, results):
    stage = {"A01/1": (0.0, 0.0), "A01/2": (50.0, 10.0)}
    plate = plate_of((100, 120), stage)
    (layer,) = other_field_layers(results, plate, "A01", "1")
    output = next(item for item in plan.contexts["A01"].layout.outputs if item.role == "labels")
    other = ExamplePixels("A01").array(output, Coord("2", "1", 1, 1))
    canvas = layer.data[0]
    assert canvas.shape == (120, 220)
    np.testing.assert_array_equal(canvas[20:, 100:], other)
    assert not canvas[:20].any()
    assert not canvas[:, :100].any()
    (layer,) = other_field_layers(results, plate, "A01", "2")
    assert layer.options["translate"] == (0.0, -10.0, -50.0)
    assert layer.options["scale"] == (2.0, 0.5, 0.5)
    assert "features" not in layer.options


def test_other_fields_of_another_size_are_left_out(results):
    assert other_field_layers(results, plate_of((50, 60)), "A01", "1") == []
    assert other_field_layers(results, plate_of((100, 120)), "A01", "9") == []
