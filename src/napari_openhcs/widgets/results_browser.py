"""The results browser: the tables of a run beside its layers.

A click on a row shows its object in its well; a click on an object shows its row.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session, Tuned
from napari_openhcs.widgets.bridge import Background, Latest, listen, report_error, session_of
from napari_openhcs.widgets.layers import well_layers_of
from napari_openhcs.widgets.message_line import MessageLine
from napari_openhcs.widgets.object_link import ObjectLink
from napari_openhcs.widgets.results_table import ResultsTable
from napari_openhcs.widgets.style import caption, tool_button
from napari_openhcs.words import counted

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.runner import RunStatus

__all__ = ["ResultsBrowser"]

EVERY_S = 2.0
"""Results of a run that goes on are opened again at most so often."""

NOTHING = "No results yet: run the pipeline, or open the output folder of a run."


class ResultsBrowser(QWidget):
    """Shows what a run left, also while it goes on.

    Parameters
    ----------
    napari_viewer : napari.Viewer, optional
    session : Session, optional
        By default the viewer's.
    """

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._background = Background(self)
        self._opening = Latest(self, delay_ms=0)
        self._reading = Latest(self, delay_ms=30)
        self._done, self._opened_at, self._seconds = 0, 0.0, 0.0
        self._marked: Tuned | None = None
        self._link: ObjectLink | None = None
        if napari_viewer is not None:
            well_layers_of(napari_viewer)
            self._link = ObjectLink(napari_viewer, self)
            self._link.picked.connect(self.show_object)
        self._build()
        listen(self, self._session.run_changed, self._run_changed)
        listen(self, self._session.results_changed, self._show_results)
        listen(self, self._session.tuned_changed, self._tuned_changed)
        self._show_results(self._session.state.results)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Low, so that the canvas keeps its room."""
        return QSize(600, 170)

    @property
    def busy(self) -> bool:
        """Whether results are being opened or read."""
        return self._opening.busy or self._reading.busy or self._background.busy

    # Building

    def _build(self) -> None:
        self.summary = caption(wrap=False)
        # A long sentence is cut off before it widens the window.
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.table_box = QComboBox()
        self.table_box.setToolTip("Table of measurements to show")
        self.table_box.setAccessibleName("Table")
        self.table_box.setMinimumContentsLength(14)
        self.table_box.activated.connect(self._read_table)
        self.well_only = QCheckBox("this well only")
        self.well_only.setToolTip("Show only rows of the well that is looked at")
        self.well_only.toggled.connect(self._read_table)
        self.open_button = tool_button("Open…", "Open the output folder of a run")
        self.open_button.clicked.connect(self.choose_results)
        self.save_button = tool_button("Save CSV…", "Save the whole table, all wells, as CSV")
        self.save_button.clicked.connect(self.choose_csv)
        row = QHBoxLayout()
        row.addWidget(self.table_box)
        row.addWidget(self.well_only)
        row.addWidget(self.summary, 1)
        row.addWidget(self.save_button)
        row.addWidget(self.open_button)
        self._build_view()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(MessageLine(self._session, self._viewer))

    def _build_view(self) -> None:
        self.model = ResultsTable(self)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setSortingEnabled(True)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.verticalHeader().setVisible(False)
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setToolTip("A click shows the object in its well")
        self.view.setAccessibleName("Measurements")
        self.view.clicked.connect(self._row_clicked)
        self.view.activated.connect(self._row_clicked)

    # Intents

    def choose_results(self) -> None:
        """Ask for the output folder of a run and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Open the output of a run")
        if folder:
            self.open_path(folder)

    def open_path(self, path: str | Path) -> None:
        """Open results in the background; a refusal is shown."""
        from napari_openhcs.ome_zarr.results import open_results

        self._opened_at = time.monotonic()
        self._opening.request(
            lambda: open_results(path),
            self._session.set_results,
            lambda error: report_error(self._session, error),
        )

    def choose_csv(self) -> None:
        """Ask for a file and save the table that is shown, with the rows of all wells."""
        name = f"{self.table_box.currentText() or 'table'}.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", name, "CSV (*.csv)")
        if path:
            self.save_csv(path)

    def save_csv(self, path: str | Path) -> None:
        """Save the table that is shown as CSV, with the rows of all wells, in the background."""
        results, name = self._session.state.results, self.table_box.currentText()
        if results is None or not name:
            return

        def save() -> int:
            from pyarrow import csv

            table = results.table(name)
            csv.write_csv(table, str(path))
            return int(table.num_rows)

        self._background.run(
            save,
            lambda rows: self._session.say(f"{rows:,} rows saved to {path}."),
            lambda error: report_error(self._session, error),
        )

    # Rows and objects

    def _row_clicked(self, index: QModelIndex) -> None:
        """Go to the row's well and field and ring its object."""
        well, field, label = (
            self.model.value(index.row(), name) for name in ("well", "field", "label")
        )
        if well is None:
            return
        try:
            plate = self._session.plate
            known = plate is not None and field in plate.fields_of(str(well))
            # Objects of a mosaic belong to no field: the one that is looked at stays.
            self._session.tune(str(well), str(field) if known else "")
        except OpenHCSError as error:
            report_error(self._session, error)
            return
        if label is not None:
            self._mark(index.row(), int(label))

    def show_object(self, label: int) -> None:
        """Select the row of an object of the field that is looked at, and ring the object."""
        tuned = self._session.state.tuned
        results = self._session.state.results
        if results is None or tuned.well not in results.wells:
            return
        field = results.field_with(tuned.well, tuned.field)
        row = self.model.row_of(tuned.well, field, label)
        if row is None:
            return
        self.view.selectRow(row)
        self.view.scrollTo(self.model.index(row, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
        self._mark(row, label)

    def _mark(self, row: int, label: int) -> None:
        plate = self._session.plate
        center = [self.model.value(row, f"centroid_{axis}") for axis in "yx"]
        if self._link is None or plate is None or None in center:
            return
        sides = [self.model.value(row, f"bbox_{side}") for side in _SIDES]
        diameter = 20.0
        if None not in sides:
            top, left, bottom, right = (float(side) for side in sides)
            diameter = 1.3 * max(bottom - top, right - left)
        self._marked = self._session.state.tuned
        y, x = (float(item) for item in center)
        self._link.mark(label, (y, x), diameter, plate.pixel_size_um)

    # Showing

    def _run_changed(self, status: RunStatus | None) -> None:
        """Show wells as they finish, without spending more than a tenth of the time on it."""
        done = 0 if status is None else status.count("done")
        if status is None or not done:
            self._done = done
            return
        waited = time.monotonic() - self._opened_at
        if done != self._done and (
            status.state != "running" or waited > max(EVERY_S, 10 * self._seconds)
        ):
            self._done = done
            self.open_path(status.output)

    def _show_results(self, results: Results | None) -> None:
        chosen = self.table_box.currentText()
        self.table_box.clear()
        for item in (self.table_box, self.well_only, self.save_button):
            item.setEnabled(results is not None)
        self.view.setVisible(results is not None)
        if results is None:
            self._reading.cancel()
            self.summary.setText(NOTHING)
            self.summary.setToolTip("")
            self.model.set_table(None)
            self._unmark()
            return
        self.table_box.addItems(results.table_names)
        self.table_box.setCurrentIndex(max(0, self.table_box.findText(chosen)))
        self.summary.setToolTip(str(results.plate_path))
        self._read_table()

    def _tuned_changed(self, tuned: Tuned) -> None:
        if tuned != self._marked:
            self._unmark()
        if self.well_only.isChecked():
            self._read_table()

    def _unmark(self) -> None:
        self._marked = None
        if self._link is not None:
            self._link.unmark()

    def _read_table(self, _: object = None) -> None:
        results, name = self._session.state.results, self.table_box.currentText()
        if results is None:
            return
        if not name:
            self.model.set_table(None)
            self.summary.setText(f"{_facts(results)} · no tables")
            return
        only = self._session.state.tuned.well if self.well_only.isChecked() else ""
        started = time.monotonic()

        def show(table: Any) -> None:
            self._seconds = time.monotonic() - started
            self._show_table(results, table)

        self._reading.request(
            lambda: _rows(results, name, only),
            show,
            lambda error: report_error(self._session, error),
        )

    def _show_table(self, results: Results, table: Any) -> None:
        header = self.view.horizontalHeader()
        same = table.num_columns == self.model.columnCount()
        self.model.set_table(table)
        self.model.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        if not same:
            self.view.resizeColumnsToContents()
        self.summary.setText(f"{_facts(results)} · {table.num_rows:,} rows")


_SIDES = ("top", "left", "bottom", "right")


def _facts(results: Results) -> str:
    return counted(len(results.wells), "well")


def _rows(results: Results, name: str, well: str) -> Any:
    table = results.table(name)
    if well:
        import pyarrow.compute as pc

        table = table.filter(pc.equal(table.column("well"), well))
    return table
