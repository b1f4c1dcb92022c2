"""Labels and drop-downs that end in an ellipsis where they are too narrow for their text.

What is cut can be read in the tool tip.  Both ask for the width of their text but can do
with little, so that a form never becomes wider than its dock.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QFont, QFontMetrics, QPalette
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
)

from napari_openhcs.widgets.style import escape

__all__ = ["INDENT", "ElidedBox", "ElidedLabel"]

INDENT = 4
"""Width in px by which the theme indents running text."""

LEAST_LABEL = 72
"""Width in px below which a label is of no use."""


class ElidedLabel(QLabel):
    """One line of text, cut with an ellipsis where there is no room.

    Parameters
    ----------
    text : str
        Plain text.
    faint : bool
        Smaller and paler, for what explains.
    """

    def __init__(self, text: str, *, faint: bool = False) -> None:
        super().__init__(text)
        self._faint = faint
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _drawn_font(self) -> QFont:
        font = QFont(self.font())
        if self._faint and font.pixelSize() > 0:
            font.setPixelSize(max(1, font.pixelSize() - 1))
        elif self._faint:
            font.setPointSizeF(font.pointSizeF() - 1)
        return font

    def sizeHint(self) -> QSize:  # noqa: N802
        """The whole text on one line."""
        metrics = QFontMetrics(self._drawn_font())
        edges = self.contentsMargins()
        return QSize(
            metrics.horizontalAdvance(self.text()) + edges.left() + edges.right() + 2,
            metrics.height() + edges.top() + edges.bottom(),
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """A few letters."""
        whole = self.sizeHint()
        return QSize(min(LEAST_LABEL, whole.width()), whole.height())

    def shown_text(self) -> str:
        """Return the text as it is drawn at the present width."""
        metrics = QFontMetrics(self._drawn_font())
        width = self.contentsRect().width()
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, width)

    def paintEvent(self, _: Any) -> None:  # noqa: N802
        """Draw what there is room for."""
        painter = QStylePainter(self)
        painter.setFont(self._drawn_font())
        palette = QPalette(self.palette())
        if self._faint:
            color = palette.color(QPalette.ColorRole.WindowText)
            color.setAlpha(170)
            palette.setColor(QPalette.ColorRole.WindowText, color)
        painter.drawItemText(
            self.contentsRect(),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            palette,
            self.isEnabled(),
            self.shown_text(),
            QPalette.ColorRole.WindowText,
        )


class ElidedBox(QComboBox):
    """A drop-down that shows its choice with an ellipsis, and whole in its tool tip."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option

    def shown_text(self) -> str:
        """Return the choice as it is drawn at the present width."""
        edit = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            self._option(),
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        width = edit.width() - 4
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, width)

    def whole_tip(self) -> str:
        """Return the tool tip, headed by the choice while that is cut."""
        about = self.toolTip()
        if self.shown_text() == self.currentText():
            return about
        inside = about.removeprefix("<qt>").removesuffix("</qt>")
        return f"<qt><b>{escape(self.currentText())}</b><br>{inside}</qt>"

    def event(self, event: Any) -> bool:
        """Show the whole choice in the tool tip while it is cut."""
        if event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.whole_tip(), self)
            return True
        return bool(super().event(event))

    def paintEvent(self, _: Any) -> None:  # noqa: N802
        """Draw the box as the style does, with the text cut to its room."""
        painter = QStylePainter(self)
        option = self._option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        option.currentText = self.shown_text()
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
