"""ImageXpress: what MetaXpress exports.

::

    PLATE/[NAME.HTD]
    PLATE/[TimePoint_1/][ZStep_1/]NAME_B02[_s1][_w1][GUID].TIF

``ZStep_0`` is a projection of the other steps and no plane of its own, unless it is all
there is.  ``_thumb`` files are previews.  A GUID follows the channel digit without a
separator: ``w1051DAA7C-…`` is channel 1.  A file without ``_s`` or ``_w`` is field 1 or
channel 1.  Pixel size, wavelength and stage position stand in the TIFF headers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from napari_openhcs.axes import natural_key, parse_well
from napari_openhcs.errors import PlateError
from napari_openhcs.formats.base import PlateDraft, PlateFormat, build_plate
from napari_openhcs.formats.channels import channel_color
from napari_openhcs.formats.htd import PlateDescription, read_htd
from napari_openhcs.formats.stage import HeaderReader, read_positions, read_z_step
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.storage.base import is_text, lies_inside

__all__ = ["EXPORT", "ImageXpress"]

_GUID: Final = r"\{?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?"
# Digits are matched lazily: the GUID behind them may begin with digits too.  Wells are in
# capitals: the 's1' of 'cells_s1_w1.tif' is a site and not well S01.
_IMAGE: Final = re.compile(
    r"^(?:.*_)?(?P<well>[A-Z]{1,2}\d{1,2}?)(?:_s(?P<site>\d+?))?(?:_w(?P<wave>\d+?))?"
    rf"(?:_z(?P<z>\d+?))?(?:_t(?P<t>\d+?))?(?:{_GUID})?\.(?i:tiff?)$",
)
_FOLDER: Final = re.compile(r"^(TimePoint|ZStep)_(\d+)$", re.I)
_TIFF: Final = (".tif", ".tiff")
_PROJECTION: Final = 0


@dataclass
class _Scan:
    """What one walk over the folder found."""

    draft: PlateDraft
    htd: str = ""
    projections: list[tuple[PlaneKey, PlaneSource]] = field(default_factory=list)


class ImageXpress:
    """Format of MetaXpress exports, with or without their HTD file."""

    name = "imagexpress"
    title = "ImageXpress (MetaXpress)"
    expects = "an .HTD file, or images named like NAME_A01_s1_w1.TIF"

    def recognises(self, path: Path) -> bool:
        """Whether there is an HTD, or an image with a well and a site or wavelength."""
        return any(_tells(entry.name) for entry, _, _ in _walk(_root(path)))

    def read(self, path: Path) -> Plate:
        """Index the images by their names; read a few headers for the rest."""
        scan = _scan(_root(path))
        draft = scan.draft
        _settle_projections(scan)
        htd = _read_htd(scan)
        read = HeaderReader(draft)
        draft.channels = _channels(draft, htd, read)
        by_field: dict[tuple[str, str], PlaneKey] = {}
        for key in sorted(draft.planes, key=_order):
            by_field.setdefault((key.well, key.field), key)
        if by_field:
            fields = list(by_field.values())
            draft.z_step_um = _z_step(scan, read, fields[0])
            draft.positions_um = read_positions(read, fields)
            read.settle()
        if htd is not None:
            draft.n_rows, draft.n_columns = htd.n_rows, htd.n_columns
            _compare(scan, htd)
        return build_plate(draft)


def _root(path: Path) -> Path:
    """Climb out of the time point and z folders of a plate."""
    while _FOLDER.match(path.name) and path != path.parent:
        path = path.parent
    return path


def _tells(name: str) -> bool:
    if name.lower().endswith(".htd"):
        return True
    match = _IMAGE.match(name)
    return match is not None and bool(match["site"] or match["wave"])


def _walk(root: Path) -> Iterator[tuple[os.DirEntry[str], int | None, int | None]]:
    """Yield (file, t, z) of the plate's folders, as far as the folders say."""
    levels: list[tuple[str, int | None, int | None]] = [(str(root), None, None)]
    while levels:
        folder, t, z = levels.pop(0)
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            match = _FOLDER.match(entry.name)
            if match is None:
                yield entry, t, z
            elif entry.is_dir(follow_symlinks=False) or (
                entry.is_dir() and lies_inside(root, entry.path)
            ):
                if match[1].lower() == "timepoint" and t is None and z is None:
                    levels.append((entry.path, int(match[2]), z))
                elif match[1].lower() == "zstep" and z is None:
                    levels.append((entry.path, t, int(match[2])))
            else:
                yield entry, t, z


def _scan(root: Path) -> _Scan:
    scan = _Scan(PlateDraft(root, ImageXpress.name))
    cut = len(str(root).rstrip(os.sep)) + 1
    wells: dict[str, str] = {}
    for entry, folder_t, folder_z in _walk(root):
        name = entry.name
        if name.startswith(".") or "_thumb" in name.lower():
            continue
        path = entry.path[cut:].replace(os.sep, "/")
        if not is_text(name):
            _report_unknown(scan.draft, ascii(path), "its name is not valid text")
            continue
        if entry.is_symlink() and not lies_inside(root, entry.path):
            scan.draft.report(
                "unknown_file",
                f"{path} is a link that leads out of the plate's folder and was left out: put "
                "the file itself there.",
                path,
            )
            continue
        if entry.is_dir():
            continue
        match = _IMAGE.match(name)
        if match is None:
            if name.lower().endswith(".htd"):
                scan.htd = scan.htd or path
            elif name.lower().endswith(_TIFF):
                _report_unknown(scan.draft, path, "its name has no well")
            continue
        text = match["well"]
        if text not in wells:
            try:
                wells[text] = parse_well(text)
            except PlateError:
                wells[text] = ""
        if not wells[text]:
            _report_unknown(scan.draft, path, f"'{text}' is no well")
            continue
        _, site, wave, z, t = match.groups()
        key = PlaneKey(
            wells[text],
            str(int(site)) if site else "1",
            str(int(wave)) if wave else "1",
            int(z) if z else (1 if folder_z is None else folder_z),
            int(t) if t else (1 if folder_t is None else folder_t),
        )
        if folder_z == _PROJECTION and not z:
            scan.projections.append((key, PlaneSource(path)))
        else:
            scan.draft.add(key, PlaneSource(path))
    return scan


def _report_unknown(draft: PlateDraft, path: str, why: str) -> None:
    draft.report(
        "unknown_file",
        f"{path} was left out because {why}: expected a name like NAME_B02_s1_w1.TIF.",
        path,
    )


def _settle_projections(scan: _Scan) -> None:
    """Use the projections of those channels that have no z planes."""
    stacked = {key.channel for key in scan.draft.planes}
    flat = sorted({key.channel for key, _ in scan.projections} - stacked, key=natural_key)
    for key, source in scan.projections:
        if key.channel not in stacked:
            scan.draft.add(key, source)
    if stacked and flat:
        scan.draft.report(
            "metadata",
            f"Channel {', '.join(flat)} has only a projection (ZStep_0) where others have z "
            "planes: the projection is its only plane, z 0.",
        )


def _read_htd(scan: _Scan) -> PlateDescription | None:
    if not scan.htd:
        return None
    try:
        return read_htd(scan.draft.root / scan.htd)
    except PlateError as error:
        scan.draft.report("metadata", str(error), scan.htd)
        return None


def _channels(
    draft: PlateDraft, htd: PlateDescription | None, read: HeaderReader
) -> tuple[Channel, ...]:
    by_channel: dict[str, list[PlaneKey]] = {}
    for key in sorted(draft.planes, key=_order):
        by_channel.setdefault(key.channel, []).append(key)
    channels = []
    for place, number in enumerate(sorted(by_channel, key=natural_key)):
        header = read.first(by_channel[number])
        names = htd.channel_names if htd is not None else ()
        name = names[int(number) - 1] if 1 <= int(number) <= len(names) else ""
        name = name or (header.channel_name if header else None) or f"Channel {number}"
        wavelength = header.wavelength_nm if header else None
        color = channel_color(name, wavelength, place)
        exposure = header.exposure_ms if header else None
        channels.append(Channel(number, name, color, wavelength, exposure))
    return tuple(channels)


def _order(key: PlaneKey) -> tuple[int, str, int, int, int, int]:
    return len(key.well), key.well, int(key.field), int(key.channel), key.z, key.t


def _z_step(scan: _Scan, read: HeaderReader, first: PlaneKey) -> float | None:
    """Return the z step: the nominal one of a projection's header, else as measured."""
    draft = scan.draft
    stacks = [key for key in draft.planes if key[:2] == first[:2]]
    if len({key.z for key in stacks}) < 2:
        return None
    for key, source in scan.projections:
        if key[:3] == first[:3]:
            header = read.path(source.path, key.well)
            if header is not None and header.z_step_um is not None:
                return header.z_step_um
    return read_z_step(read, stacks)


def _compare(scan: _Scan, htd: PlateDescription) -> None:
    """Report what the HTD announces and no image shows."""
    planes = scan.draft.planes
    there = {key.well for key in planes}
    absent = [well for well in htd.wells if well not in there]
    if absent:
        shown = ", ".join(absent[:8]) + (" …" if len(absent) > 8 else "")
        _announce(scan, f"{len(absent)} of {len(htd.wells)} wells have no image ({shown})")
    channels = {key.channel for key in planes}
    for number, name in enumerate(htd.channel_names, start=1):
        if str(number) not in channels:
            _announce(scan, f"channel {number} ({name}) has no image")
    for word, announced, found in (
        ("fields", htd.n_fields, len({key.field for key in planes})),
        ("time points", htd.n_time_points, len({key.t for key in planes})),
        ("z steps", htd.n_z, len({key.z for key in planes})),
    ):
        if announced > found:
            _announce(scan, f"{announced} {word} were to be acquired and {found} are there")


def _announce(scan: _Scan, what: str) -> None:
    scan.draft.report(
        "missing",
        f"{scan.htd} announces more than there is: {what}; only what is there is used.",
        scan.htd,
    )


EXPORT: PlateFormat = ImageXpress()
