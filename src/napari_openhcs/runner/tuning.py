"""Single-well tuning: a warm process that runs one well at once and caches every step.

Free of Qt; :class:`TuningProcess` may be used from any thread.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from napari_openhcs.errors import RunError
from napari_openhcs.frozen import FrozenMapping, from_json, to_json
from napari_openhcs.plan import CompiledPlate, encode_plan
from napari_openhcs.runner.tuning_messages import (
    ReplyWhat,
    TuningMessage,
    TuningReply,
    TuningRequest,
    unpack_table,
)

__all__ = ["ReplyWhat", "TuningProcess", "TuningReply"]

STUCK_S = 3.0
"""How long a newer request waits for the step in work before the process is replaced."""
MAX_CACHE_BYTES = 4 * 2**30


class TuningProcess:
    """Runs one well in a process of its own and answers step by step.

    The process starts with the first request (or :meth:`start`), stays warm, and dies with this
    one.  A newer request abandons older ones; a function that does not return is got rid of
    by replacing the process, which loses the cache.

    Parameters
    ----------
    on_reply : callable, optional
        Called with each :class:`TuningReply`, **in another thread**; without it replies are
        kept for :meth:`poll`.
    cache_bytes : int, optional
        How much the process keeps of steps' outputs; by default a quarter of the memory, at
        most 4 GiB.
    stuck_s : float
        See above, seconds.
    """

    def __init__(
        self,
        on_reply: Callable[[TuningReply], None] | None = None,
        *,
        cache_bytes: int | None = None,
        stuck_s: float = STUCK_S,
    ) -> None:
        total: int = psutil.virtual_memory().total
        self._cache_bytes = min(MAX_CACHE_BYTES, total // 4) if cache_bytes is None else cache_bytes
        self._stuck_s = stuck_s
        self._replies: queue.SimpleQueue[TuningReply] = queue.SimpleQueue()
        self._deliver = on_reply or self._replies.put
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[TuningRequest | None] = queue.SimpleQueue()
        self._timer: threading.Timer | None = None
        self._last: TuningRequest | None = None
        self._started = 0
        self._finished = 0
        self._step = ""
        self._ids = 0
        self._closed = False

    def start(self) -> None:
        """Start the process now, so that the first preview need not wait for it.

        Raises
        ------
        RunError
            It was closed, or cannot be started.
        """
        with self._lock:
            if self._closed:
                raise RunError("The preview process was closed: make a new one.")
            if self._process is None:
                self._launch()

    def submit(
        self,
        plan: CompiledPlate,
        well: str,
        field: str | None = None,
        last_step: str | None = None,
    ) -> int:
        """Ask for the steps of one well; replaces whatever was asked before.

        Parameters
        ----------
        plan : CompiledPlate
            Need not have an output.
        well : str
        field : str, optional
            Only this field; by default the whole well.
        last_step : str, optional
            Id of the step to stop after.

        Returns
        -------
        int
            Number by which replies say what they answer; it grows.

        Raises
        ------
        RunError
            The plan has no such well, or the process cannot be started.
        """
        if well not in plan.contexts:
            raise RunError(f"Well {well} is not in the plan: compile the pipeline for it.")
        alone = replace(plan, contexts=FrozenMapping({well: plan.contexts[well]}))
        with self._lock:
            self.start()
            self._ids += 1
            text = encode_plan(alone).decode()
            self._last = TuningRequest(self._ids, text, well, field, last_step)
            self._outbox.put(self._last)
            self._watch(self._stuck_s, self._ids, None, "")
            return self._ids

    def poll(self) -> list[TuningReply]:
        """Return the replies since the last call; never waits."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._replies.get_nowait())
        return found

    def close(self) -> None:
        """End the process and remove its files; arrays that were given stay valid."""
        with self._lock:
            self._closed = True
            self._end()

    def _launch(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="openhcs-tuning-"))
        command = [sys.executable, "-P", "-m", "napari_openhcs.runner.tuning_worker"]
        try:
            with (folder / "tuning.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, str(folder), str(self._cache_bytes)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise RunError(f"The preview process cannot be started: {error}.") from error
        self._outbox = queue.SimpleQueue()
        for target, other in ((self._listen, folder), (self._write, self._outbox)):
            threading.Thread(
                target=target, args=(self._process, other), name="openhcs-tuning", daemon=True
            ).start()

    @staticmethod
    def _write(
        process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[TuningRequest | None]
    ) -> None:
        """Send requests; in a thread of its own, for a busy process may let a pipe fill."""
        assert process.stdin is not None
        # A process that has died is noticed by the listener, which answers the request.
        with contextlib.suppress(OSError):
            while (request := outbox.get()) is not None:
                process.stdin.write(to_json(request) + b"\n")
                process.stdin.flush()
        with contextlib.suppress(OSError):
            process.stdin.close()

    def _listen(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        """Read replies until the process ends; in a thread of its own."""
        assert process.stdout is not None
        for line in process.stdout:
            try:
                message = from_json(line, TuningMessage)
            except ValueError:  # cut short by the end of the process
                continue
            reply = _unpack(message)
            with self._lock:
                if process is not self._process or message.request != self._ids:
                    continue
                self._note(message)
            if message.what not in (ReplyWhat.STARTED, ReplyWhat.STEP_STARTED):
                self._deliver(reply)
        process.stdout.close()
        process.wait()
        with self._lock:
            if process is self._process:
                self._died(process)
        shutil.rmtree(folder, ignore_errors=True)

    def _note(self, message: TuningMessage) -> None:
        if message.what is ReplyWhat.STARTED:
            self._started = message.request
        self._cancel_timer()
        if message.what is ReplyWhat.STEP_STARTED:
            self._step = message.step_id
            if message.limit_s:
                text = (
                    f"Step {message.step_id} took longer than its time limit of "
                    f"{message.limit_s:g} s and was ended: raise the limit or make the step faster."
                )
                self._watch(message.limit_s, message.request, message.step_id, text)
        elif message.what in (ReplyWhat.DONE, ReplyWhat.FAILED):
            self._finished = message.request

    def _watch(self, seconds: float, request: int, step: str | None, text: str) -> None:
        self._cancel_timer()
        self._timer = threading.Timer(seconds, self._stuck, (request, step, text))
        self._timer.daemon = True
        self._timer.start()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stuck(self, request: int, step: str | None, text: str) -> None:
        """Replace a process that does not come to a request, or to the end of a step."""
        with self._lock:
            if self._closed or request != self._ids or self._finished == request:
                return
            if step is None:
                busy_with_older = self._started and self._started < request
                if not busy_with_older:
                    return
                self._end()
                self._launch()
                assert self._last is not None
                self._outbox.put(self._last)
                return
            if self._step != step:
                return
            self._end()
            self._finished = request
        self._deliver(TuningReply(request, ReplyWhat.FAILED, step_id=step, message=text))

    def _died(self, process: subprocess.Popen[bytes]) -> None:
        """Answer the request during which the process died by itself."""
        step = self._step
        self._end()
        if self._ids > self._finished:
            self._finished = self._ids
            where = f" in step {step}" if step else ""
            code = process.returncode
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            text = f"The preview process {how}{where}: the function there may crash Python."
            self._deliver(TuningReply(self._ids, ReplyWhat.FAILED, step_id=step, message=text))

    def _end(self) -> None:
        process, self._process = self._process, None
        self._cancel_timer()
        self._started = 0
        self._step = ""
        if process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        self._outbox.put(None)
        process.wait()


def _unpack(message: TuningMessage) -> TuningReply:
    """Map a reply's array into memory and remove its file."""
    array = None
    if message.path:
        path = Path(message.path)
        try:
            array = np.load(path, mmap_mode="r")
        except OSError:
            return TuningReply(message.request, ReplyWhat.FAILED, message="The preview was lost.")
        # Windows removes no mapped file; there it goes with the folder.
        with contextlib.suppress(PermissionError):
            path.unlink()
    return TuningReply(
        request=message.request,
        what=message.what,
        step_id=message.step_id,
        kind=message.kind,
        seconds=message.seconds,
        cached=message.cached,
        grid=message.grid,
        array=array,
        table=unpack_table(message.table, message.dtypes) if message.table else None,
        message=message.message,
    )
