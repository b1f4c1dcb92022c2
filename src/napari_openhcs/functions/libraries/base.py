"""What an adapter of a function library is.

An adapter knows how a library is installed, where its image functions live and what
cannot be seen by running them (:class:`Hints`).  What each function takes and gives is
read from the catalogue; importing an adapter imports no library.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import (
    CATALOGUES,
    Catalogue,
    CatalogueError,
    find_catalogue,
    read_catalogue,
    user_catalogue,
)
from napari_openhcs.installed import version as installed_version

if TYPE_CHECKING:
    from napari_openhcs.functions.spec import FunctionSpec

__all__ = [
    "FunctionLibrary",
    "Hints",
    "Maker",
    "adapt",
    "first_sentence",
    "import_function",
    "signature_text",
]

Function = Callable[..., Any]

Maker = Callable[[Function], Function]
"""What makes, of a library's function, one that is called in its place."""


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
    fixed : mapping of parameter to value
        Passed in every call and not shown: without it the function gives no image of the
        same shape, or another result every time.
    part : int or None
        Which of several results counts; None: the function gives one.
    help : mapping of parameter to str
        Where the docstring says nothing or something else than is true here.
    facts : mapping of parameter to str
        See `plate_facts` of :func:`~napari_openhcs.functions.declare.declare`.
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
    fixed: Mapping[str, Any] = field(default_factory=FrozenMapping)
    part: int | None = None
    help: Mapping[str, str] = field(default_factory=FrozenMapping)
    facts: Mapping[str, str] = field(default_factory=FrozenMapping)


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


def adapt(
    function: Function,
    call: Function,
    *,
    summary: str = "",
    signature: inspect.Signature | None = None,
) -> Function:
    """Make `call` stand for a library's function: it has its names, its parameters and its help.

    Parameters
    ----------
    function : callable
        The library's.
    call : callable
        What is called in its place: the same first array, parameters by name.
    summary : str
        Stands in place of the first line of the function's docstring.
    signature : inspect.Signature, optional
        By default that of `function`.

    Returns
    -------
    callable
        `call` itself, which must be a function of its own (a closure).
    """
    functools.update_wrapper(call, function)
    vars(call).pop("__wrapped__")
    setattr(call, "__signature__", signature or inspect.signature(function))  # noqa: B010 (mypy)
    if summary:
        _, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
        call.__doc__ = f"{summary}\n\n{rest}"
    return call


def first_sentence(function: Function) -> str:
    """Return the first sentence of a function's docstring in one line, without citations."""
    text = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
    line = re.sub(r"\s*\[\w+\]_", "", " ".join(text.split()))
    return line.partition(". ")[0].rstrip(".")


def _fixed(function: Function, fixed: Mapping[str, Any], part: int | None) -> Function:
    """Return a function that passes `fixed` and gives one part of the result."""

    def call(first: Any, **parameters: Any) -> Any:
        result = function(first, **fixed, **parameters)
        return result if part is None else result[part]

    values = ", ".join(f"{name}={value!r}" for name, value in fixed.items())
    said = [f"called with {values}"] if fixed else []
    said += [] if part is None else [f"gives item {part} of the results"]
    return adapt(function, call, summary=f"{first_sentence(function)} ({'; '.join(said)})")


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
    keeps_source : bool
        The functions are single source files that may change while the program runs; the
        version of each is the SHA-256 of its file, and a run keeps the files it used.
    calls : str
        Module whose ``CALLS`` maps the id of a function to what makes of it the function
        that is called in its place; imported when a function is.
    """

    name: str
    title: str
    memory_type: str
    module: str
    distribution: str
    install: str
    submodules: tuple[str, ...] = ()
    folder: Path = CATALOGUES
    keeps_source: bool = False
    calls: str = ""

    def is_available(self) -> bool:
        """Whether the library is installed.  Imports nothing."""
        return importlib.util.find_spec(self.module) is not None

    def version(self) -> str | None:
        """Return the installed version without a build's suffix (``+cpu``), or None."""
        found = installed_version(self.distribution)
        return None if found is None else found.partition("+")[0]

    def catalogue(self) -> Catalogue | None:
        """Return the catalogue that fits the installed version best; None if there is none.

        Under a version that is not catalogued, with what was established on this machine.

        Raises
        ------
        CatalogueError
            The file is damaged.
        """
        version = self.version()
        path = find_catalogue(self.folder, self.name, version)
        if path is None:
            return None
        found = read_catalogue(path)
        if version is None or version == found.version:
            return found
        newer = user_catalogue(self.name, version)
        try:
            return found.updated(read_catalogue(newer)) if newer.exists() else found
        except CatalogueError:
            # A cache is only worth what can be read of it: it is made again.
            newer.unlink(missing_ok=True)
            return found

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

    def adapted(self, name: str, function: Function) -> Function:
        """Return what is called for a function of the library: nearly always itself.

        Where the hints fix parameters or choose one of several results, it is a function
        that does just that and says so in its first line; `calls` make of it what makes a
        table of numbers, a mask of a threshold.
        """
        hints = self.hints(name)
        if hints.fixed or hints.part is not None:
            function = _fixed(function, dict(hints.fixed), hints.part)
        make = self.maker(name)
        return function if make is None else make(function)

    def maker(self, name: str) -> Maker | None:
        """Return what makes of a function the one that is called in its place, or None."""
        found: Mapping[str, Maker] = importlib.import_module(self.calls).CALLS if self.calls else {}
        return found.get(name)

    def twin_of(self, name: str) -> FunctionSpec | None:
        """Return the function on NumPy arrays whose contract a function inherits, or None."""
        return None

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page in the library's documentation."""
        return ""

    def load(self, name: str, version: str) -> Function:
        """Import and return a function; `version` matters where sources are kept.

        Raises
        ------
        ImportError, AttributeError
        """
        return import_function(name)

    def stamp(self) -> Hashable:
        """Return what changes when the list of functions does; None: it never does."""
        return None

    def why_missing(self, name: str) -> str:
        """Return why a function of this library is not listed, in a sentence; else nothing."""
        return ""

    def source_name(self, name: str) -> str:
        """Return the file name under which a function's source is kept with results."""
        return ""

    def source(self, name: str, version: str) -> bytes | None:
        """Return a function's source file; None where it is not here."""
        return None

    def trusts(self, version: str) -> bool:
        """Whether a person on this machine trusted the source of this version."""
        return True

    def accept(self, folder: Path, versions: frozenset[str]) -> None:
        """Let this process load sources of these versions, also from `folder`."""
