"""Problems of the plate, its wells, the output and the run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plate import PlateProblem

pytestmark = pytest.mark.usefixtures("lab")

Step = FunctionStep
SMOOTH = Step("lab.smooth", name="Smooth")


@pytest.mark.parametrize(
    ("wells", "code", "says"),
    [
        ([], "wells_empty", "at least one"),
        (["B05"], "well_unknown", "A01, A02"),
        (["first"], "well_name", "not a well name"),
    ],
)
def test_problem_of_the_choice_of_wells(wells, code, says, make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), wells=wells)
    assert [item.code for item in plan.problems] == [code]
    assert says in plan.problems[0].message
    assert not plan.ok
    assert len(plan.contexts) == 0


@pytest.mark.parametrize(("fields", "code"), [(["7"], "field_unknown"), ([], "fields_empty")])
def test_problem_of_the_choice_of_fields(fields, code, make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), fields=fields)
    assert [item.code for item in plan.problems] == [code]


def test_plate_without_images(make_plate):
    plate = replace(make_plate(), planes=FrozenMapping())
    plan = compile_pipeline(plate, Pipeline([SMOOTH]))
    assert [item.code for item in plan.problems] == ["plate_empty"]
    assert len(plan.contexts) == 0


def test_missing_plane_is_a_problem_of_its_well(make_plate):
    plate = make_plate(without=lambda key: key.well == "A02" and key.channel == "2")
    plan = compile_pipeline(plate, Pipeline([SMOOTH]))
    assert plan.ok
    assert plan.contexts["A01"].problems == ()
    (sentence,) = plan.contexts["A02"].problems
    assert "field 1, channel GFP" in sentence
    assert str(Path(plate.root, "A02_f1_c2_z0_t0.tif")) in sentence
    (warning,) = plan.problems
    assert (warning.code, warning.severity, warning.wells) == ("well_data", "warning", ("A02",))


def test_missing_plane_that_is_not_read_is_no_problem(make_plate):
    plate = make_plate(without=lambda key: key.well == "A02" and key.channel == "2")
    plan = compile_pipeline(plate, Pipeline([Step("lab.smooth", select={"channel": "DAPI"})]))
    assert plan.problems == ()
    assert all(not context.problems for context in plan.contexts.values())


def test_no_well_is_complete(make_plate):
    plate = make_plate(
        fields=("1", "2"), without=lambda key: key.channel == "2" and key.field == "2"
    )
    plan = compile_pipeline(plate, Pipeline([SMOOTH]))
    assert [item.code for item in plan.problems] == ["wells_all_bad"]
    assert not plan.ok


@pytest.mark.parametrize("code", ["shape", "dtype", "unreadable"])
@pytest.mark.parametrize("well", ["A02", ""])
def test_bad_file_that_the_format_reports(code, well, make_plate):
    plate = make_plate()
    bad = PlateProblem(code, "A02_f1_c1_z0_t0.tif is bad.", "A02_f1_c1_z0_t0.tif", well)
    plan = compile_pipeline(replace(plate, problems=(bad,)), Pipeline([SMOOTH]))
    assert plan.contexts["A02"].problems == ("A02_f1_c1_z0_t0.tif is bad.",)
    assert plan.ok


def test_truncated_file_is_not_blamed_on_the_step(make_plate):
    plate = make_plate(wells=("A01", "A02", "A03"))
    broken = Path(plate.root, "A01_f1_c1_z0_t0.tif")
    broken.write_bytes(broken.read_bytes()[:300])
    plan = compile_pipeline(plate, Pipeline([Step("lab.smooth", dtype="float32")]))
    assert plan.problems == ()
    assert plan.contexts["A01"].layout.steps[0].output.dtype == "float32"


def test_no_well_can_be_read(make_plate):
    plate = make_plate()
    for path in Path(plate.root).iterdir():
        path.write_bytes(b"II*\0")
    plan = compile_pipeline(plate, Pipeline([SMOOTH]))
    assert [(item.code, item.severity) for item in plan.problems] == [("not_tried", "warning")]


def test_unwritable_outputs(make_plate, tmp_path, monkeypatch):
    plate = make_plate()
    file = tmp_path / "file"
    file.write_text("")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    access = os.access
    # The superuser may write anywhere.
    monkeypatch.setattr(
        os, "access", lambda path, mode: access(path, mode) and Path(path) != locked
    )
    cases = {
        plate.root: "output_in_plate",
        f"{plate.root}/results/new": "output_in_plate",
        file: "output_is_file",
        file / "below": "output_is_file",
        locked / "results": "output_not_writable",
        "bad\0name": "output_unusable",
    }
    for output, code in cases.items():
        plan = compile_pipeline(plate, Pipeline([SMOOTH]), output=output)
        assert [item.code for item in plan.problems] == [code], output
        assert str(output) in plan.problems[0].message
        assert not plan.ok
    assert not (Path(plate.root) / "results").exists()
    plan = compile_pipeline(plate, Pipeline([SMOOTH]), output=str(tmp_path / "bad\udcff"))
    assert [item.code for item in plan.problems] == ["output_unusable"]
    assert plan.problems[0].message.isprintable()


def test_a_small_disk_is_told_in_a_unit_that_fits(make_plate, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), output=tmp_path / "results")
    assert [(item.code, item.severity) for item in plan.problems] == [("output_space", "warning")]
    assert "has 0 B free" in plan.problems[0].message


def test_results_never_replace_the_raw_plate(make_plate, tmp_path):
    plate = make_plate(name="raw.ome.zarr")
    plan = compile_pipeline(replace(plate, name="raw"), Pipeline([SMOOTH]), output=tmp_path)
    assert [item.code for item in plan.problems] == ["output_in_plate"]
    assert plate.root in plan.problems[0].message


def test_a_pipeline_that_cannot_be_a_script(make_plate, monkeypatch):
    def refuse(pipeline):
        raise PipelineError("Step 1 has a value that is no literal.")

    monkeypatch.setattr("napari_openhcs.compiler.compile.export_script", refuse)
    (problem,) = compile_pipeline(make_plate(), Pipeline([SMOOTH])).problems
    assert problem.code == "script"
    assert "that is no literal" in problem.message


@pytest.mark.parametrize("workers", [0, -1, 2.5, True])
def test_bad_number_of_workers(workers, make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), workers=workers)
    assert [item.code for item in plan.problems] == ["workers"]


def test_scheduler_without_dask(make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), scheduler="tcp://127.0.0.1:8786")
    assert [(item.code, item.severity) for item in plan.problems] == [
        ("scheduler_unused", "warning")
    ]
