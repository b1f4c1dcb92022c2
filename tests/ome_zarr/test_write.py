from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_openhcs.axes import Kind
from napari_openhcs.errors import OutputError, StoreError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr.files import verify
from napari_openhcs.ome_zarr.pyramid import halve_image
from napari_openhcs.ome_zarr.read import read_image, read_plate
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.ome_zarr.write import create_plate, update_plate, write_well
from napari_openhcs.plan import Coord, Grid, OutputPlan
from napari_openhcs.testing.ome_zarr import (
    STORE,
    ExamplePixels,
    example_plan,
    publish,
    write_example,
)

DTYPES = ["uint8", "uint16", "int16", "uint32", "float32", "float64"]


def _write(folder, plan, **changes):
    pixels = ExamplePixels("A01")
    calls = {"read_array": pixels.array, "read_table": pixels.table, **changes}
    return write_well(folder, plan, plan.contexts["A01"], STORE, **calls)


def _with_outputs(plan, outputs):
    contexts = {
        well: replace(context, layout=replace(context.layout, outputs=tuple(outputs)))
        for well, context in plan.contexts.items()
    }
    return replace(plan, contexts=FrozenMapping(contexts))


def _outputs(plan) -> tuple[OutputPlan, ...]:
    return plan.contexts["A01"].layout.outputs


def test_pixels_of_all_fields_channels_and_z_come_back(shared_plate):
    results = open_results(shared_plate)
    image_plan, labels_plan, _ = _outputs(example_plan())
    for well in ("A01", "B02"):
        pixels = ExamplePixels(well)
        for field in ("1", "2"):
            image = results.image(well, field).levels[0]
            for coord in image_plan.data.grid.coords():
                expected = pixels.array(image_plan, coord._replace(field=field))
                place = (0, int(coord.channel) - 1, coord.z - 1)
                np.testing.assert_array_equal(image[place], expected)
            labels = results.labels("Nuclei", well, field).levels[0]
            for z in (1, 2):
                expected = pixels.array(labels_plan, Coord(field, "1", z, 1))
                np.testing.assert_array_equal(labels[0, z - 1], expected)


def test_levels_are_means_for_images_and_samples_for_labels(shared_plate):
    results = open_results(shared_plate)
    fine, coarse = results.image("A01", "1").levels
    np.testing.assert_array_equal(coarse[0, 1, 1], halve_image(fine[0, 1, 1]))
    fine, coarse = results.labels("Nuclei", "A01", "1").levels
    np.testing.assert_array_equal(coarse[...], fine[:, :, ::2, ::2])


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    chunks=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    levels=st.integers(1, 4),
    dtype=st.sampled_from(DTYPES),
    compressor=st.sampled_from(["lz4", "zstd", "gzip", "none"]),
    version=st.sampled_from(["0.4", "0.5"]),
)
def test_any_shape_chunk_and_dtype_comes_back(
    tmp_path_factory, shape, chunks, levels, dtype, compressor, version
):
    plan = example_plan(shape_yx=shape, dtype=dtype, ome_version=version, compressor=compressor)
    image, *_ = _outputs(plan)
    image = replace(image, layout=replace(image.layout, chunks_yx=chunks, n_levels=levels))
    plan = _with_outputs(plan, [image])
    folder = tmp_path_factory.mktemp("any")
    verify(folder, _write(folder, plan))
    found = read_image(folder / "1")
    assert len(found.levels) == levels
    expected = ExamplePixels("A01").array(image, Coord("2", "2", 1, 1))
    np.testing.assert_array_equal(found.levels[0][0, 1, 0], expected)
    for finer, coarser in zip(found.levels, found.levels[1:], strict=False):
        np.testing.assert_array_equal(coarser[0, 1, 1], halve_image(finer[0, 1, 1]))


def test_the_manifest_lists_every_file_and_empty_chunks_are_written(tmp_path):
    plan = example_plan()
    manifest = _write(tmp_path, plan, read_array=_zeros)
    verify(tmp_path, manifest)
    assert "0/0/c/0/1/1/0/0" in manifest
    assert "zarr.json" in manifest
    assert "1/tables/Measure/table.parquet" in manifest


def _zeros(output, coord):
    return np.zeros(output.data.shape_yx, output.data.dtype)


def test_a_mask_is_stored_as_zero_and_one(tmp_path):
    plan = example_plan(label_kind=Kind.MASK)
    _write(tmp_path, plan)
    mask = read_image(tmp_path / "0/labels/Nuclei").levels[0]
    assert mask.dtype == np.uint8
    expected = ExamplePixels("A01").array(_outputs(plan)[1], Coord("1", "1", 1, 1))
    assert expected.dtype == bool
    np.testing.assert_array_equal(mask[0, 0], expected)


def test_labels_of_several_channels_are_label_images_of_their_own(tmp_path):
    plan = example_plan()
    image, labels, _ = _outputs(plan)
    both = replace(labels, data=replace(labels.data, grid=image.data.grid))
    _write(tmp_path, _with_outputs(plan, [image, both]))
    names = json.loads((tmp_path / "0/labels/zarr.json").read_bytes())["attributes"]["ome"]
    assert names["labels"] == ["Nuclei DAPI", "Nuclei GFP"]
    found = read_image(tmp_path / "0/labels/Nuclei GFP").levels[0]
    expected = ExamplePixels("A01").array(both, Coord("1", "2", 1, 1))
    np.testing.assert_array_equal(found[0, 0], expected)


def test_a_table_of_the_whole_well_goes_to_its_first_field(tmp_path):
    plan = example_plan()
    image, _, table = _outputs(plan)
    whole = replace(table, data=replace(table.data, grid=Grid(("all",), ("1",), (0,), (0,))))
    manifest = _write(tmp_path, _with_outputs(plan, [image, whole]))
    assert [path for path in manifest if path.endswith(".parquet")] == [
        "0/tables/Measure/table.parquet"
    ]


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((300, 400), "uint16"), r"uint16 \(300, 400\)"),
        (np.zeros((300, 401), "float32"), r"float32 \(300, 401\)"),
    ],
)
def test_an_array_that_was_not_planned_is_refused(tmp_path, array, found):
    with pytest.raises(
        StoreError,
        match=rf"'image' of well A01, field 1, channel 1, z 1, t 1 is {found}: expected uint16",
    ):
        _write(tmp_path, example_plan(), read_array=lambda output, coord: array)


def test_names_that_collide_and_a_store_without_image_are_refused(tmp_path):
    plan = example_plan()
    image, labels, _ = _outputs(plan)
    twice = _with_outputs(plan, [image, labels, replace(labels, dataset="01_smooth")])
    with pytest.raises(StoreError, match="two label images called 'Nuclei'"):
        _write(tmp_path, twice)
    with pytest.raises(StoreError, match="planned with 0 images for well A01"):
        _write(tmp_path, _with_outputs(plan, [labels]))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_wells_appear_one_by_one_and_only_when_listed(tmp_path, version):
    plan = example_plan(tmp_path, ome_version=version)
    folder = tmp_path / STORE
    create_plate(folder, plan, STORE)
    assert dict(read_plate(folder).wells) == {}
    publish(plan, "B02")
    assert dict(read_plate(folder).wells) == {}
    update_plate(folder, plan, STORE, ["B02"])
    assert dict(read_plate(folder).wells) == {"B02": "B/02"}
    create_plate(folder, plan, STORE)  # as a resumed run does
    assert dict(read_plate(folder).wells) == {"B02": "B/02"}
    publish(plan, "A01")
    update_plate(folder, plan, STORE, ["B02", "A01"])
    assert list(read_plate(folder).wells) == ["A01", "B02"]
    assert not list(folder.rglob("*.partial"))


def test_a_crash_while_the_list_is_written_keeps_the_old_one(tmp_path, monkeypatch):
    plan = example_plan(tmp_path)
    folder = write_example(plan)

    def crash(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(StoreError, match=r"zarr.json cannot be written: No space left"):
        update_plate(folder, plan, STORE, [])
    assert list(read_plate(folder).wells) == ["A01", "B02"]


def test_the_results_of_another_pipeline_are_not_written_to(tmp_path):
    plan = example_plan(tmp_path)
    folder = write_example(plan)
    with pytest.raises(OutputError, match="holds the results of another pipeline"):
        create_plate(folder, replace(plan, key="other"), STORE)
    assert list(read_plate(folder).wells) == ["A01", "B02"]
