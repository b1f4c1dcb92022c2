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
        self._columns: dict[str, np.ndarray] = {}
        self._names: list[str] = []
        self._order = np.arange(0)

    def set_table(self, table: Any) -> None:
        """Show a :class:`pyarrow.Table`, or nothing for None."""
        self.beginResetModel()
        names = table.column_names if table is not None else ()
        self._columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in names}
        self._names = list(self._columns)
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
        name = self._names[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(self.value(index.row(), name))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self._columns[name].dtype.kind in "iuf"
            side = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return column names and row numbers."""
        horizontal = orientation == Qt.Orientation.Horizontal
        if role == Qt.ItemDataRole.ToolTipRole and horizontal:
            return f"{self._names[section]}: a click sorts by it"
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._names[section].replace("_", " ") if horizontal else str(section + 1)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal values keep their order, missing ones come last."""
        if not 0 <= column < len(self._names):
            return
        ranks, missing = _ranks(self._columns[self._names[column]])
        if order == Qt.SortOrder.DescendingOrder:
            ranks = -ranks
        self.layoutAboutToBeChanged.emit()
        before, kept = self._order, self.persistentIndexList()
        self._order = np.lexsort((ranks, missing))
        place = np.empty(len(before), int)
        place[self._order] = np.arange(len(before))
        moved = [self.index(int(place[before[item.row()]]), item.column()) for item in kept]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def value(self, row: int, column: str) -> Any:
        """Return the value of a shown row in a named column; None where there is no such."""
        if column not in self._columns or not 0 <= row < len(self._order):
            return None
        return self._columns[column][self._order[row]]

    def row_of(self, well: str, field: str, label: int) -> int | None:
        """Return the shown row of an object, or None."""
        if "label" not in self._columns:
            return None
        match = np.ones(len(self._order), bool)
        for name, wanted in (("well", well), ("field", field), ("label", label)):
            if name in self._columns:
                match &= self._columns[name] == wanted
        found = np.flatnonzero(match[self._order])
        return int(found[0]) if len(found) else None


def _ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each value's place among all (equal ones alike), and whether it is missing."""
    if values.dtype.kind == "O":
        missing = np.array([value is None for value in values], bool)
        values = np.array(["" if value is None else str(value) for value in values], str)
    else:
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    _, ranks = np.unique(values, return_inverse=True)
    return ranks, missing


def _text(value: Any) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value)
