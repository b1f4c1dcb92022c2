"""Fixtures of the runner's tests: plans of a tiny plate whose functions every worker finds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_openhcs.functions import registry
from napari_openhcs.testing.faults import install_library
from napari_openhcs.testing.runner import PlanBuilder


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_library(tmp_path_factory.mktemp("faults"))


@pytest.fixture(autouse=True)
def _registered(fault_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("PYTHONPATH")
    paths = [str(fault_library), *([before] if before else [])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.syspath_prepend(str(fault_library))
    registry.refresh()
    yield
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def builder(tmp_path: Path) -> Callable[..., PlanBuilder]:
    def build(**values: Any) -> PlanBuilder:
        return PlanBuilder(tmp_path, **values)

    return build


def processes_of(output: Path) -> list[psutil.Process]:
    """Return the living processes that run into an output: supervisor, server, workers."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = " ".join(process.cmdline())
            names = [file.path for file in process.open_files()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if str(output) in command or any(name.startswith(str(output)) for name in names):
            found.append(process)
    return found


@pytest.fixture
def nothing_left() -> Callable[[Path], None]:
    """Check that no process of a run is left after five seconds."""

    def check(output: Path) -> None:
        deadline = time.monotonic() + 5
        while (left := processes_of(output)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, [process.cmdline() for process in left]

    return check
