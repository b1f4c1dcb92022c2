"""The pipeline as script: read it, edit it, apply it back; it is parsed, never executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QRegularExpression, QSize
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QKeySequence,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QShortcut,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_openhcs.errors import OpenHCSError, ScriptError
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import listen, report_error, session_of
from napari_openhcs.widgets.style import palette_of

__all__ = ["CodePanel", "PythonHighlighter"]


class CodePanel(QWidget):
    """The script of the open pipeline, editable.

    While the text is as exported it follows the pipeline; once edited it stays as it is
    until it is applied or reverted, and the line above says so.
    """

    def __init__(self, napari_viewer: Any = None, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_of(napari_viewer)
        self._exported = ""
        self._build()
        listen(self, self._session.pipeline_changed, self._pipeline_changed)
        self.revert()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Wide enough for a line of code."""
        return QSize(520, 300)

    def _build(self) -> None:
        self.text = QPlainTextEdit()
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setToolTip("The pipeline as Python; applying reads it and never runs it")
        self.text.setAccessibleName("Script of the pipeline")
        self.text.textChanged.connect(self._typed)
        palette = palette_of(self._viewer)
        self._highlighter = PythonHighlighter(self.text.document(), palette.faint, palette.good)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.apply_button = _button("Apply", "Make the edited script the pipeline (Ctrl+Return)")
        self.apply_button.clicked.connect(self.apply)
        self.revert_button = _button("Revert", "Show the pipeline as it is again")
        self.revert_button.clicked.connect(self.revert)
        self.copy_button = _button("Copy", "Copy the script to the clipboard")
        self.copy_button.clicked.connect(self.copy)
        self.save_button = _button("Save…", "Save the script as a file")
        self.save_button.clicked.connect(self._choose_file)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.state, 1)
        for button in (self.apply_button, self.revert_button, self.copy_button, self.save_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.text, 1)
        shortcut = QShortcut(QKeySequence("Ctrl+Return"), self)
        shortcut.activated.connect(self.apply)

    @property
    def edited(self) -> bool:
        """Whether the text differs from the pipeline's script."""
        return self.text.toPlainText() != self._exported

    def _pipeline_changed(self, _: Pipeline) -> None:
        if self.edited:
            self._say("The pipeline changed meanwhile: apply the text, or revert it.", "warning")
        else:
            self.revert()

    def revert(self) -> None:
        """Show the script of the pipeline as it is."""
        if not len(self._session.pipeline):
            self._exported = ""
            self.text.setPlainText("")
            self.text.setPlaceholderText("Add a function, or paste a pipeline script here.")
        else:
            try:
                self._exported = self._session.export_script()
            except OpenHCSError as error:
                report_error(self._session, error)
                return
            place = self.text.verticalScrollBar().value()
            self.text.setPlainText(self._exported)
            self.text.verticalScrollBar().setValue(place)
        self._mark_line(0)
        self._say("", "")
        self._enable()

    def apply(self) -> bool:
        """Make the text the pipeline; a refusal is shown at its line and changes nothing."""
        before = self._exported
        text = self.text.toPlainText()
        self._exported = text
        try:
            self._session.import_script(text)
        except ScriptError as error:
            self._exported = before
            self._mark_line(error.line)
            message = str(error)
            known = not error.line or f"line {error.line}" in message.lower()
            self._say(message if known else f"Line {error.line}: {message}", "error")
            return False
        self.revert()
        return True

    def copy(self) -> None:
        """Copy the text to the clipboard."""
        QApplication.clipboard().setText(self.text.toPlainText())

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the pipeline", "pipeline.py", "Pipelines (*.py)"
        )
        if path:
            self.save(path)

    def save(self, path: str | Path) -> bool:
        """Write the pipeline's script to a file; what goes wrong is shown."""
        try:
            self._session.export_script(path)
        except OpenHCSError as error:
            report_error(self._session, error)
            return False
        return True

    def _typed(self) -> None:
        self._mark_line(0)
        if self.edited:
            self._say("Edited: apply to make it the pipeline.", "")
        else:
            self._say("", "")
        self._enable()

    def _enable(self) -> None:
        self.apply_button.setEnabled(self.edited and bool(self.text.toPlainText().strip()))
        self.revert_button.setEnabled(self.edited)
        self.save_button.setEnabled(bool(len(self._session.pipeline)) and not self.edited)

    def _say(self, text: str, severity: str) -> None:
        palette = palette_of(self._viewer)
        color = {"error": palette.error, "warning": palette.warning}.get(severity)
        self.state.setStyleSheet(f"color: {color.name()};" if color else "")
        self.state.setText(text)

    def _mark_line(self, line: int) -> None:
        """Mark a 1-based line and show it; 0 takes the mark off."""
        if line < 1:
            self.text.setExtraSelections([])
            return
        block = self.text.document().findBlockByNumber(line - 1)
        mark = QTextEdit.ExtraSelection()
        color = QColor(palette_of(self._viewer).error)
        color.setAlpha(70)
        mark.format.setBackground(color)
        mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.cursor = QTextCursor(block)
        self.text.setExtraSelections([mark])
        self.text.setTextCursor(QTextCursor(block))
        self.text.centerCursor()


class PythonHighlighter(QSyntaxHighlighter):
    """Comments and texts a little apart from the rest; no more than that."""

    def __init__(self, document: QTextDocument, faint: QColor, text: QColor) -> None:
        super().__init__(document)
        strings, comments, words = QTextCharFormat(), QTextCharFormat(), QTextCharFormat()
        strings.setForeground(text)
        comments.setForeground(faint)
        words.setFontWeight(QFont.Weight.Bold)
        keywords = r"\b(from|import|def|return|if|None|True|False|for|in)\b"
        self._rules = (
            (QRegularExpression(keywords), words),
            (QRegularExpression(r"\"[^\"]*\"|'[^']*'"), strings),
            (QRegularExpression(r"#.*$"), comments),
        )

    def highlightBlock(self, text: str | None) -> None:  # noqa: N802
        """Format one line."""
        for pattern, look in self._rules:
            found = pattern.globalMatch(text or "")
            while found.hasNext():
                match = found.next()
                self.setFormat(match.capturedStart(), match.capturedLength(), look)


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
