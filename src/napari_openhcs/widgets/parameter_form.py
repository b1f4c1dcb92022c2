"""The form of the selected step: one row a parameter, made from the function's spec.

Rows are built when a step is selected and only refreshed afterwards, so that typing is
never interrupted.  Edits go to the session as intents; values that differ from the
default stand in bold with a button that resets them; problems the compiler found stand at
their row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.functions.registry import install_command, is_available
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionCall
from napari_openhcs.pipeline.wiring import array_candidates, spec_of
from napari_openhcs.plan import Problem
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import listen, session_of
from napari_openhcs.widgets.form_fields import Field, literal_text, make_field
from napari_openhcs.widgets.step_options import StepOptions
from napari_openhcs.widgets.style import (
    caption,
    escape,
    ignore_wheel,
    palette_of,
    tool_button,
)

__all__ = ["CallForm", "ParameterForm", "first_value", "parameter_help"]


def first_value(spec: ParameterSpec, call: FunctionCall) -> Any:
    """Return what a form shows for a parameter: what was set, the default, or a suggestion."""
    if spec.name in call.parameters:
        return call.parameters[spec.name]
    return spec.suggested if spec.required else spec.default


class _Row:
    """Label, field and reset button of one parameter."""

    def __init__(
        self, spec: ParameterSpec, value: Any, edited: Callable[[Any], None], reset: QToolButton
    ) -> None:
        self.spec = spec
        unit = f" ({spec.unit})" if spec.unit else ""
        self.label = QLabel(spec.name.replace("_", " ") + unit)
        self.label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.reset = reset
        self.tooltip = f"<qt>{parameter_help(spec)}</qt>"
        self.label.setToolTip(self.tooltip)
        self._edited = edited
        self.field = self._make(value)

    def _make(self, value: Any) -> Field:
        field = make_field(self.spec, value)
        if not field.widget.toolTip():
            field.widget.setToolTip(self.tooltip)
        field.widget.setAccessibleName(self.label.text())
        field.changed.connect(self._edited)
        ignore_wheel(field.widget)
        return field

    def show_value(self, value: Any, changed: bool) -> None:
        """Show a value from the session unless the field holds it already."""
        if _same(self.field.get(), value):
            pass
        elif self.field.can_show(value):
            self.field.set(value)
        else:
            self._replace_field(value)
        font = self.label.font()
        font.setBold(changed)
        self.label.setFont(font)
        self.reset.setEnabled(changed)
        self.reset.setText("↺" if changed else "")

    def _replace_field(self, value: Any) -> None:
        """Show a value of another form, such as a tuple where a number was."""
        old = self.field
        self.field = self._make(value)
        parent = old.widget.parentWidget()
        if parent is not None and parent.layout() is not None:
            parent.layout().replaceWidget(old.widget, self.field.widget)
        old.widget.hide()
        old.widget.deleteLater()

    def show_problem(self, problem: Problem | None, color: str) -> None:
        """Mark the row where the compiler found a problem."""
        self.label.setStyleSheet(f"color: {color};" if problem else "")
        self.label.setToolTip(f"{problem.message}\n\n{self.tooltip}" if problem else self.tooltip)


class CallForm(QWidget):
    """Rows for the parameters of one function call.

    Parameters
    ----------
    session : Session
    index : int
        Position of the step.
    key, position : str, int
        Which call of the step.
    call : FunctionCall
    """

    def __init__(
        self, session: Session, index: int, key: str, position: int, call: FunctionCall
    ) -> None:
        super().__init__()
        self._session = session
        self.index, self.key, self.position = index, key, position
        self.rows: dict[str, _Row] = {}
        self.wires: dict[str, QComboBox] = {}
        self._wire_labels: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(3)
        self._grid.setHorizontalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        spec = spec_of(call.function)
        if spec is None:
            self._add_unknown(call)
            return
        for parameter in spec.array_parameters:
            self._add_wire(parameter)
        for parameter in spec.form_parameters:
            self._add_row(parameter, call)
        if not spec.parameters:
            self._grid.addWidget(caption("This function has no parameters."), 0, 0, 1, 3)
        ignore_wheel(self)

    def _add_unknown(self, call: FunctionCall) -> None:
        known = ", ".join(f"{name} = {literal_text(v)}" for name, v in call.parameters.items())
        text = f"{call.function} is not a function known here. Its parameters are kept"
        self._grid.addWidget(caption(f"{text}: {known}." if known else f"{text}."), 0, 0, 1, 3)

    def _add_row(self, spec: ParameterSpec, call: FunctionCall) -> None:
        reset = tool_button("↺", f"Give {spec.name} its default again")
        reset.setAutoRaise(True)
        reset.setFixedWidth(24)

        def edited(value: Any) -> None:
            self._session.set_parameter(
                self.index, spec.name, value, key=self.key, position=self.position
            )

        def clear() -> None:
            self._session.reset_parameter(
                self.index, spec.name, key=self.key, position=self.position
            )

        reset.clicked.connect(clear)
        row = _Row(spec, first_value(spec, call), edited, reset)
        line = self._grid.rowCount()
        self._grid.addWidget(row.label, line, 0)
        self._grid.addWidget(row.field.widget, line, 1)
        self._grid.addWidget(reset, line, 2)
        self.rows[spec.name] = row

    def _add_wire(self, spec: ParameterSpec) -> None:
        box = QComboBox()
        box.setToolTip(f"<qt>{parameter_help(spec)}</qt>")
        box.setAccessibleName(spec.name)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)

        def chosen(position: int) -> None:
            self._session.set_input(self.index, spec.name, box.itemData(position))

        box.activated.connect(chosen)
        label = QLabel(spec.name.replace("_", " "))
        label.setToolTip(f"<qt>{parameter_help(spec)}</qt>")
        line = self._grid.rowCount()
        self._grid.addWidget(label, line, 0)
        self._grid.addWidget(box, line, 1)
        self.wires[spec.name] = box
        self._wire_labels[spec.name] = label

    def refresh(self, call: FunctionCall, problems: tuple[Problem, ...], color: str) -> None:
        """Show the call's values and problems as they are now."""
        for name, row in self.rows.items():
            value = first_value(row.spec, call)
            usual = row.spec.suggested if row.spec.required else row.spec.default
            row.show_value(value, name in call.parameters and not _same(value, usual))
            row.show_problem(_first(problems, name), color)
        spec = spec_of(call.function)
        for name, box in self.wires.items():
            parameter = spec.parameter(name) if spec else None
            if parameter is not None:
                self._fill_wire(box, parameter)
            problem = _first(problems, name)
            label = self._wire_labels[name]
            label.setStyleSheet(f"color: {color};" if problem else "")
            label.setToolTip(problem.message if problem else box.toolTip())

    def _fill_wire(self, box: QComboBox, parameter: ParameterSpec) -> None:
        step = self._session.pipeline[self.index]
        wired = step.inputs.get(parameter.name)
        box.clear()
        box.addItem("not connected" if parameter.required else "none", None)
        for item in array_candidates(
            self._session.pipeline, self.index, parameter, self._session.plate
        ):
            box.addItem(item.text, item.value)
        if wired is not None and box.findData(wired) < 0:
            box.addItem(f"{wired} (missing)", wired)
        box.setCurrentIndex(max(0, box.findData(wired)) if wired is not None else 0)


class ParameterForm(QWidget):
    """The selected step: what it does, its parameters and its options."""

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._built: tuple[Any, ...] | None = None
        self.calls: list[CallForm] = []
        self.options: StepOptions | None = None
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._area)
        for signal in ("step_selected", "pipeline_changed", "plate_changed", "compiled_changed"):
            listen(self, getattr(self._session, signal), self._changed)
        self.refresh()

    def _changed(self, _: object = None) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show the selected step; rows are made anew only when it has other functions."""
        index = self._session.state.selected_step
        pipeline = self._session.pipeline
        if index is None or index >= len(pipeline):
            self._show_empty()
            return
        step = pipeline[index]
        calls = _enumerate_calls(step)
        shape = tuple((key, position, call.function) for key, position, call in calls)
        if self._built != (index, shape):
            self._build(index, calls)
            self._built = (index, shape)
        problems = self._session.problems_of(index)
        color = palette_of(self._viewer).error.name()
        for form, (_, _, call) in zip(self.calls, calls, strict=True):
            mine = tuple(p for p in problems if p.function in ("", call.function))
            form.refresh(call, mine, color)
        if self.options is not None:
            self.options.refresh()

    def _show_empty(self) -> None:
        if self._built == ():
            return
        self._built = ()
        self.calls, self.options = [], None
        text = (
            "Select a step to see its parameters."
            if len(self._session.pipeline)
            else "Parameters of the selected step appear here."
        )
        hint = caption(text)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        hint.setEnabled(False)
        self._area.setWidget(hint)

    def _build(self, index: int, calls: list[tuple[str, int, FunctionCall]]) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(6)
        self.calls = []
        for key, position, call in calls:
            layout.addWidget(_heading(key, call))
            form = CallForm(self._session, index, key, position, call)
            layout.addWidget(form)
            self.calls.append(form)
        self.options = StepOptions(self._session, index)
        layout.addWidget(self.options)
        layout.addStretch(1)
        self._area.setWidget(content)


def _heading(key: str, call: FunctionCall) -> QWidget:
    """Return the function's name and summary, or what keeps it from running here."""
    spec = spec_of(call.function)
    name = call.function.rpartition(".")[2]
    where = f" for {key}" if key else ""
    text = f"<b>{name}</b>{where}"
    if spec is not None:
        text += f"<br>{_summary(spec)}"
    label = caption(text)
    label.setToolTip(_card(spec) if spec else call.function)
    return label


def _summary(spec: FunctionSpec) -> str:
    if is_available(spec):
        return escape(spec.summary)
    return f"Not installed here. Install it with: <code>{escape(install_command(spec))}</code>"


def _card(spec: FunctionSpec) -> str:
    return f"{spec.id}\n{spec.summary}\nfrom {spec.library} {spec.library_version}".strip()


def parameter_help(spec: ParameterSpec) -> str:
    """Return what a parameter is and what the documentation says of it, as rich text."""
    kind = spec.type if spec.kind is None else f"{spec.kind} array"
    facts = [kind + (f", {spec.unit}" if spec.unit else "")]
    if spec.required:
        facts.append("required")
    else:
        facts.append(f"default {literal_text(spec.default)}")
    if spec.minimum is not None or spec.maximum is not None:
        low = "" if spec.minimum is None else f"{spec.minimum:g}"
        high = "" if spec.maximum is None else f"{spec.maximum:g}"
        facts.append(f"{low} to {high}" if low and high else (f"≥ {low}" if low else f"≤ {high}"))
    about = f"<br>{escape(spec.help)}" if spec.help else ""
    return f"<b>{spec.name}</b> ({escape(', '.join(facts))}){about}"


def _enumerate_calls(step: Any) -> list[tuple[str, int, FunctionCall]]:
    return [
        (key, position, call) for key, chain in step.chains() for position, call in enumerate(chain)
    ]


def _first(problems: tuple[Problem, ...], parameter: str) -> Problem | None:
    return next((item for item in problems if item.parameter == parameter), None)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)
