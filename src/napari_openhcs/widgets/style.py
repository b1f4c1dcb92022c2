"""Colours of the window's theme and small pieces all widgets share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QToolButton, QWidget

from napari_openhcs.widgets.bridge import unwrapped

__all__ = [
    "MEMORY_BADGES",
    "Palette",
    "caption",
    "escape",
    "format_seconds",
    "ignore_wheel",
    "palette_of",
    "tool_button",
]

MEMORY_BADGES = {
    "numpy": "np",
    "cupy": "cp",
    "torch": "torch",
    "jax": "jax",
    "tensorflow": "tf",
    "pyclesperanto": "cle",
}
"""Short names of memory types, as people import the libraries."""


@dataclass(frozen=True)
class Palette:
    """Colours of a theme; `good` is a bluish green that differs from `error` for everybody."""

    text: QColor
    faint: QColor
    background: QColor
    foreground: QColor
    primary: QColor
    highlight: QColor
    current: QColor
    warning: QColor
    error: QColor
    good: QColor


def _color(value: Any) -> QColor:
    red, green, blue = value.as_rgb_tuple()[:3]
    return QColor(red, green, blue)


def palette_of(viewer: Any) -> Palette:
    """Return the colours of a viewer's theme; the dark theme's without a viewer."""
    theme = get_theme(unwrapped(viewer).theme if viewer is not None else "dark")
    dark = theme.type == "dark"
    text = _color(theme.text)
    faint = QColor(text)
    faint.setAlpha(150)
    return Palette(
        text=text,
        faint=faint,
        background=_color(theme.background),
        foreground=_color(theme.foreground),
        primary=_color(theme.primary),
        highlight=_color(theme.highlight),
        current=_color(theme.current),
        warning=QColor("#e0a93b") if dark else QColor("#8a5a00"),
        error=QColor("#ff7b72") if dark else QColor("#b3261e"),
        good=QColor("#4fc3a1") if dark else QColor("#00694f"),
    )


def tool_button(text: str, tooltip: str, *, checkable: bool = False) -> QToolButton:
    """Return a flat button with a text or sign and a tooltip."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(tooltip)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def caption(text: str = "", *, wrap: bool = True) -> QLabel:
    """Return a label for running text that can be selected with the mouse."""
    label = QLabel(text)
    label.setWordWrap(wrap)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def escape(text: str) -> str:
    """Return text fit to stand inside rich text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_seconds(seconds: float) -> str:
    """Return a time as people say it: ``12 ms``, ``3.4 s``, ``4 min``, ``2 h 05 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class _WheelGuard(QObject):
    """Lets the wheel scroll the form instead of changing a value that has no focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if (
            event is not None
            and event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False


def ignore_wheel(widget: QWidget) -> None:
    """Keep the wheel from changing values inside `widget` unless they have the focus."""
    guard = _WheelGuard(widget)
    for child in (widget, *widget.findChildren(QWidget)):
        if isinstance(child, QAbstractSpinBox | QComboBox):
            child.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            child.installEventFilter(guard)
