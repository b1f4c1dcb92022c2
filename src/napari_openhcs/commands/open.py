"""``open``: napari on a plate or on results."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.errors import FunctionUnavailableError


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="a plate or the output of a run")
    parser.add_argument(
        "--screenshot", metavar="FILE.png", type=Path, help="take a picture of the window and leave"
    )


def open_window(path: Path, screenshot: Path | None = None) -> None:
    """Open napari with the workbench on a plate or on results.

    Raises
    ------
    FunctionUnavailableError
        napari or a Qt binding is not installed.
    """
    try:
        from napari_openhcs.widgets.window import open_window as open_in_napari
    except ImportError as error:
        raise FunctionUnavailableError(
            f"The window needs napari and Qt ({error}): pip install 'napari-openhcs[pyqt6]'."
        ) from error
    open_in_napari(path, screenshot=screenshot)


def _execute(arguments: argparse.Namespace) -> int:
    open_window(arguments.path, arguments.screenshot)
    if arguments.json:
        print_json({"path": str(arguments.path), "screenshot": str(arguments.screenshot or "")})
    return 0


COMMAND = Command("open", "Open napari on a plate or on results.", _arguments, _execute)
