"""The sample plate in the user's cache folder, and one well of it as layers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from napari_openhcs import __version__

__all__ = ["sample_plate", "sample_well"]

SAMPLE: dict[str, Any] = {"wells": 24, "fields": 2, "channels": 2, "z": 1, "size": 512, "seed": 0}


def sample_plate() -> Path:
    """Return the folder of the sample plate, written on first use.

    24 wells of two fields and two channels of 512 × 512 px, with a dose series and known
    numbers of nuclei (``truth.csv``).

    Raises
    ------
    OutputError
        The cache folder cannot be written.
    """
    from platformdirs import user_cache_path

    from napari_openhcs.sample_data import write_sample_plate

    folder = user_cache_path("napari-openhcs")
    plate, mark = folder / "sample-plate", folder / "sample-plate.json"
    wanted = json.dumps({**SAMPLE, "version": __version__})
    if not mark.is_file() or mark.read_text() != wanted or not plate.is_dir():
        # What is there was left unfinished, or by another version.
        mark.unlink(missing_ok=True)
        shutil.rmtree(plate, ignore_errors=True)
        write_sample_plate(plate, **SAMPLE)
        mark.write_text(wanted)
    return plate


def sample_well() -> list[tuple[Any, ...]]:
    """Return the layers of one well, for napari's *File → Open Sample*."""
    from napari_openhcs.reader import read_layers

    return read_layers(str(sample_plate()))
