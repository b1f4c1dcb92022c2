"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
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
