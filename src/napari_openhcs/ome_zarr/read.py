"""What is in an OME-NGFF plate on disk, written by this package or by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_openhcs.axes import parse_well
from napari_openhcs.errors import PlateError, StoreError
from napari_openhcs.frozen import FrozenMapping, freeze
from napari_openhcs.ome_zarr.arrays import open_level
from napari_openhcs.ome_zarr.nodes import read_node, split_attributes
from napari_openhcs.storage import LazyStack, PlaneCache
from napari_openhcs.storage.base import is_plain, lies_inside

__all__ = [
    "ImageChannel",
    "LazyImage",
    "PlateGroup",
    "WellGroup",
    "inside",
    "measured_labels",
    "names_in",
    "read_image",
    "read_plate",
    "read_well",
    "tables_in",
]


@dataclass(frozen=True)
class PlateGroup:
    """A plate's metadata.

    Attributes
    ----------
    folder : Path
    name, ome_version : str
    n_rows, n_columns : int
        Of the physical plate.
    wells : FrozenMapping of str to str
        Path inside the plate of each well it lists, by name (``B02``).
    own : FrozenMapping
        The attribute ``openhcs``; empty for plates of others.
    """

    folder: Path
    name: str
    ome_version: str
    n_rows: int
    n_columns: int
    wells: FrozenMapping[str, str]
    own: FrozenMapping[str, Any]


@dataclass(frozen=True)
class WellGroup:
    """A well's metadata.

    `fields` maps the id of each field to the path of its image inside the well; images of
    plates of others have their path as id.
    """

    folder: Path
    fields: FrozenMapping[str, str]
    own: FrozenMapping[str, Any]


@dataclass(frozen=True)
class ImageChannel:
    """A channel as it is to be shown: `color` is ``#rrggbb``, `contrast` (low, high)."""

    name: str
    color: str
    contrast: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class LazyImage:
    """An image or label image whose pixels are read when they are looked at.

    Attributes
    ----------
    name : str
    levels : tuple of LazyStack
        Finest first, each with all `axes`.
    axes : tuple of str
        ``t c z y x``, or ``t z y x`` for labels.
    scale : tuple of float
        Size of a pixel of the finest level on each axis, in `units`.
    units : tuple of str
        ``micrometer`` where known, otherwise ``pixel``.
    scales, translations : tuple of tuple of float
        For each level.
    channels : tuple of ImageChannel
        Empty for labels.
    position_um : (x, y) or None
        Stage position of the field; of a mosaic that of its first row and column.
    """

    name: str
    levels: tuple[LazyStack[tuple[str, Any]], ...]
    axes: tuple[str, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    scales: tuple[tuple[float, ...], ...]
    translations: tuple[tuple[float, ...], ...]
    channels: tuple[ImageChannel, ...] = ()
    position_um: tuple[float, float] | None = None
    own: FrozenMapping[str, Any] = field(default_factory=FrozenMapping)


def _group(folder: Path, what: str) -> Mapping[str, Any]:
    node = read_node(folder)
    if node is None or node.get("node_type") != "group":
        raise StoreError(
            f"{folder} is no Zarr group: expected the {what} there; restore it or run the well "
            "again."
        )
    attributes: Mapping[str, Any] = node["attributes"]
    return attributes


def inside(folder: Path, path: object) -> Path:
    """Return where a path lies that the metadata of `folder` names.

    Raises
    ------
    StoreError
        It is no path, or it leaves the folder: absolute, with ``..``, or by a link.
    """
    plain = isinstance(path, str) and is_plain(path)
    if not plain or not lies_inside(folder.resolve(), folder / str(path)):
        raise StoreError(
            f"The metadata of {folder} names the path {path!r}: expected one inside that folder, "
            "without '..' and without links that lead out; restore it or run the well again."
        )
    return folder / str(path)


def _incomplete(folder: Path, what: str, error: Exception) -> StoreError:
    return StoreError(
        f"{folder} lacks metadata of the {what} that OME-NGFF asks for ({error!r}): restore it or "
        "run the well again."
    )


def read_plate(folder: Path) -> PlateGroup:
    """Read a plate's metadata.

    Raises
    ------
    StoreError
        The folder is no plate or its metadata is damaged.
    """
    ome, own = split_attributes(_group(folder, "plate"))
    if not isinstance(ome.get("plate"), dict):
        raise StoreError(f"{folder} is no OME-Zarr plate: its metadata has no 'plate'.")
    plate = ome["plate"]
    try:
        return PlateGroup(
            folder,
            str(plate.get("name") or folder.name),
            str(ome.get("version") or plate.get("version") or "0.4"),
            len(plate["rows"]),
            len(plate["columns"]),
            FrozenMapping({_well_of(item["path"]): item["path"] for item in plate["wells"]}),
            freeze(own),
        )
    except (KeyError, TypeError, AttributeError, PlateError) as error:
        raise _incomplete(folder, "plate", error) from error


def _well_of(path: str) -> str:
    row, _, column = path.partition("/")
    return parse_well(row + column)


def read_well(folder: Path) -> WellGroup:
    """Read a well's metadata.

    Raises
    ------
    StoreError
        The folder is no well, its metadata is damaged, or an image would lie outside of it.
    """
    ome, own = split_attributes(_group(folder, "well"))
    try:
        paths = [image["path"] for image in ome["well"]["images"]]
        ids = [str(name) for name in own.get("fields", paths)]
        fields = FrozenMapping(zip(ids, paths, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(folder, "well", error) from error
    for path in paths:
        inside(folder, path)
    return WellGroup(folder, fields, freeze(own))


def names_in(folder: Path) -> tuple[str, ...]:
    """Return the names listed by a ``labels`` or ``tables`` group; none where there is no group.

    Raises
    ------
    StoreError
        Its metadata is damaged, or a name leads out of the group.
    """
    node = read_node(folder)
    if node is None:
        return ()
    ome, _ = split_attributes(node["attributes"])
    names = ome.get(folder.name, ())
    if not isinstance(names, list):
        raise StoreError(f"{folder} is damaged: expected a list of {folder.name}.")
    return tuple(inside(folder, name).relative_to(folder).as_posix() for name in names)


def tables_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the Parquet tables of an image; those of other kinds are left out.

    Raises
    ------
    StoreError
        The metadata of its tables is damaged.
    """
    return tuple(
        name
        for name in names_in(folder / "tables")
        if "parquet" in str(_group(folder / "tables" / name, "table").get("backend"))
    )


def measured_labels(folder: Path, table: str) -> str:
    """Return the name of the label image that a table of an image is about; empty if unknown.

    Raises
    ------
    StoreError
        There is no such table, or its metadata is damaged.
    """
    region = _group(folder / "tables" / table, "table").get("region")
    path = region.get("path") if isinstance(region, Mapping) else None
    return str(path).rpartition("/")[2] if path else ""


def read_image(folder: Path, cache: PlaneCache | None = None) -> LazyImage:
    """Read the metadata of an image or label image; its pixels are read on access.

    Parameters
    ----------
    folder : Path
    cache : PlaneCache, optional
        Shared with other images.

    Raises
    ------
    StoreError
        There is no image, its metadata is damaged, or a level would lie outside of it.
    """
    ome, own = split_attributes(_group(folder, "image"))
    try:
        image = ome["multiscales"][0]
        axes = tuple(str(axis["name"]) for axis in image["axes"])
        units = tuple(str(axis.get("unit") or "pixel") for axis in image["axes"])
        paths = [item["path"] for item in image["datasets"]]
        placed = [_placed(image, item, len(axes)) for item in image["datasets"]]
        channels = tuple(map(_channel, ome.get("omero", {}).get("channels", ())))
        name = str(image.get("name") or folder.name)
        scales, translations = zip(*placed, strict=True)
        position = own.get("position_um")
        position_um = None if position is None else (float(position[0]), float(position[1]))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _incomplete(folder, "image", error) from error
    return LazyImage(
        name,
        tuple(open_level(inside(folder, path), cache) for path in paths),
        axes,
        scales[0],
        units,
        scales,
        translations,
        channels,
        position_um,
        freeze(own),
    )


def _placed(
    image: Mapping[str, Any], dataset: Mapping[str, Any], ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (scale, translation) of a level: its own transformations, then the image's."""
    scale, translation = [1.0] * ndim, [0.0] * ndim
    chain = [
        *dataset.get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    ]
    for step in chain:
        if step["type"] == "scale":
            factors = step["scale"]
            scale = [a * b for a, b in zip(scale, factors, strict=True)]
            translation = [a * b for a, b in zip(translation, factors, strict=True)]
        elif step["type"] == "translation":
            translation = [a + b for a, b in zip(translation, step["translation"], strict=True)]
    return tuple(map(float, scale)), tuple(map(float, translation))


def _channel(item: Mapping[str, Any]) -> ImageChannel:
    window = item.get("window") or {}
    return ImageChannel(
        str(item.get("label", "")),
        f"#{str(item.get('color', 'FFFFFF')).lower()}",
        _pair(window, "start", "end"),
        _pair(window, "min", "max"),
    )


def _pair(window: Mapping[str, Any], low: str, high: str) -> tuple[float, float] | None:
    if window.get(low) is None or window.get(high) is None:
        return None
    return float(window[low]), float(window[high])
