"""The picture of a plate: wells to click, select and read states and values from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_openhcs.axes import row_letters, well_name, well_position
from napari_openhcs.widgets.style import palette_of

__all__ = ["PlateGrid"]

HEADER = 18
"""Width and height of the row and column names, px."""

SMALLEST, LARGEST = 4.0, 40.0
"""Side of a well's cell, px."""


class PlateGrid(QWidget):
    """Wells of a plate as a grid.

    Click: look at a well.  Drag, Shift- or Ctrl-click, or a header: select wells.  Arrow
    keys walk from well to well.

    Attributes
    ----------
    well_clicked : Signal
        Carries the name of the well to look at.
    selection_changed : Signal
        Carries the names of the selected wells.
    """

    well_clicked = Signal(str)
    selection_changed = Signal(object)

    def __init__(self, viewer: Any = None) -> None:
        super().__init__()
        self._viewer = viewer
        self._rows, self._columns = 8, 12
        self._wells: tuple[str, ...] = ()
        self._colors: Mapping[str, QColor] = {}
        self._marks: Mapping[str, str] = {}
        self._tips: Mapping[str, str] = {}
        self._current = ""
        self._selected: frozenset[str] = frozenset()
        self._drag: tuple[int, int] | None = None
        self._dragged: frozenset[str] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 110)
        self.setAccessibleName("Wells of the plate")

    def sizeHint(self) -> QSize:  # noqa: N802
        """Wide enough for round wells of a 96-well plate."""
        return QSize(340, 220)

    # What is shown

    def set_plate(self, rows: int, columns: int, wells: Iterable[str]) -> None:
        """Show a plate of `rows` × `columns` with images in `wells`."""
        self._rows, self._columns, self._wells = rows, columns, tuple(wells)
        self._colors, self._marks, self._tips = {}, {}, {}
        self.update()

    def set_colors(self, colors: Mapping[str, QColor], marks: Mapping[str, str]) -> None:
        """Colour wells; `marks` are signs drawn in them, such as ``!``."""
        self._colors, self._marks = colors, marks
        self.update()

    def set_tips(self, tips: Mapping[str, str]) -> None:
        """Set the tooltip of each well."""
        self._tips = tips

    def set_current(self, well: str) -> None:
        """Ring the well that is looked at."""
        self._current = well
        self.update()

    def set_selected(self, wells: Iterable[str]) -> None:
        """Show which wells are selected."""
        self._selected = frozenset(wells)
        self.update()

    # Geometry

    def height_for(self, width: int) -> int:
        """Return the height at which wells as wide as `width` allows have room."""
        cell = min((width - HEADER - 2) / self._columns, LARGEST)
        return int(max(cell, SMALLEST) * self._rows + HEADER + 6)

    def _cell(self) -> float:
        """Return the side of a well's cell, px."""
        return max(
            SMALLEST,
            min(
                (self.width() - HEADER - 2) / self._columns,
                (self.height() - HEADER - 2) / self._rows,
                LARGEST,
            ),
        )

    def _origin(self) -> QPointF:
        cell = self._cell()
        left = max(0.0, (self.width() - HEADER - cell * self._columns) / 2)
        return QPointF(left + HEADER, HEADER)

    def rect_of(self, well: str) -> QRectF:
        """Return where a well is drawn, in widget coordinates."""
        row, column = well_position(well)
        cell, origin = self._cell(), self._origin()
        gap = 1.0 if cell < 14 else cell * 0.09
        return QRectF(
            origin.x() + column * cell + gap,
            origin.y() + row * cell + gap,
            cell - 2 * gap,
            cell - 2 * gap,
        )

    def _place(self, point: QPointF) -> tuple[int, int]:
        """Return (row, column) under a point; -1 stands for the header."""
        cell, origin = self._cell(), self._origin()
        row = int((point.y() - origin.y()) // cell) if point.y() >= origin.y() else -1
        column = int((point.x() - origin.x()) // cell) if point.x() >= origin.x() else -1
        return min(row, self._rows), min(column, self._columns)

    def _well_at(self, place: tuple[int, int]) -> str:
        row, column = place
        if not (0 <= row < self._rows and 0 <= column < self._columns):
            return ""
        name = well_name(row, column)
        return name if name in self._wells else ""

    def _between(self, one: tuple[int, int], two: tuple[int, int]) -> frozenset[str]:
        """Return the wells in the rectangle of two places; a header means all of its line."""
        ranges = []
        for start, end, length in zip(one, two, (self._rows, self._columns), strict=True):
            if start < 0:
                ranges.append((0, length - 1))
            else:
                ranges.append((min(start, end), max(start, end)))
        (top, bottom), (left, right) = ranges
        return frozenset(
            well
            for well in self._wells
            if top <= well_position(well)[0] <= bottom and left <= well_position(well)[1] <= right
        )

    # Painting

    def paintEvent(self, _: Any) -> None:  # noqa: N802
        """Draw headers and wells."""
        palette = palette_of(self._viewer)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_headers(painter, palette.faint)
        selected = self._selected if self._dragged is None else self._dragged
        empty = QColor(palette.foreground)
        cell = self._cell()
        known = set(self._wells)
        for row in range(self._rows):
            for column in range(self._columns):
                name = well_name(row, column)
                rect = self.rect_of(name)
                radius = rect.width() / 2 if cell >= 12 else 1.5
                if name not in known:
                    painter.setPen(QPen(empty, 1))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRoundedRect(rect, radius, radius)
                    continue
                color = self._colors.get(name, palette.primary)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                painter.drawRoundedRect(rect, radius, radius)
                self._paint_marks(painter, name, rect, radius, name in selected, palette)

    def _paint_headers(self, painter: QPainter, color: QColor) -> None:
        cell, origin = self._cell(), self._origin()
        font = painter.font()
        font.setPixelSize(int(max(7, min(11, cell * 0.7))))
        painter.setFont(font)
        painter.setPen(color)
        every = 1 if cell >= 14 else 2 if cell >= 8 else 4
        center = Qt.AlignmentFlag.AlignCenter
        for column in range(0, self._columns, every):
            rect = QRectF(origin.x() + column * cell - cell, 0, cell * 3, HEADER)
            painter.drawText(rect, center, str(column + 1))
        for row in range(0, self._rows, every):
            rect = QRectF(origin.x() - HEADER - 2, origin.y() + row * cell, HEADER, cell)
            painter.drawText(rect, center, row_letters(row))

    def _paint_marks(
        self,
        painter: QPainter,
        name: str,
        rect: QRectF,
        radius: float,
        selected: bool,
        palette: Any,
    ) -> None:
        if name in self._marks and rect.width() >= 9:
            font = painter.font()
            font.setPixelSize(int(rect.height() * 0.65))
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(
                QColor("black") if _is_light(self._colors.get(name)) else QColor("white")
            )
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._marks[name])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if selected:
            painter.setPen(QPen(palette.current, 2.2))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        if name == self._current:
            painter.setPen(QPen(palette.text, 2))
            painter.drawRoundedRect(rect.adjusted(-1.5, -1.5, 1.5, 1.5), radius + 1.5, radius + 1.5)

    # Mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """Begin a click or a drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = self._place(event.position())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802
        """Extend a drag; show which well is under the mouse."""
        place = self._place(event.position())
        if self._drag is not None and (place != self._drag or self._dragged is not None):
            self._dragged = self._between(self._drag, place)
            self.update()

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802
        """End a click or a drag."""
        start, self._drag = self._drag, None
        dragged, self._dragged = self._dragged, None
        if start is None or event.button() != Qt.MouseButton.LeftButton:
            return
        keys = event.modifiers()
        adding = bool(keys & Qt.KeyboardModifier.ControlModifier)
        well = self._well_at(start)
        if dragged is not None:
            self._select((self._selected | dragged) if adding else dragged)
        elif -1 in start:
            line = self._between(start, start)
            self._select((self._selected ^ line) if adding else line)
        elif well and adding:
            self._select(self._selected ^ {well})
        elif well and keys & Qt.KeyboardModifier.ShiftModifier and self._current:
            self._select(self._between(well_position(self._current), start))
        elif well:
            self.well_clicked.emit(well)
        else:
            self._select(frozenset())

    def _select(self, wells: frozenset[str]) -> None:
        self.set_selected(wells)
        self.selection_changed.emit(tuple(well for well in self._wells if well in wells))

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802
        """Walk with the arrow keys; Ctrl+A selects all, Escape none."""
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if event.key() in steps and self._current:
            self._walk(*steps[event.key()])
        elif event.key() == Qt.Key.Key_Escape:
            self._select(frozenset())
        elif (
            event.key() == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self._select(frozenset(self._wells))
        else:
            super().keyPressEvent(event)

    def _walk(self, down: int, right: int) -> None:
        row, column = well_position(self._current)
        while 0 <= row < self._rows and 0 <= column < self._columns:
            row, column = row + down, column + right
            if well := self._well_at((row, column)):
                self.well_clicked.emit(well)
                return

    def event(self, event: Any) -> bool:
        """Show a well's tooltip."""
        if event.type() == QEvent.Type.ToolTip:
            well = self._well_at(self._place(QPointF(event.pos())))
            QToolTip.showText(event.globalPos(), self._tips.get(well, well) if well else "", self)
            return True
        return super().event(event)


def _is_light(color: QColor | None) -> bool:
    return color is not None and color.lightnessF() > 0.55
