"""Phase 1: from names to ids, sources, grids and wires."""

from __future__ import annotations

import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import FunctionStep as Step
from napari_openhcs.plan import Grid, SourcePlan

pytestmark = pytest.mark.usefixtures("lab")

TWO_BY_TWO = {"fields": ("1", "2"), "z": (0, 1)}


@pytest.fixture
def plan(make_draft):
    """Run phase 1 and return the plans of the steps."""

    def run(steps, **plate):
        draft = initialize_step_plans_for_context(make_draft(steps, **plate))
        assert not [item for item in draft.problems if item.severity == "error"], draft.problems
        return draft.steps

    return run


def test_ids_count_all_steps(plan):
    steps = plan(
        [
            Step("lab.smooth", name="Make it smooth!"),
            Step("lab.invert", enabled=False),
            Step("lab.invert"),
        ]
    )
    assert [step.step_id for step in steps] == ["01_make_it_smooth", "03_invert"]
    assert [step.index for step in steps] == [0, 2]


SMOOTH = Step("lab.smooth", name="Smooth")
MASK = Step("lab.threshold", name="Mask")
LABEL = Step("lab.label", name="Nuclei")
TABLE = Step("lab.measure", name="Table", input_source="plate", inputs={"labels": "Nuclei"})


@pytest.mark.parametrize(
    ("steps", "sources"),
    [
        ([SMOOTH, Step("lab.invert")], ["plate", "01_smooth"]),
        ([SMOOTH.replace(enabled=False), Step("lab.invert")], ["plate"]),
        ([SMOOTH, MASK, Step("lab.invert", input_source="Smooth")][::1], None),
        ([SMOOTH, Step("lab.invert", input_source="plate")], ["plate", "plate"]),
        # What comes after a table reads what the table's step could have read.
        (
            [MASK, LABEL, TABLE, Step("lab.project_labels")],
            ["plate", "01_mask", "plate", "02_nuclei"],
        ),
    ],
)
def test_source(steps, sources, plan):
    found = [step.source.dataset for step in plan(steps)]
    assert found == (sources or ["plate", "01_smooth", "01_smooth"])


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({"channel": "GFP"}, {"channel": ("2",)}),
        ({"channel": "2"}, {"channel": ("2",)}),
        ({"channel": ["GFP", "DAPI"]}, {}),
        ({"field": 2}, {"field": ("2",)}),
        ({"z": 1, "field": "1"}, {"z": (1,), "field": ("1",)}),
        ({"z": "1"}, {"z": (1,)}),
    ],
)
def test_select(select, expected, plan):
    (step,) = plan([Step("lab.smooth", select=select)], **TWO_BY_TWO)
    assert step.source.select == expected
    for component, values in expected.items():
        assert step.output.grid.values(component) == values


def test_channels_of_different_depth_are_selected_with_theirs(plan):
    (step,) = plan(
        [Step("lab.smooth", select={"channel": "GFP"})],
        z=(0, 1, 2),
        without=lambda key: key.channel == "2" and key.z != 1,
    )
    assert step.source.select == {"channel": ("2",), "z": (1,)}


@pytest.mark.parametrize(
    ("step", "variable", "applies"),
    [
        (Step("lab.smooth"), ("field",), ["plane"]),
        (Step("lab.smooth", volume=True), ("z",), ["stack"]),
        (Step("lab.smooth", volume=True, variable_components="field"), ("field",), ["stack"]),
        (Step("lab.project"), ("z",), ["stack"]),
        (Step(["lab.smooth", "lab.project"]), ("z",), ["plane", "stack"]),
        (Step("lab.stitch"), ("field",), ["stack"]),
        (Step("lab.deconvolve"), ("z",), ["stack"]),
        (Step({"1": "lab.smooth"}, group_by="field"), (), ["plane"]),
        (Step("lab.smooth", variable_components=("z", "field")), ("field", "z"), ["plane"]),
    ],
)
def test_stacks(step, variable, applies, plan):
    (planned,) = plan([step], **TWO_BY_TWO)
    assert planned.variable_components == variable
    (chain,) = planned.patterns.values()
    assert [call.applies_to for call in chain] == applies


FULL = Grid(("1", "2"), ("1", "2"), (0, 1), (0,))


@pytest.mark.parametrize(
    ("step", "grid"),
    [
        (Step("lab.smooth"), FULL),
        (Step("lab.project"), Grid(("1", "2"), ("1", "2"), (0,), (0,))),
        (Step("lab.stitch"), Grid(("all",), ("1", "2"), (0, 1), (0,))),
        (
            Step("lab.project", variable_components="channel"),
            Grid(("1", "2"), ("all",), (0, 1), (0,)),
        ),
        (
            Step({"DAPI": "lab.smooth", "GFP": None}, group_by="channel"),
            Grid(("1", "2"), ("1",), (0, 1), (0,)),
        ),
        (Step({"DAPI": "lab.smooth"}, group_by="channel"), FULL),
        (
            Step("lab.project", select={"channel": "GFP"}),
            Grid(("1", "2"), ("2",), (0,), (0,)),
        ),
    ],
)
def test_grid(step, grid, plan):
    (planned,) = plan([step], **TWO_BY_TWO)
    assert planned.output.grid == grid


def test_patterns_by_value(plan):
    step = Step({"DAPI": ["lab.smooth", "lab.invert"], "2": None}, group_by="channel")
    (planned,) = plan([step])
    assert planned.group_by == "channel"
    assert planned.dropped == ("2",)
    assert [call.function for call in planned.patterns["1"]] == ["lab.smooth", "lab.invert"]


def test_group_by_without_a_mapping_has_no_effect(plan):
    (planned,) = plan([Step("lab.smooth", group_by="channel")])
    assert planned.group_by is None
    assert list(planned.patterns) == [""]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("plate", SourcePlan("plate")),
        ("plate/GFP", SourcePlan("plate", FrozenMapping({"channel": ("2",)}))),
        ("A/B", SourcePlan("01_a_b")),
        ("A/B/DAPI", SourcePlan("01_a_b", FrozenMapping({"channel": ("1",)}))),
        ("previous", SourcePlan("01_a_b")),
    ],
)
def test_wires(text, source, plan):
    steps = [
        Step("lab.smooth", name="A/B"),
        Step(["lab.threshold", "lab.split"], name="Split", inputs={"image": text}),
    ]
    (wire,) = plan(steps)[1].arrays
    assert (wire.parameter, wire.source) == ("image", source)
    assert plan(steps)[1].patterns[""][1].array_parameters == ("image",)


def test_kind_and_presumed_dtype(plan):
    steps = plan([SMOOTH, MASK, LABEL, TABLE, Step("lab.smooth", dtype="float32",
                                                   input_source="plate")])  # fmt: skip
    found = [(step.output.kind, step.output.dtype) for step in steps]
    assert found == [
        (Kind.IMAGE, "uint16"),
        (Kind.MASK, "bool"),
        (Kind.LABELS, "int32"),
        (Kind.TABLE, None),
        (Kind.IMAGE, "float32"),
    ]


def test_keys_follow_what_changes_the_result(plan):
    def keys(*steps):
        return [step.key for step in plan(list(steps))]

    first = keys(SMOOTH, MASK)
    assert first == keys(SMOOTH, MASK)
    assert first == keys(SMOOTH.replace(name="Other"), MASK.replace(materialize=True))
    assert first == keys(SMOOTH.replace(select={"channel": ["1", "2"]}), MASK)
    for changed in (
        Step(("lab.smooth", {"sigma": 2})),
        SMOOTH.replace(dtype="native"),
        SMOOTH.replace(volume=True),
        SMOOTH.replace(select={"channel": "1"}),
        Step("lab.invert"),
    ):
        new = keys(changed, MASK)
        assert new[0] != first[0]
        assert new[1] != first[1]
    edited = keys(SMOOTH, Step(("lab.threshold", {"level": 3.0}), name="Mask"))
    assert edited[0] == first[0]
    assert edited[1] != first[1]


def test_the_draft_before_is_unchanged(make_draft):
    draft = make_draft([SMOOTH])
    initialize_step_plans_for_context(draft)
    assert draft.steps == ()
    assert draft.problems == ()
