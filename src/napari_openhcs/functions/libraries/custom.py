"""Custom functions: the trusted files of :mod:`napari_openhcs.functions.custom_files`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path

from napari_openhcs.functions.catalogue import Catalogue
from napari_openhcs.functions.custom_files import PACKAGE, code, is_trusted, states
from napari_openhcs.functions.custom_files.kept import LIBRARY
from napari_openhcs.functions.libraries.base import Function, FunctionLibrary

__all__ = ["EXPORT", "CustomLibrary"]


class CustomLibrary(FunctionLibrary):
    """Functions of the user's own files; each has the hash of its file for a version."""

    def version(self) -> None:
        """Return None: each function has a version of its own."""

    def catalogue(self) -> Catalogue:
        """Return the functions of all files that are ready."""
        found = tuple(spec for item in states.file_states() for spec in item.functions)
        return Catalogue(self.name, "", found)

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over nothing: files are tried one by one, when they are trusted."""
        return iter(())

    def stamp(self) -> Hashable:
        """Return what changes when a file or the trust in one does."""
        return states.stamp()

    def why_missing(self, name: str) -> str:
        """Return why a custom function is not listed."""
        return states.why_missing(name)

    def load(self, name: str, version: str) -> Function:
        """Return a function of the file whose hash is `version`.

        Raises
        ------
        FunctionUnavailableError
        """
        file, function = _parts(name)
        return code.load_function(file, function, version)

    def source_name(self, name: str) -> str:
        """Return the file's name; nothing for what can be no file of ours."""
        file, _ = _parts(name)
        return f"{file}.py" if file.isidentifier() else ""

    def source(self, name: str, version: str) -> bytes | None:
        """Return the file's bytes; None when no file with this hash is here."""
        found = code.find_source(_parts(name)[0], version)
        return None if found is None else found.data

    def trusts(self, version: str) -> bool:
        """Whether a person on this machine trusted the file with this hash."""
        return is_trusted(version)

    def accept(self, folder: Path, versions: frozenset[str]) -> None:
        """Let this process load files with these hashes, also from `folder`."""
        code.accept(folder, versions)


def _parts(name: str) -> tuple[str, str]:
    """Return file and function of an id."""
    file, _, function = name.removeprefix(f"{PACKAGE}.").partition(".")
    return file, function


EXPORT = CustomLibrary(
    name=LIBRARY,
    title="custom functions",
    memory_type="numpy",
    module="napari_openhcs",
    distribution="",
    install="napari-openhcs functions trust FILE",
    keeps_source=True,
)
