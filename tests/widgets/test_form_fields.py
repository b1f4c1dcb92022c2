"""Fields give back what they were given, show it exactly, and tell of a person's edits only."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("napari")

from napari_openhcs.functions.registry import specs
from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.pipeline import FunctionCall
from napari_openhcs.widgets.call_form import first_value
from napari_openhcs.widgets.form_fields import (
    FloatField,
    FootprintField,
    IntField,
    LiteralField,
    OptionalField,
    literal_text,
    make_field,
    parse_literal,
)

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("qapp")]


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and left == right


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("float", 0.001),
        ("float", 1e-12),
        ("float", 1 / 3),
        ("float", 1),
        ("float", 0.0),
        ("float", -2.5e7),
        ("float", 1e300),
        ("float", math.inf),
        ("float", math.nan),
        ("int", 0),
        ("int", -7),
        ("int", 2**70),
        ("int", 5000),
        ("bool", True),
        ("bool", False),
        ("str", "a 'quoted' text"),
        ("literal", (1, 2.5, "x")),
        ("literal", ()),
        ("literal", (3,)),
        ("literal", None),
        ("literal", "text"),
        ("literal", True),
        ("footprint", ("disk", 3)),
        ("footprint", None),
    ],
)
def test_a_value_comes_back_as_it_was_given(type_: str, value: object) -> None:
    spec = ParameterSpec(name="x", type=type_, default=value, optional=value is None)
    field = make_field(spec, value)
    assert same(field.get(), value)
    assert field.faithful()


def test_every_registered_function_keeps_its_defaults() -> None:
    checked = 0
    for spec in specs().values():
        for parameter in spec.form_parameters:
            value = first_value(parameter, FunctionCall(spec.id))
            field = make_field(parameter, value)
            told: list[object] = []
            field.changed.connect(told.append)
            assert same(field.get(), value), f"{spec.id} {parameter.name}"
            assert field.faithful(), f"{spec.id} {parameter.name} = {value!r}"
            field.set(value)
            assert told == [], f"{spec.id} {parameter.name} was passed without an edit"
            checked += 1
    assert checked > 0, "the registry is empty"


def test_choices_are_told_apart_by_type() -> None:
    spec = ParameterSpec(name="x", type="choice", default=1, choices=(True, 1, "1", None, "a"))
    for value in spec.choices:
        assert same(make_field(spec, value).get(), value)


def test_editing_tells_the_new_value_once() -> None:
    told: list[object] = []
    field = make_field(ParameterSpec(name="x", type="float", default=0.001), 0.001)
    assert isinstance(field, FloatField)
    field.changed.connect(told.append)
    field.widget.setValue(0.0025)
    assert told == [0.0025]
    field.set(0.5)
    assert told == [0.0025]


def test_limits_hold_but_never_change_a_value_that_was_set() -> None:
    spec = ParameterSpec(name="x", type="int", default=3, minimum=1, maximum=10)
    field = make_field(spec, 50)
    assert isinstance(field, IntField)
    assert field.get() == 50
    low = make_field(spec, 3)
    low.widget.setValue(0)
    assert low.get() == 1


def test_an_optional_value_can_be_none_again() -> None:
    told: list[object] = []
    field = make_field(ParameterSpec(name="x", type="int", optional=True), None)
    assert isinstance(field, OptionalField)
    field.changed.connect(told.append)
    assert (field._check.text(), field._inner.widget.isHidden()) == ("not set", True)
    field._check.setChecked(True)
    assert (field._check.text(), field._inner.widget.isHidden()) == ("", False)
    field._check.setChecked(False)
    assert told == [1, None]


@pytest.mark.parametrize(
    ("default", "step"), [(1.0, 0.1), (0.001, 0.0001), (50.0, 1.0), (4095.0, 100.0), (0.0, 0.1)]
)
def test_a_step_is_a_tenth_of_the_magnitude(default: float, step: float) -> None:
    field = make_field(ParameterSpec(name="x", type="float", default=default), default)
    assert field.widget.singleStep() == pytest.approx(step)


def test_a_tiny_number_is_written_with_its_exponent() -> None:
    field = make_field(ParameterSpec(name="x", type="float", default=1e-10), 1e-10)
    assert field.widget.text() == "1e-10"


def test_help_comes_back_when_a_line_was_mended() -> None:
    field = make_field(ParameterSpec(name="x", type="literal", default=None), None)
    field.explain("what it means")
    assert field.widget.text() == ""
    field.widget.textEdited.emit("")
    assert field.widget.toolTip() == "what it means"
    field.widget.setText("(1,")
    field.widget.textEdited.emit("(1,")
    assert "is not a value" in field.widget.toolTip()
    field.widget.setText("(1, 2)")
    field.widget.textEdited.emit("(1, 2)")
    assert field.widget.toolTip() == "what it means"


def test_a_footprint_is_a_shape_and_a_radius() -> None:
    told: list[object] = []
    spec = ParameterSpec(name="x", type="footprint", required=True, suggested=("disk", 3))
    field = make_field(spec, ("disk", 3))
    assert isinstance(field, FootprintField)
    field.changed.connect(told.append)
    field._radius.setValue(5)
    assert told == [("disk", 5)]


def test_a_literal_is_taken_when_complete_and_marked_when_wrong(qtbot) -> None:
    told: list[object] = []
    field = make_field(ParameterSpec(name="x", type="literal", default=(1, 2)), (1, 2))
    assert isinstance(field, LiteralField)
    field.changed.connect(told.append)
    line = field.widget
    line.setText("(3, ")
    line.textEdited.emit("(3, ")
    line.editingFinished.emit()
    assert told == []
    assert line.property("invalid")
    assert field.get() == (1, 2)
    line.setText("(3, 4)")
    line.editingFinished.emit()
    assert told == [(3, 4)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("[1, 2]", (1, 2)),
        ("(1, (2, 3))", (1, (2, 3))),
        ("-inf", -math.inf),
        (" 'a' ", "a"),
        ("1e-3", 0.001),
    ],
)
def test_literals(text: str, value: object) -> None:
    assert same(parse_literal(text), value)
    assert same(parse_literal(literal_text(value)), value)


@pytest.mark.parametrize("text", ["a", "__import__('os')", "1 +", "x=1", "f()", "[i for i in 'a']"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a value"):
        parse_literal(text)
