"""Catalogue files: what was established about a library's functions, as JSON.

One file a library and version, ``catalogues/<library>-<version>.json``::

    {"library": "skimage", "version": "0.26.0",
     "functions": [{"id": …, "contract": …, "parameters": [{…}]}],
     "signatures": {"skimage.filters.gaussian": "(image, sigma=1, …)"},
     "excluded": {"skimage.filters.inverse": "no value is known for predefined_filter"}}

Fields that have their default are left out.  Lists are tuples; a float that JSON lacks
is ``{"float": "inf"}``.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from napari_openhcs import __version__
from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec

__all__ = [
    "CATALOGUES",
    "Catalogue",
    "CatalogueError",
    "find_catalogue",
    "function_document",
    "function_from",
    "functions_from",
    "read_catalogue",
    "user_catalogue",
    "write_catalogue",
]

CATALOGUES = Path(__file__).parent / "catalogues"
"""Folder of the catalogue files shipped with the package."""


class CatalogueError(OpenHCSError, ValueError):
    """A catalogue file is damaged."""


@dataclass(frozen=True)
class Catalogue:
    """What is known of one library's functions.

    `signatures` hold the text of each function's signature when it was established:
    under another version of the library a function is trusted only while it is unchanged.
    `excluded` holds why each of the other functions is not listed, by id.
    """

    library: str
    version: str
    functions: tuple[FunctionSpec, ...]
    signatures: FrozenMapping[str, str] = field(default_factory=FrozenMapping)
    excluded: FrozenMapping[str, str] = field(default_factory=FrozenMapping)

    def updated(self, newer: Catalogue) -> Catalogue:
        """Return this catalogue with what `newer` says of the functions it knows."""
        known = {spec.id for spec in newer.functions} | set(newer.excluded)

        def merged(before: Mapping[str, str], after: Mapping[str, str]) -> FrozenMapping[str, str]:
            kept = {name: text for name, text in before.items() if name not in known}
            return FrozenMapping({**kept, **after})

        kept = tuple(spec for spec in self.functions if spec.id not in known)
        return Catalogue(
            newer.library,
            newer.version,
            tuple(sorted((*kept, *newer.functions), key=lambda spec: spec.id)),
            merged(self.signatures, newer.signatures),
            merged(self.excluded, newer.excluded),
        )


def _version_key(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def find_catalogue(folder: Path, library: str, version: str | None) -> Path | None:
    """Return the catalogue file that fits a version best.

    Parameters
    ----------
    folder : Path
        Where the files are.
    library : str
        Key of the adapter.
    version : str or None
        Installed version; None when the library is not installed.

    Returns
    -------
    Path or None
        The same version, else the newest that is not newer, else the oldest; for None the
        newest; None when there is no catalogue of this library.
    """
    found = {
        path.stem.removeprefix(f"{library}-"): path for path in folder.glob(f"{library}-*.json")
    }
    if not found:
        return None
    ordered = sorted(found, key=_version_key)
    if version is None:
        return found[ordered[-1]]
    if version in found:
        return found[version]
    older = [item for item in ordered if _version_key(item) <= _version_key(version)]
    return found[older[-1] if older else ordered[0]]


def user_catalogue(library: str, version: str) -> Path:
    """Return where changed functions of a library's newer version are kept for the user.

    The folder is another one for each version of this package: its hints and catalogues
    differ.
    """
    # Only for a version that is not catalogued: nothing to be read at every start.
    from platformdirs import user_cache_path

    folder = user_cache_path("napari-openhcs") / "catalogues" / __version__
    return folder / f"{library}-{version}.json"


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file.

    Raises
    ------
    CatalogueError
        The file cannot be read or has not the form of a catalogue.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
        return Catalogue(
            library=document["library"],
            version=document["version"],
            functions=functions_from(
                document["functions"], document["library"], document["version"]
            ),
            signatures=FrozenMapping(document.get("signatures", {})),
            excluded=FrozenMapping(document.get("excluded", {})),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(
            f"{path} is not a function catalogue ({error}): install napari-openhcs again, or "
            "make it anew with 'python -m napari_openhcs.functions.establish'."
        ) from error


def write_catalogue(catalogue: Catalogue, folder: Path) -> Path:
    """Write ``<library>-<version>.json`` into `folder`; equal catalogues give equal bytes."""
    functions = sorted(catalogue.functions, key=lambda spec: spec.id)
    document = {
        "library": catalogue.library,
        "version": catalogue.version,
        "functions": [function_document(spec) for spec in functions],
        "signatures": dict(sorted(catalogue.signatures.items())),
        "excluded": dict(sorted(catalogue.excluded.items())),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{catalogue.library}-{catalogue.version}.json"
    text = msgspec.json.format(msgspec.json.encode(document), indent=1)
    # Whole or not at all: another process may read it at this moment.
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    aside.write_bytes(text + b"\n")
    os.replace(aside, path)
    return path


def _defaults(target: type[Any]) -> dict[str, Any]:
    return {
        item.name: item.default_factory()
        if callable(item.default_factory)
        else (None if item.default is dataclasses.MISSING else item.default)
        for item in dataclasses.fields(target)
    }


_DEFAULTS: dict[type, dict[str, Any]] = {
    FunctionSpec: _defaults(FunctionSpec),
    ParameterSpec: _defaults(ParameterSpec),
}


def _plain(value: Any) -> Any:
    """Return the JSON form of a literal, kind or mapping."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _literal(value: Any) -> Any:
    """Return the literal whose JSON form is `value`."""
    if isinstance(value, list):
        return tuple(_literal(item) for item in value)
    if isinstance(value, dict):
        return float(value["float"])
    return value


def _document(value: FunctionSpec | ParameterSpec, skip: frozenset[str]) -> dict[str, Any]:
    defaults = _defaults(type(value))
    return {
        name: _plain(item)
        for name in defaults
        if name not in skip
        and (
            type(item := getattr(value, name)) is not type(defaults[name]) or item != defaults[name]
        )
    }


_ALWAYS_SAME = frozenset({"library", "library_version", "parameters"})


def function_document(spec: FunctionSpec) -> dict[str, Any]:
    """Return the JSON form of a function, without the fields all of a library share."""
    document = _document(spec, _ALWAYS_SAME)
    document["parameters"] = [_document(item, frozenset()) for item in spec.parameters]
    return document


_LITERALS = ("default", "suggested", "choices")
"""Fields of a parameter that hold literals of any kind."""


def _frozen(target: Any, value: Any) -> Any:
    return FrozenMapping(value)


def functions_from(
    documents: list[dict[str, Any]], library: str, version: str
) -> tuple[FunctionSpec, ...]:
    """Return the functions whose JSON forms are `documents`, which are used up.

    All are converted in one call: that takes a tenth of the time of building each.

    Raises
    ------
    ValueError
        A field is missing or of another type; the message says where.
    """
    for document in documents:
        document["library"] = library
        document["library_version"] = version
        for parameter in document["parameters"]:
            for name in _LITERALS:
                if isinstance(value := parameter.get(name), list | dict):
                    parameter[name] = _literal(value)
    return msgspec.convert(documents, tuple[FunctionSpec, ...], dec_hook=_frozen)


def function_from(document: dict[str, Any], library: str, version: str) -> FunctionSpec:
    """Return the function whose JSON form is `document`."""
    return functions_from([document], library, version)[0]
