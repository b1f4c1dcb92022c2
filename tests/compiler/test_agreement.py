"""What the compiler plans is what a run of the well gives: places, shapes, dtypes, columns."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_openhcs.axes import Kind
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.runner import well as runner_well

pytestmark = pytest.mark.usefixtures("lab")

BY_KIND = {
    "image": [
        ("lab.smooth", "image"),
        ("lab.invert", "image"),
        ("lab.threshold", "mask"),
        ("lab.measure", "table"),
        ("lab.project", "image"),
        ("lab.stitch", "image"),
        ("lab.deconvolve", "image"),
        (["lab.smooth", "lab.threshold", "lab.label"], "labels"),
        (["lab.project", "lab.threshold"], "mask"),
        ("lab.points", "image"),
        ("lab.mark", "image"),
        ("lab.mark_if_any", "image"),
        ("lab.mark_stack", "image"),
        (["lab.smooth", "lab.points", "lab.mark"], "image"),
        ({"1": ["lab.smooth", "lab.points"], "2": "lab.points"}, "image"),
        ({"1": "lab.points", "2": "lab.mark"}, "image"),
        ({"1": "lab.smooth"}, "image"),
        ({"1": "lab.invert", "2": None}, "image"),
        ({"1": "lab.threshold", "2": ["lab.smooth", "lab.threshold"]}, "mask"),
    ],
    "mask": [("lab.label", "labels"), ("lab.split", "labels")],
    "labels": [("lab.project_labels", "labels")],
}


@st.composite
def pipelines(draw):
    """Draw pipelines most of whose steps fit each other."""
    kinds = {"plate": "image"}
    steps = []
    for number in range(draw(st.integers(1, 5))):
        source = draw(st.sampled_from(list(kinds)))
        func, kind = draw(st.sampled_from(BY_KIND[kinds[source]]))
        inputs = {}
        for function, parameter, wanted in (
            ("lab.measure", "labels", "labels"),
            ("lab.split", "image", "image"),
        ):
            if func == function:
                fitting = [name for name, found in kinds.items() if found == wanted] or ["plate"]
                inputs[parameter] = draw(st.sampled_from(fitting)) + draw(
                    st.sampled_from(["", "", "/DAPI"])
                )
        name = f"S{number}"
        grouped = "channel" if isinstance(func, dict) else None
        # Stacks and selections cross what steps see, so they are rare here.
        variable = draw(st.sampled_from([None] * 4 + ["z", "field", ("field", "z")]))
        steps.append(
            FunctionStep(
                func,
                name=name,
                input_source=source,
                inputs=inputs,
                group_by=grouped,
                variable_components=variable,
                select=draw(st.sampled_from([{}] * 5 + [{"channel": "DAPI"}, {"z": 1}])),
                volume=draw(st.sampled_from([False] * 5 + [True])),
                dtype=draw(st.sampled_from(["preserve", "preserve", "native", "float32"])),
                materialize=draw(st.booleans()),
            )
        )
        if kind != "table":
            kinds[name] = kind
    return Pipeline(steps)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pipeline=pipelines())
def test_what_compiles_runs_as_planned(pipeline, make_plate, lab, monkeypatch):
    monkeypatch.setattr(runner_well, "get_function", lambda name: lab[name.removeprefix("lab.")])
    plate = make_plate(wells=("A01",), fields=("1", "2"), z=(0, 1), size=32)
    plan = compile_pipeline(plate, pipeline)
    if not plan.ok:
        return
    execution = runner_well.WellExecution(plan, plan.contexts["A01"])

    def compare(outcome):
        planned = outcome.step.output
        given = {item.name: item.grid for item in outcome.step.special_outputs}
        assert set(outcome.data.specials) == set(given)
        for name, values in outcome.data.specials.items():
            assert set(values) == set(given[name].coords())
        if planned.kind == Kind.TABLE:
            tables = outcome.data.tables
            assert {place.field for place in tables} == set(planned.grid.field)
            return
        assert set(outcome.data.coords()) == set(planned.grid.coords())
        for place in outcome.data.coords():
            plane = outcome.data.read(place)
            assert (plane.shape, str(plane.dtype)) == (planned.shape_yx, planned.dtype)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        execution.run(after=compare)
        for output in plan.contexts["A01"].layout.outputs:
            if output.role == "table":
                field = output.data.grid.field[0]
                assert tuple(execution.read_table(output, field)) == output.data.columns
            else:
                for place in output.data.grid.coords():
                    assert execution.read_array(output, place).shape == output.data.shape_yx
