"""Plates whose fields overlap: cut out of one large picture of every well."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from napari_openhcs.sample_data import WRITERS
from napari_openhcs.sample_data.design import PIXEL_SIZE_UM, PlateDesign, design_plate
from napari_openhcs.sample_data.scene import Scene

__all__ = ["OverlappingPlate", "write_overlapping_plate"]


@dataclass(frozen=True)
class _Overlapping(PlateDesign):
    """A design whose fields lie closer than their size, px."""

    step: int = 0

    def offset_um(self, field: str) -> tuple[float, float]:
        rows, columns = self.field_grid
        row, column = divmod(self.fields.index(field), columns)
        step = self.step * PIXEL_SIZE_UM
        return (column - (columns - 1) / 2) * step, (row - (rows - 1) / 2) * step


@dataclass(frozen=True)
class OverlappingPlate:
    """Where a plate lies and what it was cut out of.

    Attributes
    ----------
    path : Path
        What a format opens.
    pictures : dict of (well, channel number from 0) to ndarray
        (Y, X) uint16, without shading, just as large as the nominal mosaic.
    nuclei : dict of well to int
        Nuclei in the picture.
    step : int
        Nominal distance of fields, px.
    """

    path: Path
    pictures: dict[tuple[str, int], np.ndarray]
    nuclei: dict[str, int]
    step: int


def write_overlapping_plate(
    folder: Path,
    *,
    wells: int = 2,
    per_side: int = 2,
    channels: int = 2,
    size: int = 256,
    overlap: int = 40,
    error: int = 0,
    shading: np.ndarray | None = None,
    format: str = "opera_phenix",
    seed: int = 0,
) -> OverlappingPlate:
    """Write a plate of `per_side` × `per_side` overlapping fields a well.

    Parameters
    ----------
    folder : Path
        New.
    overlap : int
        Rows and columns that neighbours have in common, px.
    error : int
        Fields are cut out up to so many px off the positions that are written; the first
        of each well is not.
    shading : ndarray, optional
        (Y, X) by which every field is multiplied.
    """
    step = size - overlap
    design = design_plate(
        "mosaics", wells=wells, fields=per_side**2, channels=channels, z=1, size=size, seed=seed
    )
    values = {item.name: getattr(design, item.name) for item in fields(design)}
    overlapping = _Overlapping(**values, step=step)
    writer = WRITERS[format]
    folder.mkdir(parents=True, exist_ok=True)
    path = writer.plate_folder(folder, overlapping)
    writer.write_metadata(path, overlapping)
    whole = size + (per_side - 1) * step
    scene = Scene(replace(design, size=whole + 2 * error, fields=("1",)))
    pictures, nuclei = {}, {}
    for number, well in enumerate(design.wells):
        moved = np.random.default_rng([seed, number]).integers(-error, error + 1, (per_side**2, 2))
        moved[0] = 0
        placed = scene.place(well, "1")
        nuclei[well] = len(placed)
        for channel, z, plane in scene.planes(well, "1", placed):
            inner = slice(error, error + whole)
            pictures[well, channel] = plane[inner, inner]
            for place, field in enumerate(design.fields):
                row, column = np.array(divmod(place, per_side)) * step + error + moved[place]
                cut = plane[row : row + size, column : column + size]
                if shading is not None:
                    cut = np.clip(np.rint(cut * shading), 0, 65535).astype(np.uint16)
                writer.write_plane(path, overlapping, well, field, channel, z, cut)
    return OverlappingPlate(path, pictures, nuclei, step)
