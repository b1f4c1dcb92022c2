"""The list of steps: a Qt model over the session's pipeline and the view that shows it.

The model only reads; what a person does to a row (drag, tick, rename, click on the eye)
goes to the session as an intent.  Rows are painted by
:class:`~napari_openhcs.widgets.step_row.StepRow`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractListModel, QMimeData, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QListView, QWidget

from napari_openhcs.errors import PipelineError
from napari_openhcs.pipeline.wiring import spec_of
from napari_openhcs.plan import Problem
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import listen
from napari_openhcs.widgets.step_row import Row, StepRow, row_role
from napari_openhcs.widgets.style import MEMORY_BADGES

__all__ = ["StepList", "StepModel"]

_MIME = "application/x-openhcs-step"


class StepModel(QAbstractListModel):
    """The steps of the session's pipeline as rows.

    Parameters
    ----------
    session : Session
    parent : QWidget
    """

    renamed = Signal(int, str)
    moved = Signal(int, int)

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[Row] = []
        self._seconds: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        for name in ("pipeline_changed", "compiled_changed", "shown_changed"):
            listen(self, getattr(session, name), self._changed)
        self.refresh()

    def _changed(self, _: object) -> None:
        self.refresh()

    def show_times(self, seconds: dict[str, float], failed: dict[str, str]) -> None:
        """Show how long each step took in the last preview, and where it failed.

        Parameters
        ----------
        seconds : dict of step title to seconds
        failed : dict of step title to sentence
        """
        self._seconds, self._failed = dict(seconds), dict(failed)
        self.refresh()

    def refresh(self) -> None:
        """Show the pipeline as it is now; rows keep their place where the number is the same."""
        rows = [self._row(index) for index in range(len(self._session.pipeline))]
        if len(rows) != len(self._rows):
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        elif rows != self._rows:
            self._rows = rows
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))

    def _row(self, index: int) -> Row:
        step = self._session.pipeline[index]
        calls = [call.function for _, call in step.calls()]
        specs = [spec_of(name) for name in calls]
        kinds = [spec.memory_type_in for spec in specs if spec is not None]
        problems = self._session.problems_of(index)
        failed = self._failed.get(step.title, "")
        sentences = [problem.message for problem in problems] + ([failed] if failed else [])
        return Row(
            number=index + 1,
            title=step.title,
            functions=tuple(calls),
            badge=MEMORY_BADGES.get(kinds[-1], kinds[-1]) if kinds else "?",
            enabled=step.enabled,
            shown=step.title not in self._session.state.hidden_steps,
            seconds=self._seconds.get(step.title),
            problem="\n".join(sentences),
            severity=_severity(problems, failed),
            materialize=step.materialize,
        )

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of steps."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a view asks about a row."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == row_role():
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            state = "" if row.enabled else ", not enabled"
            return (
                f"Step {row.number}: {row.title}{state}{', ' + row.problem if row.problem else ''}"
            )
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = 0) -> bool:  # noqa: N802
        """Take a new name typed into a row."""
        if role == Qt.ItemDataRole.EditRole and str(value) != self._rows[index.row()].title:
            self.renamed.emit(index.row(), str(value))
        return True

    def flags(self, index: QModelIndex) -> Any:
        """Rows can be selected, renamed and dragged; drops go between rows."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        return (
            Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsEditable
            | Qt.ItemFlag.ItemIsDragEnabled
        )

    def supportedDropActions(self) -> Any:  # noqa: N802
        """Rows are moved, never copied, by dragging."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802
        """Return the type of what is dragged."""
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802
        """Return the number of the dragged row."""
        data = QMimeData()
        data.setData(_MIME, str(indexes[0].row()).encode())
        return data

    def dropMimeData(  # noqa: N802
        self, data: QMimeData, action: Any, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """Ask for the dragged step to be moved; the view itself changes nothing."""
        if not data.hasFormat(_MIME):
            return False
        source = int(bytes(data.data(_MIME).data()).decode())
        if row < 0:
            row = parent.row() if parent.isValid() else len(self._rows)
        self.moved.emit(source, row - 1 if row > source else row)
        # False: the view must not remove the dragged row, the session has moved it
        return False


class StepList(QListView):
    """The view: select, drag to reorder, tick, show, rename, delete.

    `refused` carries the sentence when an intent was refused.
    """

    refused = Signal(str)

    def __init__(self, session: Session, viewer: Any = None) -> None:
        super().__init__()
        self._session = session
        self._model = StepModel(session, self)
        self.setModel(self._model)
        self._rows = StepRow(self, viewer)
        self._rows.toggled_enabled.connect(self._toggle_enabled)
        self._rows.toggled_shown.connect(self._toggle_shown)
        self.setItemDelegate(self._rows)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Steps of the pipeline")
        self._model.moved.connect(session.move_step)
        self._model.renamed.connect(self._rename)
        self.selectionModel().currentRowChanged.connect(self._row_chosen)
        listen(self, session.step_selected, self._show_selected)
        self._model.modelReset.connect(lambda: self._show_selected(session.state.selected_step))
        self._show_selected(session.state.selected_step)

    @property
    def steps(self) -> StepModel:
        """The model behind the list."""
        return self._model

    def height_of_rows(self, number: int) -> int:
        """Return the px that so many rows take."""
        row = self.sizeHintForRow(0) if self._model.rowCount() else 26
        return number * row + 2 * self.frameWidth() + 2

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Keep the selected step in sight when the list becomes lower."""
        super().resizeEvent(event)
        if self.selectedIndexes():
            self.scrollTo(self.currentIndex())

    def _row_chosen(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid() and current.row() < len(self._session.pipeline):
            self._session.select_step(current.row())

    def _show_selected(self, index: int | None) -> None:
        if index is None or index >= self._model.rowCount():
            self.clearSelection()
        elif self.currentIndex().row() != index or not self.selectedIndexes():
            self.setCurrentIndex(self._model.index(index))

    def _rename(self, index: int, name: str) -> None:
        try:
            self._session.rename_step(index, name)
        except PipelineError as error:
            self.refused.emit(str(error))

    def _toggle_enabled(self, index: int) -> None:
        self._session.set_enabled(index, not self._session.pipeline[index].enabled)

    def _toggle_shown(self, index: int) -> None:
        title = self._session.pipeline[index].title
        self._session.set_shown(index, title in self._session.state.hidden_steps)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Delete removes, Space enables, Alt with up and down moves the current step."""
        row = self.currentIndex().row()
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if row < 0:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._session.remove_step(row)
        elif event.key() == Qt.Key.Key_Space:
            self._toggle_enabled(row)
        elif alt and event.key() == Qt.Key.Key_Up:
            self._session.move_step(row, row - 1)
        elif alt and event.key() == Qt.Key.Key_Down:
            self._session.move_step(row, row + 1)
        else:
            super().keyPressEvent(event)


def _severity(problems: tuple[Problem, ...], failed: str) -> str:
    if failed or any(problem.severity == "error" for problem in problems):
        return "error"
    return "warning" if problems else ""
