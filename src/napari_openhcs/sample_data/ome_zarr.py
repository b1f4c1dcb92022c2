"""Sample plates as OME-Zarr 0.5, with a pyramid, one chunk a plane.

Written by hand: a chunk is a compressed file with its name, and the metadata are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from napari_openhcs.axes import row_letters, well_path
from napari_openhcs.sample_data.design import (
    PIXEL_SIZE_UM,
    Z_STEP_UM,
    PlateDesign,
    SampleChannel,
    SampleWriter,
)

__all__ = ["EXPORT"]

_VERSION: Final = "0.5"
_LEAST_PX: Final = 256
_COLORS: Final = {
    "DAPI": "0051FF", "GFP": "35FF00", "TRITC": "FFE000", "Cy5": "FF00FF",
    "CFP": "00C8FF", "YFP": "C8FF00",
}  # fmt: skip


class _OmeZarrWriter:
    def plate_folder(self, folder: Path, design: PlateDesign) -> Path:
        return folder / f"{design.name}.ome.zarr"

    def write_metadata(self, path: Path, design: PlateDesign) -> None:
        _write_group(path, {"plate": _plate(design)})
        for well in design.wells:
            place = path / well_path(well)
            if not (place.parent / "zarr.json").exists():
                _write_group(place.parent, None)
            images = [{"path": field, "acquisition": 0} for field in design.fields]
            _write_group(place, {"well": {"images": images}})
            for field in design.fields:
                _write_group(place / field, _image(design, field))
                for level, edge in enumerate(_edges(design)):
                    _write_json(place / field / str(level), _array(design, edge))

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
        import numcodecs

        codec = numcodecs.Zstd(level=1, checksum=True)
        size = 0
        pixels = plane
        for level, edge in enumerate(_edges(design)):
            if level:
                pixels = _halve(pixels)[:edge, :edge]
            chunk = path / well_path(well) / field / str(level) / "c" / f"{channel}/{z}/0/0"
            chunk.parent.mkdir(parents=True, exist_ok=True)
            encoded = codec.encode(np.ascontiguousarray(pixels.astype("<u2", copy=False)))
            chunk.write_bytes(encoded)
            size += len(encoded)
        return size


def _edges(design: PlateDesign) -> list[int]:
    """Return the edge of each level, px."""
    edges = [design.size]
    while edges[-1] // 2 >= _LEAST_PX:
        edges.append(edges[-1] // 2)
    return edges


def _halve(plane: NDArray[np.uint16]) -> NDArray[np.uint16]:
    rows, columns = (size // 2 * 2 for size in plane.shape)
    quads = plane[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2)
    return np.asarray(np.rint(quads.mean(axis=(1, 3), dtype=np.float32)), np.uint16)


def _plate(design: PlateDesign) -> dict[str, Any]:
    rows = [row_letters(row) for row in range(design.n_rows)]
    columns = [f"{column:02d}" for column in range(1, design.n_columns + 1)]
    wells = [well_path(well).split("/") for well in design.wells]
    return {
        "name": design.name,
        "version": _VERSION,
        "acquisitions": [{"id": 0, "name": "synthetic"}],
        "field_count": len(design.fields),
        "rows": [{"name": name} for name in rows],
        "columns": [{"name": name} for name in columns],
        "wells": [
            {
                "path": f"{row}/{column}",
                "rowIndex": rows.index(row),
                "columnIndex": columns.index(column),
            }
            for row, column in wells
        ],
    }


def _image(design: PlateDesign, field: str) -> dict[str, Any]:
    x, y = design.offset_um(field)
    datasets = []
    for level in range(len(_edges(design))):
        factor = float(2**level)
        pixel = PIXEL_SIZE_UM * factor
        # The centre of a coarse pixel lies between those of the four it was made of.
        shift = PIXEL_SIZE_UM * (factor - 1) / 2
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0, Z_STEP_UM, pixel, pixel]},
                    {"type": "translation", "translation": [0.0, 0.0, y + shift, x + shift]},
                ],
            }
        )
    length = {"type": "space", "unit": "micrometer"}
    axes = [{"name": "c", "type": "channel"}, *({"name": name, **length} for name in "zyx")]
    return {
        "multiscales": [{"name": field, "axes": axes, "datasets": datasets}],
        "omero": {"channels": [_channel(channel) for channel in design.channels]},
    }


def _channel(channel: SampleChannel) -> dict[str, Any]:
    return {
        "label": channel.name,
        "color": _COLORS[channel.name],
        "active": True,
        "window": {"min": 0, "max": 4095, "start": 100, "end": 2000},
    }


def _array(design: PlateDesign, edge: int) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [len(design.channels), design.n_z, edge, edge],
        "data_type": "uint16",
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [1, 1, edge, edge]},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 1, "checksum": True}},
        ],
        "dimension_names": ["c", "z", "y", "x"],
        "attributes": {},
    }


def _write_group(path: Path, ome: Mapping[str, Any] | None) -> None:
    attributes = {} if ome is None else {"ome": {"version": _VERSION, **ome}}
    _write_json(path, {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "zarr.json").write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))


EXPORT: SampleWriter = _OmeZarrWriter()
