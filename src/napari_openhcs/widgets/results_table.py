"""A table of measurements as Qt's model: columns stay arrays, only visible cells become text."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

__all__ = ["ResultsTable"]


class ResultsTable(QAbstractTableModel):
    """Rows of a measurement table, sorted without copying its columns."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._columns: list[np.ndarray] = []
        self._order = np.arange(0)

    def set_table(self, table: Any) -> None:
        """Show a :class:`pyarrow.Table`, or nothing for None."""
        self.beginResetModel()
        self._names = list(table.column_names) if table is not None else []
        self._columns = [table.column(name).to_numpy(zero_copy_only=False) for name in self._names]
        self._order = np.arange(table.num_rows if table is not None else 0)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, numbers with four significant digits."""
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(self.value(index.row(), self._names[index.column()]))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self._columns[index.column()].dtype.kind in "iuf"
            side = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return column names and row numbers."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (
            self._names[section] if orientation == Qt.Orientation.Horizontal else str(section + 1)
        )

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal values keep their order."""
        if not 0 <= column < len(self._columns):
            return
        self.layoutAboutToBeChanged.emit()
        self._order = np.argsort(self._columns[column], kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self._order = self._order[::-1]
        self.layoutChanged.emit()

    def value(self, row: int, column: str) -> Any:
        """Return the value of a shown row in a named column; None where there is no such."""
        if column not in self._names:
            return None
        return self._columns[self._names.index(column)][self._order[row]]

    def row_of(self, well: str, field: str, label: int) -> int | None:
        """Return the shown row of an object, or None."""
        match = np.ones(len(self._order), bool)
        for name, wanted in (("well", well), ("field", field), ("label", label)):
            if name in self._names:
                match &= self._columns[self._names.index(name)][self._order] == wanted
        found = np.flatnonzero(match)
        return int(found[0]) if len(found) else None


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)
