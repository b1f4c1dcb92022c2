"""Which data a step could read, and names that stay unique."""

from __future__ import annotations

import pytest

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import FunctionNotFoundError, PipelineError
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionStep, Pipeline, edit, wiring


def spec(name: str, kind: Kind, *parameters: ParameterSpec, first: Kind = Kind.IMAGE):
    return FunctionSpec(
        id=f"toy.{name}", implementation=f"toy:{name}", library="toy", library_version="1",
        memory_type_in="numpy", memory_type_out="numpy", contract=Contract.PLANE,
        output_kind=kind, category="x", summary=name, input_kinds=(first,),
        parameters=parameters,
    )  # fmt: skip


SPECS = {
    item.id: item
    for item in (
        spec("smooth", Kind.IMAGE),
        spec("mask", Kind.MASK),
        spec("split", Kind.LABELS, first=Kind.MASK),
        spec("table", Kind.TABLE),
    )
}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str) -> FunctionSpec:
        if name not in SPECS:
            raise FunctionNotFoundError(name)
        return SPECS[name]

    monkeypatch.setattr(wiring, "get_spec", get)


def pipeline(*names: str) -> Pipeline:
    return Pipeline([FunctionStep(f"toy.{name}") for name in names])


def values(found: list[wiring.Candidate]) -> list[str]:
    return [item.value for item in found]


def test_arrays_can_be_wired_to_earlier_steps_of_their_kind_last_first() -> None:
    steps = pipeline("mask", "split", "smooth", "table")
    labels = ParameterSpec(name="labels", type="array", kind=Kind.LABELS)
    anything = ParameterSpec(name="other", type="array")
    assert values(wiring.array_candidates(steps, 4, labels, None)) == ["Split"]
    assert values(wiring.array_candidates(steps, 1, labels, None)) == []
    assert values(wiring.array_candidates(steps, 4, anything, None)) == [
        "Smooth",
        "Split",
        "Mask",
        "plate",
    ]


def test_a_step_that_is_not_enabled_passes_its_input_on_and_is_no_candidate() -> None:
    steps = edit.set_step(pipeline("mask", "split"), 1, enabled=False)
    assert wiring.output_kind(steps, 1) == Kind.MASK
    assert values(wiring.input_candidates(steps, 2)) == ["previous", "plate", "Mask"]


def test_an_unknown_function_has_no_kind() -> None:
    assert wiring.output_kind(pipeline("nobody"), 0) is None
    assert values(wiring.input_candidates(pipeline("nobody"), 1)) == ["previous", "plate"]


def test_titles_are_counted_up() -> None:
    steps = pipeline("smooth").insert(1, FunctionStep("toy.smooth", name="Smooth 2"))
    assert wiring.unique_title(steps, "Smooth") == "Smooth 3"
    assert wiring.unique_title(steps, "Smooth 2") == "Smooth 3"
    assert wiring.unique_title(steps, "Smooth", except_index=0) == "Smooth"
    assert wiring.unique_title(steps, "Other") == "Other"


def test_a_rename_is_followed_by_whoever_reads_the_step() -> None:
    steps = pipeline("mask", "split").insert(
        2, FunctionStep("toy.table", input_source="Split", inputs={"labels": "Split"})
    )
    renamed = edit.rename_step(steps, 1, "Nuclei")
    assert renamed[2].input_source == "Nuclei"
    assert renamed[2].inputs == {"labels": "Nuclei"}
    with pytest.raises(PipelineError, match="Another step is named 'Mask'"):
        edit.rename_step(steps, 1, "Mask")


def test_what_measures_after_a_stitching_reads_the_mosaic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    native = "napari_openhcs.functions"
    steps = [
        FunctionStep(f"{native}.stitching.stitch_fields", name="Whole well"),
        FunctionStep(f"{native}.threshold.threshold_otsu"),
        FunctionStep(f"{native}.segmentation.label_components", name="Nuclei"),
    ]
    measure = wiring.spec_of(f"{native}.measure.measure_objects")
    assert measure is not None
    found = wiring.suggested_step(Pipeline(steps), measure, 3)
    assert (found.input_source, dict(found.inputs)) == ("Whole well", {"labels": "Nuclei"})
    without = [steps[0].replace(enabled=False), *steps[1:]]
    assert wiring.suggested_step(Pipeline(without), measure, 3).input_source == "plate"
