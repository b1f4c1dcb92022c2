"""Which custom files there are, and where.

The folders, in this order: those named on the command line; those in the environment
variable ``OPENHCS_FUNCTIONS`` (separated as in ``PATH``), or the user's own folder; those beside
a script that is run.  Of two files with one name the first counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import keyword
import os
import stat
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from platformdirs import user_data_path

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.custom_files.outline import outline_of

__all__ = [
    "MAX_BYTES",
    "PACKAGE",
    "CustomFile",
    "add_folder",
    "copy_in",
    "data_folder",
    "file_of",
    "files",
    "folders",
    "new_file",
    "read_file",
    "stamp",
    "user_folder",
]

PACKAGE = "napari_openhcs.functions.custom"
"""Where the functions have their names: ``<PACKAGE>.<file>.<function>``."""

MAX_BYTES = 1_000_000
"""A longer file is refused unread: nobody can be shown it."""

RECENT_S = 3.0
"""Some file systems know times to two seconds only."""

TEMPLATE = '''"""My own functions; each of them takes one plane, or a whole stack, and gives one."""

import numpy as np

from napari_openhcs.memory_types.decorators import numpy as numpy_function


@numpy_function
def {name}(image: np.ndarray, gain: float = 2.0) -> np.ndarray:
    """Multiply an image.

    Parameters
    ----------
    image : ndarray
        Plane or volume.
    gain : float
        Factor.
    """
    return image * gain
'''


@dataclass(frozen=True)
class CustomFile:
    """A file as it was when it was read.

    Attributes
    ----------
    path : Path
        Absolute.
    data : bytes
        Its very bytes; empty when it cannot be read.
    sha256 : str
        Of `data`, hexadecimal.
    problem : str
        Why it cannot be used, in a sentence; empty otherwise.
    """

    path: Path
    data: bytes = field(repr=False)
    sha256: str
    problem: str = ""

    @property
    def name(self) -> str:
        """The file's name without ``.py``: a part of its functions' ids."""
        return self.path.stem

    @property
    def module(self) -> str:
        """Name of the module its code runs in: one for each text the file ever had."""
        return f"{PACKAGE}._{self.name}_{self.sha256[:16]}"

    def id_of(self, function: str) -> str:
        """Return the registry id of one of its functions."""
        return f"{PACKAGE}.{self.name}.{function}"

    @property
    def text(self) -> str:
        """The file's text, which is what is shown and what is run.

        A declared encoding is not looked at; what is not UTF-8 is a replacement character.
        """
        return self.data.decode("utf-8-sig", errors="replace")


@dataclass
class _Added:
    """Folders this process was told of."""

    first: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)


_added = _Added()


def user_folder() -> Path:
    """Return the user's own folder of functions; it need not be there."""
    return data_folder() / "functions"


@cache
def data_folder() -> Path:
    """Return where this package keeps what belongs to the user; asked for often."""
    return user_data_path("napari-openhcs")


def folders() -> tuple[Path, ...]:
    """Return the folders that are looked into, in order, without those beside a script."""
    named = os.environ.get("OPENHCS_FUNCTIONS", "")
    listed = [Path(part).expanduser() for part in named.split(os.pathsep) if part.strip()]
    found = [*_added.first, *(listed or [user_folder()])]
    return tuple(dict.fromkeys(Path(os.path.abspath(folder)) for folder in found))


def add_folder(folder: str | os.PathLike[str], *, beside: bool = False) -> None:
    """Look into one more folder, in this process.

    Parameters
    ----------
    folder : path
    beside : bool
        It is the folder of a script: only files with decorated functions count there, and
        those in its subfolder ``functions``; they come after all others.
    """
    path = Path(folder).expanduser().absolute()
    if not beside:
        _added.first = list(dict.fromkeys((*_added.first, path)))
        return
    # The script that was opened last is the one whose functions are asked for.
    _added.beside = list(dict.fromkeys((path, path / "functions", *_added.beside)))


def files() -> Iterator[CustomFile]:
    """Iterate over the files, by name; a second file of one name has a problem."""
    taken: dict[str, Path] = {}
    for path in _paths():
        file = read_file(path)
        first = taken.setdefault(path.stem, path)
        if first != path:
            yield _broken(path, f"{first} has the same name and comes first: rename one of them.")
        else:
            yield file


def stamp() -> Hashable:
    """Return what changes when a file is written, added, renamed or removed.

    The time of a file tells nothing about edits that follow each other closely: one written
    a moment ago is told by its hash.
    """
    found: list[Hashable] = []
    for path in _paths():
        with contextlib.suppress(OSError):
            stat = path.stat()
            told = (str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino)
            recent = abs(time.time() - stat.st_mtime) < RECENT_S
            found.append((*told, read_file(path).sha256) if recent else told)
    return tuple(found)


def _paths() -> list[Path]:
    listed = [path for folder in folders() for path in _python_files(folder)]
    known = set(listed)
    return listed + [
        path
        for folder in _added.beside
        for path in _python_files(folder)
        if path not in known and outline_of(read_file(path).text).functions
    ]


def _python_files(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(".py") and name[0] not in "._"]


def read_file(path: str | os.PathLike[str]) -> CustomFile:
    """Read a file; nothing is raised, what is wrong with it is its `problem`."""
    target = Path(path).expanduser().absolute()
    try:
        found = target.stat()
        if not stat.S_ISREG(found.st_mode):
            # Reading a pipe would wait for whoever writes into it.
            return _broken(target, f"{target} cannot be read (it is a folder or a pipe, no file).")
        if found.st_size > MAX_BYTES:
            return _broken(
                target, f"{target} has more than {MAX_BYTES:,} bytes: split it into smaller files."
            )
        return file_of(target, target.read_bytes())
    except OSError as error:
        return _broken(target, f"{target} cannot be read ({error.strerror or error}).")


def file_of(path: Path, data: bytes) -> CustomFile:
    """Return the file at `path` as one that holds `data`."""
    problem = _name_problem(path)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = problem or f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8."
    return CustomFile(path, data, hashlib.sha256(data).hexdigest(), problem)


def _name_problem(path: Path) -> str:
    name = path.stem
    if name.isascii() and name.isidentifier() and not keyword.iskeyword(name):
        return ""
    return (
        f"{path} has a name that no Python module can have: rename it to letters, digits and "
        "underscores, such as my_filters.py."
    )


def _broken(path: Path, problem: str) -> CustomFile:
    return CustomFile(path, b"", "", problem)


def new_file(name: str = "my_functions") -> Path:
    """Write a file with an example into the first folder and return its path.

    Parameters
    ----------
    name : str
        Wished for; a number is put behind it where there is such a file already.

    Raises
    ------
    OpenHCSError
        The name cannot be used, or the folder cannot be written.
    """
    target = folders()[0] / f"{name.removesuffix('.py')}.py"
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{name.removesuffix('.py')}_{number}.py")
    function = "multiply" if target.stem != "multiply" else "times"
    return _write(target, TEMPLATE.format(name=function).encode())


def copy_in(path: str | os.PathLike[str]) -> Path:
    """Copy a file into the first folder and return where it is now.

    Raises
    ------
    OpenHCSError
        It cannot be read, or another file of its name is there.
    """
    file = read_file(path)
    if file.problem:
        raise OpenHCSError(file.problem)
    target = folders()[0] / file.path.name
    if target.exists() and read_file(target).sha256 != file.sha256:
        raise OpenHCSError(
            f"{target} is there already and differs from {file.path}: rename one of them first."
        )
    return target if target.exists() else _write(target, file.data)


def _write(target: Path, data: bytes) -> Path:
    if problem := _name_problem(target):
        raise OpenHCSError(problem)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise OpenHCSError(
            f"{target} cannot be written ({error.strerror or error}): name another folder in "
            "OPENHCS_FUNCTIONS."
        ) from error
    return target
