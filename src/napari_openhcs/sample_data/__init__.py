"""Synthetic plates with known truth, in any format the package reads.

:func:`write_sample_plate` draws nuclei whose number falls with the dose along the columns
of the plate and a reporter that grows brighter with it, and writes them as a microscope
would, metadata included.  ``truth.csv`` says how many nuclei every field has.

``design`` says what is where, ``scene`` draws it; every other module writes one format
(``EXPORT``, a :class:`~napari_openhcs.sample_data.design.SampleWriter`).
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_openhcs.errors import OutputError, ParameterError
from napari_openhcs.registry import LazyRegistry
from napari_openhcs.sample_data.design import (
    CHANNELS,
    PlateDesign,
    SampleWriter,
    design_plate,
)

__all__ = ["WRITERS", "SamplePlate", "write_sample_plate"]

WRITERS: LazyRegistry[SampleWriter] = LazyRegistry(
    __name__, "napari_openhcs.sample_data", not_entries=("design", "scene")
)
"""Writers by the key of their format."""

_LIMITS = {
    "wells": (1, 1536),
    "fields": (1, 100),
    "channels": (1, len(CHANNELS)),
    "z": (1, 100),
    "size": (64, 4320),
    "seed": (0, 2**32 - 1),
}


@dataclass(frozen=True)
class SamplePlate:
    """What was written.

    Attributes
    ----------
    path : str
        The plate, for :func:`napari_openhcs.open_plate`.
    planes : int
        Number of planes (wells × fields × channels × z).
    bytes : int
        Size of all image files.
    truth : str
        Path of ``truth.csv``: well, field, nuclei, dose (µM).
    """

    path: str
    planes: int
    bytes: int
    truth: str


def write_sample_plate(
    folder: str | os.PathLike[str],
    *,
    wells: int = 96,
    fields: int = 4,
    channels: int = 2,
    z: int = 1,
    size: int = 1080,
    format: str = "imagexpress",
    seed: int = 0,
) -> SamplePlate:
    """Write a synthetic plate; the same arguments give the same pixels.

    Beside the images lie ``truth.csv`` (well, field, nuclei, dose) and ``platemap.csv``
    (well, dose, control).

    Parameters
    ----------
    folder : path
        New or empty; made where it does not exist.
    wells : int
        Filled row by row from A01 of the smallest standard plate that has as many.
    fields, channels, z : int
        Per well, field and channel.
    size : int
        Edge of a plane, px; 0.65 µm each.
    format : str
        ``imagexpress``, ``opera_phenix`` or ``ome_zarr``.
    seed : int
        Of the random numbers.

    Raises
    ------
    ParameterError
        An argument is out of its limits, the format is unknown, or the disk too small.
    OutputError
        The folder is not empty or cannot be written.
    """
    given = {"wells": wells, "fields": fields, "channels": channels, "z": z, "size": size}
    _check({**given, "seed": seed}, format)
    target = Path(folder).expanduser().absolute()
    _check_space(target, wells * fields * channels * z * size * size * 2)
    design = design_plate(_plate_name(target), **given, seed=seed)
    writer = WRITERS[format]
    try:
        _make_empty(target)
        path = writer.plate_folder(target, design)
        return _write(target, path, design, writer)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"The sample plate cannot be written to {target}: {error.strerror or error}; choose a "
            "folder that can be written."
        ) from error


def _write(target: Path, path: Path, design: PlateDesign, writer: SampleWriter) -> SamplePlate:
    from napari_openhcs.sample_data.scene import Scene

    scene = Scene(design)
    writer.write_metadata(path, design)
    truth: list[tuple[Any, ...]] = []
    n_bytes = n_planes = 0
    for well in design.wells:
        for name in design.fields:
            nuclei = scene.place(well, name)
            truth.append((well, name, len(nuclei), design.doses[well]))
            for channel, z, plane in scene.planes(well, name, nuclei):
                n_bytes += writer.write_plane(path, design, well, name, channel, z, plane)
                n_planes += 1
    truth_path = target / "truth.csv"
    _write_csv(truth_path, ("well", "field", "nuclei", "dose"), truth)
    rows = [(well, design.doses[well], design.control(well)) for well in design.wells]
    _write_csv(target / "platemap.csv", ("well", "dose", "control"), rows)
    return SamplePlate(str(path), n_planes, n_bytes, str(truth_path))


def _check(given: dict[str, Any], format_: str) -> None:
    for name, value in given.items():
        low, high = _LIMITS[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ParameterError(
                f"A sample plate cannot have {name}={value!r}: expected a whole number from {low} "
                f"to {high}."
            )
    if format_ not in WRITERS:
        raise ParameterError(
            f"A sample plate cannot be written as {format_!r}: expected one of "
            f"{', '.join(WRITERS)}."
        )


def _check_space(target: Path, needed: int) -> None:
    existing = next(folder for folder in (target, *target.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ParameterError(
            f"The sample plate needs {_size(needed)} and {_size(free)} are free at "
            f"{existing}: ask for fewer wells, fields or z planes, or a smaller size."
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _make_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file: give a new or empty folder for the sample plate.")
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise OutputError(
            f"{target} is not empty: give a new or empty folder for the sample plate."
        )


def _plate_name(target: Path) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", target.name).strip("-") or "sample"


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
