import math
import pickle
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_openhcs.frozen import FrozenMapping, freeze, from_json, to_json

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
MAPPINGS = st.dictionaries(st.text(max_size=5), SCALARS, max_size=5)


class Place(NamedTuple):
    name: str
    at: tuple[float, float]


@dataclass(frozen=True)
class Document:
    places: tuple[Place, ...] = ()
    sizes: FrozenMapping[str, FrozenMapping[str, float]] = field(default_factory=FrozenMapping)
    by_place: FrozenMapping[int, tuple[str, ...]] = field(default_factory=FrozenMapping)


@given(MAPPINGS)
def test_is_equal_to_the_mapping_it_was_made_of(items):
    frozen = FrozenMapping(items)
    assert frozen == items
    assert dict(frozen) == items
    assert list(frozen) == list(items)
    assert len(frozen) == len(items)
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert hash(FrozenMapping(reversed(items.items()))) == hash(frozen)


def test_cannot_be_changed():
    frozen = FrozenMapping({"a": 1})
    with pytest.raises(TypeError):
        frozen["a"] = 2
    with pytest.raises(TypeError):
        del frozen["a"]
    with pytest.raises(AttributeError):
        frozen.b = 2


def test_does_not_follow_its_origin():
    origin = {"a": 1}
    frozen = FrozenMapping(origin)
    origin["a"] = 2
    assert frozen["a"] == 1


def test_replace_gives_a_copy():
    frozen = FrozenMapping({"a": 1, "b": 2})
    assert frozen.replace(b=3, c=4) == {"a": 1, "b": 3, "c": 4}
    assert frozen == {"a": 1, "b": 2}


def test_other_things_are_not_equal():
    assert FrozenMapping({"a": 1}) != FrozenMapping({"a": 2})
    assert FrozenMapping() != ()
    assert "a" in FrozenMapping({"a": None})
    assert "b" not in FrozenMapping({"a": None})
    assert repr(FrozenMapping({"a": 1})) == "FrozenMapping({'a': 1})"


def test_freeze_goes_all_the_way_down():
    frozen = freeze({"a": [1, {"b": [2]}], "c": (3,)})
    assert frozen == {"a": (1, FrozenMapping({"b": (2,)})), "c": (3,)}
    hash(frozen)


DOCUMENT = Document(
    (Place("A01", (1.5, -2.0)),),
    FrozenMapping({"b": FrozenMapping({"x": 1.0}), "a": FrozenMapping()}),
    FrozenMapping({3: ("x", "y")}),
)


def test_goes_through_json():
    assert from_json(to_json(DOCUMENT), Document) == DOCUMENT
    assert from_json(to_json(DOCUMENT, indent=2), Document) == DOCUMENT
    assert b"\n" not in to_json(DOCUMENT)
    assert b"\n" in to_json(DOCUMENT, indent=2)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"places": 3}', b'{"sizes": {"a": 1}}', b'{"by_place": {"x": []}}']
)
def test_json_of_another_form_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 (the library's own sentence)
        from_json(text, Document)


def test_what_has_no_json_form_is_refused():
    with pytest.raises((TypeError, NotImplementedError)):
        to_json(FrozenMapping({"a": object()}))


def test_numbers_that_json_does_not_have_go_through_it():
    values = freeze(
        {"a": float("inf"), "b": (1.5, (float("-inf"),)), "c": {"d": float("nan")}, "e": None}
    )
    again = from_json(to_json(values), FrozenMapping[str, Any])
    assert again == values
    assert repr(again) == repr(values)


def test_a_mapping_with_nan_equals_its_pickled_copy() -> None:
    mapping = freeze({"value": math.nan, "both": (1.0, float("nan")), "in": {"deep": -math.nan}})
    assert pickle.loads(pickle.dumps(mapping)) == mapping
