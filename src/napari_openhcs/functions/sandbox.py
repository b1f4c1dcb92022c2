"""Watching what a function does besides computing, while it is established.

A function of a pipeline reads arrays and gives arrays.  One that prints, opens the network,
writes files or starts processes would do so thousands of times on a plate, in several
workers at once; it is not listed, and the :class:`Watch` says why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Watch", "output_into"]

_NETWORK = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"),
    )
)
_PROCESSES = frozenset(
    (
        *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
        *("os.spawn", "os.startfile", "pty.spawn"),
    )
)
_CHANGES = frozenset(
    (
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink"),
        *("os.truncate", "os.chmod", "os.chown", "os.utime"),
    )
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """An audit hook that refuses and remembers what a function may not do.

    Parameters
    ----------
    folder : Path
        Temporary folder in which files may be written.

    Notes
    -----
    An audit hook stays for the life of the process, and a library's compiled code can go
    past it: this finds honest side effects, it does not hold malice.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)
        self._on = False
        self.finding = ""
        """What was refused first since :meth:`watching` began; empty for nothing."""
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Refuse side effects inside the block."""
        self.finding = ""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._on and (problem := self._problem(event, arguments)):
            self.finding = self.finding or problem
            raise PermissionError(f"a function that is established may not: it {problem}")

    def _problem(self, event: str, arguments: tuple[Any, ...]) -> str:
        if event in _NETWORK:
            return "opens the network"
        if event in _PROCESSES:
            return "starts a process"
        if event == "open":
            path, mode, flags = arguments
            writes = bool((flags or 0) & _WRITING) or any(sign in (mode or "") for sign in "wax+")
            return "writes files" if writes and self._is_outside(path) else ""
        if event in _CHANGES and self._is_outside(arguments[0]):
            return "writes files"
        return ""

    def _is_outside(self, path: object) -> bool:
        # An open file has no path; who opened it was asked then.
        if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) == os.devnull:
            return False
        found = os.path.realpath(os.fsdecode(path))
        return os.path.commonpath((found, self._folder)) != self._folder


def output_into(path: Path) -> None:
    """Send what this process prints into a file, from compiled code too.

    Standard output and standard error are replaced as file descriptors.
    """
    with path.open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
