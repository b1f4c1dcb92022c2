"""Opening the workbench: from the menu, by a dropped folder, from the command line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.widgets.bridge import unwrapped
from napari_openhcs.widgets.workbench import Workbench, read_path

__all__ = ["Workbench", "open_sample_plate", "open_window", "open_workbench", "settle", "show_path"]

PLUGIN, WIDGET = "napari-openhcs", "Workbench"


def open_workbench(viewer: Any = None) -> Workbench:
    """Open the workbench in a viewer (by default the current one), or show the open one."""
    if viewer is None:
        viewer = napari.current_viewer() or napari.Viewer()
    window = unwrapped(viewer).window
    for found in window._qt_window.findChildren(Workbench):
        return found
    # As napari's menu does it, so that the menu entry and this are one and the same.
    _, workbench = window.add_plugin_dock_widget(PLUGIN, WIDGET)
    assert isinstance(workbench, Workbench)
    return workbench


def show_path(path: str) -> bool:
    """Show a plate or results in the workbench of the current viewer; False without one."""
    viewer = napari.current_viewer()
    if viewer is None:
        return False
    open_workbench(viewer).show_path(path)
    return True


def open_sample_plate() -> None:
    """Open the workbench with the sample plate."""
    open_workbench().navigator.open_sample()


def open_window(path: str | Path, *, screenshot: Path | None = None) -> None:
    """Open napari with the workbench on a plate or results, until it is closed.

    Parameters
    ----------
    path : path
    screenshot : Path, optional
        Write a picture of the whole window there once all is shown, and leave.

    Raises
    ------
    OpenHCSError
        There is no display to open a window on, or the path is neither plate nor results.
    """
    if sys.platform == "linux" and not _has_display():
        raise OpenHCSError(
            "There is no display to open a window on: run on a desktop, or with xvfb-run."
        )
    # Before any window: a refusal belongs where the path was typed.
    found = read_path(Path(path))
    viewer = napari.Viewer(title="napari-openhcs", show=True)
    viewer.window.resize(1440, 900)
    workbench = open_workbench(viewer)
    workbench.show_found(found)
    if screenshot is None:
        napari.run()
        return
    settle(workbench)
    viewer.window.screenshot(str(screenshot), canvas_only=False, flash=False)
    viewer.close()


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def settle(workbench: Workbench, seconds: float = 60.0, calm: float = 0.7) -> None:
    """Let the window work until nothing has been busy for `calm` seconds."""
    deadline = time.monotonic() + seconds
    quiet_since = time.monotonic()
    loop = QEventLoop()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < calm:
        QTimer.singleShot(30, loop.quit)
        loop.exec_() if hasattr(loop, "exec_") else loop.exec()
        QApplication.processEvents()
        if workbench.busy:
            quiet_since = time.monotonic()
