"""The ``.HTD`` file of MetaXpress: what was to be acquired."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_openhcs.axes import well_name
from napari_openhcs.errors import PlateError

__all__ = ["PlateDescription", "read_htd"]

_ENTRY = re.compile(r'^"(\w+)"[ \t]*,[ \t]*("[^"]*"|[^\r\n]*)', re.M)
"""One entry; quoted text may hold line ends (people press Enter in the description)."""

_MOST = 100_000


@dataclass(frozen=True)
class PlateDescription:
    """What an HTD announces; the acquisition may have been stopped before all of it.

    Attributes
    ----------
    n_rows, n_columns : int
        Of the plate.
    wells : tuple of str
        Canonical names of the wells selected.
    n_fields : int
        Sites selected in each well; 0 where the file does not say.
    channel_names : tuple of str
        In the order of the wave numbers, from wave 1.
    n_time_points, n_z : int
        0 where the file does not say.
    """

    n_rows: int
    n_columns: int
    wells: tuple[str, ...]
    n_fields: int
    channel_names: tuple[str, ...]
    n_time_points: int
    n_z: int


def read_htd(path: Path) -> PlateDescription:
    """Read an HTD file.

    Raises
    ------
    PlateError
        It cannot be read, or holds no description of a plate.
    """
    try:
        text = path.read_bytes()[:_MOST].decode("latin-1")
    except OSError as error:
        raise PlateError(f"{path} cannot be read: {error.strerror}.") from error
    values = {key: value.strip().strip('"') for key, value in _ENTRY.findall(text)}
    if "XWells" not in values or "YWells" not in values:
        raise PlateError(
            f'{path} does not describe a plate: expected lines such as "XWells", 12; '
            "export it again from MetaXpress."
        )
    n_rows, n_columns = _integer(values, "YWells"), _integer(values, "XWells")
    wells = tuple(
        well_name(row, column)
        for row in range(min(n_rows, 32))
        for column, selected in enumerate(_flags(values, f"WellsSelection{row + 1}")[:48])
        if selected
    )
    return PlateDescription(
        n_rows=n_rows,
        n_columns=n_columns,
        wells=wells,
        n_fields=_n_fields(values),
        channel_names=_channel_names(values),
        n_time_points=_integer(values, "TimePoints"),
        n_z=_integer(values, "ZSteps") if values.get("ZSeries") == "TRUE" else 1,
    )


def _n_fields(values: Mapping[str, str]) -> int:
    if values.get("Sites") == "FALSE":
        return 1
    rows = range(1, min(_integer(values, "YSites"), 1000) + 1)
    return sum(sum(_flags(values, f"SiteSelection{row}")) for row in rows)


def _channel_names(values: Mapping[str, str]) -> tuple[str, ...]:
    number = min(_integer(values, "NWavelengths"), 99)
    return tuple(values.get(f"WaveName{wave}", "").strip() for wave in range(1, number + 1))


def _integer(values: Mapping[str, str], key: str) -> int:
    text = values.get(key, "")
    return int(text) if text.isdecimal() else 0


def _flags(values: Mapping[str, str], key: str) -> list[bool]:
    return [flag.strip().upper() == "TRUE" for flag in values.get(key, "").split(",")]
