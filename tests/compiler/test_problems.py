"""The catalogue of problems: each mistake gives its code, at its step, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from napari_openhcs.compiler import compile_pipeline, trials
from napari_openhcs.compiler.codes import CODES
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.fix import apply_fix

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
    fixed: bool = False


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
    Case(
        "dtype_refused",
        (Step("lab.smooth", name="S", dtype="float32"), Step("lab.rank", name="R")),
        2,
        ("does not work on float32", "on uint8 or uint16 only", "Set dtype='uint8' on step 1",
         "use lab.rank_filter"),
        fixed=True,
    ),
    Case(
        "step_fails",
        (Step("lab.smooth", name="S", dtype="float64"), Step("lab.rank", name="R")),
        2,
        ("TypeError: Image type float64 not supported", "It does not take float64 but uint8",
         "Set dtype='uint8' on step 1, or use lab.rank_filter"),
        fixed=True,
    ),
    Case("not_deterministic", (Step("lab.shuffle"),), 1, ("resume", "set seed=0"),
         severity="warning", parameter="seed", fixed=True),
    Case("rounded_away", (Step("lab.fraction"),), 1, ("dtype='float32'",), severity="warning",
         fixed=True),
    Case(
        "mixed_sizes",
        (Step({"1": "lab.stitch", "2": "lab.project"}, group_by="channel",
              variable_components=("field",)),),
        1,
        ("DAPI 40 × 80 px, GFP 40 × 40 px", "a step each"),
        {"fields": ("1", "2")},
    ),
    Case(
        "source_later",
        (Step("lab.measure", inputs={"labels": "Nuclei"}), *DAPI_LABELS),
        1,
        ("labels reads 'Nuclei', that is step 3",),
        parameter="labels",
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
    assert case.severity == "error" or CODES[case.code].warning or case.code == "name_duplicate"
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


def weight(plan):
    """Return how much is wrong: errors first, then warnings."""
    errors = sum(item.severity == "error" for item in plan.problems)
    return errors, len(plan.problems) - errors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_fix_mends_its_problem(case, make_plate):
    plate, pipeline = make_plate(**case.plate), Pipeline(case.steps)
    plan = compile_pipeline(plate, pipeline)
    fixes = [item.fix for item in plan.problems if item.code == case.code and item.fix]
    assert not case.fixed or fixes
    assert not fixes or CODES[case.code].fix
    for fix in fixes:
        mended = apply_fix(pipeline, fix)
        assert mended != pipeline
        assert fix.text
        left = compile_pipeline(plate, mended).problems
        problem = next(item for item in plan.problems if item.fix == fix)
        assert problem not in left, fix


def test_every_fix_of_the_catalogue_is_made(make_plate):
    made = set()
    for case in CASES:
        plan = compile_pipeline(make_plate(**case.plate), Pipeline(case.steps))
        made |= {item.code for item in plan.problems if item.fix}
    # Those of special outputs and inputs are in test_specials.
    others = {code for code in CODES if code.startswith("special_")}
    assert made - others == {code for code, kind in CODES.items() if kind.fix} - others


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
