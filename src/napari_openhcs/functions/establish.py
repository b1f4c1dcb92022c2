"""The command that makes the catalogues: ``python -m napari_openhcs.functions.establish``.

::

    main ─▶ establish_library ─▶ _Answers ─▶ two workers (worker.py, establish_worker.py)
               │                    a function that takes too long or kills the worker is
               │                    left out, and a new worker goes on with the next
               └ _Record            answers so far, beside the catalogue: a run that is
                                    killed goes on where it was

The second worker has another random seed and gets only functions the first one lists: it
tells whether a result is the same in every process.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import (
    Catalogue,
    find_catalogue,
    function_from,
    read_catalogue,
    write_catalogue,
)
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary
from napari_openhcs.functions.worker import Answer, Worker

__all__ = ["Choice", "establish_library", "forget_record", "main", "matching"]

TIME_LIMIT_S = 120.0
"""Seconds one function may take for all its trials together.

So much processor time: on a busy machine it may last longer.
"""

STARTS = 3
"""How often a worker that does not start is started again."""

Choice = Callable[[Mapping[str, str]], list[str]]
"""Which functions to establish of those there are, given by id with their signatures."""


def matching(patterns: Sequence[str]) -> Choice:
    """Return the choice of functions whose id, or its last part, fits a pattern.

    Parameters
    ----------
    patterns : sequence of str
        As of file names: ``skimage.filters.*``, ``*gaussian*``; none chooses all.
    """

    def choose(signatures: Mapping[str, str]) -> list[str]:
        return [
            name
            for name in signatures
            if not patterns
            or any(
                fnmatch.fnmatchcase(text, pattern)
                for pattern in patterns
                for text in (name, name.rpartition(".")[2])
            )
        ]

    return choose


def establish_library(
    name: str,
    *,
    choose: Choice = list,
    time_limit_s: float = TIME_LIMIT_S,
    report: Callable[[str], None] = lambda line: None,
    folder: Path | None = None,
    background: bool = False,
) -> Catalogue:
    """Run the candidates of a library in subprocesses and return what was found.

    Parameters
    ----------
    name : str
        Key of the adapter; its library must be installed.
    choose : callable
        Which functions; by default all candidates.
    time_limit_s : float
        Seconds a function may take.
    report : callable
        Gets a line about each function.
    folder : Path, optional
        Where answers are recorded as they come, so that a run that was killed goes on.
    background : bool
        Leave the processor to others.

    Returns
    -------
    Catalogue
        Of the chosen functions, with the reason of each that is not listed.

    Raises
    ------
    OpenHCSError
        There is no such library, it is not installed, or its worker does not start.
    """
    library = _installed(name)
    version = library.version() or ""
    record = _Record(library, folder)
    functions, signatures, excluded = [], {}, {}
    answers = _Answers(name, time_limit_s, background)
    try:
        chosen = choose(answers.signatures)
        for number, function in enumerate(chosen, start=1):
            start = time.perf_counter()
            answer = record.known.get(function) or record.add(answers.about(function))
            if "function" in answer:
                spec = function_from(dict(answer["function"]), name, version)
                functions.append(replace(spec, deterministic=answer["deterministic"]))
                signatures[function] = answer["signature"]
                found = f"+ {function}: {spec.contract} → {spec.output_kind}"
            else:
                excluded[function] = answer["reason"]
                found = f"- {function}: {answer['reason']}"
            place = f"{number:>{len(str(len(chosen)))}}/{len(chosen)}"
            report(f"[{place}] {found} ({time.perf_counter() - start:.1f} s)")
    finally:
        answers.end()
    found_all = tuple(functions), FrozenMapping(signatures), FrozenMapping(excluded)
    return Catalogue(name, version, *found_all)


def _installed(name: str) -> FunctionLibrary:
    if name not in LIBRARIES:
        raise OpenHCSError(
            f"There is no function library '{name}': expected one of {', '.join(LIBRARIES)}."
        )
    library = LIBRARIES[name]
    if library.version() is None or not library.is_available():
        raise OpenHCSError(
            f"{library.title} is not installed, and functions are established by running them: "
            f"run '{library.install}'."
        )
    return library


class _Record:
    """Answers so far, in ``<library>-<version>.partial``; nowhere when there is no folder.

    The first line tells of which sources the answers are: after a change of the code or the
    hints they are worth nothing, and the record begins anew.
    """

    def __init__(self, library: FunctionLibrary, folder: Path | None) -> None:
        self.known: dict[str, Answer] = {}
        self._path = _record_path(library, folder) if folder else None
        if self._path is None:
            return
        first = json.dumps({"sources": _sources(library)})
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            if lines[:1] == [first]:
                self.known = {item["id"]: item for item in _whole(lines[1:])}
        if not self.known:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(first + "\n", encoding="utf-8")

    def add(self, answer: Answer) -> Answer:
        """Write an answer down and return it."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(answer) + "\n")
        return answer


def _record_path(library: FunctionLibrary, folder: Path) -> Path:
    return folder / f"{library.name}-{library.version()}.partial"


def forget_record(library: FunctionLibrary, folder: Path) -> None:
    """Remove the answers so far: the catalogue that holds them all is written."""
    _record_path(library, folder).unlink(missing_ok=True)


def _whole(lines: list[str]) -> Iterator[Answer]:
    """Iterate over the answers; the last line may have been cut."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return


def _sources(library: FunctionLibrary) -> str:
    """Return a checksum of the code on which the answers depend."""
    found = hashlib.sha256(repr(library).encode())
    own = Path(__file__).parent
    adapter = sys.modules[type(library).__module__].__file__
    for path in (
        *sorted(own.glob("*.py")),
        *sorted(own.glob("libraries/*.py")),
        Path(adapter or ""),
    ):
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


class _Answers:
    """Answers about functions from two workers, which are started again where needed."""

    def __init__(self, library: str, limit_s: float, background: bool) -> None:
        self._library, self._limit_s, self._background = library, limit_s, background
        self._workers: dict[str, Worker] = {}
        self.signatures: dict[str, str] = self._worker("1").signatures

    def _worker(self, seed: str) -> Worker:
        if seed not in self._workers:
            self._workers[seed] = self._started(seed)
        return self._workers[seed]

    def _started(self, seed: str) -> Worker:
        said = ""
        for _ in range(STARTS):
            try:
                return Worker(
                    "napari_openhcs.functions.establish_worker",
                    self._library,
                    environment={"PYTHONHASHSEED": seed},
                    background=self._background,
                )
            except OpenHCSError as error:
                said = str(error)
        raise OpenHCSError(
            f"The functions of {LIBRARIES[self._library].title} cannot be run: {said}."
        )

    def about(self, name: str) -> Answer:
        """Return what is found about a function, or the reason why it is not listed."""
        answer = self._ask("1", {"id": name})
        # What inherits the contract of a twin may not run on this machine.
        if "function" not in answer or not answer["digest"]:
            return {"deterministic": True, **answer}
        other = self._ask("2", {"id": name, "function": answer["function"]})
        if "digest" not in other:
            return other
        return {"deterministic": other["digest"] == answer["digest"], **answer}

    def _ask(self, seed: str, request: Answer) -> Answer:
        try:
            return self._worker(seed).ask(request, self._limit_s)
        except TimeoutError:
            reason = f"takes more than {self._limit_s:g} s"
        except EOFError:
            reason = "ends the process"
        self._workers.pop(seed).end()
        return {"id": request["id"], "reason": reason}

    def end(self) -> None:
        """Stop the workers."""
        for worker in self._workers.values():
            worker.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="napari_openhcs.functions.establish",
        description="Run the functions of libraries and write down what each takes and gives.",
    )
    parser.add_argument("--library", action="append", help="key of an adapter; default: all here")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only functions whose id or name fits, as '*gaussian*'; the rest stays as it is",
    )
    parser.add_argument("--folder", type=Path, help="where to write; default: the package")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    failed = 0
    here = [key for key, found in LIBRARIES.items() if found.is_available() and found.version()]
    for name in options.library or here:
        try:
            _establish(name, options)
        except OpenHCSError as error:
            print(error, file=sys.stderr)
            failed = 2
    return failed


def _establish(name: str, options: argparse.Namespace) -> None:
    folder = options.folder or _installed(name).folder
    found = establish_library(
        name,
        choose=matching(options.only),
        report=lambda line: print(line, flush=True),
        folder=None if options.dry_run else folder,
    )
    print(f"{name}: {len(found.functions)} listed, {len(found.excluded)} left out")
    if options.dry_run:
        return
    path = find_catalogue(folder, name, found.version) if options.only else None
    if path is not None and path.stem == f"{name}-{found.version}":
        found = read_catalogue(path).updated(found)
    print(write_catalogue(found, folder))
    forget_record(LIBRARIES[name], folder)


if __name__ == "__main__":
    sys.exit(main())
