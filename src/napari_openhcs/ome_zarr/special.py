"""Special outputs as files: CSV, Parquet, JSON, ImageJ ROI zip and TIFF, and back.

One file an image group and special output, ``special/<step>/<name>.csv``; the group's
attributes say what each file is.  Every file tells the place of each value: columns ``field,
channel, z, t``, entries of a JSON list, the position and name of a ROI, the description
of a TIFF.  Channels are named as people know them.

This file alone uses roifile.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_openhcs.axes import SpecialKind
from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr import tables
from napari_openhcs.ome_zarr.files import crc32c
from napari_openhcs.ome_zarr.nodes import read_node, split_attributes
from napari_openhcs.ome_zarr.read import inside
from napari_openhcs.plan import Coord, SpecialOutput

__all__ = [
    "EXTENSIONS",
    "SPECIAL_FOLDER",
    "SpecialFile",
    "decode_special",
    "encode_special",
    "file_name",
    "special_entry",
    "special_files",
]

SPECIAL_FOLDER = "special"
"""Group inside an image group that holds a group for each step."""

EXTENSIONS: Final = {
    "csv": "csv",
    "parquet": "parquet",
    "json": "json",
    "roi": "zip",
    "tiff": "tif",
}
"""File name extension of each format."""

PLACE: Final = ("field", "channel", "z", "t")
AXES: Final = ("plane", "y", "x")
"""Columns of positions; ``plane`` only of positions in a stack."""

_CENTRE: Final = 0.5
"""ImageJ puts the corner of the first pixel at 0, here its centre is there."""

_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Of the members of a zip file: equal outlines give equal bytes."""

Values = Mapping[Coord, Any]


@dataclass(frozen=True)
class SpecialFile:
    """One file of a special output.

    Attributes
    ----------
    name : str
        Of the special output.
    step : str
        Of the step that gave it.
    kind : SpecialKind
    format : str
        One of :data:`EXTENSIONS`.
    path : Path
    checksum : int
        CRC-32C of the file.
    places : tuple of Coord
        All that have a value, also those that a CSV file has no row of.
    """

    name: str
    step: str
    kind: SpecialKind
    format: str
    path: Path
    checksum: int
    places: tuple[Coord, ...] = ()


def file_name(output: SpecialOutput) -> str:
    """Return the name of the file of a special output."""
    return f"{output.name}.{EXTENSIONS[output.format]}"


def special_entry(output: SpecialOutput, values: Values, data: bytes) -> dict[str, Any]:
    """Return what a group says of the file of a special output, as JSON values.

    Parameters
    ----------
    output : SpecialOutput
    values : mapping of Coord to value
    data : bytes
        Content of the file.
    """
    return {
        "name": output.name,
        "kind": output.kind.value,
        "format": output.format,
        "file": file_name(output),
        "crc32c": crc32c(data),
        "places": [tuple(coord) for coord in values],
    }


def special_files(image: Path) -> tuple[SpecialFile, ...]:
    """Return the special outputs of an image group, in the order of the steps.

    Raises
    ------
    StoreError
        Its metadata is damaged, or leads out of the group.
    """
    folder = image / SPECIAL_FOLDER
    steps = _own(folder).get("steps", ())
    try:
        return tuple(
            SpecialFile(
                name=str(entry["name"]),
                step=str(own["step"]),
                kind=SpecialKind(entry["kind"]),
                format=str(entry["format"]),
                path=inside(group, entry["file"]),
                checksum=int(entry["crc32c"]),
                places=tuple(
                    Coord(str(f), str(c), int(z), int(t)) for f, c, z, t in entry["places"]
                ),
            )
            for step in steps
            for group in (inside(folder, step),)
            for own in (_own(group),)
            for entry in own["files"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{folder} is damaged ({error!r}): restore it or run its well again."
        ) from error


def _own(group: Path) -> dict[str, Any]:
    node = read_node(group)
    return {} if node is None else split_attributes(node["attributes"])[1]


def encode_special(output: SpecialOutput, values: Values, *, well: str, field: str) -> bytes:
    """Return the special outputs of an image as the bytes of one file.

    Parameters
    ----------
    output : SpecialOutput
    values : mapping of Coord to value
        Each as :func:`napari_openhcs.functions.special.checked_special` gives it; channels are
        names.
    well, field : str
        Of the image.

    Raises
    ------
    StoreError
        The values do not go together in one file.
    """
    if output.format in ("csv", "parquet"):
        columns = _rows(output.kind, values, well)
        encode = tables.encode_csv if output.format == "csv" else tables.encode_table
        return encode(columns, well=well, field=field)
    return _ENCODERS[output.format](output.kind, values, well)


def decode_special(file: SpecialFile) -> dict[Coord, Any]:
    """Return the values of a file by place, as they were given.

    Outlines and points from a ROI file are rounded to float32.

    Raises
    ------
    StoreError
        The file is missing or damaged.
    """
    try:
        if crc32c(file.path.read_bytes()) != file.checksum:
            raise ValueError("it is not what was written")
        found = _DECODERS[file.format](file)
        nothing: dict[SpecialKind, Any] = {
            SpecialKind.POSITIONS: np.empty((0, 2)),
            SpecialKind.REGIONS: (),
            SpecialKind.TABLE: {},
        }
        return {at: found[at] if at in found else nothing[file.kind] for at in file.places or found}
    except StoreError:
        raise
    except (OSError, ValueError, TypeError, LookupError, zipfile.BadZipFile) as error:
        state = f"damaged ({error})" if file.path.is_file() else "missing"
        raise StoreError(f"{file.path} is {state}: restore it or run its well again.") from error


def _rows(kind: SpecialKind, values: Values, well: str) -> dict[str, np.ndarray]:
    """Return all values as one table with the place of each row."""
    parts = [
        (coord, _columns(value) if kind is SpecialKind.POSITIONS else value)
        for coord, value in values.items()
    ]
    lengths = [len(next(iter(part.values()), ())) for _, part in parts]
    columns: dict[str, np.ndarray] = {"well": np.full(sum(lengths), well, dtype=object)}
    for name in PLACE:
        texts = name in ("field", "channel")
        items = np.array(
            [getattr(coord, name) for coord, _ in parts], object if texts else np.int64
        )
        columns[name] = np.repeat(items, lengths)
    names = dict.fromkeys(name for _, part in parts for name in part)
    for name in names:
        if any(name not in part for _, part in parts):
            raise StoreError(
                f"A special output of well {well} has a column '{name}' at some places only: give "
                "the same columns everywhere."
            )
        # A measured column that is called as one of the place keeps its values.
        title = f"value_{name}" if name in columns else name
        columns[title] = np.concatenate([part[name] for _, part in parts])
    return columns


def _columns(positions: np.ndarray) -> dict[str, np.ndarray]:
    names = AXES[-positions.shape[1] :]
    return {name: positions[:, axis] for axis, name in enumerate(names)}


def _by_place(kind: SpecialKind, columns: Mapping[str, np.ndarray]) -> dict[Coord, Any]:
    """Undo :func:`_rows`."""
    rows: dict[Coord, list[int]] = defaultdict(list)
    for number, place in enumerate(zip(*(columns[name] for name in PLACE), strict=True)):
        field, channel, z, t = place
        rows[Coord(str(field), str(channel), int(z), int(t))].append(number)
    measured = {
        name.removeprefix("value_"): values
        for name, values in columns.items()
        if name not in ("well", *PLACE)
    }
    found: dict[Coord, Any] = {}
    for coord, numbers in rows.items():
        part = {name: values[numbers] for name, values in measured.items()}
        if kind is SpecialKind.POSITIONS:
            found[coord] = np.stack([part[name] for name in AXES if name in part], axis=1)
        else:
            found[coord] = part
    return found


def _plain(value: Any) -> Any:
    """Return the JSON form of a value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return (
        {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value
    )


def _to_json(kind: SpecialKind, values: Values, well: str) -> bytes:
    entries = [{**_place(coord), "value": _plain(value)} for coord, value in values.items()]
    document = {"well": well, "kind": kind.value, "places": entries}
    return json.dumps(document, indent=1, allow_nan=True).encode()


def _place(coord: Coord) -> dict[str, Any]:
    return {name: getattr(coord, name) for name in PLACE}


def _coord(entry: Mapping[str, Any]) -> Coord:
    return Coord(str(entry["field"]), str(entry["channel"]), int(entry["z"]), int(entry["t"]))


def _from_json(file: SpecialFile) -> dict[Coord, Any]:
    document = json.loads(file.path.read_bytes())
    return {_coord(entry): _value(file.kind, entry["value"]) for entry in document["places"]}


def _value(kind: SpecialKind, value: Any) -> Any:
    """Return a value from its JSON form."""
    if kind is SpecialKind.POSITIONS:
        return np.array(value, np.float64).reshape(len(value), -1 if value else 2)
    if kind is SpecialKind.REGIONS:
        return tuple(np.array(item, np.float64) for item in value)
    if kind is SpecialKind.TABLE:
        return {name: np.array(column) for name, column in value.items()}
    return value


def _to_rois(kind: SpecialKind, values: Values, well: str) -> bytes:
    """Return outlines, or points, as the zip file that ImageJ's ROI manager opens."""
    import roifile

    numbers = [_numbered(values, name) for name in ("channel", "z", "t")]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for coord, value in values.items():
            at = [
                number[getattr(coord, name)]
                for number, name in zip(numbers, ("channel", "z", "t"), strict=True)
            ]
            place = f"f{coord.field}_{coord.channel}_z{coord.z}_t{coord.t}"
            shapes = [value[:, -2:]] if kind is SpecialKind.POSITIONS else value
            for number, shape in enumerate(shapes, start=1):
                if not len(shape):
                    continue
                name = f"{place}_{number:05d}"
                roi = roifile.ImagejRoi.frompoints(
                    shape[:, ::-1] + _CENTRE, name=name, c=at[0], z=at[1], t=at[2]
                )
                points = kind is SpecialKind.POSITIONS
                roi.roitype = roifile.ROI_TYPE.POINT if points else roifile.ROI_TYPE.POLYGON
                roi.props = json.dumps(_place(coord))
                archive.writestr(zipfile.ZipInfo(f"{name}.roi", _DATE), roi.tobytes())
    return buffer.getvalue()


def _numbered(values: Values, component: str) -> dict[Any, int]:
    """Return the position of each value of a component among the slices, from 0."""
    known = dict.fromkeys(getattr(coord, component) for coord in values)
    return {value: number for number, value in enumerate(known)}


def _from_rois(file: SpecialFile) -> dict[Coord, Any]:
    import roifile

    outlines: dict[Coord, list[np.ndarray]] = defaultdict(list)
    with zipfile.ZipFile(file.path) as archive:
        for name in archive.namelist():
            roi = roifile.ImagejRoi.frombytes(archive.read(name))
            points = np.asarray(roi.coordinates(), np.float64)[:, ::-1] - _CENTRE
            outlines[_coord(json.loads(roi.props or ""))].append(points)
    if file.kind is SpecialKind.POSITIONS:
        return {coord: np.concatenate(parts) for coord, parts in outlines.items()}
    return {coord: tuple(parts) for coord, parts in outlines.items()}


def _to_tiff(kind: SpecialKind, values: Values, well: str) -> bytes:
    import tifffile

    kinds = {(image.shape, image.dtype) for image in values.values()}
    if len(kinds) > 1:
        found = ", ".join(sorted(f"{dtype} {shape}" for shape, dtype in kinds))
        raise StoreError(
            f"A special output of well {well} has images of several forms ({found}): give one "
            "shape and dtype everywhere."
        )
    stack = np.stack(list(values.values()))
    description = json.dumps({"well": well, "places": [_place(coord) for coord in values]})
    buffer = io.BytesIO()
    stored = stack.view(np.uint8) if stack.dtype == np.bool_ else stack
    tifffile.imwrite(
        buffer, stored, photometric="minisblack", metadata=None, description=description
    )
    return buffer.getvalue()


def _from_tiff(file: SpecialFile) -> dict[Coord, Any]:
    import tifffile

    with tifffile.TiffFile(file.path) as tiff:
        description = json.loads(tiff.pages.first.description)
        stack = tiff.asarray()
    places: Sequence[Mapping[str, Any]] = description["places"]
    stack = stack.reshape(len(places), -1, *stack.shape[-2:])
    return {
        _coord(place): image[0] if len(image) == 1 else image
        for place, image in zip(places, stack, strict=True)
    }


def _from_csv(file: SpecialFile) -> dict[Coord, Any]:
    columns = tables.read_csv(file.path, ("well", "field", "channel"))
    return _by_place(file.kind, columns)


def _from_parquet(file: SpecialFile) -> dict[Coord, Any]:
    table = tables.read_table(file.path, well="", field="")
    return _by_place(
        file.kind, {name: table.column(name).to_numpy() for name in table.column_names}
    )


_ENCODERS: Final[Mapping[str, Callable[[SpecialKind, Values, str], bytes]]] = {
    "json": _to_json,
    "roi": _to_rois,
    "tiff": _to_tiff,
}

_DECODERS: Final[Mapping[str, Callable[[SpecialFile], dict[Coord, Any]]]] = {
    "csv": _from_csv,
    "parquet": _from_parquet,
    "json": _from_json,
    "roi": _from_rois,
    "tiff": _from_tiff,
}
