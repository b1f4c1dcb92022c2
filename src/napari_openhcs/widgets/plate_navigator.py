"""The plate navigator: the plate as a grid, its fields, and what its wells are coloured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QShortcut,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.plate import Plate, first_problems
from napari_openhcs.session import Session, Tuned
from napari_openhcs.widgets.bridge import Background, listen, report_error, session_of, unwrapped
from napari_openhcs.widgets.layers import well_layers_of
from napari_openhcs.widgets.message_line import MessageLine
from napari_openhcs.widgets.plate_grid import PlateGrid
from napari_openhcs.widgets.style import caption, escape, palette_of, tool_button
from napari_openhcs.widgets.well_colors import scale_of, state_colors, value_color
from napari_openhcs.widgets.well_legend import WellLegend
from napari_openhcs.widgets.well_values import BY_STATE, WellValues
from napari_openhcs.words import counted

__all__ = ["COUNT_KEY", "PlateNavigator"]

COUNT_KEY = "count"
"""Stands for the number of objects in the first table, whatever its name."""


class PlateNavigator(QWidget):
    """Shows the plate and chooses the well and field to look at.

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
        self._wanted = ""
        self._values = WellValues(self._session, self)
        self._layers = well_layers_of(napari_viewer) if napari_viewer is not None else None
        self._build()
        listen(self, self._session.plate_changed, self._show_plate)
        listen(self, self._session.tuned_changed, self._show_tuned)
        listen(self, self._session.wells_selected, self._show_selected)
        listen(self, self._session.run_changed, self._run_changed)
        self._values.changed.connect(self._refill_choices)
        if napari_viewer is not None:
            theme, callback = unwrapped(napari_viewer).events.theme, self._theme_changed
            theme.connect(callback)
            self.destroyed.connect(lambda: theme.disconnect(callback))
        self._show_plate(self._session.plate)
        self.setAcceptDrops(True)

    @property
    def busy(self) -> bool:
        """Whether a plate is being read or measured."""
        return self._background.busy or self._values.busy

    def sizeHint(self) -> QSize:  # noqa: N802
        """As wide as the pipeline editor beside it."""
        return QSize(350, 280)

    def height_for(self, width: int) -> int:
        """Return the height that shows the whole plate at a width without spare room."""
        if self._session.plate is None:
            return self.sizeHint().height()
        around = self.minimumSizeHint().height() - self.grid.minimumHeight()
        return around + self.grid.height_for(width - 8)

    # Building

    def _build(self) -> None:
        self.title = caption(wrap=False)
        self.title.setTextFormat(Qt.TextFormat.RichText)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.grid = PlateGrid(self._viewer)
        self.grid.well_clicked.connect(self._tune)
        self.grid.selection_changed.connect(self._session.select_wells)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self.grid)
        self.legend = WellLegend(self._viewer)
        self.note = MessageLine(self._session, self._viewer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(self._header())
        layout.addWidget(self._pages, 1)
        layout.addLayout(self._footer())
        layout.addWidget(self.legend)
        layout.addWidget(self.note)
        self._shortcuts()

    def _header(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        self.open_button = tool_button("Open…", "Open the folder of a plate")
        self.open_button.clicked.connect(self.choose_plate)
        row.addWidget(self.open_button)
        return row

    def _empty_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        hint = caption("Drop the folder of a plate here, or")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(1)
        layout.addWidget(hint)
        for text, tip, action in (
            ("Open a plate", "Choose the folder your microscope wrote", self.choose_plate),
            ("Try the sample plate", "24 synthetic wells with a dose series", self.open_sample),
            ("Open a pipeline", "Read a pipeline script; it is never run", self.choose_pipeline),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, call=action: call())
            layout.addWidget(button)
        layout.addStretch(1)
        return page

    def _footer(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.field_box = QComboBox()
        self.field_box.setToolTip("Field to look at and to tune on ( [ and ] )")
        self.field_box.setAccessibleName("Field")
        self.field_box.setMinimumContentsLength(4)
        self.field_box.activated.connect(self._choose_field)
        self.mosaic_box = QCheckBox("all fields")
        self.mosaic_box.setToolTip("Show all fields of the well, placed by stage position")
        self.mosaic_box.setChecked(True)
        self.mosaic_box.toggled.connect(self._set_mosaic)
        self.color_box = QComboBox()
        self.color_box.setToolTip("What the colour of the wells shows")
        self.color_box.setAccessibleName("Colour wells by")
        self.color_box.setMinimumContentsLength(7)
        self.color_box.activated.connect(lambda _: self._color())
        for box in (self.field_box, self.color_box):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self._footer_items = (self.field_box, self.mosaic_box, self.color_box)
        row.addWidget(self.field_box)
        row.addWidget(self.mosaic_box)
        row.addStretch(1)
        row.addWidget(self.color_box, 2)
        return row

    def _shortcuts(self) -> None:
        for keys, step in (("[", -1), ("]", 1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: self._step_field(step))

    # Intents

    def choose_plate(self) -> None:
        """Ask for the folder of a plate and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Open the folder of a plate")
        if folder:
            self.open_path(folder)

    def open_path(self, path: str | Path) -> None:
        """Open a plate, reading its index in the background; a refusal is shown."""
        from napari_openhcs.formats import open_plate

        self._session.say(f"Reading {Path(path).name}…")
        self._background.run(
            lambda: open_plate(path),
            self._opened,
            lambda error: report_error(self._session, error),
        )

    def _opened(self, plate: Plate) -> None:
        self._session.say("")
        self._session.set_plate(plate)

    def open_sample(self) -> None:
        """Write the sample plate where it is not there yet, in the background, and open it."""
        from napari_openhcs.sample_layers import sample_plate

        self._session.say("Making the sample plate…")
        self._background.run(
            sample_plate, self.open_path, lambda error: report_error(self._session, error)
        )

    def choose_pipeline(self) -> None:
        """Ask for a pipeline script and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a pipeline", "", "Pipelines (*.py)")
        if path:
            try:
                pipeline = self._session.import_script(Path(path))
            except OpenHCSError as error:
                report_error(self._session, error)
            else:
                self._session.say(f"Opened {len(pipeline)} steps. Now open a plate.")

    def _tune(self, well: str) -> None:
        try:
            self._session.tune(well)
        except OpenHCSError as error:
            report_error(self._session, error)

    def _choose_field(self, index: int) -> None:
        tuned = self._session.state.tuned
        if tuned and index >= 0:
            self._session.tune(tuned.well, self.field_box.itemData(index))

    def _step_field(self, step: int) -> None:
        index = self.field_box.currentIndex() + step
        if 0 <= index < self.field_box.count():
            self._choose_field(index)

    def _set_mosaic(self, mosaic: bool) -> None:
        if self._layers is not None:
            self._layers.set_mosaic(mosaic)

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        """Take folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        """Open the folder that was dropped."""
        self.open_path(event.mimeData().urls()[0].toLocalFile())

    # Showing

    def _show_plate(self, plate: Plate | None) -> None:
        self._pages.setCurrentIndex(0 if plate is None else 1)
        for item in self._footer_items:
            item.setVisible(plate is not None)
        self.open_button.setVisible(plate is not None)
        self.legend.setVisible(plate is not None)
        if plate is None:
            self.title.setText("")
            return
        size = f"{plate.pixel_size_um:.3g} µm/px" if plate.pixel_size_um else "pixel size unknown"
        facts = f"{counted(len(plate.wells), 'well')} · {counted(len(plate.channels), 'channel')}"
        self.title.setText(f"<b>{escape(plate.name)}</b><br>{facts} · {size}")
        self.title.setToolTip("\n".join([plate.root, *_oddities(plate)]))
        self.grid.set_plate(plate.n_rows, plate.n_columns, plate.wells)
        self._show_problems(plate)
        self._show_tuned(self._session.state.tuned)
        self._refill_choices()

    def _show_problems(self, plate: Plate) -> None:
        found = _oddities(plate)
        if found:
            more = f" ({len(found) - 1} more: see the plate's tooltip)" if len(found) > 1 else ""
            self._session.say(found[0] + more, "warning")

    def _show_tuned(self, tuned: Tuned) -> None:
        plate = self._session.plate
        self.grid.set_current(tuned.well)
        self.field_box.clear()
        if plate is None or not tuned:
            return
        fields = plate.fields_of(tuned.well)
        for name in fields:
            self.field_box.addItem(f"field {name}", name)
        self.field_box.setCurrentIndex(fields.index(tuned.field))
        self.mosaic_box.setEnabled(len(fields) > 1)

    def _show_selected(self, wells: tuple[str, ...]) -> None:
        self.grid.set_selected(wells)

    def _theme_changed(self, _: object) -> None:
        self._color()

    def _run_changed(self, _: object) -> None:
        self._color()

    def _refill_choices(self) -> None:
        chosen = self._wanted or self.color_box.currentData() or BY_STATE
        self.color_box.clear()
        for choice in self._values.choices():
            self.color_box.addItem(choice.title, choice.key)
        index = self.color_box.findData(
            self._values.first_measured() if chosen == COUNT_KEY else chosen
        )
        if index >= 0:
            self._wanted = ""
        self.color_box.setCurrentIndex(max(0, index))
        self._color()

    def color_by(self, key: str) -> None:
        """Colour wells by one of the choices of the box, as ``condition/dose``.

        Parameters
        ----------
        key : str
            ``count`` stands for the number of objects in the first table.  A value that is
            still being read is shown as soon as it is there.
        """
        self._wanted = key
        self._refill_choices()

    def _color(self) -> None:
        plate = self._session.plate
        if plate is None:
            return
        palette = palette_of(self._viewer)
        key = self.color_box.currentData() or BY_STATE
        states = self._values.states()
        marks = {well: "!" for well, state in states.items() if state == "failed"}
        if key == BY_STATE:
            known = state_colors(palette)
            colors = {well: known[state] for well, state in states.items()}
            self.legend.show_states(states, known)
        else:
            values = self._values.values(key)
            scale = scale_of(values, self.color_box.currentText())
            # A value that is not a number equals nothing, not even itself.
            colors = {well: value_color(v, scale) for well, v in values.items() if v == v}
            for well in plate.wells:
                colors.setdefault(well, palette.foreground)
            self.legend.show_scale(scale)
        self.grid.set_colors(colors, marks)
        self.grid.set_tips({well: self._values.tip(well, key) for well in plate.wells})


def _oddities(plate: Plate) -> list[str]:
    """Return what is odd about a plate's files, one sentence each, at most 30."""
    found = [problem.message for problem in first_problems(plate.problems)]
    if plate.missing:
        first, number = plate.missing[0], len(plate.missing)
        found.insert(
            0,
            f"{counted(number, 'plane')} of the plate {'is' if number == 1 else 'are'} missing, "
            f"such as well {first.well}, field {first.field}, channel {first.channel}.",
        )
    return found[:30]
