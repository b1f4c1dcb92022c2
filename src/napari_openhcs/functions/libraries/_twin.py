"""Libraries that do on a GPU what another does on the CPU, under the same names.

What a function takes and gives was established for its twin on NumPy arrays; the GPU's own
inherits it, as far as their signatures agree, and is compared with its twin when it is first
called (:mod:`napari_openhcs.functions.verify`).  So the catalogue is made where there is no
GPU: the library must be installed, a device is not needed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import (
    Function,
    FunctionLibrary,
    Hints,
    Maker,
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
        make = LIBRARIES[self.twin].maker(self.twin_name(name))
        if make is not None and self.maker(name) is None:
            return "what is called in its twin's place needs NumPy arrays"
        if "rng" in self.hints(name).fixed:
            return "draws other random numbers than its twin"
        return ""

    def maker(self, name: str) -> Maker | None:
        """Return what makes of the twin the one that is called, where it suits a GPU's arrays."""
        make = LIBRARIES[self.twin].maker(self.twin_name(name))
        on_any_array = importlib.import_module(f"{__package__}._calls").ON_ANY_ARRAY
        return make if make in on_any_array else None

    def hints(self, name: str) -> Hints:
        """Return what is said of the twin."""
        hints = LIBRARIES[self.twin].hints(self.twin_name(name))
        return replace(hints, synonyms=(*hints.synonyms, "gpu"))


@functools.cache
def _functions(library: str) -> dict[str, FunctionSpec]:
    catalogue = LIBRARIES[library].catalogue()
    return {} if catalogue is None else {spec.id: spec for spec in catalogue.functions}
