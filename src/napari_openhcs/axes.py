"""The words of the data model: components, kinds, contracts and well names.

A *plane* is one YX image.  The *components* ``well, field, channel, z, t`` say which
plane it is; :data:`COMPONENTS` lists those a step can vary, loop over or group by
(a step always works inside one well).
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

from napari_openhcs.errors import PlateError

__all__ = [
    "COMPONENTS",
    "VALID_MEMORY_TYPES",
    "Contract",
    "Kind",
    "SpecialKind",
    "natural_key",
    "parse_well",
    "slug",
    "well_name",
    "well_path",
    "well_position",
]

COMPONENTS: Final = ("field", "channel", "z", "t")
"""Components inside a well, in the order planes are sorted and stacked."""

VALID_MEMORY_TYPES: Final = (
    "numpy",
    "cupy",
    "torch",
    "jax",
    "tensorflow",
    "pyclesperanto",
)

PLATE_SIZES: Final = ((1, 1), (2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of the standard plates (1 to 1536 wells)."""

SLUG_LENGTH: Final = 60
"""Letters of a name that go into a file's name: in any script they fit into its 255 bytes."""

_WELL = re.compile(r"^([A-Za-z]{1,2})0*([1-9][0-9]?)$")


class Kind(StrEnum):
    """What a step's output is."""

    IMAGE = "image"
    MASK = "mask"
    LABELS = "labels"
    TABLE = "table"


class SpecialKind(StrEnum):
    """What a function gives beside its main result, or takes from an earlier step."""

    POSITIONS = "positions"
    """(N, 2) rows and columns, px; (N, 3) with the plane first for a stack."""
    REGIONS = "regions"
    """Outlines: a sequence of (M, 2) vertices, rows and columns, px."""
    TABLE = "table"
    """Equally long columns by name."""
    JSON = "json"
    """A mapping or list of text, numbers, True, False, None and such."""
    IMAGE = "image"
    """(Y, X), or (Z, Y, X) of a stack."""


class Contract(StrEnum):
    """What a function takes and gives."""

    PLANE = "plane"
    """YX to YX, applied plane by plane."""
    VOLUME = "volume"
    """Works on ZYX (N planes at once)."""
    FLEXIBLE = "flexible"
    """Either; plane by plane unless the step asks for volumes."""
    REDUCE = "reduce"
    """N planes to one plane."""
    LABELS = "labels"
    """Gives an integer label image; plane by plane unless the step asks for volumes."""
    TABLE = "table"
    """Gives one row an object."""


def parse_well(text: str) -> str:
    """Return the canonical name (``B02``) of a well written in any usual way.

    Raises
    ------
    PlateError
        `text` is no well name.
    """
    match = _WELL.match(text.strip())
    if match is None or well_position_of(match[1].upper(), int(match[2])) is None:
        raise PlateError(
            f"'{text}' is not a well name: expected one or two letters (A to AF) and a "
            "column from 1 to 48, such as B02."
        )
    return f"{match[1].upper()}{int(match[2]):02d}"


def well_position_of(letters: str, column: int) -> tuple[int, int] | None:
    """Return 0-based (row, column), or None where no 1536-well plate has it."""
    row = ord(letters[-1]) - 65 + (26 * (ord(letters[0]) - 64) if len(letters) == 2 else 0)
    return (row, column - 1) if row < 32 and 1 <= column <= 48 else None


def well_position(well: str) -> tuple[int, int]:
    """Return the 0-based (row, column) of a canonical well name."""
    letters = well.rstrip("0123456789")
    position = well_position_of(letters, int(well[len(letters) :]))
    if position is None:
        raise PlateError(f"'{well}' is not a well of a plate with up to 32 × 48 wells.")
    return position


def row_letters(row: int) -> str:
    """Return the letters of a 0-based row: A … Z, AA … AF."""
    return chr(65 + row) if row < 26 else "A" + chr(65 + row - 26)


def well_name(row: int, column: int) -> str:
    """Return the canonical name of the well at a 0-based (row, column)."""
    return f"{row_letters(row)}{column + 1:02d}"


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which ``2`` comes before ``10``."""
    return tuple(
        (0, int(part)) if part.isdecimal() else (1, part)
        for part in re.split(r"(\d+)", text)
        if part
    )


def slug(name: str) -> str:
    """Return `name` as a lower-case word fit for a file: ``Split nuclei`` → ``split_nuclei``.

    Accents are left out (``größe`` → ``grosse``), letters of other scripts are kept, and what
    is longer than :data:`SLUG_LENGTH` letters is cut.
    """
    word = "".join(map(_plain, unicodedata.normalize("NFC", name.casefold())))
    return re.sub(r"[\W_]+", "_", word)[:SLUG_LENGTH].strip("_") or "step"


def _plain(letter: str) -> str:
    """Return a Latin letter without its accents; any other letter as it is."""
    parts = unicodedata.normalize("NFKD", letter)
    return parts.encode("ascii", "ignore").decode() if parts[0].isascii() else letter


def well_path(well: str) -> str:
    """Return where a well lies in an OME-Zarr plate: ``B02`` → ``B/02``."""
    row, column = well_position(well)
    return f"{row_letters(row)}/{column + 1:02d}"
