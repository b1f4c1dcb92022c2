"""The generic lazy registry: one file an entry, found by name, imported on first use.

Formats, storage backends, memory types, function libraries and executors are each one
module in their room.  The file's name is the key and the module's ``EXPORT`` attribute
the entry.  Third parties join through an entry-point group of the same purpose; one that
cannot be imported is left out and reported in a sentence, so that it harms no other.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import threading
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar

from napari_openhcs.errors import EntryError
from napari_openhcs.installed import entry_points

T = TypeVar("T")

__all__ = ["LazyRegistry"]


class LazyRegistry(Mapping[str, T], Generic[T]):
    """Entries of one room by name; a module is imported when its entry is first used.

    Its keys are all names, for listing them imports nothing; :meth:`values` and
    :meth:`items` leave out entries of other distributions that cannot be imported.

    Parameters
    ----------
    package : str
        The room, e.g. ``napari_openhcs.formats``; every public module in it whose source
        defines an entry belongs to the registry.
    entry_points : str
        Entry-point group through which other distributions add entries.
    not_entries : tuple of str
        Modules of the room that are no entries (shared ground such as ``base``).
    """

    def __init__(self, package: str, entry_points: str, not_entries: tuple[str, ...] = ()) -> None:
        self._package = package
        self._group = entry_points
        self._not_entries = frozenset(not_entries)
        self._lock = threading.RLock()
        self._loaded: dict[str, T] = {}
        self._broken: dict[str, str] = {}
        self._names: dict[str, str] | None = None

    def _locations(self) -> dict[str, str]:
        """Map each entry's name to ``module:attribute``."""
        with self._lock:
            if self._names is None:
                package = importlib.import_module(self._package)
                names = {
                    info.name: f"{self._package}.{info.name}:EXPORT"
                    for info in pkgutil.iter_modules(package.__path__)
                    if info.name not in self._not_entries and not info.name.startswith("_")
                }
                for name, value in entry_points(self._group):
                    names.setdefault(name, value)
                self._names = dict(sorted(names.items()))
            return self._names

    def __getitem__(self, name: str) -> T:
        """Return an entry.

        Raises
        ------
        KeyError
            There is none of this name.
        EntryError
            It is another distribution's and cannot be imported.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name, self._locations()[name])
            return self._loaded[name]

    def _load(self, name: str, location: str) -> Any:
        if location.startswith(f"{self._package}."):
            return _import(location)
        if name not in self._broken:
            try:
                return _import(location)
            # The border to other people's packages: importing one may raise anything.
            except (Exception, SystemExit) as error:  # noqa: BLE001
                self._report(name, location, error)
        raise EntryError(self._broken[name])

    def _report(self, name: str, location: str, error: BaseException) -> None:
        import logging

        package = re.split(r"[.:]", location)[0]
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": .")
        self._broken[name] = (
            f"'{name}' ({location}, {self._group}) of the package {package} cannot be imported "
            f"({said}) and is left out: repair or uninstall {package}."
        )
        logging.getLogger(__name__).warning("%s", self._broken[name])

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each entry that could not be imported when it was used."""
        return tuple(self._broken.values())

    def get(self, name: str, default: Any = None) -> Any:
        """Return an entry, or `default` where there is none or it cannot be imported."""
        try:
            return self[name]
        except (KeyError, EntryError):
            return default

    def values(self) -> ValuesView[T]:
        """Return the entries that can be imported; each is imported when it is reached."""
        return _Values(self)

    def items(self) -> ItemsView[str, T]:
        """Return names and entries that can be imported."""
        return _Items(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations())

    def __len__(self) -> int:
        return len(self._locations())

    def __contains__(self, name: object) -> bool:
        return name in self._locations()

    def refresh(self) -> None:
        """Look again for modules and entry points; loaded entries are kept."""
        with self._lock:
            self._names = None
            self._broken = {}


class _Items(ItemsView[str, T]):
    def __init__(self, registry: LazyRegistry[T]) -> None:
        super().__init__(registry)
        self._registry = registry

    def __iter__(self) -> Iterator[tuple[str, T]]:
        for name in self._registry:
            try:
                yield name, self._registry[name]
            except EntryError:  # it is among the registry's problems
                continue


class _Values(ValuesView[T]):
    def __init__(self, registry: LazyRegistry[T]) -> None:
        super().__init__(registry)
        self._items = _Items(registry)

    def __iter__(self) -> Iterator[T]:
        return (entry for _, entry in self._items)


def _import(location: str) -> Any:
    """Import what ``module:attribute`` names; extras in brackets have no meaning here."""
    module, _, attributes = location.partition("[")[0].partition(":")
    path = filter(None, attributes.strip().split("."))
    return functools.reduce(getattr, path, importlib.import_module(module.strip()))
