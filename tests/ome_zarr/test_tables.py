from __future__ import annotations

import random

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.tables import concatenate, encode_table, read_schema, read_table

COLUMNS = {
    "area": np.array([3.5, np.nan, 2.0]),
    "label": np.array([1, 2, 9], np.int32),
    "round": np.array([True, False, True]),
    "class": np.array(["a", "ß", ""]),
}


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(encode_table(COLUMNS, well="A01", field="1"))
    return path


def test_values_and_types_come_back_with_well_field_and_label_first(stored):
    table = read_table(stored, well="A01", field="1")
    assert table.column_names == ["well", "field", "label", "area", "round", "class"]
    assert table.column("well").to_pylist() == ["A01"] * 3
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(table.column(name).to_numpy(), values)
    assert str(table.schema.field("label").type) == "int32"
    assert table.schema.metadata is None
    rows, schema = read_schema(stored)
    assert (rows, schema.names) == (3, table.column_names)


def test_columns_given_by_the_run_are_kept(tmp_path):
    columns = {"t": np.array([1, 2]), "field": np.array([5, 6]), "z": np.array([0, 0])}
    path = tmp_path / "table.parquet"
    path.write_bytes(encode_table(columns, well="A01", field="1"))
    table = read_table(path, well="A01", field="1")
    assert table.column_names == ["well", "field", "z", "t"]
    assert table.column("field").to_pylist() == ["5", "6"]


def test_flipped_bits_are_found(stored):
    good = read_table(stored, well="A01", field="1")
    data = stored.read_bytes()
    chosen = random.Random(0).sample(range(8 * len(data)), 400)
    for bit in chosen:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        stored.write_bytes(flipped)
        try:
            table = read_table(stored, well="A01", field="1")
        except StoreError:
            continue
        assert table.column_names == good.column_names
        np.testing.assert_equal(table.to_pydict(), good.to_pydict())


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"field 1 has columns of \[2, 3\] rows"):
        encode_table({"a": np.zeros(2), "b": np.zeros(3)}, well="A01", field="1")
    with pytest.raises(StoreError, match="Column 'a' of a table of well A01, field 1 cannot"):
        encode_table({"a": np.zeros((2, 2))}, well="A01", field="1")
    with pytest.raises(StoreError, match="is missing: restore it"):
        read_table(tmp_path / "table.parquet", well="A01", field="1")
    with pytest.raises(StoreError, match="is missing: restore it"):
        read_schema(tmp_path / "table.parquet")


def _table(tmp_path, well, **columns):
    path = tmp_path / f"{well}.parquet"
    path.write_bytes(encode_table(columns, well=well, field="1"))
    return read_table(path, well="A01", field="1")


def test_conditions_are_joined_by_well(tmp_path):
    parts = [
        _table(tmp_path, "A01", dose=np.array([7])),
        _table(tmp_path, "A02", dose=np.array([8, 9]), more=np.array([1.5, 2.5])),
    ]
    table = concatenate(parts, {"A01": {"dose": 3.0, "drug": "x"}, "A02": {"drug": 5}})
    assert table.to_pydict() == {
        "well": ["A01", "A02", "A02"],
        "field": ["1", "1", "1"],
        "dose": [7, 8, 9],
        "more": [None, 1.5, 2.5],
        "condition_dose": [3.0, None, None],
        "drug": ["x", "5", "5"],
    }


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([True], [np.nan, 1.0], [1.0, np.nan, 1.0]),
        ([True, False], [3], [1.0, 0.0, 3.0]),
        (["a"], [np.nan, 2.5], ["a", "nan", "2.5"]),
        (["a"], [True], ["a", "true"]),
        ([1], [2.5], [1.0, 2.5]),
        ([True], [False], [True, False]),
    ],
)
def test_fields_whose_columns_have_different_types_go_together(tmp_path, first, second, expected):
    parts = [
        _table(tmp_path, well, value=np.array(values))
        for well, values in (("A01", first), ("A02", second))
    ]
    found = concatenate(parts, {}).column("value").to_pylist()
    np.testing.assert_array_equal(found, expected)


def test_tables_without_rows(tmp_path):
    assert concatenate([], {"A01": {"dose": 1.0}}).num_rows == 0
    empty = _table(tmp_path, "A01", label=np.zeros(0, np.int32))
    table = concatenate([empty], {"A01": {"dose": 1.0}})
    assert (table.num_rows, table.column_names) == (0, ["well", "field", "label", "dose"])


def test_tables_of_other_programs_get_well_and_field(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table({"area": [1.5], "label": [1]}), path)
    table = read_table(path, well="B02", field="3")
    assert table.to_pylist() == [{"well": "B02", "field": "3", "label": 1, "area": 1.5}]
    assert table.column_names == ["well", "field", "label", "area"]
