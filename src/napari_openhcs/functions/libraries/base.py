"""What an adapter of a function library is.

An adapter knows how a library is installed, where its image functions live and what
cannot be seen by running them (:class:`Hints`).  What each function takes and gives is
read from the catalogue; importing an adapter imports no library.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import (
    CATALOGUES,
    Catalogue,
    find_catalogue,
    read_catalogue,
)

__all__ = ["FunctionLibrary", "Hints", "import_function", "signature_text"]

Function = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What running a function cannot tell.

    Attributes
    ----------
    required : mapping of parameter to literal
        Values without which the function does nothing useful or fails; a form shows them
        first and they are always passed.
    arrays : mapping of parameter to Kind or None
        Further array parameters, to be wired; the kind expected, None for any.
    hidden : tuple of str
        Parameters that are the engine's, or that change the shape or type of the result.
    input_kinds : tuple of Kind
        Kinds the first array may have; empty: as found by running.
    output_kind : Kind or None
        None: as found by running.
    contract : Contract or None
        None: as found by running.
    unit_scaled : bool or None
        None: as found by running.
    dtypes : tuple of str
        Pixel types of the first array on which the result is right; empty: all that run.
    units, limits : mapping of parameter
        See :func:`~napari_openhcs.functions.declare.declare`.
    choices : mapping of parameter to tuple
        Values the docstring does not list in a readable form.
    types : mapping of parameter to str
        Where signature and docstring mislead.
    """

    required: Mapping[str, Any] = field(default_factory=FrozenMapping)
    arrays: Mapping[str, Kind | None] = field(default_factory=FrozenMapping)
    hidden: tuple[str, ...] = ()
    input_kinds: tuple[Kind, ...] = ()
    output_kind: Kind | None = None
    contract: Contract | None = None
    category: str = ""
    synonyms: tuple[str, ...] = ()
    shared_columns: tuple[str, ...] = ()
    stack_component: str = "z"
    unit_scaled: bool | None = None
    ndims: tuple[int, ...] = ()
    dtypes: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=FrozenMapping)
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=FrozenMapping)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=FrozenMapping)
    types: Mapping[str, str] = field(default_factory=FrozenMapping)


def import_function(name: str) -> Function:
    """Import a function by its public dotted name.

    Raises
    ------
    ImportError, AttributeError
    """
    module, _, attribute = name.rpartition(".")
    function: Function = getattr(importlib.import_module(module), attribute)
    return function


def signature_text(function: Function) -> str:
    """Return the signature without annotations: ``(image, sigma=1, *, mode='nearest')``.

    The address of a default that is an object is left out: it differs in every process.
    """
    signature = inspect.signature(function)
    bare = [
        item.replace(annotation=inspect.Parameter.empty) for item in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


@dataclass(frozen=True, kw_only=True)
class FunctionLibrary:
    """Adapter of one library.

    Attributes
    ----------
    name : str
        Key: the adapter's file name.
    title : str
        For people.
    memory_type : str
        Of what its functions take and give.
    module : str
        Import name of the library; found without importing it.
    distribution : str
        Name under which it is installed; its version is the library's version.
    install : str
        Command that installs it.
    submodules : tuple of str
        Public modules that hold image functions, in the order in which a function that
        stands in several is listed.
    folder : Path
        Where the catalogue files are.
    """

    name: str
    title: str
    memory_type: str
    module: str
    distribution: str
    install: str
    submodules: tuple[str, ...] = ()
    folder: Path = CATALOGUES

    def is_available(self) -> bool:
        """Whether the library is installed.  Imports nothing."""
        return importlib.util.find_spec(self.module) is not None

    def version(self) -> str | None:
        """Return the installed version without a build's suffix (``+cpu``), or None."""
        try:
            return importlib.metadata.version(self.distribution).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            return None

    def catalogue(self) -> Catalogue | None:
        """Return the catalogue that fits the installed version best; None if there is none.

        Raises
        ------
        CatalogueError
            The file is damaged.
        """
        path = find_catalogue(self.folder, self.name, self.version())
        return None if path is None else read_catalogue(path)

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over (public dotted name, function) of all that could be an image function.

        Imports the library.  A function that stands in several submodules comes once.
        """
        seen: set[int] = set()
        for submodule in self.submodules:
            module = importlib.import_module(submodule)
            for name in sorted(getattr(module, "__all__", None) or dir(module)):
                function = getattr(module, name)
                if name.startswith("_") or isinstance(function, type) or not callable(function):
                    continue
                if id(function) not in seen:
                    seen.add(id(function))
                    yield f"{submodule}.{name}", function

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        return ""

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        return Hints()

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page in the library's documentation."""
        return ""
