"""What there is of custom functions: each file with its state, and what to do about it."""

from __future__ import annotations

import enum
import os
from collections.abc import Hashable
from dataclasses import dataclass, field

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.custom_files import files, trust
from napari_openhcs.functions.custom_files.files import PACKAGE, CustomFile, folders, read_file
from napari_openhcs.functions.custom_files.kept import Tried, known_trial
from napari_openhcs.functions.custom_files.outline import Outline, outline_of
from napari_openhcs.functions.spec import FunctionSpec

__all__ = [
    "FileState",
    "State",
    "custom_state",
    "file_states",
    "stamp",
    "trust_file",
    "why_missing",
]


class State(enum.StrEnum):
    """How a file stands."""

    NEW = "new"
    """Not trusted: its text is to be read first."""
    CHANGED = "changed"
    """Trusted once, and edited since: its text is to be read again."""
    READY = "ready"
    """Trusted, and at least one of its functions works."""
    BROKEN = "broken"
    """No function of it can be used; the message says why."""


@dataclass(frozen=True)
class FileState:
    """A file and how it stands.

    Attributes
    ----------
    functions : tuple of FunctionSpec
        Of a file that is ready: those that work.
    problems : mapping of function to str
        A sentence for each function that does not work.
    message : str
        One sentence about the file as a whole; empty when all is well.
    """

    file: CustomFile
    state: State
    outline: Outline
    message: str = ""
    functions: tuple[FunctionSpec, ...] = ()
    problems: FrozenMapping[str, str] = field(default_factory=FrozenMapping)

    @property
    def is_shown_first(self) -> bool:
        """Whether its text is to be read and trusted before anything else."""
        return self.state in (State.NEW, State.CHANGED)


def stamp() -> Hashable:
    """Return what changes when a file or the trust in one does."""
    return files.stamp(), trust.stamp()


def file_states(*, with_trials: bool = True) -> tuple[FileState, ...]:
    """Return all files with their states, in the order of their names.

    Parameters
    ----------
    with_trials : bool
        Try trusted files that this version of the package has not tried yet (seconds each);
        else they are listed without functions.
    """
    return tuple(_state(file, with_trials) for file in sorted(files.files(), key=lambda f: f.path))


def _state(file: CustomFile, with_trials: bool) -> FileState:
    outline = outline_of(file.text)
    path = file.path
    if file.problem:
        return FileState(file, State.BROKEN, outline, file.problem)
    if outline.problem:
        return FileState(file, State.BROKEN, outline, f"{path}: {outline.problem}.")
    if not trust.is_trusted(file.sha256):
        if trust.last_trusted(path) is not None:
            message = f"{path} was edited since it was trusted: read it and trust it again."
            return FileState(file, State.CHANGED, outline, message)
        return FileState(file, State.NEW, outline, f"{path} is not trusted: read it first.")
    return _tried_state(
        file, outline, known_trial(file) or (_try(file) if with_trials else Tried())
    )


def _try(file: CustomFile) -> Tried:
    # The engine that tries functions is not needed for listing them.
    from napari_openhcs.functions.custom_files.trial import WITHIN, try_file

    return Tried() if os.environ.get(WITHIN) else try_file(file)


def _tried_state(file: CustomFile, outline: Outline, tried: Tried) -> FileState:
    whole = tried.problems.get("", "")
    state = State.READY if tried.functions else State.BROKEN
    message = whole or next(iter(tried.problems.values()), "")
    if not tried.functions and not tried.problems:
        message = f"{file.path} was not tried yet."
    return FileState(file, state, outline, message, tried.functions, tried.problems)


def trust_file(
    path: str | os.PathLike[str], sha256: str, *, time_limit_s: float | None = None
) -> FileState:
    """Trust a file whose text was shown, and try its functions.

    Parameters
    ----------
    path : path
    sha256 : str
        Of what was shown: a file that is another by now is not trusted.
    time_limit_s : float, optional
        Seconds a function may take; by default one minute.

    Returns
    -------
    FileState
        Ready, or broken with the reason.

    Raises
    ------
    OpenHCSError
        The file has changed since it was shown, cannot be read or is no Python; or the trust
        cannot be written down.
    """
    from napari_openhcs.functions.custom_files.trial import TIME_LIMIT_S, try_file

    file = read_file(path)
    outline = outline_of(file.text)
    if file.problem or outline.problem:
        raise OpenHCSError(file.problem or f"{file.path}: {outline.problem}.")
    if file.sha256 != sha256:
        raise OpenHCSError(
            f"{file.path} has the hash {file.sha256[:12]} and not {sha256[:12]}: it is not what "
            "was shown; read it again."
        )
    # Tried before it counts as trusted: whoever lists it meanwhile would try it a second time.
    tried = try_file(file, time_limit_s=TIME_LIMIT_S if time_limit_s is None else time_limit_s)
    trust.remember(file)
    return _tried_state(file, outline, tried)


def custom_state(name: str) -> str | None:
    """Return why a custom function waits: ``untrusted`` or ``changed``; None for any other."""
    rest = name.removeprefix(f"{PACKAGE}.")
    if rest == name:
        return None
    stem = rest.partition(".")[0]
    states = {item.file.name: item.state for item in file_states(with_trials=False)}
    return {State.NEW: "untrusted", State.CHANGED: "changed"}.get(states.get(stem, State.READY))


def why_missing(name: str) -> str:
    """Return why a custom function is not listed, in a sentence; nothing for other names."""
    rest = name.removeprefix(f"{PACKAGE}.")
    if rest == name:
        return ""
    stem, _, function = rest.partition(".")
    found = next((item for item in file_states() if item.file.name == stem), None)
    if found is None:
        return (
            f"The custom function {stem}.{function} is in no file here: copy {stem}.py into "
            f"{folders()[0]}, or name its folder (--functions FOLDER, OPENHCS_FUNCTIONS), and "
            "trust it with 'napari-openhcs functions trust FILE'."
        )
    if found.is_shown_first:
        edited = (
            "was edited since it was trusted"
            if found.state is State.CHANGED
            else ("is not trusted")
        )
        return (
            f"The custom function {stem}.{function} cannot be used, because {found.file.path} "
            f"{edited}: read it and trust it with "
            f"'napari-openhcs functions trust {found.file.path}'."
        )
    if reason := found.problems.get(function, "") or (
        found.message if found.state is State.BROKEN else ""
    ):
        return f"The custom function {stem}.{function} cannot be used: {reason}"
    return f"{found.file.path} has no function '{function}' for the registry."
