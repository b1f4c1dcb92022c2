"""What the colours of the wells mean: states with their numbers, or a colour bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_openhcs.widgets.style import palette_of
from napari_openhcs.widgets.well_colors import ValueScale, place_color

__all__ = ["WellLegend"]

STATES = ("waiting", "running", "done", "failed")
BAR_HEIGHT = 8


class WellLegend(QWidget):
    """One line below the plate.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Whose theme gives the colours.
    """

    def __init__(self, viewer: Any = None) -> None:
        super().__init__()
        self._viewer = viewer
        self._entries: list[tuple[str, QColor]] = []
        self._scale: ValueScale | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """One line of text."""
        return QSize(200, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As :meth:`sizeHint`."""
        return self.sizeHint()

    def text(self) -> str:
        """Return the legend as text, for people who cannot see it."""
        if self._scale is not None:
            return f"{self._scale.low:.4g} to {self._scale.high:.4g}"
        return ", ".join(text for text, _ in self._entries)

    def show_states(self, states: Mapping[str, str], colors: Mapping[str, QColor]) -> None:
        """Show how many wells are in each state; before a run, what one can do."""
        found = list(states.values())
        self._scale = None
        self._entries = [
            (f"{found.count(name)} {name}", colors[name]) for name in STATES if name in found
        ]
        if not self._entries and found:
            self._entries = [("not run yet", colors["idle"])]
        self._changed()

    def show_scale(self, scale: ValueScale) -> None:
        """Show a colour bar with its ends."""
        self._scale, self._entries = scale, []
        self._changed()

    def _changed(self) -> None:
        self.setAccessibleName(f"Legend: {self.text()}")
        self.update()

    def paintEvent(self, _: Any) -> None:  # noqa: N802
        """Draw dots with words, or the bar between its ends."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = palette_of(self._viewer).text
        if self._scale is not None:
            self._paint_scale(painter, self._scale, text)
            return
        left, middle = 2.0, self.height() / 2
        for word, color in self._entries:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(QPointF(left + 5, middle), 4.5, 4.5)
            width = self.fontMetrics().horizontalAdvance(word)
            painter.setPen(text)
            place = QRectF(left + 13, 0, width + 2, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, word)
            left += width + 26

    def _paint_scale(self, painter: QPainter, scale: ValueScale, text: QColor) -> None:
        metrics = self.fontMetrics()
        low, high = f"{scale.low:.4g}", f"{scale.high:.4g}"
        if scale.log is not None:
            high += " (log)"
        left = metrics.horizontalAdvance(low) + 8
        right = metrics.horizontalAdvance(high) + 8
        bar = QRectF(
            left, (self.height() - BAR_HEIGHT) / 2,
            max(20, self.width() - left - right), BAR_HEIGHT,
        )  # fmt: skip
        painter.setPen(text)
        whole = QRectF(self.rect())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(whole, middle | Qt.AlignmentFlag.AlignLeft, low)
        painter.drawText(whole, middle | Qt.AlignmentFlag.AlignRight, high)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for step in range(17):
            gradient.setColorAt(step / 16, place_color(step / 16))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
