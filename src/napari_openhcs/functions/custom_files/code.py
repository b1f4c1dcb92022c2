"""The code of trusted files, run in this process: one module a name and hash.

What runs is the text whose hash was trusted, read and checked at that moment: from the file
itself, from the folder of a run, or from the record of the trust.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from napari_openhcs.errors import FunctionUnavailableError
from napari_openhcs.functions.custom_files.files import CustomFile, file_of, files, read_file
from napari_openhcs.functions.custom_files.trust import is_trusted, record_of
from napari_openhcs.functions.declare import declaration_of

__all__ = ["accept", "declared_functions", "find_source", "load_function", "run_file"]

Function = Callable[..., Any]


@dataclass
class _Accepted:
    """Hashes of the plan this process works on, and the folders of its runs."""

    hashes: set[str] = field(default_factory=set)
    folders: list[Path] = field(default_factory=list)


_accepted = _Accepted()
_lock = threading.RLock()
_modules: dict[tuple[str, str], ModuleType] = {}


def accept(folder: Path, hashes: frozenset[str]) -> None:
    """Let this process run the files with these hashes, which a plan names.

    A plan is made by a process that checked the trust; its workers, maybe on another machine,
    rely on it.  `folder` is where the run keeps its copies.
    """
    with _lock:
        _accepted.hashes |= hashes
        if folder not in _accepted.folders:
            _accepted.folders.append(folder)


def find_source(name: str, sha256: str) -> CustomFile | None:
    """Return the file with this name and hash, wherever it is; its trust is not looked at."""
    return next((file for file in _sources(name, sha256) if file.sha256 == sha256), None)


def _sources(name: str, sha256: str) -> Iterator[CustomFile]:
    yield from (file for file in files() if file.name == name)
    for folder in tuple(_accepted.folders):
        yield read_file(folder / f"{name}.py")
    record = record_of(sha256)
    if record is not None:
        yield file_of(Path(record.path).with_name(f"{name}.py"), record.text.encode())


def load_function(name: str, function: str, sha256: str) -> Function:
    """Return a function of the file called `name` that has this hash.

    Raises
    ------
    FunctionUnavailableError
        The hash is not trusted, there is no such file here, or it does not run.
    """
    with _lock:
        module = _modules.get((name, sha256))
        if module is None or not _allowed(sha256):
            module = _modules[name, sha256] = _load(name, sha256)
    found: Function | None = getattr(module, function, None)
    if found is None:
        raise FunctionUnavailableError(f"{module.__file__} has no function '{function}' any more.")
    return found


def _allowed(sha256: str) -> bool:
    return sha256 in _accepted.hashes or is_trusted(sha256)


def _load(name: str, sha256: str) -> ModuleType:
    if not _allowed(sha256):
        raise FunctionUnavailableError(
            f"The custom functions of {name}.py with the hash {sha256[:12]} are not trusted here: "
            "read the file and trust it with 'napari-openhcs functions trust FILE'."
        )
    file = find_source(name, sha256)
    if file is None:
        raise FunctionUnavailableError(
            f"{name}.py with the hash {sha256[:12]} is not here: copy it from the folder "
            "'functions' of the results and name its folder in OPENHCS_FUNCTIONS."
        )
    try:
        return run_file(file)
    # Other people's code: anything may come, the end of the program included.
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        raise FunctionUnavailableError(f"{file.path} cannot be loaded ({said}).") from error


def run_file(file: CustomFile) -> ModuleType:
    """Run a file's text as a module and return it; whether it is trusted is not looked at here.

    Whatever the file raises comes out.
    """
    module = ModuleType(file.module)
    module.__file__ = str(file.path)
    module.__package__ = file.module.rpartition(".")[0]
    code = compile(file.text, str(file.path), "exec", dont_inherit=True)
    # Data classes and pickles look their module up by its name.
    sys.modules[file.module] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[file.module]
        raise
    return module


def declared_functions(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """Iterate over (name, function) of what a module defines for the registry."""
    for name, value in vars(module).items():
        marked = hasattr(value, "input_memory_type") or declaration_of(value) is not None
        own = getattr(value, "__module__", "") == module.__name__
        if marked and own and callable(value) and not name.startswith("_"):
            yield name, value
