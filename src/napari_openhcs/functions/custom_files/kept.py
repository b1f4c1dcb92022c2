"""What was found when a custom file was tried, kept by its hash."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from napari_openhcs import __version__
from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import function_document, function_from
from napari_openhcs.functions.custom_files.files import CustomFile
from napari_openhcs.functions.custom_files.trust import trust_folder, write_document
from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["LIBRARY", "Tried", "keep", "known_trial"]

LIBRARY = "custom"
"""Key of the library custom functions belong to."""


@dataclass(frozen=True)
class Tried:
    """What the functions of a file were found to be.

    Attributes
    ----------
    functions : tuple of FunctionSpec
        Those that work.
    problems : mapping of function to str
        A sentence for each of the others; under the empty name one about the whole file.
    """

    functions: tuple[FunctionSpec, ...] = ()
    problems: FrozenMapping[str, str] = field(default_factory=FrozenMapping)


_lock = threading.RLock()
_known: dict[tuple[str, str], Tried] = {}


def keep(file: CustomFile, tried: Tried) -> None:
    """Keep what was found, for this process and, where the disk allows it, the next ones."""
    with _lock:
        _known[file.name, file.sha256] = tried
    document = {
        "by": _mark(),
        "functions": [function_document(spec) for spec in tried.functions],
        "problems": dict(tried.problems),
    }
    try:
        write_document(_path(file), document)
    except OpenHCSError:
        # Known to this process all the same; the next one tries again.
        return


def known_trial(file: CustomFile) -> Tried | None:
    """Return what was found earlier, in this process or another; None when it was not tried."""
    key = (file.name, file.sha256)
    with _lock:
        if key not in _known and (found := _read(file)) is not None:
            _known[key] = found
        return _known.get(key)


def _path(file: CustomFile) -> Path:
    return trust_folder() / "tried" / f"{file.name}-{file.sha256}.json"


def _mark() -> str:
    """Return what a trial depends on besides the file."""
    return f"{__version__} on Python {sys.version_info[0]}.{sys.version_info[1]}"


def _read(file: CustomFile) -> Tried | None:
    try:
        document = msgspec.json.decode(_path(file).read_bytes())
        if document["by"] != _mark():
            return None
        functions = [function_from(item, LIBRARY, file.sha256) for item in document["functions"]]
        return Tried(tuple(functions), FrozenMapping(document["problems"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None
