"""The command that makes the catalogues: ``python -m napari_openhcs.functions.establish``.

::

    main ─▶ establish_library ─▶ Worker (a subprocess)       one line of JSON a function
               └ a function that takes too long or kills the worker is left out,
                 and a new worker goes on with the next

A worker has no network, and what a function prints is seen: either leaves it out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.catalogue import (
    Catalogue,
    function_document,
    function_from,
    write_catalogue,
)
from napari_openhcs.functions.classify import NotEstablished, establish_function
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, signature_text

__all__ = ["Established", "Worker", "establish_library", "main", "serve"]

TIME_LIMIT_S = 120.0
"""Seconds one function may take for all its trials together."""

START_LIMIT_S = 120.0
"""Seconds a worker may take to import its library."""


@dataclass(frozen=True)
class Established:
    """A catalogue, and why each of the other functions is not in it."""

    catalogue: Catalogue
    left_out: FrozenMapping[str, str]


def establish_library(
    name: str,
    *,
    only: Sequence[str] = (),
    time_limit_s: float = TIME_LIMIT_S,
    report: Callable[[str], None] = lambda line: None,
) -> Established:
    """Run every candidate of a library in a subprocess and collect what was found.

    Parameters
    ----------
    name : str
        Key of the adapter; its library must be installed.
    only : sequence of str
        Ids to establish; by default all candidates.
    time_limit_s : float
        Seconds a function may take.
    report : callable
        Gets a line about each function.

    Raises
    ------
    OpenHCSError
        There is no such library, or it is not installed.
    """
    if name not in LIBRARIES:
        raise OpenHCSError(
            f"There is no function library '{name}': expected one of {', '.join(LIBRARIES)}."
        )
    library = LIBRARIES[name]
    version = library.version()
    if version is None or not library.is_available():
        raise OpenHCSError(
            f"{library.title} is not installed, and functions are established by running them: "
            f"run '{library.install}'."
        )
    functions, signatures, left_out = [], {}, {}
    for found in _answers(name, only, time_limit_s):
        if "function" in found:
            functions.append(function_from(found["function"], name, version))
            signatures[found["id"]] = found["signature"]
            report(f"+ {found['id']}: {functions[-1].contract} → {functions[-1].output_kind}")
        else:
            left_out[found["id"]] = found["reason"]
            report(f"- {found['id']}: {found['reason']}")
    catalogue = Catalogue(name, version, tuple(functions), FrozenMapping(signatures))
    return Established(catalogue, FrozenMapping(left_out))


def _answers(name: str, only: Sequence[str], limit: float) -> Iterator[dict[str, Any]]:
    worker = _worker_of(name)
    waiting = list(only) or worker.names
    for function in waiting:
        answer = worker.ask(function, limit)
        if answer is None:
            yield {"id": function, "reason": f"takes more than {limit:g} s or ends the process"}
            worker.end()
            worker = _worker_of(name)
        else:
            yield answer
    worker.end()


def _worker_of(library: str) -> Worker:
    return Worker("napari_openhcs.functions.establish", "--worker", library)


class Worker:
    """A subprocess that establishes one function after another.

    Parameters
    ----------
    module, *arguments : str
        What it runs: a module that calls :func:`serve`.
    start_limit_s : float
        Seconds it may take to import its functions.
    environment : mapping, optional
        Variables it gets besides those of this process.

    Raises
    ------
    OpenHCSError
        It did not start; the text says why, as far as it is known.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        start_limit_s: float = START_LIMIT_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "MPLBACKEND": "Agg", **(environment or {})},
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self._next(start_limit_s)
        if not isinstance(first, list):
            what = first["failed"] if first else self._why_silent(start_limit_s)
            self.end()
            raise OpenHCSError(what)
        self.names: list[str] = first

    def _why_silent(self, seconds: float) -> str:
        if self.ended:
            return f"the process ended (exit status {self._process.returncode})"
        return f"not done after {seconds:g} s"

    @property
    def ended(self) -> bool:
        """Whether the process is gone; asked after it gave no answer."""
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _next(self, seconds: float) -> Any:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        return json.loads(line) if line else None

    def ask(self, name: str, seconds: float) -> dict[str, Any] | None:
        """Return the answer about a function; None when none came in time."""
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] | None = self._next(seconds)
        return answer

    def end(self) -> None:
        """Stop the worker."""
        # What a function started goes with it: the worker leads a group of its own.
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def _refuse_network(*_: Any, **__: Any) -> NoReturn:
    raise OSError("functions that are established have no network")


def _work(library: FunctionLibrary, names: TextIO, answers: TextIO, printed: Path) -> None:
    """Answer one line for each name, until there are no more."""
    setattr(socket.socket, "connect", _refuse_network)  # noqa: B010 (mypy: a method)
    try:
        functions = dict(library.candidates())
    except Exception as error:  # noqa: BLE001 - other people's modules: anything may come
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        print(json.dumps({"failed": said}), file=answers, flush=True)
        return
    print(json.dumps(list(functions)), file=answers, flush=True)
    for line in names:
        name = line.strip()
        before = printed.stat().st_size
        try:
            spec = establish_function(library, name, functions[name])
        except NotEstablished as error:
            answer: dict[str, Any] = {"id": name, "reason": str(error)}
        else:
            answer = {
                "id": name,
                "function": function_document(spec),
                "signature": signature_text(functions[name]),
            }
        sys.stdout.flush()
        sys.stderr.flush()
        if printed.stat().st_size > before:
            answer = {"id": name, "reason": "prints"}
        elif "matplotlib.pyplot" in sys.modules:
            answer = {"id": name, "reason": "plots"}
            del sys.modules["matplotlib.pyplot"]
        print(json.dumps(answer), file=answers, flush=True)


def serve(library: FunctionLibrary) -> None:
    """Be a worker: names on standard input, answers on what was standard output."""
    with tempfile.TemporaryDirectory() as folder, os.fdopen(os.dup(1), "w") as answers:
        printed = Path(folder, "printed")
        with printed.open("w") as sink:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            _work(library, sys.stdin, answers, printed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    parser = argparse.ArgumentParser(prog="napari_openhcs.functions.establish", description=__doc__)
    parser.add_argument("--library", action="append", help="key of an adapter; default: all here")
    parser.add_argument("--folder", type=Path, help="where to write; default: the package")
    parser.add_argument("--function", action="append", default=[], help="only try this; no file")
    parser.add_argument("--worker", metavar="LIBRARY", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        serve(LIBRARIES[options.worker])
        return 0
    try:
        _establish_all(options)
    except OpenHCSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _establish_all(options: argparse.Namespace) -> None:
    here = [key for key, found in LIBRARIES.items() if found.is_available() and found.version()]
    for name in options.library or here:
        found = establish_library(name, only=options.function, report=print)
        print(f"{name}: {len(found.catalogue.functions)} listed, {len(found.left_out)} left out")
        if not options.function:
            folder = options.folder or LIBRARIES[name].folder
            print(write_catalogue(found.catalogue, folder))


if __name__ == "__main__":
    sys.exit(main())
