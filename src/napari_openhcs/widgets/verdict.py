"""The compiler's verdict: one green line, or the problems as a short list to click on.

Below a problem that one edit mends stands that edit; a click makes it.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_openhcs.plan import CompiledPlate, Fix, Problem
from napari_openhcs.session import Session
from napari_openhcs.widgets.style import format_seconds, palette_of
from napari_openhcs.words import byte_size, counted

__all__ = ["Verdict"]

LINES = 7
"""Lines of problems that are seen at once; the others are reached by scrolling."""


class Verdict(QWidget):
    """Says whether the pipeline compiles; a click on a problem asks for its step.

    Attributes
    ----------
    step_requested : Signal
        Carries the 0-based position of a step.
    """

    step_requested = Signal(int)

    def __init__(self, session: Session, viewer: Any = None) -> None:
        super().__init__()
        self._session = session
        self._viewer = viewer
        self._seconds = 0.0
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.problems = QListWidget()
        self.problems.setToolTip("A click shows the step")
        self.problems.setAccessibleName("Problems of the pipeline")
        self.problems.setWordWrap(True)
        self.problems.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.problems.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.problems.itemClicked.connect(self._clicked)
        self.problems.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addWidget(self.problems)

    def show_waiting(self) -> None:
        """Say what is missing before anything can be compiled."""
        self.problems.setVisible(False)
        text = ""
        if len(self._session.pipeline):
            text = "Open a plate to check and preview this pipeline."
        elif self._session.plate is not None:
            text = "Add a function to begin."
        self._say(text, "")

    def show_checking(self) -> None:
        """Say that the compiler works; what was found before stays in sight, faintly."""
        self._say("Checking…", "")

    def show_seconds(self, seconds: float) -> None:
        """Take the time that one field took in the preview, for the estimate of the run."""
        self._seconds = seconds
        plan = self._session.state.compiled
        if plan is not None and plan.ok:
            self.show_plan(plan)

    def _estimate(self, plan: CompiledPlate) -> str:
        """Return the time a run of the chosen wells may take; empty before a preview."""
        chosen = self._session.state.selected_wells or tuple(plan.contexts)
        contexts = [plan.contexts[well] for well in chosen if well in plan.contexts]
        fields = sum(len(context.layout.grid.field) for context in contexts)
        if not self._seconds or not plan.workers:
            return ""
        return f"about {format_seconds(max(1.0, round(self._seconds * fields / plan.workers)))}"

    def show_plan(self, plan: CompiledPlate) -> None:
        """Show what the compiler found."""
        palette = palette_of(self._viewer)
        errors = [item for item in plan.problems if item.severity == "error"]
        self._list(plan.problems)
        if errors:
            plural = "" if len(errors) == 1 else "s"
            self._say(f"{len(errors)} problem{plural}", palette.error.name())
            return
        warnings = len(plan.problems)
        facts = [f"✓ compiles for {counted(len(plan.contexts), 'well')}"]
        if plan.memory_per_well_bytes:
            facts.append(f"{byte_size(plan.memory_per_well_bytes)} a well")
        if estimate := self._estimate(plan):
            facts.append(estimate)
        if warnings:
            facts.append(counted(warnings, "warning"))
        self._say(" · ".join(facts), palette.good.name())
        plural = "" if plan.workers == 1 else "s"
        self.line.setToolTip(f"{plan.workers} worker{plural} at once; the time is an estimate")

    def _list(self, problems: tuple[Problem, ...]) -> None:
        palette = palette_of(self._viewer)
        self.problems.clear()
        for problem in problems:
            item = QListWidgetItem(problem.message)
            item.setToolTip(problem.message)
            item.setData(Qt.ItemDataRole.UserRole, problem.step - 1)
            if problem.severity != "error":
                item.setForeground(palette.warning)
            self.problems.addItem(item)
            if problem.fix is not None:
                self._add_fix(problem.fix)
        self.problems.setVisible(bool(problems))
        self._fit()

    def _add_fix(self, fix: Fix) -> None:
        """Offer the edit that mends the problem above."""
        item = QListWidgetItem(f"    Mend: {fix.text}")
        item.setToolTip("A click makes this edit; undo takes it back")
        item.setData(Qt.ItemDataRole.UserRole, fix)
        font = item.font()
        font.setUnderline(True)
        item.setFont(font)
        item.setForeground(self.problems.palette().link())
        self.problems.addItem(item)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Keep all of a short list in sight when lines break elsewhere."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Make the list as high as its sentences, up to a few lines."""
        metrics = self.problems.fontMetrics()
        room = QRect(0, 0, max(120, self.width() - 16), 10_000)
        wrap = int(Qt.TextFlag.TextWordWrap)
        texts = [self.problems.item(row).text() for row in range(self.problems.count())]
        needed = sum(metrics.boundingRect(room, wrap, text).height() + 2 for text in texts)
        height = min(needed, LINES * metrics.height())
        self.problems.setFixedHeight(height + 2 * self.problems.frameWidth() + 4)

    def _clicked(self, item: QListWidgetItem) -> None:
        step = item.data(Qt.ItemDataRole.UserRole)
        if isinstance(step, Fix):
            # What is shown while the next compile is under way is about another pipeline.
            if self._session.state.compiled is not None:
                self._session.apply_fix(step)
            return
        if 0 <= step < len(self._session.pipeline):
            self.step_requested.emit(step)

    def _say(self, text: str, color: str) -> None:
        self.line.setText(text)
        self.line.setToolTip("")
        self.line.setStyleSheet(f"color: {color};" if color else "")
        self.line.setVisible(bool(text))
