"""The live preview with a small fake in place of the tuning process."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QWidget

from napari_openhcs.axes import Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import (
    PLATE,
    ArrayInput,
    CompiledPlate,
    DataPlan,
    Grid,
    Problem,
    ProcessingContext,
    SourcePlan,
    StepPlan,
    WellLayout,
)
from napari_openhcs.runner.tuning import ReplyWhat, TuningReply
from napari_openhcs.widgets.preview import Preview, last_sound_step

pytestmark = pytest.mark.window

GRID = Grid(("1",), ("1",), (0,), (0,))


class FakeTuner:
    """Notes what is asked and says what it is told to say."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.replies: list[TuningReply] = []
        self.started = self.closed = False

    def start(self):
        self.started = True

    def submit(self, plan, well, field=None, last_step=None):
        self.asked.append((well, field, last_step))
        return len(self.asked)

    def poll(self):
        found, self.replies = self.replies, []
        return found

    def close(self):
        self.closed = True

    def say(self, what, step_id="", request=None, **more):
        number = len(self.asked) if request is None else request
        self.replies.append(TuningReply(number, what, step_id=step_id, **more))


def step_plan(index: int, name: str, kind: Kind, source: str, arrays=()) -> StepPlan:
    return StepPlan(
        step_id=f"{index + 1:02d}_{name.lower()}", index=index, name=name,
        source=SourcePlan(source), variable_components=("field",), group_by=None,
        patterns=FrozenMapping(), dropped=(), arrays=arrays, output=DataPlan(kind, GRID),
        dtype_policy="preserve", memory_type_in="numpy", memory_type_out="numpy",
    )  # fmt: skip


STEPS = (
    step_plan(0, "Smooth", Kind.IMAGE, PLATE),
    step_plan(1, "Threshold", Kind.MASK, "01_smooth"),
    step_plan(2, "Split", Kind.LABELS, "02_threshold"),
    step_plan(3, "Measure", Kind.TABLE, PLATE, (ArrayInput("labels", SourcePlan("03_split")),)),
)


def plan(*problems: Problem, bad_wells: tuple[str, ...] = ()) -> CompiledPlate:
    layout = WellLayout(GRID, STEPS, ())
    contexts = {
        well: ProcessingContext(well, layout, (), ("no file",) if well in bad_wells else ())
        for well in ("A01", "A02", "B01")
    }
    return CompiledPlate(
        plate_root="/plate", plate_name="toy", plate_format="imagexpress", channels=(),
        n_rows=2, n_columns=3, pixel_size_um=None, z_step_um=None,
        positions_um=FrozenMapping(), conditions=FrozenMapping(),
        contexts=FrozenMapping(contexts), output="", plate_store="", ome_version="0.5",
        pipeline_name="", script="", key="", workers=1, executor="processes", scheduler=None,
        memory_per_well_bytes=0, stop_after_failures=3, max_attempts=3, problems=problems,
    )  # fmt: skip


def test_steps_before_the_first_error_are_previewed():
    wrong = Problem("x", "Step 3 is wrong.", 3)
    warning = dataclasses.replace(wrong, step=1, severity="warning")
    assert last_sound_step(plan(), "A01") == "04_measure"
    assert last_sound_step(plan(wrong), "A01") == "02_threshold"
    assert last_sound_step(plan(warning), "A01") == "04_measure"
    assert last_sound_step(plan(Problem("x", "The output folder is full.")), "A01") == "04_measure"
    assert last_sound_step(plan(dataclasses.replace(wrong, step=1)), "A01") is None
    assert last_sound_step(plan(bad_wells=("A01",)), "A01") is None
    assert last_sound_step(plan(), "H12") is None


@pytest.fixture
def tuner():
    return FakeTuner()


@pytest.fixture
def owner(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    return owner


@pytest.fixture
def preview(make_napari_viewer_proxy, session, plate, tuner, owner):
    viewer = make_napari_viewer_proxy()
    preview = Preview(viewer, session, owner, tuner)
    session.set_plate(plate)
    assert tuner.started
    for name in ("smooth", "threshold", "split", "measure"):
        session.add_function(f"toy.{name}")
    return preview


def accept(session, plan):
    assert session.accept_compiled(session.compile_job(), plan)


def image(value=1):
    return np.full((1, 1, 1, 1, 8, 10), value, np.uint16)


def test_results_become_layers_and_times(preview, session, tuner, wait):
    heard = []
    preview.measured.connect(lambda *found: heard.append(found))
    accept(session, plan())
    assert tuner.asked == [("A01", "1", "04_measure")]
    tuner.say(ReplyWhat.STEP, "01_smooth", kind=Kind.IMAGE, grid=GRID, array=image(), seconds=0.5)
    labels = image().astype(np.int32)
    tuner.say(ReplyWhat.STEP, "03_split", kind=Kind.LABELS, grid=GRID, array=labels, seconds=0.25)
    table = {"label": np.array([1]), "area": np.array([80.0])}
    tuner.say(ReplyWhat.STEP, "04_measure", kind=Kind.TABLE, grid=GRID, table=table)
    tuner.say(ReplyWhat.DONE)
    wait(lambda: not preview.busy)
    layers = preview.layers.layers()
    assert [key[0] for key in layers] == ["Smooth", "Split"]
    assert list(layers["Split", "1"].features["area"]) == [80.0]
    assert heard[-1] == ({"Smooth": 0.5, "Split": 0.25, "Measure": 0.0}, {})


def test_an_older_answer_is_not_shown(preview, session, tuner, wait):
    accept(session, plan())
    session.tune("B01", "2")
    assert tuner.asked[-1] == ("B01", "2", "04_measure")
    tuner.say(ReplyWhat.STEP, "01_smooth", 1, kind=Kind.IMAGE, grid=GRID, array=image(7))
    tuner.say(ReplyWhat.DONE)
    wait(lambda: not preview.busy)
    assert preview.layers.layers() == {}


def test_a_failure_stands_at_its_step(preview, session, tuner, wait):
    heard = []
    preview.measured.connect(lambda *found: heard.append(found))
    accept(session, plan())
    tuner.say(ReplyWhat.FAILED, "02_threshold", message="Step 2 failed: no threshold.")
    wait(lambda: not preview.busy)
    assert heard[-1][1] == {"Threshold": "Step 2 failed: no threshold."}


def test_a_cached_step_keeps_the_time_it_took(preview, session, tuner, wait):
    heard = []
    preview.measured.connect(lambda *found: heard.append(found))
    accept(session, plan())
    tuner.say(ReplyWhat.STEP, "01_smooth", kind=Kind.IMAGE, grid=GRID, array=image(), seconds=0.5)
    tuner.say(ReplyWhat.DONE)
    wait(lambda: not preview.busy)
    preview.refresh()
    again = {"kind": Kind.IMAGE, "grid": GRID, "array": image(2), "cached": True}
    tuner.say(ReplyWhat.STEP, "01_smooth", **again)
    tuner.say(ReplyWhat.DONE)
    wait(lambda: not preview.busy)
    assert heard[-1][0] == {"Smooth": 0.5}


def test_layers_go_with_their_step_and_with_the_plate(preview, session, tuner, wait):
    accept(session, plan())
    for name in ("01_smooth", "02_threshold"):
        tuner.say(ReplyWhat.STEP, name, kind=Kind.IMAGE, grid=GRID, array=image())
    tuner.say(ReplyWhat.DONE)
    wait(lambda: not preview.busy)
    session.remove_step(1)
    accept(session, plan())
    assert [key[0] for key in preview.layers.layers()] == ["Smooth"]
    session.set_plate(None)
    assert preview.layers.layers() == {}


def test_it_rests_when_switched_off(preview, session, tuner):
    preview.set_live(False)
    accept(session, plan())
    assert tuner.asked == []
    preview.set_live(True)
    assert len(tuner.asked) == 1


def test_the_process_ends_with_its_owner(make_napari_viewer_proxy, session, tuner, qtbot):
    owner = QWidget()
    Preview(make_napari_viewer_proxy(), session, owner, tuner)
    owner.deleteLater()
    qtbot.wait(20)
    assert tuner.closed
