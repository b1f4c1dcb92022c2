"""The form: values never touched are never passed, edits arrive, typing is not interrupted."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QLabel

from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plan import Problem
from napari_openhcs.session import Session
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


def test_options_say_which_level_a_limit_comes_from(form, session):
    session.add_function("toy.smooth")
    assert form.options.limits.text() == "no time limit (default)"
    session.set_step(0, time_limit_s=30, cpu_fallback=False)
    assert form.options.limits.text() == "30 s a well (step)"
    assert "2 new attempts out of memory (default)" in form.options.limits.toolTip()
    assert "then the well fails (step)" in form.options.limits.toolTip()


def test_what_an_earlier_step_gives_is_said_and_not_asked_for(real):
    real._session.add_function("napari_openhcs.functions.positions.draw_positions")
    assert list(real.calls[0].rows) == ["radius"]
    texts = [label.text() for label in real.findChildren(QLabel)]
    assert "Takes positions from the nearest earlier step that gives them." in texts


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


LONG = "skimage.transform.swirl"


@pytest.fixture
def real(qtbot):
    """A form on the real registry."""
    form = ParameterForm(session=Session())
    form.resize(340, 300)
    qtbot.addWidget(form)
    form.show()
    return form


def test_what_is_rarely_changed_is_folded_away_and_unfolds(real):
    real._session.add_function(LONG)
    call = real.calls[0]
    assert call.more.text() == "▸ 5 more"
    assert "value outside" in call.more.toolTip()
    assert call.rows["strength"].field.widget.isVisible()
    assert not call.rows["cval"].field.widget.isVisible()
    call.more.click()
    assert call.rows["cval"].field.widget.isVisible()
    assert call.more.text() == "▾ Fewer"
    call.more.click()
    assert not call.rows["cval"].field.widget.isVisible()


def test_a_changed_value_or_a_problem_is_never_folded_away(real):
    session = real._session
    session.add_function(LONG)
    session.set_parameter(0, "cval", 2.0)
    assert real.calls[0].rows["cval"].field.widget.isVisible()
    session.add_function(LONG)
    call = real.calls[0]
    assert not call.rows["cval"].field.widget.isVisible()
    problem = Problem("error", "cval is too large", step=1, parameter="cval")
    call.refresh(session.pipeline[1].func, (problem,), "#ff0000")
    assert call.rows["cval"].field.widget.isVisible()
    assert "cval is too large" in call.rows["cval"].label.toolTip()


def test_a_short_form_explains_every_field_a_long_one_when_asked(real):
    session = real._session
    session.add_function("napari_openhcs.functions.mask.erode_mask")
    row = next(iter(real.calls[0].rows.values()))
    assert row.help.isVisible()
    assert row.help.text()
    session.add_function("skimage.segmentation.chan_vese")
    row = real.calls[0].rows["mu"]
    assert not row.help.isVisible()
    real.help_button.click()
    assert row.help.isVisible()
    session.add_function("skimage.segmentation.felzenszwalb")
    assert all(row.help.isVisible() for row in real.calls[0].rows.values())


def test_the_title_says_whose_function_it_is(real):
    real._session.add_function("skimage.filters.gaussian")
    texts = [label.text() for label in real.findChildren(QLabel)]
    assert "gaussian" in texts
    assert "from skimage.filters" in texts
