"""One field of a form for one parameter: the widget that can hold its values exactly.

:func:`make_field` chooses a field from a
:class:`~napari_openhcs.functions.spec.ParameterSpec`.  A field gives back the very value it
was given until a person changes it, whatever the widget can show; a value that a number
box would round is edited as text instead.  `changed` is emitted for a person's edits only,
never when a value is set.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from magicgui.widgets import CheckBox, LineEdit, SpinBox
from psygnal import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QSpinBox, QWidget

from napari_openhcs.functions.footprint import FOOTPRINT_SHAPES
from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.widgets.elided import ElidedBox
from napari_openhcs.widgets.number_box import LEAST_WIDTH, NumberBox, decimals_of

__all__ = ["Field", "LiteralField", "OptionalField", "literal_text", "make_field", "parse_literal"]

INT_LIMIT = 2**53
"""Largest whole number a box offers; beyond it floats and integers part ways."""

FLOAT_LIMIT = 1e15
"""Largest decimal a box shows exactly."""

LEAST_WRITTEN_OUT = 1e-4
"""Numbers below are written with an exponent: 1e-10 says more than ten decimals."""


class Field:
    """Base of all fields.

    Attributes
    ----------
    changed : Signal
        Carries the new value when a person changed it.
    widget : QWidget
        What is shown.
    """

    changed = Signal(object)

    def __init__(self, widget: QWidget, value: Any) -> None:
        self.widget = widget
        self._given = value
        self._shown: Any = None
        self._setting = False
        self.set(value)

    def set(self, value: Any) -> None:
        """Show a value without emitting `changed`."""
        self._setting = True
        try:
            self._show(value)
        finally:
            self._setting = False
        self._given = value
        self._shown = self._read()

    def get(self) -> Any:
        """Return the value: the one that was set, unless a person changed it."""
        found = self._read()
        return self._given if _equal(found, self._shown) else found

    def can_show(self, value: Any) -> bool:
        """Whether this widget can hold `value`; if not, the parameter needs another field."""
        return True

    def explain(self, tip: str) -> None:
        """Give the widget a tool tip."""
        self.widget.setToolTip(tip)

    def faithful(self) -> bool:
        """Whether the widget shows the value that was set without loss."""
        return _equal(self._shown, self._given)

    def _edited(self, *_: Any) -> None:
        if not self._setting:
            self.changed.emit(self.get())

    def _show(self, value: Any) -> None:
        raise NotImplementedError

    def _read(self) -> Any:
        raise NotImplementedError


class _MagicField(Field):
    """A field made of one magicgui widget."""

    def __init__(self, magic: Any, value: Any) -> None:
        self._magic = magic
        super().__init__(magic.native, value)
        magic.changed.connect(self._edited)

    def _show(self, value: Any) -> None:
        self._magic.value = value

    def _read(self) -> Any:
        return self._magic.value


class BoolField(_MagicField):
    """A check box."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        super().__init__(CheckBox(text=""), bool(value))

    def can_show(self, value: Any) -> bool:
        """Only True and False."""
        return isinstance(value, bool)


class IntField(_MagicField):
    """A box for whole numbers."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        low = -INT_LIMIT if spec.minimum is None else math.ceil(spec.minimum)
        high = INT_LIMIT if spec.maximum is None else math.floor(spec.maximum)
        magic = SpinBox(min=min(low, value), max=max(high, value), step=1)
        # Its limits written out would make it wider than a form.
        magic.native.setMinimumWidth(LEAST_WIDTH)
        super().__init__(magic, value)

    def can_show(self, value: Any) -> bool:
        """Only whole numbers."""
        return type(value) is int and abs(value) < INT_LIMIT

    def _show(self, value: Any) -> None:
        _widen(self._magic, value)
        self._magic.value = value


class FloatField(Field):
    """A box for decimals whose step follows the magnitude of the default."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        reference = value if value else spec.default or spec.suggested or value
        low = -FLOAT_LIMIT if spec.minimum is None else spec.minimum
        high = FLOAT_LIMIT if spec.maximum is None else spec.maximum
        self._box = NumberBox(low, high, _step(reference))
        super().__init__(self._box, value)
        self._box.valueChanged.connect(self._edited)

    def _show(self, value: Any) -> None:
        self._box.show_value(value)

    def _read(self) -> Any:
        return self._box.value()

    def can_show(self, value: Any) -> bool:
        """Only numbers that are best read as plain digits."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and _written_out(value)


class TextField(_MagicField):
    """A line of text."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        super().__init__(LineEdit(), "" if value is None else value)

    def can_show(self, value: Any) -> bool:
        """Only text."""
        return isinstance(value, str)


class ChoiceField(Field):
    """A drop-down; choices are told apart by type, so that 1 and True can stand together."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        choices = list(spec.choices)
        if not any(_equal(value, item) for item in choices):
            choices.insert(0, value)
        self._values = choices
        self._box = ElidedBox()
        self._box.addItems([_choice_text(item) for item in choices])
        super().__init__(self._box, value)
        self._box.currentIndexChanged.connect(self._edited)

    def _position(self, value: Any) -> int:
        return next((i for i, item in enumerate(self._values) if _equal(item, value)), -1)

    def _show(self, value: Any) -> None:
        position = self._position(value)
        if position < 0:
            self._values.append(value)
            self._box.addItem(_choice_text(value))
            position = len(self._values) - 1
        self._box.setCurrentIndex(position)

    def _read(self) -> Any:
        return self._values[self._box.currentIndex()]


class LiteralField(Field):
    """A line in which any Python literal can be written: ``(1, 2)``, ``0.5``, ``None``."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        self._magic = LineEdit()
        self._magic.native.setPlaceholderText("None, or such as 3 or (1, 2)")
        self._last = value
        self._about = ""
        super().__init__(self._magic.native, value)
        self._magic.native.textEdited.connect(self._check)
        self._magic.native.editingFinished.connect(self._finish)

    def _check(self, text: str) -> None:
        """Mark text that is no literal while it is typed."""
        try:
            parse_literal(text)
        except ValueError as error:
            self._mark(str(error))
        else:
            self._mark("")

    def _mark(self, problem: str) -> None:
        native = self._magic.native
        native.setProperty("invalid", bool(problem))
        native.setStyleSheet("border: 1px solid #d9534f;" if problem else "")
        native.setToolTip(problem or self._about)

    def explain(self, tip: str) -> None:
        """Give the line a tool tip, also after a problem was mended."""
        self._about = tip
        super().explain(tip)

    def _finish(self) -> None:
        if not self._setting and not _equal(self._read(), self._shown):
            self._edited()

    def _show(self, value: Any) -> None:
        self._last = value
        self._magic.native.setText("" if value is None else literal_text(value))
        self._magic.native.setCursorPosition(0)
        self._mark("")

    def _read(self) -> Any:
        try:
            return parse_literal(self._magic.native.text())
        except ValueError:
            return self._last


class FootprintField(Field):
    """A neighbourhood: a shape and its radius in px."""

    def __init__(self, spec: ParameterSpec, value: Any) -> None:
        box, layout = _row()
        self._shape = ElidedBox()
        self._shape.addItems(FOOTPRINT_SHAPES)
        self._shape.setMinimumContentsLength(1)
        self._shape.setMinimumWidth(LEAST_WIDTH)
        self._radius = QSpinBox()
        self._radius.setRange(0, 999)
        self._radius.setSuffix(" px")
        self._radius.setMinimumWidth(LEAST_WIDTH)
        layout.addWidget(self._shape, 1)
        layout.addWidget(self._radius, 1)
        super().__init__(box, value)
        self._shape.currentIndexChanged.connect(self._edited)
        self._radius.valueChanged.connect(self._edited)

    def can_show(self, value: Any) -> bool:
        """Only a shape and a radius."""
        return _is_footprint(value)

    def _show(self, value: Any) -> None:
        self._shape.setCurrentIndex(self._shape.findText(value[0]))
        self._radius.setValue(value[1])

    def _read(self) -> Any:
        return (self._shape.currentText(), self._radius.value())


class OptionalField(Field):
    """A check box and a field: unchecked is None."""

    def __init__(self, spec: ParameterSpec, value: Any, inner: Field) -> None:
        box, layout = _row()
        self._check = QCheckBox()
        self._check.setToolTip("Set a value; unchecked leaves it to the function (None).")
        self._inner = inner
        layout.addWidget(self._check)
        layout.addWidget(inner.widget, 1)
        # As high without the inner field, so that no row moves when it is set.
        box.setMinimumHeight(inner.widget.sizeHint().height())
        super().__init__(box, value)
        self._check.toggled.connect(self._toggled)
        inner.changed.connect(self._edited)

    def explain(self, tip: str) -> None:
        """Explain the value; the check box has a tool tip of its own."""
        self._inner.explain(tip)

    def _toggled(self, checked: bool) -> None:
        self._offer(checked)
        self._edited()

    def _offer(self, set_: bool) -> None:
        """Show the inner field only while its value counts."""
        self._check.setText("" if set_ else "not set")
        self._inner.widget.setVisible(set_)

    def can_show(self, value: Any) -> bool:
        """None, or what the inner field can show."""
        return value is None or self._inner.can_show(value)

    def _show(self, value: Any) -> None:
        self._check.setChecked(value is not None)
        self._offer(value is not None)
        if value is not None:
            self._inner.set(value)

    def _read(self) -> Any:
        return self._inner.get() if self._check.isChecked() else None


def make_field(spec: ParameterSpec, value: Any) -> Field:
    """Return the field for a parameter that holds `value` exactly.

    Parameters
    ----------
    spec : ParameterSpec
        Of any type but ``array``.
    value : literal
        The value to show first: what was set, or the default.
    """
    if spec.optional and spec.type not in ("choice", "literal"):
        start = _first_not_none(value, spec.suggested, _neutral(spec))
        return OptionalField(spec, value, _plain_field(spec, start))
    return _plain_field(spec, value)


def _plain_field(spec: ParameterSpec, value: Any) -> Field:
    """Return the most specific field that shows `value` without loss."""
    if spec.type == "bool" and isinstance(value, bool):
        return BoolField(spec, value)
    if spec.type == "choice":
        return ChoiceField(spec, value)
    if spec.type == "str" and isinstance(value, str):
        return TextField(spec, value)
    if spec.type == "footprint" and _is_footprint(value):
        return FootprintField(spec, value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if spec.type == "int" and type(value) is int and abs(value) < INT_LIMIT:
        return IntField(spec, value)
    if spec.type == "float" and number and _written_out(value):
        field = FloatField(spec, value)
        if field.faithful():
            return field
    return LiteralField(spec, value)


def _written_out(value: float) -> bool:
    """Whether a number is best read as plain digits: neither tiny, nor huge, nor infinite."""
    return value == 0 or (
        math.isfinite(value)
        and LEAST_WRITTEN_OUT <= abs(value) < FLOAT_LIMIT
        and decimals_of(value) <= 15
    )


def _is_footprint(value: Any) -> bool:
    """Whether a value is a shape and a radius."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and value[0] in FOOTPRINT_SHAPES
        and type(value[1]) is int
        and 0 <= value[1] <= 999
    )


def _widen(magic: Any, value: Any) -> None:
    """Let a box hold a value outside its limits: it was set elsewhere and is not changed here."""
    if value < magic.min:
        magic.min = value
    if value > magic.max:
        magic.max = value


def _neutral(spec: ParameterSpec) -> Any:
    """Return a first value for an optional parameter whose default is None."""
    if spec.type == "bool":
        return False
    if spec.type == "str":
        return ""
    if spec.type == "footprint":
        return ("disk", 1)
    number = max(spec.minimum or 0, 1) if spec.maximum is None else min(1, spec.maximum)
    return float(number) if spec.type == "float" else int(number)


def _first_not_none(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _equal(left: Any, right: Any) -> bool:
    """Whether two literals are the same value; 1 and 1.0 are, True and 1 are not."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, float) and isinstance(right, float) and left != left:
        return right != right
    return type(left == right) is bool and left == right


def _step(reference: Any) -> float:
    """Return a step of a tenth of the magnitude: 1.0 → 0.1, 0.001 → 0.0001, 50 → 1."""
    if not isinstance(reference, int | float) or not reference or not math.isfinite(reference):
        return 0.1
    return float(10.0 ** (math.floor(math.log10(abs(reference))) - 1))


def _row() -> tuple[QWidget, QHBoxLayout]:
    box = QWidget()
    box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    return box, layout


def _choice_text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def literal_text(value: Any) -> str:
    """Return a value as a person writes it: text in quotes, ``inf`` and ``nan`` plain."""
    if isinstance(value, tuple):
        inside = ", ".join(literal_text(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def parse_literal(text: str) -> Any:
    """Return the value a person wrote; lists become tuples, an empty line is None.

    Raises
    ------
    ValueError
        The text is no literal.
    """
    stripped = text.strip()
    if not stripped:
        return None
    try:
        tree = ast.parse(stripped, mode="eval")
        return _value(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"'{stripped}' is not a value: write a number, (1, 2), True, None or 'text'."
        ) from error


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return float(node.id)
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Name)
        and node.operand.id == "inf"
    ):
        return -math.inf
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(item) for item in node.elts)
    return ast.literal_eval(node)
