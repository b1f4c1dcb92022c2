"""The session without Qt: intents, signals, undo and wiring."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import PipelineError, RunError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.session import Session, close_session, current_session


def make_spec(name: str, contract: Contract, output: Kind, **more: object) -> FunctionSpec:
    return FunctionSpec(
        id=f"toy.{name}",
        implementation=f"toy:{name}",
        library="toy",
        library_version="1",
        memory_type_in="numpy",
        memory_type_out="numpy",
        contract=contract,
        output_kind=output,
        category="filter",
        summary=name,
        **more,
    )


LABELS = ParameterSpec(name="labels", type="array", required=True, kind=Kind.LABELS)
SIGMA = ParameterSpec(name="sigma", type="float", default=1.0)
SPECS = {
    spec.id: spec
    for spec in (
        make_spec("smooth", Contract.PLANE, Kind.IMAGE, parameters=(SIGMA,)),
        make_spec(
            "median",
            Contract.PLANE,
            Kind.IMAGE,
            parameters=(ParameterSpec(name="size", type="int", required=True, suggested=3),),
        ),
        make_spec("threshold", Contract.PLANE, Kind.MASK),
        make_spec("split", Contract.LABELS, Kind.LABELS, input_kinds=(Kind.MASK,)),
        make_spec("measure", Contract.TABLE, Kind.TABLE, parameters=(LABELS,)),
    )
}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr("napari_openhcs.pipeline.wiring.get_spec", SPECS.__getitem__)
    monkeypatch.setattr(registry, "get_spec", SPECS.__getitem__)
    return Session()


@pytest.fixture
def plate() -> Plate:
    planes = {
        PlaneKey(well, field, channel, 0, 0): PlaneSource(f"{well}_{field}_{channel}.tif")
        for well in ("A01", "A02", "B01")
        for field in ("1", "2")
        for channel in ("1", "2")
    }
    return Plate(
        root="/plate",
        name="plate",
        format="toy",
        channels=(Channel("1", "DAPI"), Channel("2", "GFP")),
        planes=FrozenMapping(planes),
        shape_yx=(64, 64),
        dtype="uint16",
        n_rows=2,
        n_columns=3,
    )


def build(session: Session, *names: str) -> Pipeline:
    for name in names:
        session.add_function(f"toy.{name}")
    return session.pipeline


def test_added_functions_follow_the_selected_step_and_are_selected(session: Session) -> None:
    build(session, "smooth", "threshold")
    session.select_step(0)
    assert session.add_function("toy.median") == 1
    assert [step.title for step in session.pipeline] == ["Smooth", "Median", "Threshold"]
    assert session.state.selected_step == 1
    assert session.pipeline[1].func.parameters == {"size": 3}


def test_measuring_reads_the_plate_and_the_last_labels(session: Session) -> None:
    pipeline = build(session, "smooth", "threshold", "split", "measure")
    assert pipeline[2].input_source == "previous"
    assert pipeline[3].input_source == "plate"
    assert pipeline[3].inputs == {"labels": "Split"}


def test_an_image_function_after_a_table_reads_the_plate(session: Session) -> None:
    pipeline = build(session, "threshold", "split", "measure", "smooth")
    assert pipeline[3].input_source == "plate"


def test_a_labels_function_after_an_image_reads_the_last_mask(session: Session) -> None:
    pipeline = build(session, "threshold", "smooth", "split")
    assert pipeline[2].input_source == "Threshold"


def test_names_stay_unique_and_references_follow_a_rename(session: Session) -> None:
    build(session, "threshold", "split", "measure", "smooth", "smooth")
    assert session.pipeline[4].title == "Smooth 2"
    session.set_shown(1, False)
    session.rename_step(1, "Nuclei")
    assert session.pipeline[2].inputs == {"labels": "Nuclei"}
    assert session.state.hidden_steps == {"Nuclei"}
    with pytest.raises(PipelineError, match="Another step is named 'Smooth'"):
        session.rename_step(1, "Smooth")


def test_a_default_is_not_stored_and_a_required_value_is(session: Session) -> None:
    build(session, "smooth", "median")
    session.set_parameter(0, "sigma", 2.0)
    assert session.pipeline[0].func.parameters == {"sigma": 2.0}
    session.set_parameter(0, "sigma", 1.0)
    assert session.pipeline[0].func.parameters == {}
    session.set_parameter(1, "size", 5)
    session.reset_parameter(1, "size")
    assert session.pipeline[1].func.parameters == {"size": 3}


def test_a_parameter_inside_a_chain_and_a_mapping(session: Session) -> None:
    chain = FunctionStep({"1": ["toy.smooth", "toy.threshold"], "2": "toy.smooth"})
    session.set_pipeline(Pipeline([chain]))
    session.set_parameter(0, "sigma", 3.0, key="1", position=0)
    patterns = dict(session.pipeline[0].chains())
    assert patterns["1"][0].parameters == {"sigma": 3.0}
    assert patterns["2"][0].parameters == {}


def test_undo_and_redo_over_everything(session: Session) -> None:
    build(session, "smooth", "threshold")
    session.set_parameter(0, "sigma", 2.0)
    session.move_step(0, 1)
    session.set_enabled(0, False)
    session.duplicate_step(1)
    session.remove_step(0)
    end = session.pipeline
    count = 0
    while session.undo():
        count += 1
    assert count == 7
    assert session.pipeline == Pipeline()
    assert session.state.selected_step is None
    while session.redo():
        pass
    assert session.pipeline == end


def test_dragging_one_value_is_one_step_of_undo(session: Session) -> None:
    build(session, "smooth")
    for value in (1.5, 2.0, 2.5):
        session.set_parameter(0, "sigma", value)
    session.undo()
    assert session.pipeline[0].func.parameters == {}


def test_each_intent_is_one_signal_with_the_new_value(session: Session, plate: Plate) -> None:
    seen: list[tuple[str, object]] = []
    for name in ("plate_changed", "pipeline_changed", "tuned_changed", "wells_selected"):
        getattr(session, name).connect(lambda value, name=name: seen.append((name, value)))
    session.set_plate(plate)
    assert [name for name, _ in seen] == ["plate_changed", "wells_selected", "tuned_changed"]
    assert (session.state.tuned.well, session.state.tuned.field) == ("A01", "1")
    seen.clear()
    session.tune("A02", "2")
    session.tune("B01")
    assert session.state.tuned.field == "2"
    session.tune("B01")
    assert len(seen) == 2
    seen.clear()
    session.select_wells(["B01", "A01", "Z99"])
    session.set_pipeline(Pipeline())
    assert seen == [("wells_selected", ("A01", "B01"))]


def test_refusals_are_sentences(session: Session, plate: Plate) -> None:
    with pytest.raises(RunError, match="open a plate and add a function"):
        session.run_job()
    session.set_plate(plate)
    build(session, "smooth")
    with pytest.raises(RunError, match="choose where the results go"):
        session.run_job()
    with pytest.raises(PipelineError, match="no well 'H12'"):
        session.tune("H12")
    with pytest.raises(PipelineError, match="no field '9'"):
        session.tune("A01", "9")
    with pytest.raises(PipelineError, match="no step 7"):
        session.remove_step(6)


def test_a_stale_plan_is_dropped(session: Session, plate: Plate) -> None:
    session.set_plate(plate)
    build(session, "smooth")
    job = session.compile_job()
    assert job is not None
    session.set_parameter(0, "sigma", 4.0)
    assert not session.accept_compiled(job, None)  # type: ignore[arg-type]
    assert session.state.compiled is None


def test_one_session_a_window() -> None:
    first = current_session("window")
    assert current_session("window") is first
    assert current_session("other") is not first
    close_session("window")
    close_session("other")
    assert current_session("window") is not first
    close_session("window")


def test_importing_the_session_is_light() -> None:
    code = (
        "import sys, napari_openhcs.session;"
        "heavy = {'qtpy', 'napari', 'torch', 'skimage', 'dask', 'zarr'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
