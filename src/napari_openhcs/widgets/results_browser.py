"""The results browser: the tables of a run beside its layers; a row leads to its object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, Latest, listen, report_error, session_of
from napari_openhcs.widgets.results_table import ResultsTable
from napari_openhcs.widgets.style import caption, tool_button

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.runner import RunStatus

__all__ = ["ResultsBrowser"]


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
        self._opening = Latest(self, delay_ms=300)
        self._reading = Latest(self, delay_ms=30)
        self._done = 0
        self._build()
        listen(self, self._session.run_changed, self._run_changed)
        listen(self, self._session.results_changed, self._show_results)
        listen(self, self._session.tuned_changed, lambda _: self._tuned())
        self._show_results(self._session.state.results)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Low, so that the canvas keeps its room."""
        return QSize(600, 170)

    @property
    def busy(self) -> bool:
        """Whether results are being opened or read."""
        return self._opening.busy or self._reading.busy or self._background.busy

    def _build(self) -> None:
        self.summary = caption(wrap=False)
        self.table_box = QComboBox()
        self.table_box.setToolTip("Table of measurements to show")
        self.table_box.setAccessibleName("Table")
        self.table_box.activated.connect(lambda _: self._read_table())
        self.well_only = QCheckBox("this well only")
        self.well_only.setToolTip("Show only rows of the well that is looked at")
        self.well_only.toggled.connect(lambda _: self._read_table())
        self.open_button = tool_button("Open…", "Open the output folder of a run")
        self.open_button.clicked.connect(self.choose_results)
        self.save_button = tool_button("Save CSV…", "Save the shown table as a CSV file")
        self.save_button.clicked.connect(self.choose_csv)
        row = QHBoxLayout()
        row.addWidget(self.table_box)
        row.addWidget(self.well_only)
        row.addWidget(self.summary, 1)
        row.addWidget(self.save_button)
        row.addWidget(self.open_button)
        self.model = ResultsTable(self)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setSortingEnabled(True)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.view.verticalHeader().setVisible(False)
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setToolTip("A click shows the object in its well")
        self.view.clicked.connect(self._row_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)

    # Intents

    def choose_results(self) -> None:
        """Ask for the output folder of a run and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Open the output of a run")
        if folder:
            self.open_path(folder)

    def open_path(self, path: str | Path) -> None:
        """Open results in the background; a refusal is shown."""
        from napari_openhcs.ome_zarr.results import open_results

        self._opening.request(
            lambda: open_results(path),
            self._session.set_results,
            lambda error: report_error(self._session, error),
        )

    def choose_csv(self) -> None:
        """Ask for a file and save the table that is shown, with the rows of all wells."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "table.csv", "CSV (*.csv)")
        if path:
            self.save_csv(path)

    def save_csv(self, path: str | Path) -> None:
        """Save the table that is shown as CSV, in the background."""
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

    def _row_clicked(self, index: QModelIndex) -> None:
        value = self.model.value
        well, field = value(index.row(), "well"), value(index.row(), "field")
        if well is None:
            return
        try:
            self._session.tune(str(well), "" if field is None else str(field))
        except OpenHCSError as error:
            report_error(self._session, error)
        label = value(index.row(), "label")
        if label is not None:
            self._select_label(int(label))
            self._look_at(index.row())

    def _select_label(self, label: int) -> None:
        if self._viewer is None:
            return
        for layer in self._viewer.layers:
            if str(layer.metadata.get("openhcs", "")).startswith("result/labels/"):
                layer.selected_label = label

    def _look_at(self, row: int) -> None:
        place = [self.model.value(row, f"centroid_{axis}") for axis in "yx"]
        plate = self._session.plate
        if self._viewer is None or plate is None or None in place:
            return
        size = plate.pixel_size_um or 1.0
        center = (*self._viewer.camera.center[:-2], *(float(item) * size for item in place))
        self._viewer.camera.center = center

    # Showing

    def _run_changed(self, status: RunStatus | None) -> None:
        done = 0 if status is None else status.count("done")
        if done and done != self._done and status is not None:
            self.open_path(status.output)
        self._done = done

    def _show_results(self, results: Results | None) -> None:
        chosen = self.table_box.currentText()
        self.table_box.clear()
        for item in (self.table_box, self.well_only, self.save_button):
            item.setEnabled(results is not None)
        if results is None:
            self.summary.setText("No results yet: run the pipeline, or open the output of a run.")
            self.model.set_table(None)
            return
        self.table_box.addItems(results.table_names)
        self.table_box.setCurrentIndex(max(0, self.table_box.findText(chosen)))
        self.summary.setToolTip(str(results.plate_path))
        self._read_table()

    def _tuned(self) -> None:
        if self.well_only.isChecked():
            self._read_table()

    def _read_table(self) -> None:
        results, name = self._session.state.results, self.table_box.currentText()
        if results is None:
            return
        wells = len(results.wells)
        labels = ", ".join(results.label_names) or "no labels"
        self.summary.setText(f"{results.name}: {wells} wells, {labels}")
        if not name:
            self.model.set_table(None)
            return
        only = self._session.state.tuned.well if self.well_only.isChecked() else ""
        self._reading.request(
            lambda: _rows(results, name, only),
            self._show_table,
            lambda error: report_error(self._session, error),
        )

    def _show_table(self, table: Any) -> None:
        header = self.view.horizontalHeader()
        self.model.set_table(table)
        self.model.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self.summary.setText(f"{self.summary.text().split(' · ')[0]} · {table.num_rows:,} rows")


def _rows(results: Results, name: str, well: str) -> Any:
    table = results.table(name)
    if well:
        import pyarrow.compute as pc

        table = table.filter(pc.equal(table.column("well"), well))
    return table
