"""Sample plates as Harmony exports them: TIFFs in ``Images`` beside ``Index.idx.xml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

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

_NAMESPACE = "http://www.perkinelmer.com/PEHH/HarmonyV5"


class _OperaPhenixWriter:
    def plate_folder(self, folder: Path, design: PlateDesign) -> Path:
        return folder

    def write_metadata(self, path: Path, design: PlateDesign) -> None:
        images = path / "Images"
        images.mkdir(parents=True, exist_ok=True)
        text = "\r\n".join(_index(design))
        (images / "Index.idx.xml").write_bytes(text.encode("utf-8-sig"))

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

        file = path / "Images" / _name(well, field, channel, z)
        tifffile.imwrite(file, plane, metadata=None, photometric="minisblack", software="Harmony")
        return file.stat().st_size


def _name(well: str, field: str, channel: int, z: int) -> str:
    row, column = well_position(well)
    return (
        f"r{row + 1:02d}c{column + 1:02d}f{int(field):02d}p{z + 1:02d}-ch{channel + 1}"
        "sk1fk1fl1.tiff"
    )


def _index(design: PlateDesign) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield f'<EvaluationInputData Version="1" xmlns="{_NAMESPACE}">'
    yield f"<Plates><Plate><PlateID>{escape(design.name)}</PlateID>"
    yield f"<Name>{escape(design.name)}</Name>"
    yield f"<PlateRows>{design.n_rows}</PlateRows>"
    yield f"<PlateColumns>{design.n_columns}</PlateColumns></Plate></Plates>"
    yield "<Images>"
    for well in design.wells:
        for field in design.fields:
            for channel in range(len(design.channels)):
                for z in range(design.n_z):
                    yield _image(design, well, field, channel, z)
    yield "</Images></EvaluationInputData>"


def _image(design: PlateDesign, well: str, field: str, channel: int, z: int) -> str:
    row, column = well_position(well)
    x, y = design.offset_um(field)
    stain = design.channels[channel]
    plain = {
        "State": "Ok",
        "URL": _name(well, field, channel, z),
        "Row": row + 1,
        "Col": column + 1,
        "FieldID": field,
        "PlaneID": z + 1,
        "TimepointID": 0,
        "ChannelID": channel + 1,
        "FlimID": 1,
        "ChannelName": stain.name,
        "ImageSizeX": design.size,
        "ImageSizeY": design.size,
        "MaxIntensity": 65535,
    }
    with_unit = {
        "ImageResolutionX": ("m", PIXEL_SIZE_UM * 1e-6),
        "ImageResolutionY": ("m", PIXEL_SIZE_UM * 1e-6),
        "PositionX": ("m", x * 1e-6),
        "PositionY": ("m", -y * 1e-6),
        "PositionZ": ("m", z * Z_STEP_UM * 1e-6),
        "MainExcitationWavelength": ("nm", stain.excitation_nm),
        "MainEmissionWavelength": ("nm", stain.wavelength_nm),
        "ExposureTime": ("s", stain.exposure_ms * 1e-3),
    }
    tags = [f"<{tag}>{value}</{tag}>" for tag, value in plain.items()]
    tags += [f'<{tag} Unit="{unit}">{n:.12G}</{tag}>' for tag, (unit, n) in with_unit.items()]
    return f'<Image Version="1">{"".join(tags)}</Image>'


EXPORT: SampleWriter = _OperaPhenixWriter()
