"""One row of a form: name, field, a button that resets it, and a line that explains.

A parameter is a :class:`Row`; a further array is a :class:`WireRow`, whose field is a
drop-down of the steps and channels that can be connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtWidgets import QGridLayout, QWidget

from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.plan import Problem
from napari_openhcs.widgets.elided import INDENT, ElidedBox, ElidedLabel
from napari_openhcs.widgets.form_fields import Field, make_field
from napari_openhcs.widgets.parameter_text import help_line, label_text, parameter_help
from napari_openhcs.widgets.style import escape, ignore_wheel, tool_button

__all__ = ["RESET_WIDTH", "Row", "WireRow", "same"]

MOST_LABEL = 148
"""Width in px a label may take, so that the field keeps more than half of a narrow dock."""

RESET_WIDTH = 22


class _Line:
    """What rows have in common: label, place in the grid, line of help, being shown."""

    def __init__(self, spec: ParameterSpec) -> None:
        self.spec = spec
        self.tooltip = f"<qt>{parameter_help(spec)}</qt>"
        self.label = ElidedLabel(label_text(spec))
        self.label.setContentsMargins(INDENT, 0, 0, 0)
        self.label.setMaximumWidth(MOST_LABEL)
        self.label.setToolTip(self.tooltip)
        text = help_line(spec)
        self.help = ElidedLabel(text, faint=True) if text else None
        if self.help is not None:
            self.help.setContentsMargins(INDENT, 0, 0, 4)
            self.help.setToolTip(self.tooltip)
        self._helped = self._shown = True

    def widgets(self) -> Iterable[QWidget]:
        """Return what stands in the grid beside the label and the line of help."""
        raise NotImplementedError

    def place(self, grid: QGridLayout) -> None:
        """Add the row below what the grid holds."""
        line = grid.rowCount()
        grid.addWidget(self.label, line, 0)
        for column, widget in enumerate(self.widgets(), 1):
            grid.addWidget(widget, line, column)
        if self.help is not None:
            grid.addWidget(self.help, line + 1, 0, 1, 3)

    def set_shown(self, shown: bool) -> None:
        """Show or fold away the row."""
        self._shown = shown
        for widget in (self.label, *self.widgets()):
            widget.setVisible(shown)
        self.set_helped(self._helped)

    def set_helped(self, helped: bool) -> None:
        """Show or hide the line of help."""
        self._helped = helped
        if self.help is not None:
            self.help.setVisible(self._shown and helped)

    def show_problem(self, problem: Problem | None, color: str) -> None:
        """Mark the row where the compiler found a problem."""
        self.label.setStyleSheet(f"color: {color};" if problem else "")
        inside = self.tooltip.removeprefix("<qt>")
        self.label.setToolTip(
            f"<qt>{escape(problem.message)}<hr>{inside}" if problem else self.tooltip
        )


class Row(_Line):
    """Label, field and reset button of one parameter.

    Parameters
    ----------
    spec : ParameterSpec
    value : literal
        What the field shows first.
    edited : callable
        Takes the new value when a person changed it.
    cleared : callable
        The person wants the default again.
    """

    def __init__(
        self,
        spec: ParameterSpec,
        value: Any,
        edited: Callable[[Any], None],
        cleared: Callable[[], None],
    ) -> None:
        super().__init__(spec)
        self.reset = tool_button("↺", f"Give {spec.name} its default again")
        self.reset.setAutoRaise(True)
        self.reset.setFixedWidth(RESET_WIDTH)
        self.reset.clicked.connect(cleared)
        self._edited = edited
        self.field = self._make(value)

    def widgets(self) -> Iterable[QWidget]:
        """Return field and reset button."""
        return self.field.widget, self.reset

    def _make(self, value: Any) -> Field:
        field = make_field(self.spec, value)
        field.explain(self.tooltip)
        field.widget.setAccessibleName(self.label.text())
        field.changed.connect(self._edited)
        ignore_wheel(field.widget)
        return field

    def show_value(self, value: Any, changed: bool) -> None:
        """Show a value from the session unless the field holds it already."""
        if same(self.field.get(), value):
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
        self.field.widget.setVisible(self._shown)
        old.widget.hide()
        old.widget.deleteLater()


class WireRow(_Line):
    """Label and drop-down of a further array.

    Parameters
    ----------
    spec : ParameterSpec
        Of type ``array``.
    chosen : callable
        Takes the value of the choice a person made; None connects nothing.
    """

    def __init__(self, spec: ParameterSpec, chosen: Callable[[Any], None]) -> None:
        super().__init__(spec)
        self.box = ElidedBox()
        self.box.setToolTip(self.tooltip)
        self.box.setAccessibleName(spec.name)
        self.box.activated.connect(lambda position: chosen(self.box.itemData(position)))

    def widgets(self) -> Iterable[QWidget]:
        """Return the drop-down."""
        return (self.box,)

    def show_candidates(self, items: Iterable[tuple[str, Any]], wired: Any) -> None:
        """Offer what can be connected, and show what is, even where it is missing."""
        self.box.clear()
        self.box.addItem("not connected" if self.spec.required else "none", None)
        for text, value in items:
            self.box.addItem(text, value)
        if wired is not None and self.box.findData(wired) < 0:
            self.box.addItem(f"{wired} (missing)", wired)
        self.box.setCurrentIndex(max(0, self.box.findData(wired)) if wired is not None else 0)


def same(left: Any, right: Any) -> bool:
    """Whether two literals are of one type and equal."""
    return type(left) is type(right) and bool(left == right)
