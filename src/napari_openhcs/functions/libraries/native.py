"""Our own functions on NumPy arrays, found by scanning the topic modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from napari_openhcs.functions.declare import declaration_of
from napari_openhcs.functions.libraries.base import Function, FunctionLibrary

__all__ = ["EXPORT", "NativeLibrary", "scan"]

_PACKAGE = "napari_openhcs.functions"


def scan() -> Iterator[tuple[str, Function]]:
    """Iterate over (id, function) of everything declared in the topic modules.

    Imports the modules (none of which imports a GPU framework at its top).
    """
    package = importlib.import_module(_PACKAGE)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if info.ispkg or info.name in _NOT_TOPICS:
            continue
        module = importlib.import_module(f"{_PACKAGE}.{info.name}")
        for name, value in sorted(vars(module).items()):
            declared_here = getattr(value, "__module__", "") == module.__name__
            if callable(value) and declared_here and declaration_of(value) is not None:
                yield f"{module.__name__}.{name}", value


_NOT_TOPICS = frozenset({"establish"})
"""Commands; importing them does no harm but is of no use."""


class NativeLibrary(FunctionLibrary):
    """Functions of this package that take one memory type."""

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over (id, function) of the declared functions of this memory type."""
        for name, function in scan():
            if getattr(function, "input_memory_type", "numpy") == self.memory_type:
                yield name, function


EXPORT = NativeLibrary(
    name="native",
    title="napari-openhcs",
    memory_type="numpy",
    module="napari_openhcs",
    distribution="napari-openhcs",
    install="pip install napari-openhcs",
)
