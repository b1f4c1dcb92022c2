"""Trying the functions of a file in a subprocess, as those of libraries are.

``python -m napari_openhcs.functions.custom_files.trial FILE SHA256`` is that subprocess: it runs
the file and answers for one function after another
(:mod:`napari_openhcs.functions.establish_worker`).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import function_from
from napari_openhcs.functions.custom_files.code import declared_functions, run_file
from napari_openhcs.functions.custom_files.files import CustomFile, read_file
from napari_openhcs.functions.custom_files.kept import LIBRARY, Tried, keep
from napari_openhcs.functions.declare import declaration_of
from napari_openhcs.functions.establish_worker import serve
from napari_openhcs.functions.libraries.base import Function, FunctionLibrary, Hints
from napari_openhcs.functions.libraries.native import hints_of
from napari_openhcs.functions.worker import Worker

__all__ = ["TIME_LIMIT_S", "WITHIN", "try_file"]

TIME_LIMIT_S = 60.0
"""Seconds a function may take for all its trials together, and a file to be loaded."""

WITHIN = "OPENHCS_TRIAL"
"""Set in the subprocess: a file that lists the registry there starts no further trials."""

_MODULE = "napari_openhcs.functions.custom_files.trial"


def try_file(file: CustomFile, *, time_limit_s: float = TIME_LIMIT_S) -> Tried:
    """Run the functions of a file in a subprocess and keep what was found.

    Called only for a file that a person trusts.
    """
    tried = _try(file, time_limit_s)
    keep(file, tried)
    return tried


def _try(file: CustomFile, limit: float) -> Tried:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, file.path.name)
        copy.write_bytes(file.data)
        functions, problems = [], {}
        try:
            for name, answer in _answers(copy, file, limit):
                if "function" in answer:
                    functions.append(function_from(answer["function"], LIBRARY, file.sha256))
                else:
                    problems[name] = _sentence(name, answer["reason"])
        except OpenHCSError as error:
            said = str(error).replace(str(copy), str(file.path)).removeprefix("OpenHCSError: ")
            problems[""] = f"{file.path} cannot be loaded: {said.rstrip('.')}."
    if not functions and not problems:
        problems[""] = f"{file.path} defines no function with a memory type when it is loaded."
    return Tried(tuple(functions), FrozenMapping(problems))


def _answers(copy: Path, file: CustomFile, limit: float) -> Iterator[tuple[str, dict[str, Any]]]:
    def start() -> Worker:
        arguments = (_MODULE, str(copy), file.sha256)
        return Worker(*arguments, start_limit_s=limit, environment={WITHIN: "1"})

    first = start()
    worker: Worker | None = first
    try:
        for full in first.signatures:
            name = full.rpartition(".")[2]
            worker = worker or start()
            try:
                answer = worker.ask({"id": full}, limit)
            except TimeoutError:
                reason = f"is not done after {limit:g} s"
            except EOFError:
                reason = "ends the process"
            else:
                yield name, answer
                continue
            yield name, {"reason": reason}
            worker.end()
            worker = None
    finally:
        if worker is not None:
            worker.end()


def _sentence(name: str, reason: str) -> str:
    """Say what is wrong with a function and how to mend it."""
    known = {
        "prints": f"{name} prints when it is called: take its print calls out, or use logging.",
        "plots": f"{name} plots when it is called: leave the plotting out.",
        "opens the network": f"{name} opens the network when it is called: there is no network.",
        "writes files": f"{name} writes files when it is called: return what it finds instead.",
        "starts a process": f"{name} starts a process when it is called: call Python instead.",
        "ends the process": f"{name} ends the process it is called in: it must return or raise.",
    }
    if reason in known:
        return known[reason]
    if reason.startswith("is not done"):
        return f"{name} {reason} on an image of a few pixels: does it wait for something?"
    if reason.startswith("no value is known for "):
        missing = reason.removeprefix("no value is known for ")
        return (
            f"{name} has no default for {missing}: give it one, or a value by declare(suggested=…)."
        )
    said = reason.rstrip(".")
    verbs = ("gives ", "changes ", "goes away", "loses ", "runs on none", "takes ")
    return f"{name} {said}." if said.startswith(verbs) else f"{name} fails on an image: {said}."


@dataclass(frozen=True, kw_only=True)
class _OneFile(FunctionLibrary):
    """The functions of one file, in the subprocess that tries them."""

    path: str
    sha256: str
    found: dict[str, Function] = field(default_factory=dict)

    def version(self) -> str:
        """Return the hash of the file."""
        return self.sha256

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Run the file and iterate over (id, function) of what it defines."""
        file = read_file(self.path)
        if file.sha256 != self.sha256:
            raise OpenHCSError("it has changed since it was shown")
        try:
            module = run_file(file)
        except SystemExit as error:
            raise OpenHCSError(f"it ends the program (exit status {error.code})") from error
        self.found.update(
            (file.id_of(name), function) for name, function in declared_functions(module)
        )
        yield from self.found.items()

    def hints(self, name: str) -> Hints:
        """Return what the function declares; where it is listed is the same for all."""
        # Whether a result is scaled to 0-1 shows by running: the function may call anything.
        declared = hints_of(declaration_of(self.found[name]))
        return replace(declared, category=LIBRARY, unit_scaled=None)


def main() -> None:
    """Be the subprocess."""
    path, sha256 = sys.argv[1:]
    serve(
        _OneFile(
            name=LIBRARY,
            title="custom functions",
            memory_type="numpy",
            module="napari_openhcs",
            distribution="",
            install="",
            path=path,
            sha256=sha256,
        )
    )


if __name__ == "__main__":
    main()
