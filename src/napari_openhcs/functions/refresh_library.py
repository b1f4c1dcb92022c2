"""Functions that a newer version of a library changed or added, established in the background.

Under a version that is not catalogued a function is trusted while its signature is the one
that was established.  The others are run once on this machine, in processes of their own and
behind everything else; what is found is kept in the user's cache, one catalogue file for a
version, and is listed from then on::

    for library in outdated():
        establish_changed(library, print)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.catalogue import (
    Catalogue,
    find_catalogue,
    read_catalogue,
    user_catalogue,
    write_catalogue,
)
from napari_openhcs.functions.establish import establish_library, forget_record
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary

__all__ = ["Refreshed", "establish_changed", "outdated", "refresh_library", "refresh_outdated"]


@dataclass(frozen=True)
class Refreshed:
    """What came of establishing the changed functions of a library.

    Attributes
    ----------
    listed : tuple of str
        Ids of changed and new functions that work.
    left_out : mapping of str to str
        Why the other changed and new functions are not listed, by id.
    problem : str
        A sentence when the library could not be run at all; empty otherwise.
    """

    library: str
    version: str
    listed: tuple[str, ...] = ()
    left_out: FrozenMapping[str, str] = field(default_factory=FrozenMapping)
    problem: str = ""

    @property
    def sentence(self) -> str:
        """What to tell a person; empty when nothing is changed or new."""
        tried = len(self.listed) + len(self.left_out)
        if self.problem or not tried:
            return self.problem
        return (
            f"{LIBRARIES[self.library].title} {self.version} is another version than was tested: "
            f"{tried} of its functions are changed or new, and {len(self.listed)} of them work."
        )


_one_at_a_time = threading.Lock()


def outdated() -> tuple[str, ...]:
    """Return the libraries with a version installed whose changes were not looked at yet."""
    return tuple(name for name, library in LIBRARIES.items() if _is_outdated(library))


def _is_outdated(library: FunctionLibrary) -> bool:
    version = library.version()
    if version is None or library.keeps_source or not library.is_available():
        return False
    found = find_catalogue(library.folder, library.name, version)
    if found is None or found.stem == f"{library.name}-{version}":
        return False
    return not user_catalogue(library.name, version).exists()


def refresh_library(name: str) -> Refreshed:
    """Establish the changed and new functions of a library; takes seconds to minutes.

    Ends at once when that was done before.  A run that is cut short goes on the next time.
    """
    library = LIBRARIES[name]
    version = library.version() or ""
    with _one_at_a_time:
        if not _is_outdated(library):
            return Refreshed(name, version)
        shipped = find_catalogue(library.folder, name, version)
        assert shipped is not None
        known = read_catalogue(shipped)
        folder = user_catalogue(name, version).parent
        chosen = _Changed(known)
        try:
            found = establish_library(name, choose=chosen, folder=folder, background=True)
        except OpenHCSError as error:
            return Refreshed(name, version, problem=str(error))
        gone = dict.fromkeys(chosen.gone, f"is not in version {version}")
        write_catalogue(replace(found, excluded=FrozenMapping({**found.excluded, **gone})), folder)
        forget_record(library, folder)
    registry.refresh()
    return Refreshed(name, version, tuple(spec.id for spec in found.functions), found.excluded)


class _Changed:
    """The choice of functions that differ from a catalogue."""

    def __init__(self, known: Catalogue) -> None:
        self._known = known
        self.gone: list[str] = []

    def __call__(self, signatures: Mapping[str, str]) -> list[str]:
        before = self._known.signatures
        self.gone = [name for name in before if name not in signatures]
        return [
            name
            for name, text in signatures.items()
            if before.get(name, text) != text
            or (name not in before and name not in self._known.excluded)
        ]


def refresh_outdated() -> tuple[Refreshed, ...]:
    """Refresh all libraries that are outdated, one after another."""
    return tuple(refresh_library(name) for name in outdated())


def establish_changed(
    library: str, on_done: Callable[[Refreshed], None] = lambda refreshed: None
) -> threading.Thread:
    """Refresh a library in a thread that does not keep the program alive.

    Parameters
    ----------
    library : str
        Key of the adapter.
    on_done : callable
        Called in that thread, after the registry lists what was found.

    Returns
    -------
    threading.Thread
        Already started.
    """
    thread = threading.Thread(
        target=lambda: on_done(refresh_library(library)),
        name=f"establish {library}",
        daemon=True,
    )
    thread.start()
    return thread
