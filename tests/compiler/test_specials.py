"""Special inputs are linked to special outputs by name, or the problem is named."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from napari_openhcs.axes import SpecialKind
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.fix import apply_fix
from napari_openhcs.plan import REDUCED, SpecialInput, decode_plan, encode_plan

pytestmark = pytest.mark.usefixtures("lab")

Step = FunctionStep
POINTS = Step("lab.points", name="Points")
MARK = Step("lab.mark", name="Mark")
DAPI = {"channel": "DAPI"}
GFP = {"channel": "GFP"}


def steps_of(plate, *steps):
    plan = compile_pipeline(plate, Pipeline(steps))
    assert plan.ok, plan.problems
    return list(plan.contexts["A01"].layout.steps)


def test_the_nearest_earlier_step_of_that_name_gives_it(make_plate):
    again = POINTS.replace(name="Again")
    first, second, mark = steps_of(make_plate(), POINTS, again, MARK)
    assert mark.special_inputs == (SpecialInput("points", second.step_id),)
    assert mark.patterns[""][0].special_inputs == ("points",)
    (output,) = first.special_outputs
    assert (output.name, output.kind, output.format) == ("points", SpecialKind.POSITIONS, "csv")
    assert output.grid == first.output.grid


def test_inputs_names_another_step(make_plate):
    again = POINTS.replace(name="Again")
    named = MARK.replace(inputs={"points": "Points"})
    first, _, mark = steps_of(make_plate(), POINTS, again, named)
    assert mark.special_inputs == (SpecialInput("points", first.step_id),)


def test_a_call_of_the_chain_before_comes_first(make_plate):
    chain = Step(["lab.points", "lab.mark"], name="Both")
    _, both = steps_of(make_plate(), POINTS, chain)
    assert both.special_inputs == ()
    assert both.patterns[""][1].special_inputs == ("points",)
    assert [item.name for item in both.special_outputs] == ["points"]


def test_what_need_not_be_given_is_left_out(make_plate):
    (alone,) = steps_of(make_plate(), Step("lab.mark_if_any"))
    assert alone.patterns[""][0].special_inputs == ()
    _, given = steps_of(make_plate(), POINTS, Step("lab.mark_if_any"))
    assert given.special_inputs == (SpecialInput("points", "01_points"),)


def test_a_literal_stands_in_for_it(make_plate):
    (mark,) = steps_of(make_plate(), Step(("lab.mark", {"points": ((1.0, 2.0),)})))
    assert mark.special_inputs == ()


def test_one_for_a_stack_serves_every_plane(make_plate):
    plate = make_plate(z=(0, 1, 2))
    stack = POINTS.replace(volume=True, variable_components=("z",))
    points, mark = steps_of(plate, stack, MARK)
    assert points.special_outputs[0].grid.z == (0,)
    assert mark.special_inputs == (SpecialInput("points", "01_points"),)
    points, deep = steps_of(plate, stack, Step("lab.mark_stack"))
    assert deep.special_inputs == (SpecialInput("points", "01_points"),)


def test_one_channel_serves_all(make_plate):
    _, mark = steps_of(
        make_plate(), POINTS.replace(select=DAPI), MARK.replace(input_source="plate")
    )
    assert len(mark.output.grid.channel) == 2


def test_keys_of_a_pattern_give_it_at_their_places(make_plate):
    split = Step({"DAPI": "lab.points"}, group_by="channel", name="Split")
    points, _ = steps_of(make_plate(), split, MARK.replace(select=DAPI))
    assert points.special_outputs[0].grid.channel == ("1",)
    both = Step({"DAPI": "lab.points", "GFP": ["lab.smooth", "lab.points"]}, group_by="channel")
    points, _ = steps_of(make_plate(), both, MARK)
    assert points.special_outputs[0].grid.channel == ("1", "2")


def test_what_comes_after_a_projection_is_there_once(make_plate):
    plate = make_plate(fields=("1", "2"))
    chain = Step(["lab.stitch", "lab.points"], name="Mosaic")
    (mosaic,) = steps_of(plate, chain)
    assert mosaic.special_outputs[0].grid.field == (REDUCED,)


@pytest.mark.parametrize(
    ("formats", "expected"), [({}, "csv"), ({"points": "roi"}, "roi"), ({"points": None}, "")]
)
def test_the_step_says_how_it_is_written(make_plate, formats, expected):
    (points,) = steps_of(make_plate(), POINTS.replace(special_outputs=formats))
    assert points.special_outputs[0].format == expected


def test_the_format_is_no_part_of_the_step_but_of_the_run(make_plate):
    plate = make_plate()
    one, other = (
        compile_pipeline(plate, Pipeline([POINTS.replace(special_outputs={"points": form})]))
        for form in ("csv", "roi")
    )
    assert one.key != other.key
    keys = [plan.contexts["A01"].layout.steps[0].key for plan in (one, other)]
    assert keys[0] == keys[1]


def test_the_key_of_a_step_changes_with_the_giver_of_its_special_input(make_plate):
    mark = MARK.replace(input_source="plate")
    other = Step(["lab.smooth", "lab.points"], name="Points")
    keys = {steps_of(make_plate(), giver, mark)[1].key for giver in (POINTS, other)}
    assert len(keys) == 2


def test_plans_with_special_outputs_are_frozen_and_go_through_json(make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([POINTS, MARK]))
    assert decode_plan(encode_plan(plan)) == plan
    assert encode_plan(decode_plan(encode_plan(plan))) == encode_plan(plan)
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert hash(plan.contexts["A01"].layout.steps) == hash(
        decode_plan(encode_plan(plan)).contexts["A01"].layout.steps
    )


CASES: list[tuple[str, tuple[Step, ...], dict[str, Any], str, bool]] = [
    ("special_missing", (MARK,), {}, "none gives it: add a step that does, such as lab.po", False),
    ("special_later", (MARK, POINTS), {}, "step 2 (Points), which gives it, comes later", False),
    (
        "special_disabled",
        (POINTS.replace(enabled=False), MARK),
        {},
        "step 1 (Points), which gives it, is switched off",
        True,
    ),
    (
        "special_source",
        (POINTS, MARK.replace(inputs={"points": "Pointz"})),
        {},
        "no earlier step of that name gives it (did you mean 'Points'?)",
        True,
    ),
    (
        "special_source",
        (POINTS, MARK.replace(inputs={"points": "plate/DAPI"})),
        {},
        "these do: Points.",
        True,
    ),
    (
        "special_kind",
        (POINTS, Step("lab.rows_of_points", name="Rows"), MARK),
        {},
        "takes 'points' as positions, but step 2 (Rows) gives it as table",
        True,
    ),
    (
        "special_places",
        (
            POINTS.replace(select={"channel": ("DAPI", "GFP")}),
            MARK.replace(input_source="plate", select={"channel": "Cy5"}),
        ),
        {"channels": (("1", "DAPI"), ("2", "GFP"), ("3", "Cy5"))},
        "takes 'points' for channel Cy5, but step 1 (Points) gives it for channel DAPI, GFP",
        False,
    ),
    (
        "special_places",
        (POINTS, Step("lab.mark_stack", name="Deep")),
        {"z": (0, 1, 2)},
        "works on the stack over z 0, 1, 2 and takes one 'points' for it",
        False,
    ),
    (
        "special_twice",
        (Step([("lab.points"), "lab.points"], name="Twice"),),
        {},
        "both give 'points' in one chain",
        False,
    ),
    (
        "special_kinds",
        (Step({"DAPI": "lab.points", "GFP": "lab.rows_of_points"}, group_by="channel"),),
        {},
        "gives 'points' as positions for one channel and as table for another",
        False,
    ),
    (
        "special_unknown",
        (POINTS.replace(special_outputs={"pointz": "csv"}),),
        {},
        "the step's functions give points (did you mean 'points'?)",
        True,
    ),
    (
        "special_format",
        (POINTS.replace(special_outputs={"points": "tiff"}),),
        {},
        "positions can be written as csv, parquet, json, roi",
        True,
    ),
]


@pytest.mark.parametrize(
    ("code", "steps", "plate", "says", "fixed"),
    CASES,
    ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)],
)
def test_problems(make_plate, code, steps, plate, says, fixed):
    made, pipeline = make_plate(**plate), Pipeline(steps)
    plan = compile_pipeline(made, pipeline)
    (problem,) = plan.problems
    assert problem.code == code
    assert says in problem.message
    assert "\n" not in problem.message
    assert problem.message.startswith(f"Step {problem.step} (")
    assert not plan.ok
    assert (problem.fix is not None) is fixed
    if problem.fix is not None:
        assert compile_pipeline(made, apply_fix(pipeline, problem.fix)).ok
