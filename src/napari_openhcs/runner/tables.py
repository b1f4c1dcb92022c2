"""Joining measured tables: channels side by side, places one below the other.

A table is a plain ``dict`` of equally long one-dimensional arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from napari_openhcs.plan import Coord, Grid

__all__ = ["Table", "join_channels", "stack_places"]

Table = dict[str, np.ndarray]

LABEL = "label"


def join_channels(
    tables: Mapping[str, Table], names: Mapping[str, str], shared: Collection[str]
) -> Table:
    """Join the rows of several channels per object.

    Parameters
    ----------
    tables : mapping of channel id to table
    names : mapping of channel id to name
        Suffixes of the columns.
    shared : collection of str
        Columns that do not depend on the channel; with ``label`` they appear once.

    Returns
    -------
    dict of str to ndarray
        One row an object.  A single channel keeps its columns as they are.  Objects
        that a channel does not have are NaN in its columns.
    """
    if len(tables) == 1:
        return dict(next(iter(tables.values())))
    once = {LABEL, *shared}
    first = next(iter(tables.values()))
    same = all(
        LABEL in table and LABEL in first and np.array_equal(table[LABEL], first[LABEL])
        for table in tables.values()
    )
    if not same and all(LABEL in table for table in tables.values()):
        labels = np.unique(np.concatenate([table[LABEL] for table in tables.values()]))
        tables = {key: _spread(table, labels) for key, table in tables.items()}
    joined: Table = {}
    for channel, table in tables.items():
        for column, values in table.items():
            if column in once:
                joined[column] = _first_known(joined.get(column), values)
            else:
                joined[f"{column}_{names.get(channel, channel)}"] = values
    return joined


def _spread(table: Table, labels: np.ndarray) -> Table:
    """Put a table's rows at the places of their labels among `labels`."""
    rows = np.searchsorted(labels, table[LABEL])
    if len(rows) == len(labels):
        order = np.argsort(rows, kind="stable")
        return {name: values[order] for name, values in table.items()}
    spread: Table = {LABEL: labels}
    for name, values in table.items():
        if name != LABEL:
            wide = np.full(len(labels), np.nan, np.result_type(values.dtype, np.float64))
            wide[rows] = values
            spread[name] = wide
    return spread


def _first_known(known: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    if known is None or known.dtype.kind != "f":
        return values if known is None else known
    return np.where(np.isnan(known), values, known)


def stack_places(well: str, tables: Sequence[tuple[Coord, Table]], grid: Grid) -> Table:
    """Put the tables of one field's places below each other and say where each row is from.

    Parameters
    ----------
    well : str
    tables : sequence of (Coord, table)
    grid : Grid
        Of the whole dataset; ``z`` and ``t`` become columns when it has several.

    Returns
    -------
    dict of str to ndarray
        ``well, field`` (, ``z, t``), then ``label`` and the measured columns.
    """
    lengths = [_length(table) for _, table in tables]
    result: Table = {
        "well": np.full(sum(lengths), well, dtype=object),
        "field": np.array(
            [coord.field for (coord, _), n in zip(tables, lengths, strict=True) for _ in range(n)],
            dtype=object,
        ),
    }
    for component in ("z", "t"):
        if len(grid.values(component)) > 1:
            numbers = [getattr(coord, component) for coord, _ in tables]
            result[component] = np.repeat(np.array(numbers, np.int64), lengths)
    columns = dict.fromkeys(name for _, table in tables for name in table if name not in result)
    if LABEL in columns:
        columns = {LABEL: None, **columns}
    for column in columns:
        parts = [
            table.get(column, np.full(n, np.nan))
            for (_, table), n in zip(tables, lengths, strict=True)
        ]
        filled = [part for part in parts if len(part)] or parts[:1]
        result[column] = np.concatenate(filled)
    return result


def _length(table: Table) -> int:
    return len(next(iter(table.values()))) if table else 0
