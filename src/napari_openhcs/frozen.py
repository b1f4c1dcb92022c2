"""Values that cannot change: an immutable mapping and its JSON form.

Plans, plates and pipelines are made of frozen dataclasses, tuples and
:class:`FrozenMapping`; they hash, compare, pickle and turn into JSON and back
(:func:`to_json`, :func:`from_json`) without loss.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V", covariant=True)
T = TypeVar("T")

__all__ = ["FrozenMapping", "Literal", "freeze", "from_json", "to_json"]

Literal = None | bool | int | float | str | tuple[Any, ...]
"""A parameter value: what can stand as a literal in a script."""


class FrozenMapping(Mapping[K, V]):
    """A mapping that cannot be changed; insertion order is kept, equality ignores it.

    Parameters
    ----------
    items : mapping or iterable of pairs
        Copied once; the original can change without effect here.
    """

    __slots__ = ("_hash", "_items")
    _items: dict[K, V]
    _hash: int | None

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        self._items = dict(items)
        self._hash = None

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMapping):
            return self._items == other._items
        if isinstance(other, Mapping):
            return self._items == dict(other)
        return NotImplemented

    def __reduce__(self) -> tuple[Callable[[dict[K, V]], FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return _unpickled, (self._items,)

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def replace(self, **changes: Any) -> FrozenMapping[Any, Any]:
        """Return a copy with some values changed."""
        merged: dict[Any, Any] = dict(self._items)
        merged.update(changes)
        return FrozenMapping(merged)


def _unpickled(items: dict[K, V]) -> FrozenMapping[K, V]:
    return FrozenMapping({key: _one_nan(value) for key, value in items.items()})


def _one_nan(value: Any) -> Any:
    """Return a value in which every "not a number" is that of :mod:`math`."""
    if type(value) is tuple:
        return tuple(_one_nan(item) for item in value)
    return math.nan if isinstance(value, float) and value != value else value


def freeze(value: Any) -> Any:
    """Turn lists into tuples and mappings into :class:`FrozenMapping`, all the way down.

    Every "not a number" becomes the one of :mod:`math`, so that mappings holding it are equal.
    """
    if isinstance(value, Mapping):
        return FrozenMapping({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return _one_nan(value)


_NUMBER = "$number"
"""Key of the mapping that stands in JSON for a number JSON does not have: inf, -inf, nan."""


def _finite(value: Any) -> Any:
    """Return a value in which numbers that JSON does not have are written as mappings."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: repr(value)}
    if type(value) is tuple:
        return tuple(_finite(item) for item in value)
    return value


def _restored(value: Any) -> Any:
    """Undo :func:`_finite` in frozen values."""
    if type(value) is tuple:
        return tuple(_restored(item) for item in value)
    if not isinstance(value, FrozenMapping):
        return value
    if len(value) == 1 and isinstance(text := value.get(_NUMBER), str):
        return freeze(float(text))
    return FrozenMapping({key: _restored(item) for key, item in value.items()})


def _encode(value: Any) -> Any:
    if isinstance(value, FrozenMapping):
        return {key: _finite(item) for key, item in value.items()}
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _decode(target: Any, value: Any) -> Any:
    if typing.get_origin(target) is FrozenMapping:
        key, item = typing.get_args(target)
        plain = types.GenericAlias(dict, (key, item))
        # `freeze` gives back tuples where the item type is Any and JSON has lists.
        frozen: FrozenMapping[Any, Any] = freeze(
            msgspec.convert(value, plain, str_keys=True, dec_hook=_decode)
        )
        return FrozenMapping({key: _restored(item) for key, item in frozen.items()})
    raise NotImplementedError(f"{target} cannot be read from JSON")


def to_json(value: Any, *, indent: int = 0) -> bytes:
    """Encode a frozen value as JSON; equal values give equal bytes.

    Parameters
    ----------
    value : object
        Made of dataclasses, named tuples, enums, tuples and mappings.
    indent : int
        Spaces per level; 0 gives one line.
    """
    text = msgspec.json.encode(value, enc_hook=_encode)
    return msgspec.json.format(text, indent=indent) if indent else text


def from_json(text: bytes | str, target: type[T]) -> T:
    """Decode JSON into `target`, checking every type on the way.

    Raises
    ------
    ValueError
        The text is no JSON, or does not have the form of `target`; the message says
        where.
    """
    return msgspec.json.decode(text, type=target, dec_hook=_decode)
