"""Plates with known pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_openhcs.testing.ome_zarr import example_plan, write_example


@pytest.fixture(scope="session", params=["0.5", "0.4"])
def shared_plate(request, tmp_path_factory) -> Path:
    """A whole plate of each OME-NGFF version; not to be changed."""
    output = tmp_path_factory.mktemp(f"shared-{request.param}")
    return write_example(example_plan(output, ome_version=request.param))


@pytest.fixture
def own_plate(shared_plate, tmp_path) -> Path:
    """A copy of the whole plate to be damaged."""
    return Path(shutil.copytree(shared_plate, tmp_path / "copy" / shared_plate.name))
