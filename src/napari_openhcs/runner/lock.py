"""Which process runs into an output: one at a time, recognised by pid and start time."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_openhcs.errors import OutputError
from napari_openhcs.frozen import from_json, to_json

__all__ = ["Owner", "acquire", "hand_over", "is_alive", "owner_of", "read_lock", "release"]

PROC = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process: pid, when it started (in units of its own machine), and the machine."""

    pid: int
    started: str
    host: str


def _started(pid: int) -> str | None:
    """Return when a process started, or None where it is gone or a zombie.

    Linux counts in ticks since boot, which setting the clock does not change.
    """
    if PROC.exists():
        try:
            text = Path(PROC, str(pid), "stat").read_text()
            boot = Path(PROC, "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        values = text.rpartition(")")[2].split()
        return None if values[0] in "ZX" else f"{values[19]}@{boot}"
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def owner_of(pid: int) -> Owner:
    """Describe a living process."""
    return Owner(pid, _started(pid) or "", socket.gethostname())


def is_alive(owner: Owner) -> bool:
    """Whether the process is still the same and not a zombie.

    A process of another machine cannot be seen from here and counts as alive.
    """
    if owner.host != socket.gethostname():
        return True
    return _started(owner.pid) == owner.started


def read_lock(path: Path) -> Owner | None:
    """Return who holds a lock, dead or alive; None where it is free or unreadable."""
    try:
        return from_json(path.read_bytes(), Owner)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def acquire(path: Path, timeout: float = 0.0) -> bool:
    """Take the lock for this process, unless it was handed over to it already.

    Parameters
    ----------
    path : Path
    timeout : float
        Seconds to wait for a living owner to let go or to hand over.

    Returns
    -------
    bool
        Whether it was handed over.

    Raises
    ------
    OutputError
        Another living process holds it.
    """
    me = owner_of(os.getpid())
    deadline = time.monotonic() + timeout
    while True:
        if read_lock(path) == me:
            return True
        if _create(path, me):
            return False
        holder = read_lock(path)
        if holder is None or not is_alive(holder):
            _remove_stale(path, holder)
        elif time.monotonic() >= deadline:
            raise OutputError(
                f"{path.parent.parent} is in use: process {holder.pid} on {holder.host} runs a "
                "pipeline into it; wait until it ends, stop it, or choose another output."
            )
        else:
            time.sleep(0.02)


def _create(path: Path, owner: Owner) -> bool:
    """Create the lock with its content in one step (a link to a finished file)."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_bytes(to_json(owner))
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    except OSError:
        return _create_without_links(path, owner)
    finally:
        own.unlink()
    return True


def _create_without_links(path: Path, owner: Owner) -> bool:
    """Fall back for file systems that know no links (FAT, some network shares)."""
    try:
        with path.open("xb") as file:
            file.write(to_json(owner))
    except FileExistsError:
        return False
    return True


def _remove_stale(path: Path, seen: Owner | None) -> None:
    """Remove a dead process's lock; should another have taken it meanwhile, put it back."""
    aside = path.with_name(f"{path.name}.stale.{os.getpid()}")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return
    if read_lock(aside) != seen:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink()


def hand_over(path: Path, pid: int) -> None:
    """Give a lock held by this process to another one."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_bytes(to_json(owner_of(pid)))
    os.replace(own, path)


def release(path: Path) -> None:
    """Give the lock back if this process holds it."""
    if read_lock(path) == owner_of(os.getpid()):
        path.unlink()
