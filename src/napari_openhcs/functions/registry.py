"""The function registry, built from the catalogues on first access.

Listing imports no library.  Native functions and library functions alike come from the
catalogue files; a library that is not installed is listed too (:func:`is_available`).
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, import_function, signature_text
from napari_openhcs.functions.search import SearchIndex
from napari_openhcs.functions.spec import FunctionSpec

if TYPE_CHECKING:
    from napari_openhcs.plan import FunctionPlan

__all__ = [
    "FUNC_REGISTRY",
    "accept_sources",
    "check_sources",
    "counts",
    "describe",
    "established_version",
    "function_by_source",
    "function_id",
    "get_function",
    "get_functions_by_memory_type",
    "get_spec",
    "held",
    "install_command",
    "is_available",
    "nearest",
    "problems",
    "refresh",
    "search",
    "source_names",
    "sources",
    "specs",
    "why_missing",
]


@dataclass(frozen=True)
class _Content:
    """All that is known, built at once so that every reader sees one state."""

    specs: Mapping[str, FunctionSpec]
    by_memory_type: Mapping[str, Mapping[str, FunctionSpec]]
    by_implementation: Mapping[str, str]
    catalogued: Mapping[str, str]
    """Version for which each library's catalogue was made."""
    signatures: Mapping[str, str]
    stamps: Mapping[str, Hashable] = field(default_factory=dict)
    """Of libraries whose list of functions may change while the program runs."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Why functions of the libraries are not listed, by id."""

    @cached_property
    def index(self) -> SearchIndex:
        """Made by the first search: it takes longer than all the rest."""
        return SearchIndex(self.specs.values())

    def is_current(self) -> bool:
        """Whether no library's list of functions changed since this was built."""
        return all(LIBRARIES[name].stamp() == stamp for name, stamp in self.stamps.items())


_lock = threading.RLock()
_content: _Content | None = None


def _build() -> _Content:
    found: dict[str, FunctionSpec] = {}
    catalogued: dict[str, str] = {}
    signatures: dict[str, str] = {}
    excluded: dict[str, str] = {}
    stamps: dict[str, Hashable] = {}
    for name, library in LIBRARIES.items():
        stamp = library.stamp()
        if stamp is not None:
            stamps[name] = stamp
        catalogue = library.catalogue()
        if catalogue is None:
            continue
        version = library.version()
        catalogued[name] = catalogue.version
        signatures.update(catalogue.signatures)
        excluded.update(catalogue.excluded)
        for spec in catalogue.functions:
            if version is not None and spec.library_version != version:
                spec = replace(spec, library_version=version)
            found.setdefault(spec.id, spec)
    ordered = {name: found[name] for name in sorted(found)}
    by_memory_type: dict[str, dict[str, FunctionSpec]] = {
        memory_type: {} for memory_type in VALID_MEMORY_TYPES
    }
    for name, spec in ordered.items():
        by_memory_type[spec.memory_type_in][name] = spec
    return _Content(
        specs=MappingProxyType(ordered),
        by_memory_type=MappingProxyType(
            {key: MappingProxyType(value) for key, value in by_memory_type.items()}
        ),
        by_implementation={spec.implementation: name for name, spec in ordered.items()},
        catalogued=catalogued,
        signatures=signatures,
        excluded=excluded,
        stamps=MappingProxyType(stamps),
    )


_held = threading.local()


@contextmanager
def held() -> Iterator[None]:
    """Look once, not at every call, whether a list of functions changed on disk.

    For the block and the thread it runs in: whoever asks hundreds of times within a moment,
    as the compiler does, sees one state of the lists and spares the looking.
    """
    before = getattr(_held, "content", None)
    _held.content = before or _registry()
    try:
        yield
    finally:
        _held.content = before


def _registry() -> _Content:
    global _content
    if (kept := getattr(_held, "content", None)) is not None:
        known: _Content = kept
        return known
    content = _content
    if content is None or not content.is_current():
        with _lock:
            content = _content
            if content is None or not content.is_current():
                content = _content = _build()
    return content


def refresh() -> None:
    """Forget what was read; the next access reads the catalogues again."""
    global _content
    with _lock:
        LIBRARIES.refresh()
        _content = None


class _ByMemoryType(Mapping[str, Mapping[str, FunctionSpec]]):
    """Memory type → id → spec; built on first access."""

    def __getitem__(self, memory_type: str) -> Mapping[str, FunctionSpec]:
        return _registry().by_memory_type[memory_type]

    def __iter__(self) -> Iterator[str]:
        return iter(VALID_MEMORY_TYPES)

    def __len__(self) -> int:
        return len(VALID_MEMORY_TYPES)


FUNC_REGISTRY: Mapping[str, Mapping[str, FunctionSpec]] = _ByMemoryType()
"""All functions by memory type of their input, then by id; built on first access."""


def get_functions_by_memory_type(memory_type: str) -> Mapping[str, FunctionSpec]:
    """Return the functions of one memory type by id.

    Raises
    ------
    FunctionNotFoundError
        `memory_type` is not one of :data:`~napari_openhcs.axes.VALID_MEMORY_TYPES`.
    """
    if memory_type not in VALID_MEMORY_TYPES:
        raise FunctionNotFoundError(
            f"'{memory_type}' is not a memory type: expected one of "
            f"{', '.join(VALID_MEMORY_TYPES)}."
        )
    return FUNC_REGISTRY[memory_type]


def specs() -> Mapping[str, FunctionSpec]:
    """Return all known functions by id, in the order of their ids.  Imports no library."""
    return _registry().specs


def problems() -> tuple[str, ...]:
    """Return a sentence for each library of another distribution that could not be imported."""
    _registry()
    return LIBRARIES.problems


def get_spec(name: str) -> FunctionSpec:
    """Return what is known of a function.

    Raises
    ------
    FunctionNotFoundError
        The sentence names the nearest known ids.
    """
    found = _registry().specs.get(name)
    if found is None:
        raise FunctionNotFoundError(_unknown(name))
    return found


def why_missing(name: str) -> str:
    """Return why a function that is not listed is not, in a sentence, where that is known."""
    reasons = (LIBRARIES[library].why_missing(name) for library in _registry().stamps)
    return next((reason for reason in reasons if reason), "")


def established_version(library: str) -> str:
    """Return the version of a library whose functions were established; empty where none was."""
    return _registry().catalogued.get(library, "")


def nearest(name: str) -> list[str]:
    """Return up to three ids that were probably meant by one that is not registered."""
    known = _registry().specs
    last = name.rpartition(".")[2]
    same = [item for item in known if item.rpartition(".")[2] == last]
    return (same or difflib.get_close_matches(name, known, n=3, cutoff=0.5))[:3]


def _unknown(name: str) -> str:
    if reason := why_missing(name):
        return reason
    if why := _registry().excluded.get(name):
        return f"{name} is not listed, it was left out when all were tried: {why}."
    near = nearest(name)
    hint = f": did you mean {' or '.join(near)}?" if near else "."
    return " ".join((f"There is no registered function '{name}'{hint}", *problems()))


def get_function(name: str) -> Callable[..., Any]:
    """Import and return what is called for a registered function.

    Raises
    ------
    FunctionNotFoundError
        There is no such function.
    FunctionUnavailableError
        Its library is not installed or fails to import, the installed version's function
        differs from the one that was established, or its file is not trusted.
    """
    if name not in _registry().specs and (reason := why_missing(name)):
        raise FunctionUnavailableError(reason)
    spec = get_spec(name)
    if not is_available(spec):
        raise FunctionUnavailableError(
            f"{name} needs {LIBRARIES[spec.library].title}, which is not installed: run "
            f"'{install_command(spec)}'."
        )
    try:
        function = LIBRARIES[spec.library].load(name, spec.library_version)
    except FunctionUnavailableError:
        raise
    except (ImportError, AttributeError) as error:
        raise FunctionUnavailableError(
            f"{name} cannot be imported ({error}): repair its library with "
            f"'{install_command(spec)}'."
        ) from error
    _check_signature(spec, function)
    adapted = LIBRARIES[spec.library].adapted(name, function)
    if not spec.twin:
        return adapted
    # It needs NumPy, which listing the functions must not load.
    from napari_openhcs.functions.verify import verified

    return verified(spec, adapted, lambda: get_function(spec.twin))


def _check_signature(spec: FunctionSpec, function: Callable[..., Any]) -> None:
    content = _registry()
    established = content.catalogued.get(spec.library)
    if established == spec.library_version or spec.id not in content.signatures:
        return
    found = signature_text(function)
    if found != content.signatures[spec.id]:
        raise FunctionUnavailableError(
            f"{spec.id} of {spec.library} {spec.library_version} takes {found}, but version "
            f"{established} that was tested takes {content.signatures[spec.id]}: wait until it "
            "was tried here, which the window does in the background, or install "
            f"{LIBRARIES[spec.library].distribution}=={established}."
        )


def function_by_source(call: FunctionPlan) -> Callable[..., Any] | None:
    """Return the function of a planned call in the very source that was planned.

    None for functions of installed libraries, which have no source of their own.

    Raises
    ------
    FunctionUnavailableError
        The source is not here, not trusted, or cannot be loaded.
    """
    library = _keeper(call)
    return None if library is None else library.load(call.function, call.library_version)


def _keeper(call: FunctionPlan) -> FunctionLibrary | None:
    """Return the library of a planned call if it keeps sources."""
    library = LIBRARIES.get(call.library)
    return library if library is not None and library.keeps_source else None


def source_names(calls: Iterable[FunctionPlan]) -> tuple[str, ...]:
    """Return the names of the files that hold the sources of planned calls."""
    names = {_source_name(call) for call in calls}
    return tuple(sorted(name for name in names if name))


def sources(calls: Iterable[FunctionPlan]) -> dict[str, bytes]:
    """Return the source files, by name, of those of the planned calls that have one."""
    found: dict[str, bytes] = {}
    for call in calls:
        library, name = _keeper(call), _source_name(call)
        if library is None or not name:
            continue
        source = library.source(call.function, call.library_version)
        if source is not None:
            found[name] = source
    return found


def _source_name(call: FunctionPlan) -> str:
    library = _keeper(call)
    return "" if library is None else library.source_name(call.function)


def check_sources(calls: Iterable[FunctionPlan]) -> None:
    """Refuse planned calls whose source nobody trusted on this machine.

    A plan is a file, and whoever can write it could name any source: the process that hands
    it to workers asks again.

    Raises
    ------
    FunctionUnavailableError
        The sentence names the function and how to trust its file.
    """
    for call in calls:
        library = LIBRARIES.get(call.library)
        if library is not None and not library.trusts(call.library_version):
            raise FunctionUnavailableError(
                f"{call.function} with the hash {call.library_version[:12]} is not trusted here, "
                "though the plan of this run names it: read its file and trust it with "
                "'napari-openhcs functions trust FILE', then run again."
            )


def accept_sources(folder: Path, calls: Iterable[FunctionPlan]) -> None:
    """Let this process load the sources that were planned, also from a run's `folder`."""
    versions: dict[str, set[str]] = {}
    for call in calls:
        if _keeper(call) is not None:
            versions.setdefault(call.library, set()).add(call.library_version)
    for library, accepted in versions.items():
        LIBRARIES[library].accept(folder, frozenset(accepted))


def function_id(function: Callable[..., Any]) -> str:
    """Return the registry id of a callable (by module and qualified name).

    Raises
    ------
    FunctionNotFoundError
        The callable is not registered.
    """
    named: str | None = getattr(function, "openhcs_id", None)
    if named is not None:
        return named
    module = getattr(function, "__module__", None) or ""
    qualified = getattr(function, "__qualname__", None) or type(function).__qualname__
    content = _registry()
    found = content.by_implementation.get(f"{module}:{qualified}")
    if found is not None:
        return found
    # Another version of the library may keep the function in another private module.
    root = module.partition(".")[0]
    for name in content.specs:
        if (
            name.startswith(f"{root}.")
            and name.endswith(f".{qualified}")
            and (import_function(name) is function)
        ):
            return name
    raise FunctionNotFoundError(_unknown(f"{module}.{qualified}"))


def search(text: str, *, memory_type: str | None = None, limit: int = 50) -> list[FunctionSpec]:
    """Return functions matching what a person typed, best first.

    Parameters
    ----------
    text : str
        Names or everyday words: ``gaus``, ``remove background``, ``count cells``.  An empty
        text gives all functions by id.
    memory_type : str, optional
        Only functions that take this memory type.
    limit : int
        At most so many.
    """
    content = _registry()
    chosen = (content.specs[name] for name in content.index.search(text))
    matching = (spec for spec in chosen if memory_type in (None, spec.memory_type_in))
    return [spec for spec, _ in zip(matching, range(limit), strict=False)]


def is_available(spec: FunctionSpec) -> bool:
    """Whether the function's library is installed.  Imports nothing."""
    return spec.library in LIBRARIES and LIBRARIES[spec.library].is_available()


def install_command(spec: FunctionSpec) -> str:
    """Return the command that installs the function's library."""
    return LIBRARIES[spec.library].install


def counts() -> dict[str, int]:
    """Return the number of known functions by memory type."""
    return {memory_type: len(found) for memory_type, found in FUNC_REGISTRY.items()}


def describe(spec: FunctionSpec) -> dict[str, Any]:
    """Return a function as the command line's JSON shows it.

    A default that JSON lacks (``inf``) is given as text.
    """
    return {
        "id": spec.id,
        "summary": spec.summary,
        "memory_type_in": spec.memory_type_in,
        "memory_type_out": spec.memory_type_out,
        "library": spec.library,
        "library_version": spec.library_version,
        "category": spec.category,
        "contract": spec.contract.value,
        "input_kinds": [kind.value for kind in spec.input_kinds],
        "output_kind": spec.output_kind.value,
        "available": is_available(spec),
        "install": install_command(spec),
        "dtypes": dict(spec.dtypes),
        "special_outputs": dict(spec.special_outputs),
        "parameters": [
            {
                "name": item.name,
                "type": item.type,
                "default": _json_value(item.default),
                "required": item.required,
                "suggested": _json_value(item.suggested),
                "choices": [_json_value(choice) for choice in item.choices],
                "unit": item.unit,
                "help": item.help,
            }
            for item in spec.parameters
        ],
    }


def _json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value
