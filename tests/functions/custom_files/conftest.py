"""A folder of custom functions and a book of trust of their own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import code, files, kept

HEAD = """from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function
from napari_openhcs.memory_types.decorators import torch as torch_function
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder; what this process knew of other files is put aside."""
    folder = tmp_path / "functions"
    folder.mkdir()
    monkeypatch.setenv("OPENHCS_FUNCTIONS", str(folder))
    monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "trusted"))
    monkeypatch.setattr(files, "_added", files._Added())
    monkeypatch.setattr(code, "_accepted", code._Accepted())
    monkeypatch.setattr(code, "_modules", {})
    monkeypatch.setattr(kept, "_known", {})
    registry.refresh()
    yield folder
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Write a file of functions, decorators imported, and return its path."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(HEAD + text, encoding="utf-8")
        return path

    return write
