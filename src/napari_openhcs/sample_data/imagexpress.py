"""Sample plates as MetaXpress exports them: HTD, TimePoint and ZStep folders, MetaMorph XML."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.axes import well_position
from napari_openhcs.sample_data.design import (
    PIXEL_SIZE_UM,
    Z_STEP_UM,
    PlateDesign,
    SampleWriter,
)

__all__ = ["EXPORT"]

_A01_UM: Final = (14_380.0, 11_240.0)
"""Stage position of well A01 of a 96-well plate."""
_FOCUS_UM: Final = 9_900.0


class _ImageXpressWriter:
    def plate_folder(self, folder: Path, design: PlateDesign) -> Path:
        return folder

    def write_metadata(self, path: Path, design: PlateDesign) -> None:
        (path / f"{design.name}.HTD").write_bytes(_htd(design).encode("latin-1"))
        for z in range(design.n_z):
            _folder(path, design, z).mkdir(parents=True, exist_ok=True)

    def write_plane(
        self,
        path: Path,
        design: PlateDesign,
        well: str,
        field: str,
        channel: int,
        z: int,
        plane: NDArray[np.uint16],
    ) -> int:
        import tifffile

        file = _folder(path, design, z) / f"{design.name}_{well}_s{field}_w{channel + 1}.TIF"
        tifffile.imwrite(
            file,
            plane,
            description=_xml(design, well, field, channel, z),
            software="MetaSeries",
            metadata=None,
            photometric="minisblack",
        )
        return file.stat().st_size


def _folder(path: Path, design: PlateDesign, z: int) -> Path:
    folder = path / "TimePoint_1"
    return folder / f"ZStep_{z + 1}" if design.n_z > 1 else folder


def _htd(design: PlateDesign) -> str:
    there = {well_position(well) for well in design.wells}
    rows, columns = design.field_grid
    lines = [
        '"HTSInfoFile", Version 1.0',
        f'"Description", "Synthetic sample plate,\r\nseed {design.seed}"',
        '"TimePoints", 1',
        f'"ZSeries", {_flag(design.n_z > 1)}',
        f'"ZSteps", {design.n_z}',
        '"ZProjection", FALSE',
        f'"XWells", {design.n_columns}',
        f'"YWells", {design.n_rows}',
    ]
    for row in range(design.n_rows):
        flags = ", ".join(_flag((row, column) in there) for column in range(design.n_columns))
        lines.append(f'"WellsSelection{row + 1}", {flags}')
    lines += ['"Sites", TRUE', f'"XSites", {columns}', f'"YSites", {rows}']
    for row in range(rows):
        flags = ", ".join(
            _flag(row * columns + column < len(design.fields)) for column in range(columns)
        )
        lines.append(f'"SiteSelection{row + 1}", {flags}')
    lines += ['"Waves", TRUE', f'"NWavelengths", {len(design.channels)}']
    lines += [f'"WaveName{n}", "{c.name}"' for n, c in enumerate(design.channels, start=1)]
    return "\r\n".join([*lines, '"EndFile"', ""])


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _xml(design: PlateDesign, well: str, field: str, channel: int, z: int) -> str:
    row, column = well_position(well)
    dx, dy = design.offset_um(field)
    stain = design.channels[channel]
    values: list[tuple[str, str, object]] = [
        ("Description", "string", f"Exposure: {stain.exposure_ms} ms&#13;&#10;Synthetic"),
        ("ApplicationName", "string", "MetaMorph"),
        ("spatial-calibration-state", "bool", "on"),
        ("spatial-calibration-x", "float", PIXEL_SIZE_UM),
        ("spatial-calibration-y", "float", PIXEL_SIZE_UM),
        ("spatial-calibration-units", "string", "um"),
        ("image-name", "string", stain.name),
        ("stage-position-x", "float", f"{_A01_UM[0] + column * design.well_pitch_um + dx:.10g}"),
        ("stage-position-y", "float", f"{_A01_UM[1] + row * design.well_pitch_um + dy:.10g}"),
        ("stage-label", "string", f"{well} : Site {field}"),
        ("z-position", "float", f"{_FOCUS_UM + z * Z_STEP_UM:.10g}"),
        ("wavelength", "float", stain.wavelength_nm),
        ("_IllumSetting_", "string", stain.name),
        ("_MagNA_", "float", 0.75),
        ("_MagSetting_", "string", "20X Plan Apo Lambda"),
    ]
    lines = [f'<prop id="{key}" type="{kind}" value="{value}"/>' for key, kind, value in values]
    exposure = f'<custom-prop id="Exposure Time" type="string" value="{stain.exposure_ms} ms"/>'
    body = "\n".join([*lines, exposure])
    return f"<MetaData>\n<PlaneInfo>\n{body}\n</PlaneInfo>\n</MetaData>"


EXPORT: SampleWriter = _ImageXpressWriter()
