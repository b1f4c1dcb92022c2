"""Fields that overlap, from raw files to counted nuclei: run, read back, exported, previewed."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
import zarr

from napari_openhcs.api import run
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.formats import open_plate
from napari_openhcs.functions._registration import measure_shift
from napari_openhcs.layer_data import place_of_mosaic
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.plate import mosaic_position
from napari_openhcs.runner.tuning import ReplyWhat, TuningProcess
from napari_openhcs.testing.mosaics import write_overlapping_plate

NATIVE = "napari_openhcs.functions"
STITCH = FunctionStep(f"{NATIVE}.stitching.stitch_fields", name="Stitch")
AFTER = (
    FunctionStep(
        [("skimage.filters.gaussian", {"sigma": 1.0}), f"{NATIVE}.threshold.threshold_otsu"],
        name="Mask",
        select={"channel": "DAPI"},
    ),
    FunctionStep(f"{NATIVE}.segmentation.split_touching", name="Nuclei"),
    FunctionStep(
        f"{NATIVE}.measure.measure_objects",
        name="Measure",
        input_source="Stitch",
        inputs={"labels": "Nuclei"},
    ),
)
WHOLE = Pipeline(
    [
        FunctionStep(
            (f"{NATIVE}.illumination.correct_illumination", {"dark_level": 100.0}), name="Flat"
        ),
        STITCH.replace(inputs={"reference": "Flat/DAPI"}),
        *AFTER,
    ],
    name="Mosaic",
)


def shading(size):
    y, x = np.indices((size, size)) / size - 0.5
    flat = 1 - 0.5 * (x * x + y * y) + 0.1 * x
    return flat / flat.mean()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A plate with shading and position errors, and the results of the whole pipeline."""
    folder = tmp_path_factory.mktemp("stitched")
    plate = write_overlapping_plate(
        folder / "plate", size=224, overlap=48, error=5, shading=shading(224)
    )
    status = run(WHOLE, plate.path, folder / "out", workers=2, timeout=300)
    assert (status.state, [str(well.state) for well in status.wells.values()]) == (
        "done",
        ["done", "done"],
    )
    return plate, folder / "out"


def test_the_mosaic_is_the_picture_the_fields_were_cut_from(finished):
    plate, output = finished
    results = open_results(output)
    assert results.wells == ("A01", "A02")
    for well in results.wells:
        image = results.image(well, "all")
        assert image.levels[0].dtype == np.uint16
        lies = set()
        for channel in (0, 1):
            picture = plate.pictures[well, channel]
            mosaic = np.asarray(image.levels[0])[0, channel, 0]
            assert mosaic.shape == picture.shape == (400, 400)
            by, correlation = measure_shift(mosaic, picture, (0, 0), 8)
            # The reporter is dim: mostly noise, which blending averages.
            assert correlation > (0.99, 0.9)[channel]
            lies.add(by)
        # Both channels are put together alike, no further off than the stage was.
        assert len(lies) == 1
        assert np.abs(lies.pop()).max() <= 5


def test_size_and_place_are_right(finished):
    plate, output = finished
    raw = open_plate(plate.path)
    image = open_results(output).image("A02", "all")
    assert image.scale[-2:] == pytest.approx((0.65, 0.65))
    assert image.units[-2:] == ("micrometer", "micrometer")
    assert image.position_um == pytest.approx(raw.positions_um["A02/1"])
    corners = {name: place_of_mosaic(raw, "A02", name, image.position_um) for name in "1234"}
    assert corners == {"1": (0, 0), "2": (0, -176), "3": (-176, 0), "4": (-176, -176)}


def test_nuclei_are_counted_once(finished):
    plate, output = finished
    results = open_results(output)
    table = results.table("measure")
    for well in results.wells:
        labels = np.asarray(results.labels("nuclei", well, "all").levels[0])
        rows = [row for row in table.to_pylist() if row["well"] == well]
        assert {row["field"] for row in rows} == {"all"}
        assert len(rows) == labels.max()
        assert abs(len(rows) - plate.nuclei[well]) <= 0.1 * plate.nuclei[well]
    assert {"mean_intensity_DAPI", "mean_intensity_GFP"} <= set(table.column_names)


# zarr says so of the Parquet file in a table's group, where ngio puts it.
@pytest.mark.filterwarnings("ignore:Object at table.parquet is not recognized")
@pytest.mark.filterwarnings("ignore:Plate-wide operations still read")
def test_other_software_opens_it(finished):
    _, output = finished
    path = open_results(output).plate_path
    models = pytest.importorskip("ome_zarr_models.v05")
    root = zarr.open_group(path, mode="r")
    assert models.HCS.from_zarr(root).n_wells == 2
    assert models.Image.from_zarr(root["A/01/0"]).labels is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries ngio imports
        ngio = pytest.importorskip("ngio")
    well = ngio.open_ome_zarr_plate(path).get_well("A", "02")
    assert well.paths() == ["0"]
    container = well.get_image("0")
    assert container.get_image().pixel_size.x == pytest.approx(0.65)
    assert container.get_label("nuclei").shape[-2:] == (400, 400)


def test_the_exported_script_gives_the_same_pixels(finished, tmp_path):
    plate, output = finished
    script = export_script(WHOLE)
    assert "positions" not in script
    again = import_script(script)
    assert again == WHOLE
    run(again, plate.path, tmp_path / "out", wells=["A01"], executor="threads", timeout=300)
    one, other = (open_results(folder).image("A01", "all") for folder in (output, tmp_path / "out"))
    assert np.array_equal(np.asarray(one.levels[0]), np.asarray(other.levels[0]))


@pytest.mark.parametrize("format_", ["imagexpress", "ome_zarr"])
def test_without_errors_it_is_the_picture_bit_for_bit(tmp_path, format_):
    plate = write_overlapping_plate(
        tmp_path / "plate", wells=1, size=120, overlap=20, channels=1, format=format_
    )
    status = run(Pipeline([STITCH]), plate.path, tmp_path / "out", executor="threads")
    assert str(status.state) == "done"
    mosaic = np.asarray(open_results(tmp_path / "out").image("A01", "all").levels[0])
    assert np.array_equal(mosaic[0, 0, 0], plate.pictures["A01", 0])


def test_a_preview_sees_all_fields_of_the_well(finished):
    plate, output = finished
    raw = open_plate(plate.path)
    plan = compile_pipeline(raw, WHOLE)
    tuning = TuningProcess()
    try:
        request = tuning.submit(plan, "A01", "3")
        replies, end = [], time.monotonic() + 120
        while not replies or replies[-1].what not in (ReplyWhat.DONE, ReplyWhat.FAILED):
            assert time.monotonic() < end
            replies += tuning.poll()
            time.sleep(0.02)
    finally:
        tuning.close()
    assert replies[-1].message == ""
    found = {reply.step_id: reply for reply in replies if reply.request == request}
    # Of what is still in fields only the one that is looked at comes back.
    assert found["01_flat"].grid.field == ("3",)
    assert found["01_flat"].array.shape == (1, 2, 1, 1, 224, 224)
    stored = np.asarray(open_results(output).image("A01", "all").levels[0])
    assert np.array_equal(found["02_stitch"].array[0, :, 0, 0], stored[0, :, 0])
    assert set(found["05_measure"].table["field"]) == {"all"}
    of = plan.contexts["A01"].step_plans["02_stitch"].output.mosaic_of
    corner = mosaic_position(raw.positions_um, "A01", of)
    assert place_of_mosaic(raw, "A01", "3", corner) == (-176, 0)
