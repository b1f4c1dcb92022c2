"""Positions of fields: filled in from the plate, part of the key, or one clear problem."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.registry import get_spec
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plan import REDUCED, decode_plan, encode_plan

NATIVE = "napari_openhcs.functions"
STITCH = f"{NATIVE}.stitching.stitch_fields"
FIELDS = ("1", "2", "3", "4")

STEPS = [
    FunctionStep(STITCH, name="Stitch"),
    FunctionStep(f"{NATIVE}.threshold.threshold_otsu", name="Mask", select={"channel": "DAPI"}),
    FunctionStep(f"{NATIVE}.segmentation.label_components", name="Nuclei"),
    FunctionStep(
        f"{NATIVE}.measure.measure_objects",
        name="Measure",
        input_source="Stitch",
        inputs={"labels": "Nuclei"},
    ),
]


def positions(wells=("A01", "A02"), step=18.0, jitter=0.0, fields=FIELDS):
    """2 × 2 fields of 40 px (20 µm), 36 px apart; `jitter` moves field 4 of the last well."""
    found = {}
    for number, well in enumerate(wells):
        for place, field in enumerate(fields):
            x, y = place % 2 * step + 9000.003 * number, place // 2 * step + 0.001 * number
            moved = jitter if (well, field) == (wells[-1], "4") else 0.0
            found[f"{well}/{field}"] = (x, y + moved)
    return FrozenMapping(found)


@pytest.fixture
def plate(make_plate):
    return make_plate(fields=FIELDS, positions_um=positions())


def step_plan(plan, well="A01", number=0):
    return plan.contexts[well].layout.steps[number]


def test_positions_are_literals_of_the_frozen_plan(plate):
    plan = compile_pipeline(plate, Pipeline(STEPS))
    assert plan.problems == ()
    (call,) = step_plan(plan).patterns[""]
    assert call.parameters == {"positions": ((0, 0), (0, 36), (36, 0), (36, 36))}
    assert call.from_plate == ("positions",)
    assert pickle.loads(pickle.dumps(plan)) == plan == decode_plan(encode_plan(plan))
    # Nothing of it is in the pipeline's own script or forms.
    assert "positions" not in plan.script
    assert "positions" not in [item.name for item in get_spec(STITCH).form_parameters]


def test_everything_after_it_works_on_the_mosaic(plate):
    plan = compile_pipeline(plate, Pipeline(STEPS))
    layout = plan.contexts["A01"].layout
    for step in layout.steps[:3]:
        assert step.output.grid.field == (REDUCED,)
        assert step.output.shape_yx == (76, 76)
        assert step.output.mosaic_of == FIELDS
    assert [(item.role, item.name, item.dataset) for item in layout.outputs] == [
        ("image", "image", "01_stitch"),
        ("labels", "nuclei", "03_nuclei"),
        ("table", "measure", "04_measure"),
    ]


def test_wells_whose_stage_moved_alike_share_a_layout(plate, make_plate):
    plan = compile_pipeline(plate, Pipeline(STEPS))
    assert plan.contexts["A01"].layout is plan.contexts["A02"].layout
    moved = make_plate(fields=FIELDS, positions_um=positions(jitter=2.0))
    plan = compile_pipeline(moved, Pipeline(STEPS))
    assert plan.problems == ()
    shapes = [step_plan(plan, well).output.shape_yx for well in ("A01", "A02")]
    assert shapes == [(76, 76), (80, 76)]
    assert step_plan(plan).key != step_plan(plan, "A02").key
    # A pipeline that asks for no positions is compiled once.
    plain = compile_pipeline(moved, Pipeline(STEPS[1:3]))
    assert plain.contexts["A01"].layout is plain.contexts["A02"].layout


def test_the_identity_of_a_run_does_not_depend_on_the_wells_chosen(make_plate):
    moved = make_plate(fields=FIELDS, positions_um=positions(jitter=2.0))
    keys = {
        compile_pipeline(moved, Pipeline(STEPS), wells=wells).key
        for wells in (None, ["A01"], ["A02"])
    }
    assert len(keys) == 1
    other = make_plate(fields=FIELDS, positions_um=positions(jitter=3.0))
    assert compile_pipeline(other, Pipeline(STEPS)).key not in keys
    still = compile_pipeline(other, Pipeline(STEPS[1:3])).key
    assert compile_pipeline(moved, Pipeline(STEPS[1:3])).key == still


def test_a_selection_of_fields_is_a_smaller_mosaic(plate):
    step = STEPS[0].replace(select={"field": ("3", "4")})
    plan = compile_pipeline(plate, Pipeline([step]))
    assert plan.problems == ()
    assert step_plan(plan).output.shape_yx == (40, 76)
    assert step_plan(plan).output.mosaic_of == ("3", "4")
    only = compile_pipeline(plate, Pipeline(STEPS[:1]), fields=["1", "3"])
    assert step_plan(only).output.shape_yx == (76, 40)


def test_given_positions_win(plate):
    given = ((0, 0), (0, 30), (30, 0), (30, 30))
    step = FunctionStep((STITCH, {"positions": given}))
    plan = compile_pipeline(plate, Pipeline([step]))
    assert plan.problems == ()
    assert step_plan(plan).output.shape_yx == (70, 70)
    assert step_plan(plan).patterns[""][0].from_plate == ()
    (problem,) = compile_pipeline(
        plate, Pipeline([FunctionStep((STITCH, {"positions": given[:3]}))])
    ).problems
    assert problem.code in ("step_contract", "step_fails")
    assert "for 4 fields" in problem.message


def test_refining_needs_a_reference_with_all_fields(plate):
    step = STEPS[0].replace(inputs={"reference": "plate/DAPI"})
    plan = compile_pipeline(plate, Pipeline([step]))
    assert plan.problems == ()
    assert step_plan(plan).output.shape_yx == (76, 76)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions_um": FrozenMapping()}, "has no stage positions"),
        ({"pixel_size_um": None}, "the pixel size of tiny is not known"),
        ({"positions_um": positions(fields=FIELDS[:3])}, "has none for some fields"),
    ],
)
def test_a_plate_without_them_is_one_problem_that_says_how_to_mend(make_plate, changes, words):
    plate = make_plate(**{"fields": FIELDS, "positions_um": positions(), **changes})
    plan = compile_pipeline(plate, Pipeline(STEPS))
    (problem,) = plan.problems
    assert (problem.code, problem.step, problem.parameter) == ("fact_missing", 1, "positions")
    assert words in problem.message
    assert f"use {NATIVE}.stitching.stitch_grid" in problem.message
    grid = STEPS[0].replace(func=(f"{NATIVE}.stitching.stitch_grid", {"overlap": 0.25}))
    plan = compile_pipeline(plate, Pipeline([grid, *STEPS[1:]]))
    assert plan.problems == ()
    assert step_plan(plan).output.shape_yx == (70, 70)
    assert step_plan(plan).output.mosaic_of == ()


def test_only_the_wells_without_positions_are_named(make_plate):
    some = FrozenMapping({k: v for k, v in positions().items() if k.startswith("A01")})
    plan = compile_pipeline(make_plate(fields=FIELDS, positions_um=some), Pipeline(STEPS))
    assert [(item.code, item.wells) for item in plan.problems] == [("fact_missing", ("A02",))]


def test_stacks_over_something_else_and_mosaics_are_no_fields(plate):
    (problem,) = compile_pipeline(
        plate, Pipeline([STEPS[0].replace(variable_components=("channel",))])
    ).problems
    assert problem.code == "fact_missing"
    assert "variable_components=('field',)" in problem.message
    twice = [STEPS[0], STEPS[0].replace(name="Again")]
    problems = compile_pipeline(plate, Pipeline(twice)).problems
    fault = next(item for item in problems if item.code == "fact_missing")
    assert "one image of all fields already" in fault.message


def test_fields_far_apart_are_refused_before_the_run(make_plate):
    plate = make_plate(fields=FIELDS, positions_um=positions(step=500.0))
    (problem,) = compile_pipeline(plate, Pipeline(STEPS[:1])).problems
    assert "mostly empty" in problem.message


def test_the_shape_is_exact_where_the_overlap_is_a_fraction(make_plate):
    plate = make_plate(fields=("1", "2", "3"), size=333)
    step = FunctionStep(
        (f"{NATIVE}.stitching.stitch_grid", {"columns": 3, "overlap": 0.137}), name="Stitch"
    )
    plan = compile_pipeline(plate, Pipeline([step]))
    assert step_plan(plan).output.shape_yx == (333, 333 + 2 * round(333 * 0.863))
    assert np.prod(step_plan(plan).output.shape_yx) > 0
