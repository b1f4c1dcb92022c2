"""The dialog that shows a custom file, says what it does, and asks whether to trust it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QFontDatabase, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.functions.custom_files import (
    FileState,
    State,
    difference,
    lines_of,
    trust_file,
    visible,
)
from napari_openhcs.widgets.bridge import Background
from napari_openhcs.widgets.code_panel import PythonHighlighter
from napari_openhcs.widgets.style import caption, escape, palette_of

__all__ = ["TrustDialog"]


class TrustDialog(QDialog):
    """Shows one file; trusting it runs its functions on small images in another process.

    Parameters
    ----------
    viewer : napari.Viewer or None
        For the colours.
    state : FileState
        The file as it was read; what is trusted is exactly this text.
    parent : QWidget, optional
    """

    trusted = Signal(object)
    """Carries the new state of the file."""

    def __init__(self, viewer: Any, state: FileState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self._viewer = viewer
        self._background = Background(self)
        self._changes = difference(state.file)
        self.setWindowTitle(f"Functions of your own: {state.file.path.name}")
        self._build()
        self._show_text()
        self.resize(self.sizeHint().boundedTo(self.screen().availableSize() * 0.9))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Wide enough for a line of code, and no higher than a small screen."""
        return QSize(760, 600)

    def _build(self) -> None:
        self.heading = caption(self._heading())
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("The file's text")
        self._highlighter: QSyntaxHighlighter | None = None
        self.changes_only = QCheckBox("Show only what was edited since")
        self.changes_only.setVisible(bool(self._changes))
        self.changes_only.setChecked(bool(self._changes))
        self.changes_only.toggled.connect(lambda _: self._show_text())
        known = () if self.state.outline.problem else self.state.outline.facts()
        facts = "<br>".join(escape(visible(fact)) for fact in known)
        self.facts = caption(f"{facts}<br>SHA-256: <code>{self.state.file.sha256}</code>")
        self.result = caption()
        self.result.hide()
        first = self.state.is_shown_first
        self.trust_button = QPushButton("Trust and test" if first else "Try again")
        self.trust_button.setToolTip("Trust exactly this text, and try its functions")
        self.trust_button.clicked.connect(self.trust)
        self.close_button = QPushButton("Not now" if first else "Close")
        self.close_button.setToolTip("Leave the file alone: nothing of it is run")
        self.close_button.clicked.connect(self.reject)
        # Enter on a dialog that just opened must not trust anything.
        self.trust_button.setAutoDefault(False)
        self.close_button.setDefault(True)
        self.trust_button.setVisible(self._can_be_tried())
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.trust_button)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setSpacing(6)
        layout.addWidget(self.heading)
        layout.addWidget(self.changes_only)
        layout.addWidget(self.text, 1)
        for label in (self.facts, self.result):
            layout.addWidget(label)
        layout.addLayout(row)

    def _can_be_tried(self) -> bool:
        readable = not self.state.file.problem and not self.state.outline.problem
        return readable and (self.state.is_shown_first or bool(self.state.problems))

    def _heading(self) -> str:
        path = escape(str(self.state.file.path))
        if self.state.is_shown_first:
            what = "was edited" if self.state.state is State.CHANGED else "is not trusted yet"
            return (
                f"<b>{path}</b> {what}. Nothing of it has been run. Its functions will be able to "
                "do all that you can do on this computer: trust it only if you understand it or "
                "know where it comes from."
            )
        return f"<b>{path}</b><br>{escape(self.state.message or 'It is trusted and works.')}"

    def _show_text(self) -> None:
        """Show the whole file with numbered lines, or only what was edited."""
        palette = palette_of(self._viewer)
        if self._highlighter is not None:
            self._highlighter.setDocument(None)
        document = self.text.document()
        if self.changes_only.isChecked() and self._changes:
            lines = [visible(line) for line in self._changes]
            self._highlighter = _Changes(document, palette.good, palette.error)
        else:
            lines = [
                f"{number:4}  {visible(line)}"
                for number, line in enumerate(lines_of(self.state.file.text), start=1)
            ]
            self._highlighter = PythonHighlighter(document, palette.faint, palette.good)
        self.text.setPlainText("\n".join(lines))

    def trust(self) -> None:
        """Trust the text that is shown and try its functions, in the background."""
        file = self.state.file
        for button in (self.trust_button, self.close_button):
            button.setEnabled(False)
        self._say(f"Trying {_count(len(self.state.outline.functions))} in a process of its own …")
        self._background.run(lambda: trust_file(file.path, file.sha256), self._tried, self._failed)

    def _tried(self, state: FileState) -> None:
        self.state = state
        names = ", ".join(spec.id.rpartition(".")[2] for spec in state.functions)
        good = f"{_count(len(state.functions))} can be used: {names}." if names else ""
        problems = [escape(problem) for problem in state.problems.values()]
        self._say("<br>".join(filter(None, [escape(good), *problems])), bad=not names)
        self.trust_button.hide()
        self.heading.setText(f"<b>{escape(str(state.file.path))}</b> is trusted.")
        self._let_close()
        self.trusted.emit(state)

    def _failed(self, error: Exception) -> None:
        self._say(escape(str(error)), bad=True)
        self._let_close()

    def _let_close(self) -> None:
        self.close_button.setEnabled(True)
        self.close_button.setText("Close")

    def _say(self, text: str, *, bad: bool = False) -> None:
        palette = palette_of(self._viewer)
        self.result.setStyleSheet(f"color: {palette.error.name()};" if bad else "")
        self.result.setText(text)
        self.result.show()

    def reject(self) -> None:
        """Close, unless the functions are being tried, which ends by itself."""
        if not self._background.busy:
            super().reject()


class _Changes(QSyntaxHighlighter):
    """Lines that came and lines that went."""

    def __init__(self, document: QTextDocument, come: QColor, gone: QColor) -> None:
        super().__init__(document)
        self._colors = {"+": come, "-": gone}

    def highlightBlock(self, text: str | None) -> None:  # noqa: N802
        """Format one line."""
        color = self._colors.get((text or "")[:1])
        if color is not None:
            look = QTextCharFormat()
            look.setForeground(color)
            self.setFormat(0, len(text or ""), look)


def _count(number: int) -> str:
    return "1 function" if number == 1 else f"{number} functions"
