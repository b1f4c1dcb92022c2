"""Microscope formats: one file each, found by its name.

:func:`open_plate` asks every format in :data:`FORMATS` whether it recognises a folder
and lets the one that does read it.  A format only looks at names and metadata, never at
pixels; whatever is odd about the files becomes a
:class:`~napari_openhcs.plate.PlateProblem` of the plate.

``base`` holds what formats share, ``channels`` the display colours, ``tiff_metadata``
and ``stage`` what is read from TIFF headers.  A new format is one new file with an
``EXPORT`` that follows :class:`~napari_openhcs.formats.base.PlateFormat`, or an entry
point in the group ``napari_openhcs.formats``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from napari_openhcs.errors import PlateError, PlateNotFoundError
from napari_openhcs.formats.base import PlateFormat
from napari_openhcs.plate import Plate
from napari_openhcs.registry import LazyRegistry

__all__ = ["FORMATS", "PlateFormat", "find_format", "open_plate"]

FORMATS: LazyRegistry[PlateFormat] = LazyRegistry(
    __name__,
    "napari_openhcs.formats",
    not_entries=("base", "channels", "htd", "stage", "tiff_metadata"),
)
"""Formats by key, imported on first use."""

_MOST_FOLDERS = 500
"""Folders looked into when a parent of plates is opened; a network drive has more."""


def open_plate(path: str | os.PathLike[str]) -> Plate:
    """Open a plate: index its planes without reading one.

    Parameters
    ----------
    path : path
        The plate's folder, a file or folder inside it (the ``.HTD``, ``Index.idx.xml``,
        ``TimePoint_1`` …), or a folder that holds exactly one plate.

    Returns
    -------
    Plate
        Frozen; what is odd about the files is in its `problems`.

    Raises
    ------
    PlateNotFoundError
        There is nothing at `path`.
    PlateError
        No format recognises the folder, it holds several plates, or no plane is in it.
    """
    target = Path(path).expanduser()
    try:
        target = target.resolve(strict=True)
    # RuntimeError: a loop of links; ValueError: a zero byte in the path.
    except (OSError, RuntimeError, ValueError) as error:
        raise PlateNotFoundError(
            f"There is no plate at {target}: expected the folder of a plate; check the path "
            "and whether its drive is connected."
        ) from error
    folder = target if target.is_dir() else target.parent
    try:
        found = find_format(folder)
        if found is None and target.is_dir():
            folder, found = _only_plate_below(folder)
        if found is None:
            raise PlateError(_refusal(target, folder))
        return found.read(folder)
    except PermissionError as error:
        raise PlateError(
            f"{error.filename or folder} may not be read: ask for permission to read it."
        ) from error


def find_format(folder: Path) -> PlateFormat | None:
    """Return the format that recognises `folder`, or None."""
    return next((found for found in FORMATS.values() if found.recognises(folder)), None)


def _only_plate_below(folder: Path) -> tuple[Path, PlateFormat | None]:
    plates: list[tuple[Path, PlateFormat]] = []
    for below in _folders_below(folder):
        if any(below.is_relative_to(plate) for plate, _ in plates):
            continue
        found = find_format(below)
        if found is not None:
            plates.append((below, found))
    if len(plates) > 1:
        names = [str(plate.relative_to(folder)) for plate, _ in plates]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise PlateError(f"{folder} holds {len(names)} plates ({shown}): open one of them.")
    return plates[0] if plates else (folder, None)


def _folders_below(folder: Path) -> Iterator[Path]:
    """Yield the folders one and two levels down, upper level first, links left out."""
    level = [folder]
    seen = 0
    for _ in range(2):
        lower: list[Path] = []
        for parent in level:
            with os.scandir(parent) as entries:
                lower.extend(
                    Path(entry.path)
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
        level = sorted(lower)[: _MOST_FOLDERS - seen]
        seen += len(level)
        yield from level


def _refusal(target: Path, folder: Path) -> str:
    if not target.is_dir():
        titles = ", ".join(known.title for known in FORMATS.values())
        return " ".join(
            (
                f"The file {target} is not a plate and lies in none: open the folder of a plate "
                f"({titles}), or a file inside it.",
                *FORMATS.problems,
            )
        )
    with os.scandir(folder) as entries:
        files = sorted(
            entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")
        )
    if files:
        shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        looked_at = f"files {shown}"
    else:
        looked_at = "no files"
    expected = "; ".join(f"{known.title}: {known.expects}" for known in FORMATS.values())
    return " ".join(
        (
            f"{target} is not a plate of a known format: found {looked_at}, expected one of "
            f"[{expected}]; open the folder that holds these.",
            *FORMATS.problems,
        )
    )
