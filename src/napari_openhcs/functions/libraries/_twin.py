"""Libraries that do on a GPU what another does on the CPU, under the same names.

What a function takes and gives was established for its twin on NumPy arrays; the GPU's own
inherits it, as far as their signatures agree, and is compared with its twin when it is first
called (:mod:`napari_openhcs.functions.verify`).  So the catalogue is made where there is no
GPU: the library must be installed, a device is not needed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import (
    Function,
    FunctionLibrary,
    Hints,
    import_function,
)
from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["TwinLibrary"]


@dataclass(frozen=True, kw_only=True)
class TwinLibrary(FunctionLibrary):
    """Adapter of a library whose functions have twins on NumPy arrays.

    Attributes
    ----------
    twin : str
        Key of the twins' library.
    roots : tuple of (str, str)
        Beginning of a function's id here, and of its twin's.
    distributions : tuple of str
        Other names under which it may be installed, one for each CUDA version.
    """

    twin: str
    roots: tuple[str, str]
    distributions: tuple[str, ...] = ()

    def version(self) -> str | None:
        """Return the installed version, under whichever name, or None."""
        own = (replace(self, distribution=name) for name in self.distributions)
        return next((found for it in own if (found := FunctionLibrary.version(it))), None) or (
            super().version()
        )

    def twin_name(self, name: str) -> str:
        """Return the id of a function's twin."""
        own, other = self.roots
        return other + name.removeprefix(own)

    def twin_of(self, name: str) -> FunctionSpec | None:
        """Return the function on NumPy arrays whose contract a function inherits."""
        return _functions(self.twin).get(self.twin_name(name))

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over (id, function) of the twins that the library has."""
        own, other = self.roots
        for name in _functions(self.twin):
            here = own + name.removeprefix(other)
            try:
                yield here, import_function(here)
            except (ImportError, AttributeError):
                continue

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        library, twin = LIBRARIES[self.twin], self.twin_name(name)
        hints = library.hints(twin)
        plain = not hints.fixed and hints.part is None
        # What stands for several results or for none is written for NumPy arrays.
        if plain and library.adapted(twin, _nothing) is not _nothing:
            return "its twin is adapted to images in a way that needs NumPy arrays"
        return ""

    def hints(self, name: str) -> Hints:
        """Return what is said of the twin."""
        hints = LIBRARIES[self.twin].hints(self.twin_name(name))
        return replace(hints, synonyms=(*hints.synonyms, "gpu"))


def _nothing() -> None:
    """Stand for a function that is not looked at."""


@functools.cache
def _functions(library: str) -> dict[str, FunctionSpec]:
    catalogue = LIBRARIES[library].catalogue()
    return {} if catalogue is None else {spec.id: spec for spec in catalogue.functions}
