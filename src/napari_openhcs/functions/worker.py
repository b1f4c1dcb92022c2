"""Asking a process that runs functions on trial images.

Such a process runs a module that calls :func:`napari_openhcs.functions.establish_worker.serve`;
what it may be asked stands there.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import psutil

from napari_openhcs.errors import OpenHCSError

__all__ = ["Answer", "Worker"]

Answer = dict[str, Any]

START_LIMIT_S = 180.0
"""Seconds a worker may take to import its library."""

PATIENCE = 4.0
"""How many times longer than its processor time an answer may take on a busy machine."""

END_LIMIT_S = 5.0
"""Seconds to wait for the last words of a worker that was stopped."""


class Worker:
    """A subprocess that establishes one function after another.

    Parameters
    ----------
    module, *arguments : str
        What it runs.
    start_limit_s : float
        Seconds it may take to import its functions.
    environment : mapping, optional
        Variables it gets besides those of this process.
    background : bool
        It leaves the processor to others.

    Attributes
    ----------
    signatures : dict of str to str
        The functions there are, each with its signature.

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
        background: bool = False,
    ) -> None:
        nice = ["nice", "-n", "10"] if background and os.name == "posix" else []
        self._process = subprocess.Popen(
            [*nice, sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={
                **os.environ,
                "MPLBACKEND": "Agg",
                "PYTHONIOENCODING": "utf-8",
                **(environment or {}),
            },
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=target, daemon=True)
            for target in (self._read, self._read_errors)
        ]
        for reader in self._readers:
            reader.start()
        try:
            first = self._next(start_limit_s)
        except TimeoutError:
            first = {"failed": f"not done after {start_limit_s:g} s"}
        except EOFError:
            first = {"failed": self._last_words()}
        if "failed" in first:
            self.end()
            raise OpenHCSError(first["failed"])
        self.signatures: dict[str, str] = first["signatures"]

    def _last_words(self) -> str:
        status = self._process.wait()
        self._readers[1].join(END_LIMIT_S)
        said = f": {self._errors[-1].strip()}" if self._errors else ""
        return f"the process ended (exit status {status}){said}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        # Only what comes before the worker sends its own standard error elsewhere.
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._errors.extend(lines)

    def _next(self, seconds: float) -> Any:
        start, used = time.monotonic(), self._processor_seconds()
        while True:
            try:
                line = self._lines.get(timeout=seconds)
                break
            except queue.Empty:
                busy = self._processor_seconds() - used
                if busy >= seconds or time.monotonic() - start >= PATIENCE * seconds:
                    raise TimeoutError from None
        if not line:
            raise EOFError
        return json.loads(line)

    def _processor_seconds(self) -> float:
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def ask(self, request: Answer, seconds: float) -> Answer:
        """Return the answer to a request.

        Parameters
        ----------
        request : dict
            As JSON.
        seconds : float
            Processor time the answer may take.

        Raises
        ------
        TimeoutError, EOFError
            None came in time, or the process ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        answer: Answer = self._next(seconds)
        return answer

    def end(self) -> None:
        """Stop the worker and what its functions started: it leads a group of its own."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(END_LIMIT_S)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
