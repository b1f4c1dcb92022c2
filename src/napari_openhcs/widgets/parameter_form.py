"""The form of the selected step: one row a parameter, made from the function's spec.

Rows are built when a step is selected and only refreshed afterwards, so that typing is
never interrupted.  Edits go to the session as intents; values that differ from the
default stand in bold with a button that resets them; problems the compiler found stand at
their row.  The form scrolls, and is never wider than its dock.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_openhcs.functions.registry import install_command, is_available
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.pipeline import FunctionCall
from napari_openhcs.pipeline.wiring import spec_of
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import listen, session_of
from napari_openhcs.widgets.call_form import CallForm, first_value
from napari_openhcs.widgets.elided import INDENT, ElidedLabel
from napari_openhcs.widgets.step_options import StepOptions
from napari_openhcs.widgets.style import caption, escape, palette_of, tool_button

__all__ = ["CallForm", "ParameterForm", "first_value"]

FEW_ROWS = 2
"""Up to so many rows have a line of help below each however low the form is."""

ROW_WITH_HELP, HEAD = 49, 90
"""Height in px of a row with its line of help, and of what stands above and below the rows."""


class ParameterForm(QWidget):
    """The selected step: what it does, its parameters and its options."""

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._built: tuple[Any, ...] | None = None
        self.calls: list[CallForm] = []
        self.options: StepOptions | None = None
        self._help_wanted: bool | None = None
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
            layout.addLayout(self._title(key, call, first=not self.calls))
            layout.addWidget(_about(call))
            form = CallForm(self._session, index, key, position, call)
            layout.addWidget(form)
            self.calls.append(form)
        self._show_help()
        self.options = StepOptions(self._session, index)
        layout.addWidget(self.options)
        layout.addStretch(1)
        self._area.setWidget(content)

    def _title(self, key: str, call: FunctionCall, *, first: bool) -> QHBoxLayout:
        """Return the function's name and where it comes from; help is asked for at the first."""
        spec = spec_of(call.function)
        module, _, name = call.function.rpartition(".")
        where = f" for {key}" if key else ""
        title = ElidedLabel(f"{name}{where}")
        title.setContentsMargins(INDENT, 0, 0, 0)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        title.setToolTip(_card(spec) if spec else call.function)
        line = QHBoxLayout()
        line.addWidget(title)
        ours = module.startswith("napari_openhcs.")
        source = ElidedLabel("" if ours or not module else f"from {module}", faint=True)
        # It takes what the name leaves.
        source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        source.setToolTip(call.function)
        line.addWidget(source, 1)
        if first:
            tip = "Say below each field what it means"
            self.help_button = tool_button("?", tip, checkable=True)
            self.help_button.setAutoRaise(True)
            self.help_button.clicked.connect(self._want_help)
            line.addWidget(self.help_button)
        return line

    def _want_help(self, wanted: bool) -> None:
        self._help_wanted = wanted
        self._show_help()

    def _show_help(self) -> None:
        """Explain every row where there is room, or as the person wants it."""
        rows = sum(form.row_count for form in self.calls)
        # Asked when a form is made and not at every resizing, which would move rows about.
        room = max(FEW_ROWS, (self._area.viewport().height() - HEAD) // ROW_WITH_HELP)
        shown = rows <= room if self._help_wanted is None else self._help_wanted
        self.help_button.setChecked(shown)
        self.help_button.setVisible(rows > 0)
        for form in self.calls:
            form.show_help(shown)


def _about(call: FunctionCall) -> QWidget:
    """Return what the function does, or what keeps it from running here."""
    spec = spec_of(call.function)
    label = caption(_summary(spec) if spec is not None else "")
    label.setVisible(spec is not None)
    # Long words, such as a command, must not widen the form.
    label.setMinimumWidth(1)
    label.setToolTip(_card(spec) if spec else call.function)
    return label


def _summary(spec: FunctionSpec) -> str:
    if is_available(spec):
        return escape(spec.summary)
    return f"Not installed here. Install it with: <code>{escape(install_command(spec))}</code>"


def _card(spec: FunctionSpec) -> str:
    return f"{spec.id}\n{spec.summary}\nfrom {spec.library} {spec.library_version}".strip()


def _enumerate_calls(step: Any) -> list[tuple[str, int, FunctionCall]]:
    return [
        (key, position, call) for key, chain in step.chains() for position, call in enumerate(chain)
    ]
