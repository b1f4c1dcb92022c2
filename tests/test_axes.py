import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_openhcs.axes import (
    PLATE_SIZES,
    natural_key,
    parse_well,
    row_letters,
    slug,
    well_name,
    well_position,
)
from napari_openhcs.errors import PlateError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A1", "A01"),
        ("a01", "A01"),
        (" B12 ", "B12"),
        ("H012", "H12"),
        ("P24", "P24"),
        ("aa1", "AA01"),
        ("AF48", "AF48"),
    ],
)
def test_parse_well(text, name):
    assert parse_well(text) == name


@pytest.mark.parametrize(
    "text", ["", "A", "1", "A0", "A49", "AG01", "ZZ1", "A-1", "A 1", "1A", "ABC1", "A100", "../A1"]
)
def test_what_is_no_well_is_refused(text):
    with pytest.raises(PlateError, match="is not a well name"):
        parse_well(text)


@given(st.integers(0, 31), st.integers(0, 47))
def test_a_well_has_a_name_and_a_name_a_place(row, column):
    name = well_name(row, column)
    assert well_position(name) == (row, column)
    assert parse_well(name) == name
    assert name.startswith(row_letters(row))


@given(st.text(max_size=6))
def test_any_text_is_a_canonical_well_or_refused(text):
    try:
        name = parse_well(text)
    except PlateError:
        return
    assert well_name(*well_position(name)) == name


def test_natural_order():
    names = ["10", "2", "s10", "s2", "1", "s1b", "s1a"]
    assert sorted(names, key=natural_key) == ["1", "2", "10", "s1a", "s1b", "s2", "s10"]


@given(st.lists(st.text(max_size=5)))
def test_natural_keys_always_compare(texts):
    assert sorted(sorted(texts, key=natural_key)) == sorted(texts)


def test_plate_sizes_grow():
    assert [rows * columns for rows, columns in PLATE_SIZES] == [1, 6, 12, 24, 48, 96, 384, 1536]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Split nuclei", "split_nuclei"),
        ("../../x", "x"),
        ("__2__nd (b)", "2_nd_b"),
        ("Größe é µm²", "grosse_e_μm2"),
        ("核", "核"),
        ("が 細胞", "が_細胞"),
        ("\N{COMBINING DIAERESIS}\0\n", "step"),
        ("", "step"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_slug_is_fit_for_a_file(name, word):
    assert slug(name) == word
