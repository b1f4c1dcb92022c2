from __future__ import annotations

from pathlib import Path

import pytest

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import (
    Catalogue,
    CatalogueError,
    find_catalogue,
    read_catalogue,
    write_catalogue,
)
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec

SPEC = FunctionSpec(
    id="lib.f",
    implementation="lib._f:f",
    library="lib",
    library_version="2.0",
    memory_type_in="numpy",
    memory_type_out="numpy",
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="filter",
    summary="Do it.",
    input_kinds=(Kind.IMAGE, Kind.MASK),
    ndims=(2,),
    dtypes=FrozenMapping({"uint8": "bool"}),
    synonyms=("blur",),
    parameters=(
        ParameterSpec(name="a", type="float", default=float("inf")),
        ParameterSpec(name="b", type="float", default=float("-inf")),
        ParameterSpec(name="one", type="int", default=1),
        ParameterSpec(name="yes", type="bool", default=True),
        ParameterSpec(name="zero", type="float", default=0.0),
        ParameterSpec(name="false", type="bool", default=False),
        ParameterSpec(name="t", type="literal", default=((1, 2.0), ("x", None), ())),
        ParameterSpec(name="c", type="choice", default="u", choices=("u", 1, True)),
        ParameterSpec(name="f", type="footprint", required=True, suggested=("disk", 3)),
        ParameterSpec(name="m", type="array", optional=True, kind=Kind.MASK),
    ),
)


def test_comes_back_as_it_was_written(tmp_path: Path) -> None:
    catalogue = Catalogue("lib", "2.0", (SPEC,), FrozenMapping({"lib.f": "(image, a)"}))
    path = write_catalogue(catalogue, tmp_path)
    found = read_catalogue(path)
    assert found == catalogue
    for before, after in zip(SPEC.parameters, found.functions[0].parameters, strict=True):
        assert repr(before) == repr(after)
    assert path.read_bytes() == write_catalogue(found, tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("installed", "expected"),
    [("1.2", "1.2"), ("1.10.3", "1.10"), ("1.9", "1.2"), ("0.5", "1.2"), (None, "1.10")],
)
def test_finds_the_catalogue_that_fits_best(
    tmp_path: Path, installed: str | None, expected: str
) -> None:
    for version in ("1.2", "1.10"):
        write_catalogue(Catalogue("lib", version, ()), tmp_path)
    found = find_catalogue(tmp_path, "lib", installed)
    assert found is not None
    assert found.stem == f"lib-{expected}"


def test_there_may_be_none(tmp_path: Path) -> None:
    assert find_catalogue(tmp_path, "lib", "1.0") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"library": "a", "version": "1", "functions": [{"id": "x"}]}'],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lib-1.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=r"lib-1\.json is not a function catalogue"):
        read_catalogue(path)
