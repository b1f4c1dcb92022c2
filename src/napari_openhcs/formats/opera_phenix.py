"""Opera Phenix and Operetta: what Harmony exports.

::

    PLATE/Images/Index.idx.xml          (Harmony V4, V5; Index.xml from V6 on)
    PLATE/Images/r03c03f01p01-ch1sk1fk1fl1.tiff

The index names every image with its well, field, channel, plane and time point, and says
pixel size, positions and wavelengths (from V6 on once a channel, before once an image).
Without the index the images are not opened: their names say nothing about the plate.
"""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import IO, Final

from napari_openhcs.axes import natural_key, well_name
from napari_openhcs.errors import ImageReadError, PlateError
from napari_openhcs.formats.base import (
    PlateDraft,
    PlateFormat,
    build_plate,
    most_common,
)
from napari_openhcs.formats.channels import channel_color
from napari_openhcs.formats.tiff_metadata import read_tiff_metadata
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.storage.base import lies_inside

__all__ = ["EXPORT", "OperaPhenix"]

_INDEX: Final = ("index.idx.xml", "index.xml")
_IMAGES: Final = "images"
_IMAGE_NAME: Final = re.compile(r"^r\d+c\d+f\d+p\d+-ch\d+.*\.tiff?$", re.I)
_UNITS: Final = {"m": 6, "mm": 3, "s": 3}
"""Powers of ten that turn lengths into µm and times into ms."""

_NEEDED: Final = frozenset({"Row", "Col", "FieldID", "ChannelID", "URL"})

_Values = Mapping[str, str]


@dataclass
class _Index:
    """The index file, element by element; lengths in µm."""

    plate: dict[str, str] = field(default_factory=dict)
    channels: dict[str, dict[str, str]] = field(default_factory=dict)
    images: list[dict[str, str]] = field(default_factory=list)


class OperaPhenix:
    """Format of Harmony exports with their index."""

    name = "opera_phenix"
    title = "Opera Phenix or Operetta (Harmony)"
    expects = "Images/Index.idx.xml or Index.xml beside images like r01c01f01p01-ch1sk1fk1fl1.tiff"

    def recognises(self, path: Path) -> bool:
        """Whether there is an index, or images named by Harmony, here or in ``Images``."""
        return any(
            name.lower() in _INDEX or _IMAGE_NAME.match(name)
            for folder in _image_folders(path)
            for name in _names(folder)
        )

    def read(self, path: Path) -> Plate:
        """Index the images that the index names and that are there."""
        root = path.parent if path.name.lower() == _IMAGES else path
        file = _find_index(path)
        index = _read_index(file)
        draft = PlateDraft(
            root, self.name, index.plate.get("Name") or index.plate.get("PlateID") or ""
        )
        folder = file.parent
        prefix = "" if folder == root else folder.name + "/"
        _add_planes(draft, folder, prefix, index)
        images = [{**index.channels.get(image["ChannelID"], {}), **image} for image in index.images]
        draft.channels = _channels(draft, images)
        draft.n_rows = _integer(index.plate.get("PlateRows"))
        draft.n_columns = _integer(index.plate.get("PlateColumns"))
        _add_sizes(draft, images, prefix)
        draft.z_step_um = _z_step(images)
        draft.positions_um = _positions(images)
        return build_plate(draft)


def _image_folders(path: Path) -> Iterator[Path]:
    yield path
    for name in _names(path):
        if name.lower() == _IMAGES and (path / name).is_dir():
            yield path / name


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _find_index(path: Path) -> Path:
    for folder in _image_folders(path):
        for name in _names(folder):
            if name.lower() in _INDEX:
                return folder / name
    folder = next(
        folder for folder in _image_folders(path) if any(map(_IMAGE_NAME.match, _names(folder)))
    )
    number = sum(1 for name in _names(folder) if _IMAGE_NAME.match(name))
    raise PlateError(
        f"{folder} holds {number} image(s) of a Harmony export but not their index: expected "
        "Index.idx.xml or Index.xml beside them; copy it from the original export, or export "
        "the plate again."
    )


def _read_index(file: Path) -> _Index:
    """Read the index element by element: that of a large plate has 50 MB."""
    try:
        with file.open("rb") as stream:
            if b"<!DOCTYPE" in stream.read(4096):
                raise PlateError(f"{file} declares a DOCTYPE, which no index of Harmony does.")
            stream.seek(0)
            return _parse(stream)
    except ET.ParseError as error:
        raise PlateError(
            f"{file} is damaged ({error}): expected a complete index; copy it again from the "
            "original export."
        ) from error
    except OSError as error:
        raise PlateError(f"{file} cannot be read: {error.strerror}.") from error


def _parse(stream: IO[bytes]) -> _Index:
    index = _Index()
    for _, element in ET.iterparse(stream):
        tag = _local(element.tag)
        if tag == "Image":
            values = _values(element)
            # Wells list their images too, by id alone.
            if values.keys() >= _NEEDED:
                index.images.append(values)
        elif tag == "Entry":
            known = index.channels.setdefault(element.get("ChannelID", ""), {})
            known.update(_values(element))
        elif tag == "Plate":
            index.plate = index.plate or _values(element)
        else:
            continue
        element.clear()
    if not index.images:
        raise PlateError(
            f"{stream.name} names no image: expected an index of a "
            "Harmony measurement; export the plate again."
        )
    return index


def _values(element: ET.Element) -> dict[str, str]:
    """Return the texts of the children; lengths become µm and times ms."""
    values = {}
    for child in element:
        text = (child.text or "").strip()
        power = _UNITS.get(child.get("Unit", ""))
        if power is not None:
            # Decimal: 1.2E-06 m must not become 1.2000000000000002 µm.
            with suppress(InvalidOperation):
                text = str(Decimal(text).scaleb(power))
        values[_local(child.tag)] = text
    return values


@lru_cache(maxsize=1000)
def _local(tag: str) -> str:
    """Return a tag without its namespace, which names the version of Harmony."""
    return tag.rpartition("}")[2]


def _add_planes(draft: PlateDraft, folder: Path, prefix: str, index: _Index) -> None:
    with os.scandir(folder) as entries:
        there = {
            entry.name
            for entry in entries
            if not entry.is_symlink() or lies_inside(draft.root, entry.path)
        }
    named = set()
    for image in index.images:
        url = image["URL"]
        named.add(url)
        well = _well(image)
        if well is None:
            draft.report(
                "metadata", f"The index gives {url} no well of a plate: it is left out.", url
            )
            continue
        if url not in there:
            _report_absent(draft, prefix, url, well)
            continue
        draft.add(
            PlaneKey(
                well,
                image["FieldID"],
                image["ChannelID"],
                _integer(image.get("PlaneID"), 1),
                _integer(image.get("TimepointID")),
            ),
            PlaneSource(prefix + url),
        )
    for name in sorted(there - named):
        if _IMAGE_NAME.match(name):
            draft.report(
                "unknown_file",
                f"{prefix}{name} is not named in the index and was left out: copy the index "
                "that belongs to it.",
                prefix + name,
            )


def _report_absent(draft: PlateDraft, prefix: str, url: str, well: str) -> None:
    if "/" in url or "\\" in url or ".." in url:
        message = f"The index points to {url}, outside of the folder of the images: it is left out."
        draft.report("metadata", message, url, well)
    elif os.path.lexists(draft.root / prefix / url):
        message = f"{prefix}{url} is a link that leads out of the plate's folder and was left out."
        draft.report("unknown_file", message, prefix + url, well)
    else:
        draft.report(
            "missing",
            f"{prefix}{url} is named in the index but not there: leave well {well} out or copy "
            "the file again.",
            prefix + url,
            well,
        )


def _well(image: _Values) -> str | None:
    row, column = _integer(image["Row"]), _integer(image["Col"])
    return well_name(row - 1, column - 1) if 1 <= row <= 32 and 1 <= column <= 48 else None


def _channels(draft: PlateDraft, images: list[dict[str, str]]) -> tuple[Channel, ...]:
    by_id: dict[str, dict[str, str]] = {}
    for image in images:
        by_id.setdefault(image["ChannelID"], image)
    used = {key.channel for key in draft.planes}
    channels = []
    for place, number in enumerate(sorted(used, key=natural_key)):
        image = by_id[number]
        name = image.get("ChannelName") or f"Channel {number}"
        wavelength = _number(image.get("MainEmissionWavelength"))
        exposure = _number(image.get("ExposureTime"))
        color = channel_color(name, wavelength, place)
        channels.append(Channel(number, name, color, wavelength, exposure))
    return tuple(channels)


def _add_sizes(draft: PlateDraft, images: list[dict[str, str]], prefix: str) -> None:
    """Take shape and pixel size from the index; dtype, and a check, from one image."""
    sizes = [
        (_integer(image.get("ImageSizeY")), _integer(image.get("ImageSizeX"))) for image in images
    ]
    draft.shape_yx = most_common(sizes)
    for size, image in zip(sizes, images, strict=True):
        if size != draft.shape_yx:
            draft.report(
                "shape",
                f"{prefix}{image['URL']} has {size[0]} × {size[1]} pixels where most have "
                f"{draft.shape_yx[0]} × {draft.shape_yx[1]}: leave the well out or acquire it "
                "again.",
                prefix + image["URL"],
                _well(image) or "",
            )
    draft.pixel_size_um = _positive(images[0].get("ImageResolutionX"))
    odd = {
        prefix + image["URL"]
        for size, image in zip(sizes, images, strict=True)
        if size != draft.shape_yx
    }
    usual = (source for source in draft.planes.values() if source.path not in odd)
    for source in islice(usual, 3):
        try:
            found = read_tiff_metadata(draft.root / source.path)
        except ImageReadError as error:
            draft.report("unreadable", str(error), source.path)
            continue
        if found.shape_yx != draft.shape_yx and all(draft.shape_yx):
            # No "shape", which keeps a well from running: the plate takes the size of the file.
            draft.report(
                "metadata",
                f"{source.path} has {found.shape_yx[0]} × {found.shape_yx[1]} pixels where the "
                f"index says {draft.shape_yx[0]} × {draft.shape_yx[1]}: the file is believed.",
                source.path,
            )
        draft.shape_yx, draft.dtype = found.shape_yx, found.dtype
        return
    limit = _number(images[0].get("MaxIntensity")) or 65535
    draft.dtype = "uint8" if limit <= 255 else "uint16"


def _z_step(images: list[dict[str, str]]) -> float | None:
    """Return the usual distance of neighbouring planes of the first field, µm."""
    first = images[0]
    heights: dict[int, float] = {}
    for image in images:
        same = all(
            image.get(key) == first.get(key)
            for key in ("Row", "Col", "FieldID", "ChannelID", "TimepointID")
        )
        height = _number(image.get("PositionZ")) if same else None
        if height is not None:
            heights[_integer(image.get("PlaneID"), 1)] = height
    planes = sorted(heights)
    steps = [abs(heights[b] - heights[a]) / (b - a) for a, b in pairwise(planes)]
    return _positive(round(median(steps), 4)) if steps else None


def _positions(images: list[dict[str, str]]) -> dict[str, tuple[float, float]]:
    """Return positions of the fields from the centre of their well, µm.

    Harmony's y grows upwards; in an image it grows downwards.
    """
    positions: dict[str, tuple[float, float]] = {}
    for image in images:
        well = _well(image)
        x, y = _number(image.get("PositionX")), _number(image.get("PositionY"))
        if well is not None and x is not None and y is not None:
            positions.setdefault(f"{well}/{image['FieldID']}", (x, -y + 0.0))
    return positions


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _positive(value: str | float | None) -> float | None:
    number = _number(str(value))
    return number if number is not None and number > 0 else None


def _integer(text: str | None, default: int = 0) -> int:
    return int(text) if text is not None and text.isdecimal() else default


EXPORT: PlateFormat = OperaPhenix()
