"""Measurement tables as Parquet: one file a field, in ``tables/<name>/table.parquet``.

This file alone uses pyarrow.  A table carries the checksum of its content, columns and
values, because Parquet's own checksums leave out its headers and its footer.
"""

from __future__ import annotations

import io
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.files import crc32c

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "FIRST_COLUMNS",
    "TABLE_FILE",
    "concatenate",
    "condition_titles",
    "encode_csv",
    "encode_table",
    "read_csv",
    "read_schema",
    "read_table",
]

TABLE_FILE = "table.parquet"
"""Where ngio's ``parquet`` backend looks for a table inside its group."""

CHECKSUM_KEY = b"openhcs:crc32c"
"""Key of the checksum in a Parquet file's metadata; other programs do not write it."""

DAMAGED = (OSError, ValueError, TypeError, LookupError, RuntimeError, ArithmeticError, MemoryError)
"""What pyarrow raises on damaged files beside its own exceptions."""

FIRST_COLUMNS = ("well", "field", "z", "t", "label")
"""Columns that come first, in this order, where a table has them."""


def encode_table(columns: Mapping[str, np.ndarray], *, well: str, field: str) -> bytes:
    """Return a table as the bytes of a Parquet file.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Equally long, one-dimensional.  ``well`` and ``field`` are added when they are not
        there.
    well, field : str

    Raises
    ------
    StoreError
        A column has no place in a table; the message names it.
    """
    import pyarrow
    import pyarrow.parquet

    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise StoreError(
            f"A table of well {well}, field {field} has columns of {sorted(lengths)} rows: "
            "all columns must be equally long."
        )
    rows = lengths.pop() if lengths else 0
    full = {
        "well": np.full(rows, well, dtype=object),
        "field": np.full(rows, field, dtype=object),
        **columns,
    }
    order = _ordered(tuple(full))
    arrays = [_column(name, full[name], well, field) for name in order]
    table = pyarrow.table(arrays, names=order)
    table = table.replace_schema_metadata({CHECKSUM_KEY: str(_checksum(table))})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _checksum(table: pyarrow.Table) -> int:
    """Return the CRC-32C of a table's names, types and values."""
    parts = [f"{field.name} {field.type}".encode() for field in table.schema]
    for column in table.columns:
        values = column.to_numpy()
        if values.dtype == object:
            parts.append("\0".join(map(str, values.tolist())).encode())
        else:
            parts.append(values.tobytes())
    return crc32c(b"\n".join(parts))


def _column(name: str, values: np.ndarray, well: str, field: str) -> pyarrow.Array:
    import pyarrow

    text = name in ("well", "field")
    try:
        return pyarrow.array(
            np.asarray(values).astype(str) if text else np.asarray(values),
            type=pyarrow.string() if text else None,
        )
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise StoreError(
            f"Column '{name}' of a table of well {well}, field {field} cannot be stored "
            f"({error}): expected numbers or text, one value a row."
        ) from error


def read_table(path: Path, *, well: str, field: str) -> pyarrow.Table:
    """Read a table.

    Returns
    -------
    pyarrow.Table
        :data:`FIRST_COLUMNS` first; ``well`` and ``field`` are added to tables of other
        programs that lack them.

    Raises
    ------
    StoreError
        It is missing or damaged.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        expected = (table.schema.metadata or {}).get(CHECKSUM_KEY)
        if expected is not None and int(expected) != _checksum(table):
            raise ValueError("its checksum does not match")
    except (pyarrow.ArrowException, *DAMAGED) as error:
        raise _damaged(path, error) from error
    for name, value in (("well", well), ("field", field)):
        if name not in table.column_names:
            column = pyarrow.array([value] * table.num_rows, pyarrow.string())
            table = table.append_column(name, column)
    return table.select(_ordered(table.column_names)).replace_schema_metadata(None)


def encode_csv(columns: Mapping[str, np.ndarray], *, well: str, field: str) -> bytes:
    """Return a table as CSV: UTF-8, a first line of names, text in quotes.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Equally long, one-dimensional.
    well, field : str
        For the sentence of an error.

    Raises
    ------
    StoreError
        A column has no place in a table; the message names it.
    """
    import pyarrow
    import pyarrow.csv

    arrays = [_column(name, values, well, field) for name, values in columns.items()]
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(pyarrow.table(arrays, names=list(columns)), buffer)
    return buffer.getvalue()


def read_csv(path: Path, text: Sequence[str]) -> dict[str, np.ndarray]:
    """Read what :func:`encode_csv` wrote.

    Parameters
    ----------
    path : Path
    text : sequence of str
        Columns that are text whatever they look like; the others are what they look like.

    Raises
    ------
    StoreError
        It is missing or damaged.
    """
    import pyarrow
    import pyarrow.csv

    types = {name: pyarrow.string() for name in text}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    try:
        table = pyarrow.csv.read_csv(path, convert_options=options)
    except (pyarrow.ArrowException, *DAMAGED) as error:
        raise _damaged(path, error) from error
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _ordered(names: Sequence[str]) -> list[str]:
    first = [name for name in FIRST_COLUMNS if name in names]
    return [*first, *(name for name in names if name not in first)]


def read_schema(path: Path) -> tuple[int, pyarrow.Schema]:
    """Return the number of rows and the columns of a table without reading them.

    Raises
    ------
    StoreError
        It is missing or damaged.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            return file.metadata.num_rows, file.schema_arrow
    except (pyarrow.ArrowException, *DAMAGED) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StoreError:
    if not path.is_file():
        return StoreError(f"{path} is missing: restore it or run its well again.")
    return StoreError(f"{path} is damaged ({error}): restore it or run its well again.")


def concatenate(
    tables: Sequence[pyarrow.Table], conditions: Mapping[str, Mapping[str, Any]]
) -> pyarrow.Table:
    """Return the tables of all fields as one, with the conditions of each row's well.

    Parameters
    ----------
    tables : sequence of pyarrow.Table
        A column that a field lacks is null there.
    conditions : mapping of well to mapping
        Each condition becomes a column after the measurements, null for wells that have
        none; one that is called as a column there is gets ``condition_`` before its name.
    """
    import pyarrow

    if not tables:
        return pyarrow.table({})
    whole = pyarrow.concat_tables(_alike(tables), promote_options="permissive")
    wells = whole.column("well").combine_chunks().dictionary_encode()
    names = dict.fromkeys(name for items in conditions.values() for name in items)
    titles = tuple(condition_titles(conditions, whole.column_names))
    for name, title in zip(names, titles, strict=True):
        values = [conditions.get(well, {}).get(name) for well in wells.dictionary.to_pylist()]
        column = _condition(values).take(wells.indices)
        whole = whole.append_column(title, column)
    return whole


def _alike(tables: Sequence[pyarrow.Table]) -> list[pyarrow.Table]:
    """Bring columns to types that go together.

    A column of true and false holds numbers where an object has no value: all become numbers
    then.  One that is text in some fields becomes text.
    """
    import pyarrow

    kinds: dict[str, set[pyarrow.DataType]] = {}
    for table in tables:
        for column in table.schema:
            kinds.setdefault(column.name, set()).add(column.type)
    wanted = {
        name: pyarrow.string() if pyarrow.string() in found else pyarrow.float64()
        for name, found in kinds.items()
        if len(found - {pyarrow.null()}) > 1 and found & {pyarrow.bool_(), pyarrow.string()}
    }
    return [_cast(table, wanted) for table in tables] if wanted else list(tables)


def _cast(table: pyarrow.Table, wanted: Mapping[str, pyarrow.DataType]) -> pyarrow.Table:
    for place, name in enumerate(table.column_names):
        if name in wanted:
            column = table.column(place)
            if wanted[name] == "double" and column.type == "bool":
                column = column.cast("uint8")
            table = table.set_column(place, name, column.cast(wanted[name]))
    return table


def condition_titles(
    conditions: Mapping[str, Mapping[str, Any]], columns: Container[str]
) -> Iterator[str]:
    """Iterate over the columns that :func:`concatenate` adds for `conditions`."""
    for name in dict.fromkeys(name for items in conditions.values() for name in items):
        yield name if name not in columns else f"condition_{name}"


def _condition(values: Sequence[Any]) -> pyarrow.Array:
    import pyarrow

    if any(isinstance(value, str) for value in values):
        values = [None if value is None else str(value) for value in values]
        return pyarrow.array(values, pyarrow.string())
    return pyarrow.array(values, pyarrow.float64())
