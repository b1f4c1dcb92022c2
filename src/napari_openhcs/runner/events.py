"""What happens during a run, one frozen event each; ``events.jsonl`` is made of them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from napari_openhcs.frozen import FrozenMapping, from_json, to_json

__all__ = ["Event", "EventLog", "What", "decode_event", "encode_event", "stamped"]


class What(StrEnum):
    """What happened."""

    RUN_STARTED = "run_started"
    """The first event of a run: what an earlier run left in the file no longer counts."""
    RUN_PREPARED = "run_prepared"
    """The stores are there and it is known which wells need no worker."""
    WELL_KEPT = "well_kept"
    """An earlier run finished this well with the same key; it is not run again."""
    WELL_REFUSED = "well_refused"
    """The well's own data are incomplete; it is not run."""
    WORKER_READY = "worker_ready"
    WELL_STARTED = "well_started"
    STEP_STARTED = "step_started"
    WELL_DONE = "well_done"
    WELL_FAILED = "well_failed"
    WORKER_LOST = "worker_lost"
    TIME_IS_UP = "time_is_up"
    """A step, or the whole well, took longer than its limit."""
    STOP_REQUESTED = "stop_requested"
    RUN_BROKEN = "run_broken"
    """Something outside the wells failed: the output vanished, the disk is full."""
    RUN_ENDED = "run_ended"


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    what : What
    at : float
        Seconds on the machine's monotonic clock; unaffected by setting the clock.
    time : str
        ISO wall-clock time, for people.
    well, step : str
        Empty where none is meant.
    worker : int or None
    seconds : float
        How long the well took; for STEP_STARTED its time limit (0 is none).
    planes : int
        Raw planes of the well.
    message : str
        One sentence: why a well failed, a worker was lost, the run ended.
    reason : str
        What makes failures alike: step, function and kind of error, without the well.  Empty
        where a failure is the well's own affair.
    state : str
        For RUN_ENDED: ``done``, ``failed`` or ``stopped``.
    conversions : FrozenMapping of route to int
        How many arrays went between memory types by each route.
    fallbacks : tuple of str
        A sentence for each call that ended on the CPU after running out of GPU memory.
    """

    what: What
    at: float = 0.0
    time: str = ""
    well: str = ""
    step: str = ""
    worker: int | None = None
    seconds: float = 0.0
    planes: int = 0
    message: str = ""
    reason: str = ""
    state: str = ""
    conversions: FrozenMapping[str, int] = field(default_factory=FrozenMapping)
    fallbacks: tuple[str, ...] = ()


_DEFAULTS: dict[str, object] = {
    item.name: FrozenMapping() if item.name == "conversions" else item.default
    for item in fields(Event)
}


def stamped(event: Event) -> Event:
    """Return an event with the time it is now, on both clocks."""
    wall = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return replace(event, at=round(time.monotonic(), 4), time=wall)


def encode_event(event: Event) -> bytes:
    """Encode an event as one line of JSON (without the newline); defaults are left out."""
    values = {item.name: getattr(event, item.name) for item in fields(Event)}
    return to_json({name: value for name, value in values.items() if value != _DEFAULTS[name]})


def decode_event(line: bytes) -> Event:
    """Decode one line.

    Raises
    ------
    ValueError
        The line is no event (a line cut short by a crash, say).
    """
    return from_json(line, Event)


class EventLog:
    """Appends events to a file, each flushed at once; a line cut by a crash is closed off.

    Parameters
    ----------
    path : Path
        The file; created where it is not there.
    """

    def __init__(self, path: Path) -> None:
        binary = getattr(os, "O_BINARY", 0)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | binary, 0o644)
        size = os.fstat(self._file).st_size
        if size:
            os.lseek(self._file, size - 1, os.SEEK_SET)
            if os.read(self._file, 1) != b"\n":
                os.write(self._file, b"\n")

    def append(self, event: Event) -> None:
        """Write one event as one line."""
        os.write(self._file, encode_event(event) + b"\n")

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)
