"""How one step looks in the list, and what a click on its parts means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPainter, QPen
from qtpy.QtWidgets import (
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from napari_openhcs.widgets.style import Palette, format_seconds, palette_of

__all__ = ["Row", "StepRow", "row_role"]

HEIGHT = 26
CELL = 20
"""px of the row's height and of its square parts."""


@dataclass(frozen=True)
class Row:
    """What is shown of a step.

    `seconds` is the time of its last preview, `problem` its sentences, `severity` empty,
    ``warning`` or ``error``.
    """

    number: int
    title: str
    functions: tuple[str, ...]
    badge: str
    enabled: bool
    shown: bool
    seconds: float | None
    problem: str
    severity: str
    materialize: bool


def row_role() -> int:
    """Return the item role under which a model gives a :class:`Row`."""
    return int(Qt.ItemDataRole.UserRole) + 1


class StepRow(QStyledItemDelegate):
    """Paints number, eye, box, name, badge, time and problem mark; takes clicks on them."""

    toggled_enabled = Signal(int)
    toggled_shown = Signal(int)

    def __init__(self, parent: QWidget, viewer: Any) -> None:
        super().__init__(parent)
        self._viewer = viewer

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Every row has the same height."""
        return QSize(100, max(HEIGHT, option.fontMetrics.height() + 10))

    def _parts(self, option: QStyleOptionViewItem, row: Row) -> dict[str, QRect]:
        """Return the rectangle of each part of a row."""
        rect = option.rect
        metrics = option.fontMetrics
        top = rect.top() + (rect.height() - CELL) // 2
        left = rect.left() + 4
        parts = {}
        for name in ("number", "eye", "box"):
            parts[name] = QRect(left, top, CELL, CELL)
            left += CELL
        right = rect.right() - 4
        time = "" if row.seconds is None else format_seconds(row.seconds)
        widths = {
            "mark": CELL if row.severity else 0,
            "badge": metrics.horizontalAdvance(row.badge) + 8,
            "time": metrics.horizontalAdvance(time) + 4 if time else 0,
        }
        for name, width in widths.items():
            parts[name] = QRect(right - width, rect.top(), width, rect.height())
            right -= width + 4 if width else 0
        parts["name"] = QRect(left + 4, rect.top(), max(20, right - left - 8), rect.height())
        return parts

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one row."""
        row: Row = index.data(row_role())
        palette = palette_of(self._viewer)
        parts = self._parts(option, row)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, palette.highlight)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, palette.foreground)
        text = palette.text if row.enabled else palette.faint
        self._text(painter, parts["number"], str(row.number), palette.faint)
        _paint_eye(painter, parts["eye"], text if row.shown else palette.faint, row.shown)
        _paint_box(painter, parts["box"], text, row.enabled)
        self._name(painter, option, parts["name"], row, text)
        if row.seconds is not None:
            self._text(painter, parts["time"], format_seconds(row.seconds), palette.faint)
        _paint_badge(painter, parts["badge"], row.badge, palette)
        if row.severity:
            color = palette.error if row.severity == "error" else palette.warning
            _paint_mark(painter, parts["mark"], color, palette.background)
        painter.restore()

    def _name(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        rect: QRect,
        row: Row,
        color: QColor,
    ) -> None:
        font = QFont(option.font)
        font.setItalic(not row.enabled)
        painter.setFont(font)
        elided = option.fontMetrics.elidedText(row.title, Qt.TextElideMode.ElideRight, rect.width())
        self._text(painter, rect, elided, color, Qt.AlignmentFlag.AlignLeft)
        painter.setFont(option.font)

    @staticmethod
    def _text(
        painter: QPainter,
        rect: QRect,
        text: str,
        color: QColor,
        align: Any = Qt.AlignmentFlag.AlignHCenter,
    ) -> None:
        painter.setPen(color)
        painter.drawText(rect, int(align | Qt.AlignmentFlag.AlignVCenter), text)

    def editorEvent(  # noqa: N802
        self, event: QEvent, model: Any, option: QStyleOptionViewItem, index: QModelIndex
    ) -> bool:
        """A click on the eye or the box toggles it and does nothing else."""
        kinds = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
        if event.type() in kinds and event.button() == Qt.MouseButton.LeftButton:
            part = self.part_at(option, index, event.position().toPoint())
            if part == "eye":
                self.toggled_shown.emit(index.row())
                return True
            if part == "box":
                self.toggled_enabled.emit(index.row())
                return True
        return super().editorEvent(event, model, option, index)

    def part_at(self, option: QStyleOptionViewItem, index: QModelIndex, place: Any) -> str:
        """Return the name of the part of a row at a place; empty where there is none."""
        row = index.data(row_role())
        found = [name for name, rect in self._parts(option, row).items() if rect.contains(place)]
        return found[0] if found else ""

    def createEditor(  # noqa: N802
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        """A line to rename the step in."""
        line = QLineEdit(parent)
        line.setFrame(False)
        return line

    def updateEditorGeometry(  # noqa: N802
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """The line stands where the name stands."""
        editor.setGeometry(self._parts(option, index.data(row_role()))["name"])

    def helpEvent(  # noqa: N802
        self, event: Any, view: Any, option: QStyleOptionViewItem, index: QModelIndex
    ) -> bool:
        """Show what the part under the mouse means."""
        if not index.isValid() or event.type() != QEvent.Type.ToolTip:
            return super().helpEvent(event, view, option, index)
        row = index.data(row_role())
        text = tooltip(row, self.part_at(option, index, event.pos()))
        QToolTip.showText(event.globalPos(), text, view)
        return True


def tooltip(row: Row, part: str) -> str:
    """Return what is said about a part of a row."""
    if part == "eye":
        return "Hide this step's result" if row.shown else "Show this step's result"
    if part == "box":
        return "Skip this step" if row.enabled else "Use this step"
    if part == "time":
        return "Time of the last preview on the tuned well"
    if part == "badge":
        return f"Memory type {row.badge}"
    lines = [row.problem] if row.problem else []
    lines += [row.title, *row.functions]
    if part == "name":
        lines.append("Double click or F2 renames, drag reorders")
    return "\n".join(lines)


def _paint_eye(painter: QPainter, rect: QRect, color: QColor, opened: bool) -> None:
    center = QPointF(rect.center())
    painter.setPen(QPen(color, 1.3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(rect.adjusted(3, 5, -3, -1), 30 * 16, 120 * 16)
    painter.drawArc(rect.adjusted(3, 1, -3, -5), -150 * 16, 120 * 16)
    if opened:
        painter.setBrush(color)
        painter.drawEllipse(center, 2.0, 2.0)
    else:
        painter.drawLine(rect.bottomLeft() + _point(4, -4), rect.topRight() + _point(-4, 4))


def _paint_box(painter: QPainter, rect: QRect, color: QColor, checked: bool) -> None:
    square = rect.adjusted(4, 4, -4, -4)
    painter.setPen(QPen(color, 1.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(square, 2, 2)
    if checked:
        painter.setPen(QPen(color, 1.8))
        left, bottom = square.left(), square.bottom()
        painter.drawLine(left + 2, square.center().y() + 1, left + 5, bottom - 2)
        painter.drawLine(left + 5, bottom - 2, square.right() - 1, square.top() + 3)


def _paint_badge(painter: QPainter, rect: QRect, text: str, palette: Palette) -> None:
    pill = rect.adjusted(0, 5, 0, -5)
    painter.setPen(QPen(palette.faint, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(pill, 3, 3)
    painter.setPen(palette.text)
    painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), text)


def _paint_mark(painter: QPainter, rect: QRect, color: QColor, ink: QColor) -> None:
    circle = QRect(0, 0, 14, 14)
    circle.moveCenter(rect.center())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(circle)
    painter.setPen(ink)
    font = QFont(painter.font())
    font.setBold(True)
    painter.setFont(font)
    painter.drawText(circle, int(Qt.AlignmentFlag.AlignCenter), "!")
    font.setBold(False)
    painter.setFont(font)


def _point(x: int, y: int) -> Any:
    return QPointF(x, y).toPoint()
