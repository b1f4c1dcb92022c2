"""Options of a step: what it reads, how planes are stacked, what becomes of the output."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.axes import Contract
from napari_openhcs.pipeline.levels import STEP_OPTIONS, resolved
from napari_openhcs.pipeline.wiring import input_candidates, spec_of
from napari_openhcs.session import Session
from napari_openhcs.widgets.elided import ElidedBox
from napari_openhcs.widgets.style import ignore_wheel
from napari_openhcs.words import counted

__all__ = ["StepOptions"]

STACKS = (
    ("as the function needs", None),
    ("z planes", ("z",)),
    ("channels", ("channel",)),
    ("fields", ("field",)),
    ("time points", ("t",)),
)

DTYPES = (
    ("as the input (keep intensities)", "preserve"),
    ("as the function gives", "native"),
    ("uint8", "uint8"),
    ("uint16", "uint16"),
    ("float32", "float32"),
)


class StepOptions(QWidget):
    """A fold-out part of the form; its boxes emit intents and show what the session holds."""

    def __init__(self, session: Session, index: int) -> None:
        super().__init__()
        self._session = session
        self._index = index
        self._fold = QToolButton()
        self._fold.setCheckable(True)
        self._fold.setAutoRaise(True)
        self._fold.setToolTip("What the step reads, how planes are stacked, what is kept")
        self._body = QWidget()
        self.source = _box("The data this step works on", self._choose_source)
        self.channel = _box("Work on one channel only", self._choose_channel)
        self.stack = _box("Which planes make one stack", self._choose_stack)
        self.dtype = _box("The pixel type of the result", self._choose_dtype)
        self.volume = QCheckBox("3D: whole stacks at once")
        self.volume.setToolTip("Apply the function to the whole stack instead of plane by plane")
        self.volume.clicked.connect(lambda checked: self._set(volume=checked))
        self.keep = QCheckBox("Keep the result on disk")
        self.keep.setToolTip("Write this step's output beside the final results")
        self.keep.clicked.connect(lambda checked: self._set(materialize=checked))
        self.limits = QLabel()
        self._lay_out()
        ignore_wheel(self)
        self.refresh()

    def _lay_out(self) -> None:
        form = QFormLayout(self._body)
        form.setContentsMargins(12, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.addRow("reads", self.source)
        form.addRow("channel", self.channel)
        form.addRow("stack of", self.stack)
        form.addRow("pixel type", self.dtype)
        form.addRow("", self.volume)
        form.addRow("", self.keep)
        form.addRow("limits", self.limits)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._fold)
        layout.addWidget(self._body)
        self._fold.toggled.connect(self._unfold)
        self._unfold(self._has_options())
        self._fold.setChecked(self._has_options())

    def _has_options(self) -> bool:
        """Whether any option differs from the usual, so that it should be seen."""
        step = self._session.pipeline[self._index]
        return bool(
            step.input_source != "previous"
            or step.select
            or step.variable_components
            or step.volume
            or step.materialize
            or step.dtype != "preserve"
        )

    def _unfold(self, shown: bool) -> None:
        self._body.setVisible(shown)
        self._fold.setText(("▾" if shown else "▸") + " Input and output")

    def _set(self, **options: Any) -> None:
        self._session.set_step(self._index, **options)

    def _choose_source(self, position: int) -> None:
        self._set(input_source=self.source.itemData(position))

    def _choose_channel(self, position: int) -> None:
        step = self._session.pipeline[self._index]
        select = {key: value for key, value in step.select.items() if key != "channel"}
        channel = self.channel.itemData(position)
        if channel:
            select["channel"] = channel
        self._set(select=select)

    def _choose_stack(self, position: int) -> None:
        self._set(variable_components=STACKS[position][1])

    def _choose_dtype(self, position: int) -> None:
        self._set(dtype=self.dtype.itemData(position))

    def refresh(self) -> None:
        """Show the options as the session holds them."""
        pipeline = self._session.pipeline
        step = pipeline[self._index]
        sources = [(item.text, item.value) for item in input_candidates(pipeline, self._index)]
        _fill(self.source, sources, step.input_source)
        plate = self._session.plate
        channels = [("all channels", "")]
        if plate is not None:
            channels += [(channel.name, channel.name) for channel in plate.channels]
        chosen = step.select.get("channel", ())
        wanted = ", ".join(str(item) for item in chosen)
        if plate is not None and len(chosen) == 1:
            named = [c.name for c in plate.channels if str(chosen[0]) in (c.id, c.name)]
            wanted = named[0] if named else wanted
        _fill(self.channel, channels, wanted)
        _fill(self.stack, list(STACKS), step.variable_components)
        _fill(self.dtype, list(DTYPES), step.dtype)
        self.volume.setChecked(step.volume)
        self.volume.setVisible(self._can_do_volumes())
        self.keep.setChecked(step.materialize)
        self._show_limits()

    def _show_limits(self) -> None:
        """Show the time limit and who set it; the tool tip has the other limits too."""
        pipeline = self._session.pipeline
        found = resolved(pipeline.config, pipeline[self._index])
        limit, retries, fallback = (found[name].value for name in STEP_OPTIONS)
        texts = (
            "no time limit" if limit is None else f"{limit:g} s a well",
            f"{counted(retries, 'new attempt')} out of memory",
            "then on the CPU" if fallback else "then the well fails",
        )
        lines = [
            f"{text} ({found[name].level})" for name, text in zip(STEP_OPTIONS, texts, strict=True)
        ]
        self.limits.setText(lines[0])
        self.limits.setToolTip("\n".join([*lines, "From: default, pipeline or step"]))

    def _can_do_volumes(self) -> bool:
        step = self._session.pipeline[self._index]
        specs = [spec_of(call.function) for _, call in step.calls()]
        either = (Contract.FLEXIBLE, Contract.LABELS)
        return step.volume or any(spec is not None and spec.contract in either for spec in specs)


def _box(tooltip: str, chosen: Any) -> ElidedBox:
    box = ElidedBox()
    box.setToolTip(tooltip)
    box.setAccessibleName(tooltip)
    box.activated.connect(chosen)
    return box


def _fill(box: QComboBox, items: list[tuple[str, Any]], value: Any) -> None:
    """Show `items` with `value` chosen; a value that is not offered is added as it is."""
    values = [item for _, item in items]
    if value not in values:
        items = [*items, (str(value), value)]
        values.append(value)
    box.clear()
    for text, data in items:
        box.addItem(text, data)
    box.setCurrentIndex(values.index(value))
