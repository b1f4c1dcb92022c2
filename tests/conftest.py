"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Find a set of real microscope data by name, or skip with a clear word."""
    root = Path(os.environ.get("OPENHCS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def find(name: str) -> Path:
        folder = root / name
        if not folder.is_dir():
            pytest.skip(f"no real data '{name}' here: OPENHCS_TEST_DATA names its parent folder")
        return folder

    return find


@pytest.fixture(scope="session", autouse=True)
def _no_functions_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the custom functions of whoever runs the tests out of them, in every process."""
    folder = tmp_path_factory.mktemp("custom")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENHCS_FUNCTIONS", str(folder / "functions"))
        patch.setenv("OPENHCS_TRUSTED", str(folder / "trusted"))
        yield
