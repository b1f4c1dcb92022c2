"""Our own functions on NumPy arrays, found by scanning the topic modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from napari_openhcs.axes import Contract
from napari_openhcs.functions.declare import Declaration, declaration_of
from napari_openhcs.functions.libraries.base import (
    Function,
    FunctionLibrary,
    Hints,
    import_function,
)

__all__ = ["EXPORT", "NativeLibrary", "hints_of", "scan"]

_PACKAGE = "napari_openhcs.functions"

_NDIMS: dict[Contract, tuple[int, ...]] = {
    Contract.PLANE: (2,),
    Contract.VOLUME: (3,),
    Contract.REDUCE: (3,),
}


def scan() -> Iterator[tuple[str, Function]]:
    """Iterate over (id, function) of everything declared in the topic modules.

    Imports the modules, none of which imports a GPU framework at its top.
    """
    package = importlib.import_module(_PACKAGE)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if info.ispkg:
            continue
        module = importlib.import_module(f"{_PACKAGE}.{info.name}")
        for name, value in sorted(vars(module).items()):
            declared_here = getattr(value, "__module__", "") == module.__name__
            if callable(value) and declared_here and declaration_of(value) is not None:
                yield f"{module.__name__}.{name}", value


class NativeLibrary(FunctionLibrary):
    """Functions of this package that take one memory type.

    Their catalogue is made together with the code; a test compares it with a fresh scan.
    """

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over (id, function) of the declared functions of this memory type."""
        for name, function in scan():
            if getattr(function, "input_memory_type", "numpy") == self.memory_type:
                yield name, function

    def hints(self, name: str) -> Hints:
        """Return what the function declares."""
        return hints_of(declaration_of(import_function(name)))


def hints_of(declared: Declaration | None) -> Hints:
    """Return what a declaration says; nothing where there is none."""
    if declared is None:
        return Hints()
    return Hints(
        required=declared.suggested,
        arrays=declared.array_kinds,
        input_kinds=declared.input_kinds,
        output_kind=declared.output_kind,
        contract=declared.contract,
        category=declared.category,
        synonyms=declared.synonyms,
        shared_columns=declared.shared_columns,
        stack_component=declared.stack_component,
        # Our own functions keep the scale of intensities.
        unit_scaled=False,
        ndims=declared.ndims or _NDIMS.get(declared.contract, (2, 3)),
        units=declared.units,
        limits=declared.limits,
        facts=declared.plate_facts,
    )


EXPORT = NativeLibrary(
    name="native",
    title="napari-openhcs",
    memory_type="numpy",
    module="napari_openhcs",
    distribution="napari-openhcs",
    install="pip install napari-openhcs",
)
