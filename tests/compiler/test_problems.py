"""The catalogue of problems: each mistake gives its code, at its step, in one sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_openhcs.compiler import compile_pipeline, trials
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plate import PlateProblem

pytestmark = pytest.mark.usefixtures("lab")

Step = FunctionStep
SMOOTH = Step("lab.smooth", name="Smooth")
MASK = Step("lab.threshold", name="Mask")
LABEL = Step("lab.label", name="Nuclei")
DAPI_LABELS = (Step("lab.threshold", name="Mask", select={"channel": "DAPI"}), LABEL)


@dataclass
class Case:
    """A pipeline and what must be said about it."""

    code: str
    steps: tuple[FunctionStep, ...]
    step: int
    says: tuple[str, ...]
    plate: dict[str, Any] = field(default_factory=dict)
    severity: str = "error"
    parameter: str = ""


def many(**parameters: Any) -> tuple[FunctionStep, ...]:
    return (Step(("lab.many", {"count": 3, **parameters}), name="Many"),)


CASES = [
    Case("function_unknown", (Step("lab.smoth"),), 1, ("lab.smoth", "lab.smooth")),
    Case("function_unavailable", (Step("lab.absent"),), 1, ("pip install lab",)),
    Case(
        "parameter_unknown",
        (Step(("lab.smooth", {"sgma": 1})),),
        1,
        ("'sgma'", "did you mean 'sigma'"),
        parameter="sgma",
    ),
    Case("parameter_type", (Step(("lab.smooth", {"sigma": "big"})),), 1, ("a number", "'big'")),
    Case("parameter_type", many(count=2.5), 1, ("a whole number",), parameter="count"),
    Case("parameter_type", many(flag=1), 1, ("True or False",), parameter="flag"),
    Case("parameter_type", many(text=1), 1, ("text",), parameter="text"),
    Case("parameter_type", many(shape=("cross", 2)), 1, ("('disk', 3)",), parameter="shape"),
    Case("parameter_type", (Step(("lab.smooth", {"sigma": None})),), 1, ("a number",)),
    Case("parameter_limit", (Step(("lab.smooth", {"sigma": -1})),), 1, ("from 0 to 100 px",)),
    Case("parameter_limit", many(count=0), 1, ("of 1 or more",)),
    Case("parameter_choice", many(mode="c"), 1, ("one of 'a', 'b'",)),
    Case(
        "parameter_not_finite", (Step(("lab.smooth", {"sigma": float("inf")})),), 1, ("finite",)
    ),
    Case("parameter_missing", (Step("lab.many"),), 1, ("'count'", "such as 3"), parameter="count"),
    Case(
        "parameter_array",
        (MASK, Step(("lab.split", {"image": 3}), inputs={"image": "plate"})),
        2,
        ("wire it by inputs",),
        parameter="image",
    ),
    Case("parameter_array", (Step(("lab.split", {"mask": 3})),), 1, ("by input_source",)),
    Case("kind_source", (SMOOTH, LABEL), 2, ("takes a mask", "'Smooth' gives an image")),
    Case("kind_source", (*DAPI_LABELS, Step("lab.smooth")), 3, ("gives labels",)),
    Case("kind_source", (Step(["lab.threshold", "lab.smooth"]),), 1, ("lab.threshold gives",)),
    Case(
        "kind_wired",
        (MASK, Step("lab.split", inputs={"image": "Mask"})),
        2,
        ("takes an image as 'image'", "gives a mask", "'plate/DAPI'"),
        parameter="image",
    ),
    Case(
        "input_missing",
        (MASK, Step("lab.split", name="Split")),
        2,
        ("needs 'image'", "'plate/DAPI' or 'plate/GFP'"),
        parameter="image",
    ),
    Case("input_missing", (Step("lab.measure"),), 1, ("there is none yet",), parameter="labels"),
    Case(
        "input_unknown",
        (Step("lab.measure", inputs={"label": "plate"}),),
        1,
        ("takes no such array", "did you mean 'labels'"),
        parameter="label",
    ),
    Case(
        "input_first",
        (MASK, Step("lab.label", inputs={"mask": "Mask"})),
        2,
        ("input_source='Mask'",),
        parameter="mask",
    ),
    Case(
        "input_broadcast",
        (MASK, LABEL, Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei/DAPI"}),
         Step("lab.project", name="All", variable_components=("channel",), input_source="plate"),
         Step("lab.measure", name="Wrong", inputs={"labels": "Nuclei"})),
        5,
        ("channel DAPI, GFP", "such as 'Nuclei/DAPI'"),
        parameter="labels",
    ),
    Case(
        "input_broadcast",
        (Step(["lab.threshold", "lab.label"], name="L"),
         Step(["lab.project", "lab.measure"], input_source="plate", inputs={"labels": "L"})),
        2,
        ("z 0, 1",),
        {"z": (0, 1)},
        parameter="labels",
    ),
    Case(
        "input_broadcast",
        (Step(["lab.threshold", "lab.label"], name="L"),
         Step("lab.project", name="Flat", input_source="plate"),
         Step("lab.measure", inputs={"labels": "L"})),
        3,
        ("z 0, 1, but the step works on z 0",),
        {"z": (0, 1)},
        parameter="labels",
    ),
    Case(
        "input_shape",
        (Step("lab.stitch", name="Wide", select={"channel": "1"}),
         Step(["lab.threshold", "lab.label"], name="L"),
         Step("lab.measure", input_source="plate", select={"field": "1"}, inputs={"labels": "L"})),
        3,
        ("40 × 80 px", "40 × 40 px"),
        {"fields": ("1", "2")},
        parameter="labels",
    ),
    Case("source_unknown", (SMOOTH, Step("lab.smooth", input_source="Smoot")), 2, ("'Smooth'",)),
    Case("source_later", (Step("lab.smooth", input_source="Mask"), MASK), 1, ("comes later",)),
    Case("source_later", (Step("lab.smooth", name="A", input_source="A"),), 1, ("itself",)),
    Case(
        "source_disabled",
        (SMOOTH.replace(enabled=False), Step("lab.smooth", name="B", input_source="Smooth")),
        2,
        ("switched off", "step 1"),
    ),
    Case(
        "source_table",
        (*DAPI_LABELS,
         Step("lab.measure", name="T", input_source="plate", inputs={"labels": "Nuclei"}),
         Step("lab.smooth", input_source="T")),
        4,
        ("gives a table",),
    ),
    Case("select_unknown", (Step("lab.smooth", select={"channel": "DAPPI"}),), 1, ("'DAPI'",)),
    Case("select_unknown", (Step("lab.smooth", select={"z": 7}),), 1, ("z '7'", "has 0")),
    Case("select_empty", (Step("lab.smooth", select={"channel": ()}),), 1, ("no channel",)),
    Case("select_unknown", (Step("lab.measure", inputs={"labels": "plate/RFP"}),), 1, ("'RFP'",)),
    Case(
        "channels_uneven",
        (SMOOTH,),
        1,
        ("DAPI 2, GFP 1", "z"),
        {"z": (0, 1), "without": lambda key: key.channel == "2" and key.z == 1},
    ),
    Case("group_by_missing", (Step({"1": "lab.smooth"}),), 1, ("group_by='channel'",)),
    Case(
        "group_by_variable",
        (Step({"1": "lab.smooth"}, group_by="channel", variable_components=("channel",)),),
        1,
        ("varies inside the stack",),
    ),
    Case(
        "pattern_key_unknown",
        (Step({"RFP": "lab.smooth"}, group_by="channel"),),
        1,
        ("'RFP'", "DAPI, GFP"),
    ),
    Case(
        "pattern_key_twice",
        (Step({"1": "lab.smooth", "DAPI": "lab.invert"}, group_by="channel"),),
        1,
        ("the same channel",),
    ),
    Case("pattern_without_function", (Step({}, group_by="channel"),), 1, ("add one",)),
    Case("pattern_empty", (Step({"1": None, "2": None}, group_by="channel"),), 1, ("every",)),
    Case(
        "pattern_kinds",
        (Step({"1": "lab.smooth", "2": "lab.threshold"}, group_by="channel"),),
        1,
        ("DAPI image, GFP mask",),
    ),
    Case("pattern_kinds", (Step({"1": "lab.threshold"}, group_by="channel"),), 1, ("GFP image",)),
    Case(
        "pattern_planes",
        (Step({"1": "lab.project"}, group_by="channel"),),
        1,
        ("DAPI one plane, GFP all",),
        {"z": (0, 1)},
    ),
    Case("plane_as_volume", (Step("lab.invert", volume=True),), 1, ("volume=True",)),
    Case(
        "plane_as_volume",
        (*DAPI_LABELS,
         Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei"}, volume=True)),
        3,
        ("lab.measure works on single planes",),
    ),
    Case("reduce_twice", (Step(["lab.project", "lab.project"]),), 1, ("already",), {"z": (0, 1)}),
    Case("volume_of_one_plane", (Step("lab.deconvolve"),), 1, ("needs a stack",)),
    Case(
        "stack_of_one_plane", (Step("lab.project"),), 1, ("one plane",), severity="warning"
    ),
    Case(
        "table_in_chain",
        (*DAPI_LABELS,
         Step(["lab.measure", "lab.smooth"], input_source="plate", inputs={"labels": "Nuclei"})),
        3,
        ("make it the last",),
    ),
    Case("memory_type", (Step("lab.elsewhere"),), 1, ("fortran",)),
    Case("name_duplicate", (SMOOTH, SMOOTH), 2, ("1, 2", "'Smooth'")),
    Case(
        "name_duplicate", (Step("lab.smooth"), Step("lab.smooth")), 2, ("own",), severity="warning"
    ),
    Case(
        "name_duplicate",
        (Step("lab.smooth"), Step("lab.smooth"), Step("lab.invert", input_source="Smooth")),
        2,
        ("'Smooth'",),
    ),
    Case("name_reserved", (Step("lab.smooth", name="plate"),), 1, ("another name",)),
    Case(
        "output_name",
        (*DAPI_LABELS, Step("lab.label", name="nuclei", input_source="Mask", materialize=True),
         Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei"})),
        3,
        ("'nuclei'", "step 2"),
    ),
    Case("step_fails", (Step("lab.fail"),), 1, ("ValueError: needs an 8 bit image", "A0")),
    Case("step_contract", (Step("lab.wrong_shape"),), 1, ("same shape",)),
    Case(
        "step_contract",
        (*DAPI_LABELS,
         Step(("lab.outline", {"properties": ("label", "coords")}), name="Shapes",
              input_source="plate", select={"channel": "DAPI"}, inputs={"labels": "Nuclei"})),
        3,
        ("lab.outline", "a column 'coords'", "ndarray", "leave 'coords' out of 'properties'"),
    ),
    Case(
        "labels_of_all_fields",
        (Step("lab.project", name="All", select={"channel": "DAPI"},
              variable_components=("field",)),
         Step(["lab.threshold", "lab.label"], name="Nuclei"),
         Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei"})),
        3,
        ("'Nuclei'", "all fields together", "field by field"),
        {"fields": ("1", "2")},
        severity="warning",
        parameter="labels",
    ),
    Case(
        "mixed_dtypes",
        (Step({"1": "lab.smooth"}, group_by="channel", dtype="native"),),
        1,
        ("float64, uint16", "set dtype='uint16'"),
    ),
    Case(
        "rows_of_different_objects",
        (Step(["lab.threshold", "lab.label"], name="Nuclei"),
         Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei"})),
        2,
        ("DAPI, GFP", "by chance", "a step of its own"),
        severity="warning",
    ),
    Case("pipeline_empty", (), 0, ("has no steps",)),
    Case("pipeline_empty", (SMOOTH.replace(enabled=False),), 0, ("switched on",)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_problem_of_the_pipeline(case, make_plate):
    plan = compile_pipeline(make_plate(**case.plate), Pipeline(case.steps))
    found = [item for item in plan.problems if item.code == case.code]
    assert found, [item.message for item in plan.problems]
    problem = found[0]
    for text in case.says:
        assert text in problem.message
    assert problem.step == case.step
    assert problem.severity == case.severity
    assert plan.ok == (case.severity == "warning")
    assert problem.wells == ()
    if case.parameter:
        assert problem.parameter == case.parameter
    if case.step:
        assert problem.message.startswith(f"Step {case.step} ({case.steps[case.step - 1].title}): ")
    assert problem.message.endswith((".", "?"))
    assert "\n" not in problem.message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_one_mistake_gives_one_error(case, make_plate):
    plan = compile_pipeline(make_plate(**case.plate), Pipeline(case.steps))
    errors = {item.code for item in plan.problems if item.severity == "error"}
    allowed = {
        "parameter_array": {"kind_source", "input_missing"},
        "input_unknown": {"input_missing"},
        "select_unknown": {"kind_wired"},
    }.get(case.code, set())
    assert errors <= {case.code} | allowed | ({"input_missing"} if case.step == 1 else set())


def test_all_problems_at_once(make_plate):
    steps = [
        Step(("lab.smooth", {"sigma": -1, "sgma": 2}), name="A"),
        Step("lab.unheard", name="B"),
        Step("lab.smooth", name="C", select={"channel": "RFP"}),
        Step("lab.fail", name="D", input_source="plate"),
    ]
    plan = compile_pipeline(make_plate(), Pipeline(steps), wells=["A01", "H12", "nowhere"])
    assert [(item.step, item.code) for item in plan.problems] == [
        (0, "well_unknown"),
        (0, "well_name"),
        (1, "parameter_limit"),
        (1, "parameter_unknown"),
        (2, "function_unknown"),
        (3, "select_unknown"),
        (4, "step_fails"),
    ]
    assert [step.step_id for step in plan.contexts["A01"].layout.steps] == [
        "01_a",
        "02_b",
        "03_c",
        "04_d",
    ]


def test_a_step_that_hangs_is_given_up(make_plate, monkeypatch):
    monkeypatch.setattr(trials, "LIMIT_S", 0.2)
    plate = make_plate(size=40)
    plan = compile_pipeline(plate, Pipeline([Step("lab.hang"), SMOOTH]))
    assert [item.code for item in plan.problems] == ["step_too_slow"]
    assert "lab.hang was not done after" in plan.problems[0].message
    # It is not tried again, so that threads do not pile up with every keystroke.
    again = compile_pipeline(plate, Pipeline([Step("lab.hang"), SMOOTH]))
    assert again.problems == plan.problems


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


@pytest.mark.parametrize("properties", ["coords", "label"])
def test_columns_are_checked_where_the_crop_has_no_object(properties, make_plate):
    steps = (
        Step(("lab.threshold", {"level": 1e6}), name="Mask", select={"channel": "DAPI"}),
        LABEL,
        Step(("lab.outline", {"properties": (properties,)}), name="Shapes",
             input_source="plate", select={"channel": "DAPI"}, inputs={"labels": "Nuclei"}),
    )  # fmt: skip
    plan = compile_pipeline(make_plate(), Pipeline(steps))
    expected = [] if properties == "label" else [(3, "step_contract")]
    assert [(item.step, item.code) for item in plan.problems] == expected
    assert all("leave 'coords' out of 'properties'" in item.message for item in plan.problems)


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


@pytest.mark.parametrize("workers", [0, -1, 2.5, True])
def test_bad_number_of_workers(workers, make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), workers=workers)
    assert [item.code for item in plan.problems] == ["workers"]


def test_scheduler_without_dask(make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([SMOOTH]), scheduler="tcp://127.0.0.1:8786")
    assert [(item.code, item.severity) for item in plan.problems] == [
        ("scheduler_unused", "warning")
    ]


def test_the_catalogue_is_large_enough():
    assert len({case.code for case in CASES}) >= 35
