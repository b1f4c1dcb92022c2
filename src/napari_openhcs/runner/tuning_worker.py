"""``python -m napari_openhcs.runner.tuning_worker FOLDER``: the process behind previews.

Requests come as JSON lines on standard input, replies go out as JSON lines on standard
output; arrays are left in FOLDER as ``.npy``.  The newest request wins: an older one is
given up before its next step.  Ends with its parent (end of input).
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import sys
import threading
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import from_json, to_json
from napari_openhcs.functions.speeds import megapixels_read, remember_speed
from napari_openhcs.plan import Grid, ProcessingContext, StepPlan, decode_plan
from napari_openhcs.runner.dataset import StepData, identity_of_planes, narrow_context
from napari_openhcs.runner.tables import stack_places
from napari_openhcs.runner.tuning_messages import (
    ReplyWhat,
    TuningMessage,
    TuningRequest,
    pack_column,
)
from napari_openhcs.runner.well import StepError, StepOutcome, WellExecution, load_functions
from napari_openhcs.runner.worker import end_with_children

__all__ = ["BoundedCache", "TuningWorker"]

log = logging.getLogger(__name__)


def _keep_speed(
    context: ProcessingContext, outcome: StepOutcome, plate_yx: tuple[int, int] | None
) -> None:
    """Keep the speed of a step that is one function; in a chain it is not known whose it is."""
    chains = tuple(outcome.step.patterns.values())
    if len(chains) != 1 or len(chains[0]) != 1:
        return
    ((call,),) = chains
    (read,) = megapixels_read(context.layout, outcome.step, plate_yx).values()
    remember_speed(call.function, call.library_version, outcome.seconds, read)


class BoundedCache:
    """Keeps steps' outputs up to a number of bytes; what was not used longest goes first.

    Parameters
    ----------
    max_bytes : int
    """

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._items: OrderedDict[str, tuple[StepData, int]] = OrderedDict()
        self.nbytes = 0

    def get(self, key: str) -> StepData | None:
        """Return what is kept under a key, or None."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key][0]

    def put(self, key: str, data: StepData) -> None:
        """Keep an output; one larger than the whole cache is not kept."""
        size = data.nbytes
        if key in self._items:
            self.nbytes -= self._items.pop(key)[1]
        if size > self._max:
            return
        self._items[key] = (data, size)
        self.nbytes += size
        while self.nbytes > self._max:
            self.nbytes -= self._items.popitem(last=False)[1][1]


class _Abandoned(Exception):
    """A newer request is there."""


class TuningWorker:
    """Answers requests one after another.

    Parameters
    ----------
    folder : Path
        Where arrays are left for the window's process.
    out : binary file
        Where replies go.
    cache : BoundedCache
    """

    def __init__(self, folder: Path, out: BinaryIO, cache: BoundedCache) -> None:
        self._folder = folder
        self._out = out
        self._cache = cache
        self._requests: queue.SimpleQueue[TuningRequest] = queue.SimpleQueue()
        self._newest = 0
        self._files = 0

    def add(self, request: TuningRequest) -> None:
        """Take a request; called by the thread that reads them."""
        self._newest = request.id
        self._requests.put(request)

    def work(self) -> None:
        """Answer requests for ever."""
        while True:
            self.answer(self._requests.get())

    def answer(self, request: TuningRequest) -> None:
        """Answer one request, unless a newer one is there."""
        try:
            self._check_newest(request)
            self._say(TuningMessage(request.id, ReplyWhat.STARTED))
            self._run(request)
        except _Abandoned:
            return
        except BaseException as error:  # noqa: BLE001 - the border of the process: a function may
            # raise anything, SystemExit included, and the process must stay warm
            log.error("Request %d failed:\n%s", request.id, traceback.format_exc())
            self._say(
                TuningMessage(
                    request.id,
                    ReplyWhat.FAILED,
                    step_id=error.step_id if isinstance(error, StepError) else "",
                    message=str(error)
                    if isinstance(error, OpenHCSError)
                    else f"The preview of well {request.well} failed: {error!r}",
                )
            )
        else:
            self._say(TuningMessage(request.id, ReplyWhat.DONE))

    def _check_newest(self, request: TuningRequest) -> None:
        if self._newest != request.id:
            raise _Abandoned

    def _run(self, request: TuningRequest) -> None:
        plan = decode_plan(request.plan.encode())
        context = plan.contexts[request.well]
        if request.field is not None:
            context = narrow_context(context, request.field)
        load_functions([context])
        salt = identity_of_planes(context)
        execution = WellExecution(plan, context, cache=self._cache, cache_salt=salt)

        def before(step: StepPlan) -> None:
            self._check_newest(request)
            self._say(
                TuningMessage(
                    request.id,
                    ReplyWhat.STEP_STARTED,
                    step_id=step.step_id,
                    limit_s=step.time_limit_s or 0.0,
                )
            )

        execution.run(
            last_step=request.last_step,
            before=before,
            after=lambda outcome: self._give(request, context, outcome, plan.shape_yx),
        )

    def _give(
        self,
        request: TuningRequest,
        context: ProcessingContext,
        outcome: StepOutcome,
        plate_yx: tuple[int, int] | None,
    ) -> None:
        """Send a step's output, and keep how fast its function was for later estimates."""
        if not outcome.cached:
            _keep_speed(context, outcome, plate_yx)
        table: dict[str, np.ndarray] = {}
        path = ""
        grid = outcome.data.grid
        if request.field in grid.field:
            grid = grid.narrowed({"field": (request.field,)})
        if outcome.data.is_table:
            tables = outcome.data.tables.items()
            items = [(coord, rows) for coord, rows in tables if coord.field in grid.field]
            table = stack_places(context.well, items, grid)
        else:
            path = str(self._leave(outcome.data, grid))
        self._say(
            TuningMessage(
                request.id,
                ReplyWhat.STEP,
                step_id=outcome.step.step_id,
                kind=outcome.step.output.kind,
                seconds=round(outcome.seconds, 6),
                cached=outcome.cached,
                grid=grid,
                path=path,
                table={name: pack_column(values) for name, values in table.items()},
                dtypes={name: values.dtype.str for name, values in table.items()},
            )
        )

    def _leave(self, data: StepData, grid: Grid) -> Path:
        """Write planes of a step as one (field, channel, z, t, Y, X) array."""
        planes = [data.read(coord) for coord in grid.coords()]
        lengths = (len(grid.field), len(grid.channel), len(grid.z), len(grid.t))
        path = self._folder / f"{self._files:06d}.npy"
        self._files += 1
        np.save(path, np.stack(planes).reshape(*lengths, *planes[0].shape))
        return path

    def _say(self, message: TuningMessage) -> None:
        self._out.write(to_json(message) + b"\n")
        self._out.flush()


def _read_requests(worker: TuningWorker, folder: Path) -> None:
    for line in sys.stdin.buffer:
        worker.add(from_json(line, TuningRequest))
    # The window's process is gone, perhaps killed: nobody else removes the files.
    shutil.rmtree(folder, ignore_errors=True)
    end_with_children()


def _keep_output_for_replies() -> BinaryIO:
    """Give what functions print to standard error, so that replies stay clean."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def main(folder: str, cache_bytes: str) -> None:
    """Live until the end of standard input."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    worker = TuningWorker(Path(folder), _keep_output_for_replies(), BoundedCache(int(cache_bytes)))
    threading.Thread(target=_read_requests, args=(worker, Path(folder)), daemon=True).start()
    worker.work()


if __name__ == "__main__":
    main(*sys.argv[1:])
