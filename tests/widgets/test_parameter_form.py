"""The form: values never touched are never passed, edits arrive, typing is not interrupted."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QLabel

from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.widgets.parameter_form import ParameterForm

pytestmark = pytest.mark.window


@pytest.fixture
def form(qtbot, session):
    form = ParameterForm(session=session)
    qtbot.addWidget(form)
    return form


def test_a_value_never_touched_is_never_passed(form, session):
    session.add_function("toy.smooth")
    for row in form.calls[0].rows.values():
        row.field.set(row.field.get())
    form.refresh()
    assert session.pipeline[0].func.parameters == {}


def test_an_edit_reaches_the_pipeline_stands_in_bold_and_can_be_reset(form, session):
    session.add_function("toy.smooth")
    row = form.calls[0].rows["sigma"]
    row.field.widget.setValue(2.5)
    assert session.pipeline[0].func.parameters == {"sigma": 2.5}
    assert row.label.font().bold()
    row.reset.click()
    assert session.pipeline[0].func.parameters == {}
    assert not row.label.font().bold()
    assert row.field.get() == 1.0


def test_the_same_widgets_stay_while_one_types(form, session):
    session.add_function("toy.smooth")
    widget = form.calls[0].rows["sigma"].field.widget
    widget.setValue(2.5)
    session.set_parameter(0, "mode", "wrap")
    assert form.calls[0].rows["sigma"].field.widget is widget
    assert form.calls[0].rows["mode"].field.get() == "wrap"
    session.undo()
    assert form.calls[0].rows["mode"].field.get() == "nearest"


def test_arrays_are_wired_to_earlier_steps_and_channels(form, session, plate):
    session.set_plate(plate)
    for name in ("threshold", "split", "measure"):
        session.add_function(f"toy.{name}")
    box = form.calls[0].wires["labels"]
    assert box.currentData() == "Split"
    box.activated.emit(0)
    assert session.pipeline[2].inputs == {}
    assert box.currentText() == "not connected"
    session.set_input(2, "labels", "Gone")
    assert box.currentText() == "Gone (missing)"


def test_options_show_and_set(form, session, plate):
    session.set_plate(plate)
    session.add_function("toy.threshold")
    session.add_function("toy.opening")
    options = form.options
    options.channel.setCurrentIndex(options.channel.findData("GFP"))
    options.channel.activated.emit(options.channel.currentIndex())
    assert session.pipeline[1].select == {"channel": ("GFP",)}
    options.keep.click()
    assert session.pipeline[1].materialize
    options.source.activated.emit(options.source.findData("plate"))
    assert session.pipeline[1].input_source == "plate"
    assert not options.volume.isHidden()
    options.channel.activated.emit(0)
    assert session.pipeline[1].select == {}


def test_an_unknown_function_is_kept_and_said(form, session, monkeypatch):
    session.set_pipeline(Pipeline([FunctionStep(("who.knows", {"a": 1}))]))
    session.select_step(0)
    texts = [label.text() for label in form.findChildren(QLabel)]
    assert any("is not a function known here" in text and "a = 1" in text for text in texts)


def test_chains_and_mappings_have_a_part_for_each_call(form, session):
    session.set_pipeline(
        Pipeline([FunctionStep({"1": ["toy.smooth", "toy.threshold"], "2": "toy.smooth"})])
    )
    session.select_step(0)
    assert [(call.key, call.position) for call in form.calls] == [("1", 0), ("1", 1), ("2", 0)]
    form.calls[2].rows["sigma"].field.widget.setValue(4.0)
    assert dict(session.pipeline[0].chains())["2"][0].parameters == {"sigma": 4.0}
    assert dict(session.pipeline[0].chains())["1"][0].parameters == {}


@pytest.mark.parametrize("value", [-1.0, 7, (1.0, 2.0), None, "text", 1e300, True])
def test_a_value_of_any_form_that_a_script_sets_is_shown(form, session, value):
    session.add_function("toy.smooth")
    session.set_parameter(0, "sigma", value)
    row = form.calls[0].rows["sigma"]
    assert row.field.get() == value
    assert type(row.field.get()) is type(value)
    assert form.calls[0].layout().indexOf(row.field.widget) >= 0
    session.reset_parameter(0, "sigma")
    assert row.field.get() == 1.0
    assert session.pipeline[0].func.parameters == {}
