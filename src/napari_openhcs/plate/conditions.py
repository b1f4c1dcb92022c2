"""The plate map: what each well was treated with, read from ``platemap.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path

from napari_openhcs.axes import parse_well, row_letters
from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plate.model import PlateProblem

__all__ = ["Conditions", "find_plate_map", "read_plate_map"]

Conditions = FrozenMapping[str, FrozenMapping[str, str | float]]

_NAMES = ("platemap.csv", "platemap.tsv")
_WELL_COLUMNS = ("well", "well_name", "wellname", "well_id")
_POSITION_COLUMNS = (("row", "column"), ("row", "col"))


def find_plate_map(root: Path) -> Path | None:
    """Return the plate map in the plate's folder or, failing that, in its parent."""
    for folder in (root, root.parent):
        for name in _NAMES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_plate_map(path: Path) -> tuple[Conditions, tuple[PlateProblem, ...]]:
    """Read a table with a ``well`` column (or ``row`` and ``column``), one row a well.

    Parameters
    ----------
    path : Path
        Comma, semicolon or tab separated text in UTF-8 (or Latin-1), with a header.

    Returns
    -------
    conditions : FrozenMapping of well to FrozenMapping
        Every other column that has a value (NaN is none); finite numbers as float, the rest
        as str.
    problems : tuple of PlateProblem
        Rows that were left out, and why; a table that cannot be used at all is one problem.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        return FrozenMapping(), (_problem(path, f"cannot be read ({error.strerror})"),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    keys = _well_keys(names)
    if keys is None:
        found = ", ".join(names) or "nothing"
        problem = _problem(
            path, f"has no column 'well' (nor 'row' and 'column'): it has {found}; rename one"
        )
        return FrozenMapping(), (problem,)
    return _read_rows(path, reader, keys, decimal_comma=separator == ";")


def _well_keys(names: dict[str, str]) -> tuple[str, ...] | None:
    """Return the header's spelling of the column or columns that name the well."""
    for name in _WELL_COLUMNS:
        if name in names:
            return (names[name],)
    for pair in _POSITION_COLUMNS:
        if all(name in names for name in pair):
            return tuple(names[name] for name in pair)
    return None


def _read_rows(
    path: Path,
    rows: Iterable[dict[str | None, str | list[str] | None]],
    keys: tuple[str, ...],
    *,
    decimal_comma: bool,
) -> tuple[Conditions, tuple[PlateProblem, ...]]:
    conditions: dict[str, FrozenMapping[str, str | float]] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        try:
            well = _well_of([str(row[key] or "").strip() for key in keys])
        except PlateError as error:
            problems.append(_problem(path, f"line {number} was left out: {error}"))
            continue
        if well in conditions:
            problems.append(
                _problem(path, f"line {number} was left out: it names well {well} again")
            )
            continue
        conditions[well] = FrozenMapping(
            {
                name.strip(): value
                for name, text in row.items()
                if name and name not in keys and isinstance(text, str)
                if (value := _value(text, decimal_comma)) is not None
            }
        )
    return FrozenMapping(conditions), tuple(problems)


def _well_of(parts: list[str]) -> str:
    if len(parts) == 2 and parts[0].isdecimal():
        row = int(parts[0])
        parts = [row_letters(row - 1) if 1 <= row <= 32 else parts[0], parts[1]]
    return parse_well("".join(parts))


def _value(text: str, decimal_comma: bool) -> str | float | None:
    """Return what a cell says, None where it is empty or NaN; JSON has no infinite numbers."""
    text = text.strip()
    try:
        number = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        return text or None
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else text


def _problem(path: Path, sentence: str) -> PlateProblem:
    return PlateProblem("metadata", f"The plate map {path.name}: {sentence}.", path.name)
