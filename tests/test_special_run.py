"""Side results from step to step and into the results: run, read back, exported, refused."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow.csv
import pytest
import roifile

from napari_openhcs.api import run
from napari_openhcs.axes import SpecialKind
from napari_openhcs.cli import main
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.compiler.explain import explain
from napari_openhcs.errors import StoreError
from napari_openhcs.formats import open_plate
from napari_openhcs.functions.outlines import trace_outlines
from napari_openhcs.functions.positions import locate_spots
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.plan import SpecialInput, decode_plan, encode_plan
from napari_openhcs.runner.dataset import narrow_context
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.publish import read_marker
from napari_openhcs.runner.well import WellExecution
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.storage import read_plane

NATIVE = "napari_openhcs.functions"
SPOTS = FunctionStep(
    (f"{NATIVE}.positions.locate_spots", {"radius": 3.0}),
    name="Spots",
    select={"channel": "GFP"},
)
WHOLE = Pipeline(
    [
        FunctionStep(f"{NATIVE}.threshold.threshold_otsu", name="Mask", select={"channel": "DAPI"}),
        FunctionStep(f"{NATIVE}.segmentation.split_touching", name="Nuclei"),
        FunctionStep(
            f"{NATIVE}.outlines.trace_outlines", name="Trace", special_outputs={"outlines": "roi"}
        ),
        SPOTS.replace(input_source="plate", special_outputs={"positions": "csv"}),
        FunctionStep(f"{NATIVE}.positions.count_positions", name="Count", input_source="Nuclei"),
        FunctionStep(
            (f"{NATIVE}.positions.draw_positions", {"radius": 2.0}),
            name="Discs",
            input_source="plate",
            select={"channel": "GFP"},
            materialize=True,
        ),
        FunctionStep(
            f"{NATIVE}.outlines.fill_outlines",
            name="Filled",
            input_source="plate",
            select={"channel": "DAPI"},
            materialize=True,
        ),
    ],
    name="Special",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("special")
    plate = write_sample_plate(folder / "plate", wells=2, fields=2, channels=2, size=160)
    status = run(WHOLE, plate.path, folder / "out", workers=1, timeout=200)
    assert status.state == "done", status
    return open_plate(plate.path), folder / "out"


def planes_of(plate, well, channel):
    """Raw planes by the place under which results know them."""
    names = {item.id: item.name for item in plate.channels}
    context = compile_pipeline(plate, WHOLE, wells=[well]).contexts[well]
    return {
        plane.coord._replace(channel=channel): read_plane(plane)
        for plane in context.planes
        if names[plane.channel] == channel
    }


def test_positions_are_those_the_function_gives(finished):
    plate, output = finished
    results = open_results(output)
    for well in results.wells:
        found = results.special("Spots/positions", well)
        planes = planes_of(plate, well, "GFP")
        assert list(found) == list(planes)
        assert sum(map(len, found.values())) > 0
        for place, plane in planes.items():
            np.testing.assert_allclose(found[place], locate_spots(plane, 3.0)[1], atol=1e-9)


def test_a_later_step_counted_and_drew_those_positions(finished):
    results = open_results(finished[1])
    table = results.table("Count").to_pylist()
    for well in results.wells:
        for place, positions in results.special("positions", well).items():
            at = tuple(np.rint(positions).astype(int).T)
            discs = np.asarray(results.labels("discs", well, place.field).levels[0])[0, 0]
            assert set(discs[at]) <= set(range(1, len(positions) + 1))
            assert len(set(discs[at])) == len(set(zip(*at, strict=True)))
            nuclei = np.asarray(results.labels("nuclei", well, place.field).levels[0])[0, 0]
            counted = {
                row["label"]: row["position_count"]
                for row in table
                if (row["well"], row["field"]) == (well, place.field)
            }
            assert counted == {int(n): int((nuclei[at] == n).sum()) for n in np.unique(nuclei) if n}


def test_outlines_are_read_by_others_and_filled_again(finished):
    results = open_results(finished[1])
    for well in results.wells:
        for place, outlines in results.special("outlines", well).items():
            nuclei = np.asarray(results.labels("nuclei", well, place.field).levels[0])[0, 0]
            expected = trace_outlines(nuclei)[1]
            assert len(outlines) == len(expected) > 0
            for outline, traced in zip(outlines, expected, strict=True):
                np.testing.assert_allclose(outline, traced, atol=1e-4)
            filled = np.asarray(results.labels("filled", well, place.field).levels[0])[0, 0]
            # Holes are filled; nothing else differs.
            assert ((filled > 0) >= (nuclei > 0)).all()
            assert (filled > 0).sum() < 1.01 * (nuclei > 0).sum()
    rois = roifile.roiread(next(finished[1].rglob("outlines.zip")))
    assert {roi.roitype for roi in rois} == {roifile.ROI_TYPE.POLYGON}
    assert [roi.name for roi in rois][:2] == ["f1_DAPI_z1_t1_00001", "f1_DAPI_z1_t1_00002"]
    assert (rois[0].c_position, rois[0].z_position, rois[0].t_position) == (1, 1, 1)


def test_the_csv_file_says_where_each_row_is_from(finished):
    path = finished[1] / "plate.ome.zarr/A/01/0/special/04_spots/positions.csv"
    table = pyarrow.csv.read_csv(path)
    assert table.column_names == ["well", "field", "channel", "z", "t", "y", "x"]
    assert set(table.column("channel").to_pylist()) == {"GFP"}
    assert set(table.column("well").to_pylist()) == {"A01"}


def test_the_links_are_in_the_plan(finished):
    plan = compile_pipeline(finished[0], WHOLE)
    assert plan.ok, plan.problems
    steps = plan.contexts["A01"].step_plans
    assert steps["05_count"].special_inputs == (SpecialInput("positions", "04_spots"),)
    assert steps["07_filled"].special_inputs == (SpecialInput("outlines", "03_trace"),)
    [outlines] = steps["03_trace"].special_outputs
    assert (outlines.name, outlines.kind, outlines.format) == (
        "outlines",
        SpecialKind.REGIONS,
        "roi",
    )
    assert decode_plan(encode_plan(plan)) == plan
    assert encode_plan(compile_pipeline(finished[0], WHOLE)) == encode_plan(plan)


def test_the_plan_in_words_says_what_is_linked(finished):
    text = explain(compile_pipeline(finished[0], WHOLE))
    assert "  takes    positions from Spots (step 4)\n" in text
    assert "  beside   positions, written as csv\n" in text
    assert "  beside   outlines (regions), written as roi\n" in text


class Cache(dict):
    put = dict.__setitem__


def test_one_field_is_tuned_with_what_the_steps_give_there(finished):
    plan = compile_pipeline(finished[0], WHOLE)
    whole = open_results(finished[1]).special("positions", "A01")
    context = narrow_context(plan.contexts["A01"], "2")
    cache = Cache()
    for cached in (False, True):
        seen = []
        execution = WellExecution(plan, context, cache=cache)
        execution.run(after=lambda outcome, seen=seen: seen.append(outcome.cached))
        assert set(seen) == {cached}
        (place, positions), *more = execution.read_special("04_spots", "positions").items()
        assert (place.field, more) == ("2", [])
        expected = next(value for at, value in whole.items() if at.field == "2")
        np.testing.assert_allclose(positions, expected, atol=1e-9)


def test_a_script_gives_the_same_pipeline():
    text = export_script(WHOLE)
    assert 'special_outputs={"positions": "csv"}' in text
    assert import_script(text) == WHOLE
    assert export_script(import_script(text)) == text


def test_a_well_is_whole_only_with_its_special_outputs(finished, tmp_path):
    copied = tmp_path / "out"
    shutil.copytree(finished[1], copied)
    paths = RunPaths.of(copied)
    plan = decode_plan(paths.plan.read_bytes())
    assert read_marker(plan, paths, "A01") is not None
    (copied / "plate.ome.zarr/A/01/1/special/03_trace/outlines.zip").unlink()
    assert read_marker(plan, paths, "A01") is None
    with pytest.raises(StoreError, match=r"outlines.zip is missing: restore it or run its well"):
        open_results(copied).special("outlines", "A01")


def test_what_is_not_there_is_named(finished):
    with pytest.raises(
        StoreError, match="no special output 'spots' of well A01: it has Trace/outl"
    ):
        open_results(finished[1]).special("spots", "A01")


def test_the_command_line_lists_them(finished, capsys):
    assert main(None, ["results", str(finished[1])]) == 0
    text = capsys.readouterr().out
    assert "special Spots/positions" in text
    assert "positions, 4 csv files" in text
