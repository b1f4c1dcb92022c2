"""Zarr groups and arrays as files: Zarr 3 keeps one ``zarr.json``, Zarr 2 two or three.

The OME-NGFF version decides the Zarr format and where its metadata goes: 0.5 lies in Zarr 3
under the attribute ``ome``, 0.4 in Zarr 2 directly among the attributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_openhcs.errors import StoreError
from napari_openhcs.frozen import to_json
from napari_openhcs.ome_zarr.codecs import Codec

__all__ = [
    "OPENHCS",
    "array_files",
    "attributes_file",
    "chunk_path",
    "group_files",
    "join_attributes",
    "read_node",
    "split_attributes",
    "zarr_format",
]

OPENHCS = "openhcs"
"""Attribute that holds what the standard has no word for."""

_FORMATS = {"0.4": 2, "0.5": 3}


def zarr_format(ome_version: str) -> int:
    """Return the Zarr format of an OME-NGFF version.

    Raises
    ------
    StoreError
        The version is not written here.
    """
    if ome_version not in _FORMATS:
        raise StoreError(
            f"OME-NGFF version '{ome_version}' is not known: expected {' or '.join(_FORMATS)}."
        )
    return _FORMATS[ome_version]


def join_attributes(
    ome: Mapping[str, Any], own: Mapping[str, Any], ome_version: str
) -> dict[str, Any]:
    """Return a group's attributes from the standard's part and ours."""
    extra = {OPENHCS: own} if own else {}
    if ome_version == "0.4":
        return {**ome, **extra}
    return {"ome": {"version": ome_version, **ome}, **extra}


def split_attributes(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the standard's part and ours of a group's attributes, of either version."""
    own = attributes.get(OPENHCS, {})
    ome = attributes.get("ome", attributes)
    return _dict(ome), _dict(own)


def _dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def attributes_file(attributes: Mapping[str, Any], zarr: int) -> tuple[str, bytes]:
    """Return name and content of the one file that holds a group's attributes."""
    if zarr == 2:
        return ".zattrs", to_json(attributes, indent=1)
    node = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    return "zarr.json", to_json(node, indent=1)


def group_files(attributes: Mapping[str, Any], zarr: int) -> dict[str, bytes]:
    """Return the files of a group by name."""
    files = {".zgroup": to_json({"zarr_format": 2}, indent=1)} if zarr == 2 else {}
    if zarr == 3 or attributes:
        name, content = attributes_file(attributes, zarr)
        files[name] = content
    return files


def array_files(
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: np.dtype[Any],
    codec: Codec,
    dimensions: Sequence[str],
) -> dict[str, bytes]:
    """Return the metadata files of an array by name; the chunks are not among them."""
    if codec.zarr_format == 2:
        array = {
            "zarr_format": 2,
            "shape": tuple(shape),
            "chunks": tuple(chunks),
            "dtype": dtype.newbyteorder("<").str,
            "compressor": codec.metadata(dtype),
            "fill_value": 0,
            "order": "C",
            "filters": None,
            "dimension_separator": "/",
        }
        return {".zarray": to_json(array, indent=1)}
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": tuple(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": tuple(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": codec.metadata(dtype),
        "attributes": {},
        "dimension_names": tuple(dimensions),
    }
    return {"zarr.json": to_json(array, indent=1)}


def chunk_path(index: Sequence[int], zarr: int) -> str:
    """Return the path of a chunk inside its array's folder."""
    numbers = "/".join(map(str, index))
    return f"c/{numbers}" if zarr == 3 else numbers


def read_node(folder: Path) -> dict[str, Any] | None:
    """Read the metadata of a group or an array of either Zarr format.

    Returns
    -------
    dict or None
        As ``zarr.json`` has it: ``zarr_format``, ``node_type``, ``attributes``; an array of
        Zarr 2 has the keys of its ``.zarray`` besides.  None where there is no node.

    Raises
    ------
    StoreError
        The metadata cannot be read or is no JSON object.
    """
    node = _read_json(folder / "zarr.json")
    if node is not None:
        node.setdefault("attributes", {})
        if not isinstance(node["attributes"], dict):
            raise StoreError(f"{folder / 'zarr.json'} is damaged: its attributes are no object.")
        return node
    for name, kind in ((".zgroup", "group"), (".zarray", "array")):
        node = _read_json(folder / name)
        if node is not None:
            attributes = _read_json(folder / ".zattrs") or {}
            return {**node, "node_type": kind, "attributes": attributes}
    return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{path} is damaged, it is no JSON: restore it or run the well again."
        ) from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: expected a JSON object.")
    return value
