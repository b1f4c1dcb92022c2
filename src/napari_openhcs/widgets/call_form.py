"""The rows for the parameters of one function call.

Arrays to be connected come first, then what has no default.  In a long form the
parameters that hardly anybody changes are folded away under "more", unless one of them
was changed or has a problem
(:func:`~napari_openhcs.widgets.parameter_text.in_order`).
"""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QGridLayout, QToolButton, QWidget

from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.pipeline import FunctionCall
from napari_openhcs.pipeline.wiring import array_candidates, spec_of
from napari_openhcs.plan import Problem
from napari_openhcs.session import Session
from napari_openhcs.widgets.form_fields import literal_text
from napari_openhcs.widgets.form_row import RESET_WIDTH, Row, WireRow, same
from napari_openhcs.widgets.parameter_text import in_order
from napari_openhcs.widgets.style import caption, ignore_wheel, tool_button

__all__ = ["CallForm", "first_value"]


def first_value(spec: ParameterSpec, call: FunctionCall) -> Any:
    """Return what a form shows for a parameter: what was set, the default, or a suggestion."""
    if spec.name in call.parameters:
        return call.parameters[spec.name]
    return spec.suggested if spec.required else spec.default


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
        self.rows: dict[str, Row] = {}
        self.wires: dict[str, QComboBox] = {}
        self._wire_rows: dict[str, WireRow] = {}
        self._folded: list[Row] = []
        self.more: QToolButton | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(3)
        self._grid.setHorizontalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        # Fields end on one line, whether they can be reset or not.
        self._grid.setColumnMinimumWidth(2, RESET_WIDTH)
        spec = spec_of(call.function)
        if spec is None:
            self._add_unknown(call)
            return
        arrays, often, rare = in_order(spec)
        for parameter in arrays:
            self._add_wire(parameter)
        for parameter in often:
            self._add_row(parameter, call)
        if rare:
            self._fold(rare, call)
        if not spec.parameters:
            self._grid.addWidget(caption("This function has no parameters."), 0, 0, 1, 3)
        if taken := [item.name for item in spec.special_parameters]:
            text = f"Takes {' and '.join(taken)} from the nearest earlier step that gives them."
            self._grid.addWidget(caption(text), self._grid.rowCount(), 0, 1, 3)
        ignore_wheel(self)

    @property
    def row_count(self) -> int:
        """Rows of parameters and arrays, folded ones too."""
        return len(self.rows) + len(self._wire_rows)

    def show_help(self, shown: bool) -> None:
        """Show or hide the line below every field that says what it means."""
        for row in (*self._wire_rows.values(), *self.rows.values()):
            row.set_helped(shown)

    def unfold(self, shown: bool = True) -> None:
        """Show or fold away what is rarely changed."""
        if self.more is None:
            return
        self.more.setChecked(shown)
        names = ", ".join(row.label.text() for row in self._folded)
        self.more.setText("▾ Fewer" if shown else f"▸ {len(self._folded)} more")
        self.more.setToolTip(f"Rarely changed: {names}")
        for row in self._folded:
            row.set_shown(shown)

    def _add_unknown(self, call: FunctionCall) -> None:
        known = ", ".join(f"{name} = {literal_text(v)}" for name, v in call.parameters.items())
        text = f"{call.function} is not a function known here. Its parameters are kept"
        self._grid.addWidget(caption(f"{text}: {known}." if known else f"{text}."), 0, 0, 1, 3)

    def _fold(self, parameters: tuple[ParameterSpec, ...], call: FunctionCall) -> None:
        """Add rows that show only when asked for."""
        self.more = tool_button("", "", checkable=True)
        self.more.setAutoRaise(True)
        self.more.toggled.connect(self.unfold)
        self._grid.addWidget(self.more, self._grid.rowCount(), 0, 1, 3)
        self._folded = [self._add_row(parameter, call) for parameter in parameters]
        self.unfold(False)

    def _add_row(self, spec: ParameterSpec, call: FunctionCall) -> Row:
        def edited(value: Any) -> None:
            self._session.set_parameter(
                self.index, spec.name, value, key=self.key, position=self.position
            )

        def clear() -> None:
            self._session.reset_parameter(
                self.index, spec.name, key=self.key, position=self.position
            )

        row = Row(spec, first_value(spec, call), edited, clear)
        row.place(self._grid)
        self.rows[spec.name] = row
        return row

    def _add_wire(self, spec: ParameterSpec) -> None:
        def chosen(value: Any) -> None:
            self._session.set_input(self.index, spec.name, value)

        row = WireRow(spec, chosen)
        row.place(self._grid)
        self.wires[spec.name] = row.box
        self._wire_rows[spec.name] = row

    def refresh(self, call: FunctionCall, problems: tuple[Problem, ...], color: str) -> None:
        """Show the call's values and problems as they are now."""
        for name, row in self.rows.items():
            value = first_value(row.spec, call)
            usual = row.spec.suggested if row.spec.required else row.spec.default
            changed = name in call.parameters and not same(value, usual)
            row.show_value(value, changed)
            problem = _first(problems, name)
            row.show_problem(problem, color)
            if row in self._folded and (changed or problem is not None):
                self.unfold()
        for name, wire in self._wire_rows.items():
            step = self._session.pipeline[self.index]
            items = array_candidates(
                self._session.pipeline, self.index, wire.spec, self._session.plate
            )
            wire.show_candidates([(item.text, item.value) for item in items], step.inputs.get(name))
            wire.show_problem(_first(problems, name), color)


def _first(problems: tuple[Problem, ...], parameter: str) -> Problem | None:
    return next((item for item in problems if item.parameter == parameter), None)
