"""The function browser: search as you type, a tree, a card that explains, a way to add.

Functions of libraries that are not installed are shown greyed with the command that
installs them.  `chosen` carries the id of the function to add.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTextBrowser,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.functions.refresh_library import Refreshed, refresh_outdated
from napari_openhcs.functions.registry import (
    get_spec,
    install_command,
    is_available,
    search,
    specs,
)
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, session_of
from napari_openhcs.widgets.custom_functions import WORDS, CustomFunctions, file_card
from napari_openhcs.widgets.function_card import function_card
from napari_openhcs.widgets.style import escape, palette_of

__all__ = ["FunctionBrowser"]

_ID = int(Qt.ItemDataRole.UserRole) + 1
_FILE = _ID + 1

ARRANGEMENTS = (
    ("by topic", ("category",)),
    ("by library", ("library", "category")),
    ("by memory type", ("memory_type_in", "library", "category")),
)


class FunctionBrowser(QWidget):
    """Search box, tree and help card.

    Parameters
    ----------
    napari_viewer : napari.Viewer, optional
    session : Session, optional
        By default the viewer's; functions are added to its pipeline.
    """

    chosen = Signal(str)

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._background = Background(self)
        self.custom = CustomFunctions(self, self._session, napari_viewer)
        self._build()
        self.chosen.connect(self._add)
        self.custom.changed.connect(self._files_changed)
        # The catalogues are read once, away from the GUI thread.
        self._background.run(specs, lambda _: self._first_look(), None)

    def _files_changed(self) -> None:
        """Fill the tree anew; groups that were open are so again."""
        rows = range(self._model.rowCount())
        heads = [self._model.index(row, 0) for row in rows]
        opened = {_group(head.data()) for head in heads if self.tree.isExpanded(head)}
        self.refresh()
        for row in range(self._model.rowCount()):
            head = self._model.index(row, 0)
            self.tree.setExpanded(head, _group(head.data()) in opened)

    def _first_look(self) -> None:
        self.refresh()
        self.custom.look()
        self._background.run(refresh_outdated, self._libraries_refreshed, None)

    def _libraries_refreshed(self, found: tuple[Refreshed, ...]) -> None:
        """List what newer versions of libraries changed, now that it was tried."""
        for sentence in filter(None, (refreshed.sentence for refreshed in found)):
            self._session.say(sentence)
        if found:
            self._files_changed()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Wide enough for names, high enough for a screen of results and the card."""
        return QSize(380, 520)

    def _build(self) -> None:
        self.search_box = QLineEdit()
        self.search_box.setPlaceholderText("Search functions, such as blur, otsu, count cells")
        self.search_box.setToolTip("Words from names, summaries and topics; Enter adds the first")
        self.search_box.setClearButtonEnabled(True)
        self.search_box.installEventFilter(self)
        self.search_box.textChanged.connect(self._typed)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(60)
        self._pause.timeout.connect(self.refresh)
        self.arrangement = QComboBox()
        for text, keys in ARRANGEMENTS:
            self.arrangement.addItem(text, keys)
        self.arrangement.setToolTip("How functions are grouped while nothing is searched")
        self.arrangement.activated.connect(lambda _: self.refresh())
        self.memory_type = QComboBox()
        self.memory_type.addItem("all memory types", None)
        for name in VALID_MEMORY_TYPES:
            self.memory_type.addItem(name, name)
        self.memory_type.setToolTip("Show functions of one memory type only")
        self.memory_type.activated.connect(lambda _: self.refresh())
        self.tree = QTreeView()
        self.tree.setHeaderHidden(True)
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Functions")
        self._model = QStandardItemModel(self)
        self.tree.setModel(self._model)
        self.tree.doubleClicked.connect(self._chosen_index)
        self.tree.selectionModel().currentChanged.connect(self._show_card)
        self.tree.installEventFilter(self)
        self.card = QTextBrowser()
        self.card.setOpenExternalLinks(True)
        self.card.setToolTip("What the selected function does and takes")
        self.add_button = QPushButton("Add to pipeline")
        self.add_button.setToolTip("Add the selected function after the selected step (Enter)")
        self.add_button.setEnabled(False)
        self.add_button.clicked.connect(lambda: self._chosen_index(self.tree.currentIndex()))
        self._lay_out()

    def _lay_out(self) -> None:
        boxes = QHBoxLayout()
        boxes.addWidget(self.arrangement, 1)
        boxes.addWidget(self.memory_type, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.tree)
        split.addWidget(self.card)
        split.setSizes([260, 220])
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self.search_box)
        layout.addLayout(boxes)
        layout.addWidget(split, 1)
        row = QHBoxLayout()
        row.addWidget(self.add_button, 1)
        row.addWidget(self.custom.menu_button())
        layout.addLayout(row)

    def _typed(self, _: str) -> None:
        self._pause.start()

    def refresh(self) -> None:
        """Fill the tree for what is typed and chosen now."""
        text = self.search_box.text().strip()
        memory_type = self.memory_type.currentData()
        self._model.clear()
        root = self._model.invisibleRootItem()
        if text:
            for spec in search(text, memory_type=memory_type):
                root.appendRow(self._item(spec, f"{_short(spec)}   {spec.library}"))
            self._add_files(root, text)
            if root.rowCount():
                self.tree.setCurrentIndex(self._model.index(0, 0))
            else:
                self._say_nothing_found(text)
        else:
            found = [s for s in specs().values() if memory_type in (None, s.memory_type_in)]
            self._fill(root, found, self.arrangement.currentData())
            self._add_files(self._custom_branch(root), "")
            self._explain()

    def _fill(
        self, parent: QStandardItem, found: Iterable[FunctionSpec], keys: tuple[str, ...]
    ) -> None:
        """Add `found` under `parent`, grouped by the attributes in `keys`."""
        if not keys:
            for spec in sorted(found, key=lambda item: _short(item).lower()):
                parent.appendRow(self._item(spec, _short(spec)))
            return
        groups: dict[str, list[FunctionSpec]] = {}
        for spec in found:
            groups.setdefault(getattr(spec, keys[0]), []).append(spec)
        for name in sorted(groups):
            branch = QStandardItem(f"{name}  ({len(groups[name])})")
            branch.setSelectable(False)
            parent.appendRow(branch)
            self._fill(branch, groups[name], keys[1:])

    def _custom_branch(self, root: QStandardItem) -> QStandardItem:
        """Return the group of custom functions; one is made where files wait and none is listed."""
        for row in range(root.rowCount()):
            if _group(root.child(row).text()) == "custom":
                return root.child(row)
        branch = QStandardItem("custom  (0)")
        branch.setSelectable(False)
        if any(self.custom.waiting()):
            root.appendRow(branch)
        return branch

    def _add_files(self, parent: QStandardItem, text: str) -> None:
        """Add files of the user's own that wait to be read, or are broken, greyed."""
        for state in self.custom.waiting(text):
            item = QStandardItem(f"{state.file.path.name}   {WORDS[state.state]}")
            item.setData(str(state.file.path), _FILE)
            item.setForeground(palette_of(self._viewer).faint)
            item.setToolTip(state.message)
            parent.appendRow(item)

    def _item(self, spec: FunctionSpec, text: str) -> QStandardItem:
        item = QStandardItem(text)
        item.setData(spec.id, _ID)
        if is_available(spec):
            item.setToolTip(f"{spec.id}\n{spec.summary}")
        else:
            item.setForeground(palette_of(self._viewer).faint)
            item.setToolTip(f"Not installed: {install_command(spec)}")
        return item

    def _say_nothing_found(self, text: str) -> None:
        self.card.setHtml(
            f"Nothing is named or described as <i>{escape(text)}</i>. Try a plainer word, "
            "such as <i>blur</i>, <i>threshold</i> or <i>measure</i>."
        )
        self.add_button.setEnabled(False)

    def _explain(self) -> None:
        number = len(specs())
        self.card.setHtml(
            f"{number} functions. Type to search, or open a group; double click or Enter adds "
            "a function after the selected step."
        )
        self.add_button.setEnabled(False)

    def current_function(self) -> str | None:
        """Return the id of the selected function."""
        index = self.tree.currentIndex()
        return index.data(_ID) if index.isValid() else None

    def _show_card(self, current: QModelIndex, _: QModelIndex) -> None:
        name = current.data(_ID) if current.isValid() else None
        state = self.custom.state_of(current.data(_FILE)) if current.isValid() else None
        self.add_button.setEnabled(bool(name or state))
        self.add_button.setText("Add to pipeline" if state is None else "Show the file…")
        if name:
            # A browser's own dark blue cannot be read on a dark theme.
            color = palette_of(self._viewer).text.name()
            self.card.document().setDefaultStyleSheet(f"a {{ color: {color}; }}")
            self.card.setHtml(function_card(get_spec(name)))
        elif state is not None:
            self.card.setHtml(file_card(state))

    def _chosen_index(self, index: QModelIndex) -> None:
        name = index.data(_ID) if index.isValid() else None
        if name:
            self.chosen.emit(name)
        elif index.isValid() and index.data(_FILE):
            self.custom.show_file(index.data(_FILE))

    def _add(self, name: str) -> None:
        self._session.add_function(name)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Enter adds; up and down in the search box move through the results."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if self._pause.isActive():
                    self._pause.stop()
                    self.refresh()
                self._chosen_index(self.tree.currentIndex())
                return True
            if watched is self.search_box and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.tree.setFocus()
                self.tree.keyPressEvent(event)
                return True
        return False


def _group(text: str) -> str:
    """Return a group's name without the number of its functions."""
    return text.partition("  (")[0]


def _short(spec: FunctionSpec) -> str:
    return spec.id.rpartition(".")[2]
