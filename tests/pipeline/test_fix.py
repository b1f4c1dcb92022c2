"""Fixes: a table of edits, before and after."""

from __future__ import annotations

import pytest

from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.fix import ACTIONS, apply_fix
from napari_openhcs.plan import Fix

Step = FunctionStep
CALL = ("lab.smooth", {"sigma": 2.0, "sgma": 1.0})

CASES = [
    (Step("a"), "set_options", {"dtype": "float32"}, Step("a", dtype="float32")),
    (
        Step([CALL, "lab.mask"]),
        "set_parameter",
        {"function": "lab.smooth", "name": "sigma", "value": 5},
        Step([("lab.smooth", {"sigma": 5, "sgma": 1.0}), "lab.mask"]),
    ),
    (
        Step({"1": CALL, "2": None}, group_by="channel"),
        "reset_parameter",
        {"function": "lab.smooth", "name": "sgma"},
        Step({"1": ("lab.smooth", {"sigma": 2.0}), "2": None}, group_by="channel"),
    ),
    (
        Step(("lab.smooth", {"sgma": 1.0})),
        "rename_parameter",
        {"function": "lab.smooth", "name": "sgma", "new": "sigma"},
        Step(("lab.smooth", {"sigma": 1.0})),
    ),
    (
        Step(CALL),
        "replace_function",
        {"function": "lab.smooth", "new": "lab.blur", "parameters": ("sigma",)},
        Step(("lab.blur", {"sigma": 2.0})),
    ),
    (Step(["a", "b", "c"]), "remove_call", {"key": "", "position": 1}, Step(["a", "c"])),
    (
        Step({"DPI": "a", "GFP": None}),
        "rename_key",
        {"key": "DPI", "new": "DAPI"},
        Step({"DAPI": "a", "GFP": None}),
    ),
    (Step({"1": "a", "DAPI": "b"}), "remove_key", {"key": "DAPI"}, Step({"1": "a"})),
    (Step({"1": "a"}), "drop_keys", {"keys": ("GFP",)}, Step({"1": "a", "GFP": None})),
    (Step("a"), "wire", {"parameter": "x", "source": "plate"}, Step("a", inputs={"x": "plate"})),
    (Step("a", inputs={"x": "plate"}), "unwire", {"parameter": "x"}, Step("a")),
    (
        Step("a", inputs={"x": "Mask"}),
        "read_first",
        {"parameter": "x"},
        Step("a", input_source="Mask"),
    ),
]


@pytest.mark.parametrize(("before", "action", "values", "after"), CASES, ids=lambda item: str(item))
def test_action(before, action, values, after):
    pipeline = Pipeline([Step("first"), before])
    fixed = apply_fix(pipeline, Fix("", action, 2, FrozenMapping(values)))
    assert fixed == Pipeline([Step("first"), after])
    assert pipeline[1] == before


def test_every_action_is_tested():
    assert {action for _, action, _, _ in CASES} == set(ACTIONS)


def test_renaming_goes_through_later_steps_only():
    steps = [
        Step("a", name="Mask"),
        Step("b", name="B", input_source="Mask"),
        Step("c", name="Mask"),
        Step("d", input_source="Mask", inputs={"x": "Mask/DAPI", "y": "plate/Mask"}),
    ]
    fixed = apply_fix(Pipeline(steps), Fix("", "rename_step", 3, FrozenMapping({"name": "Mask 2"})))
    assert [step.name for step in fixed][:3] == ["Mask", "B", "Mask 2"]
    assert fixed[1].input_source == "Mask"
    assert fixed[3].input_source == "Mask 2"
    assert dict(fixed[3].inputs) == {"x": "Mask 2/DAPI", "y": "plate/Mask"}


@pytest.mark.parametrize(
    ("fix", "says"),
    [
        (Fix("", "explode", 1), "is not known"),
        (Fix("", "set_options", 9), "There is no step 9"),
        (Fix("", "remove_key", 1, FrozenMapping({"key": "1"})), "there is no key"),
    ],
)
def test_a_fix_of_another_pipeline_is_refused(fix, says):
    with pytest.raises(PipelineError, match=says):
        apply_fix(Pipeline([Step("a")]), fix)
