"""What is installed: versions and entry points, read from the folders on ``sys.path``.

The standard library's ``importlib.metadata`` answers the same, but importing it and
parsing a whole description for each version takes longer than listing every function.
Here one scan of the folders' names tells all versions, and the entry points are read in
the same pass.  Where distributions are not folders (zip files, other finders), and for
versions of legacy ``egg-info``, ``importlib.metadata`` is asked after all.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from dataclasses import dataclass
from importlib.machinery import PathFinder

__all__ = ["entry_points", "version"]

_OWN = "napari_openhcs."
"""Entry-point groups that are remembered begin so."""


@dataclass(frozen=True)
class _Scan:
    """What one pass over the folders found; distributions by normalised name."""

    versions: dict[str, str]
    groups: dict[str, list[tuple[str, str]]]
    legacy: frozenset[str]
    """Distributions with an ``egg-info`` only."""
    whole: bool
    """Whether the folders are all there is."""


_lock = threading.Lock()
_seen: tuple[object, _Scan] | None = None


def version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    scan = _scanned()
    name = _normalised(distribution)
    if name in scan.versions:
        return scan.versions[name]
    return None if scan.whole and name not in scan.legacy else _version_by_finders(distribution)


def entry_points(group: str) -> list[tuple[str, str]]:
    """Return (name, ``module:attribute``) of the entry points of one of our groups.

    Parameters
    ----------
    group : str
        Begins with ``napari_openhcs.``.
    """
    scan = _scanned()
    if scan.whole:
        return list(scan.groups.get(group, ()))
    import importlib.metadata

    return [(item.name, item.value) for item in importlib.metadata.entry_points(group=group)]


def _version_by_finders(distribution: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _scanned() -> _Scan:
    """Return the present state; the folders are read again when one of them changed."""
    global _seen
    # An empty entry is the current folder.
    folders = [path or os.curdir for path in dict.fromkeys(sys.path)]
    state = [(path, _changed_at(path)) for path in folders]
    finders = [
        item
        for item in sys.meta_path
        if item is not PathFinder and hasattr(item, "find_distributions")
    ]
    key = (os.getcwd(), state, len(finders))
    with _lock:
        if _seen is None or _seen[0] != key:
            files = any(os.path.isfile(path) for path in folders)
            _seen = key, _scan(folders, whole=not finders and not files)
        return _seen[1]


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _scan(folders: list[str], *, whole: bool) -> _Scan:
    versions: dict[str, str] = {}
    groups: dict[str, list[tuple[str, str]]] = {}
    legacy: set[str] = set()
    for folder in folders:
        for entry in _entries(folder):
            stem, kind = os.path.splitext(entry)
            name = _normalised(stem.partition("-")[0])
            if name in versions or name in legacy:
                # The first on the path is the one that is imported.
                continue
            if kind == ".dist-info":
                versions[name] = stem.partition("-")[2]
            else:
                legacy.add(name)
            _add_entry_points(os.path.join(folder, entry, "entry_points.txt"), groups)
    return _Scan(versions, groups, frozenset(legacy), whole)


def _entries(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [name for name in names if name.endswith((".dist-info", ".egg-info"))]


def _add_entry_points(path: str, groups: dict[str, list[tuple[str, str]]]) -> None:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    if f"[{_OWN}" not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group.startswith(_OWN) and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            groups.setdefault(group, []).append((name.strip(), value.strip()))
