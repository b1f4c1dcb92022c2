"""Steps tried on one well from Python, with pictures a notebook shows."""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_openhcs.axes import Kind, parse_well
from napari_openhcs.errors import CompileError, PipelineError, PlateError, StepFailedError
from napari_openhcs.runner.tuning import ReplyWhat, TuningProcess, TuningReply

if TYPE_CHECKING:
    from napari_openhcs.pipeline import FunctionStep
    from napari_openhcs.plate import Plate

__all__ = ["StepPicture", "WellPreview"]

POLL_S = 0.02
MAX_PICTURES = 12
"""Planes shown of a step, at most."""
MAX_ROWS = 10
"""Rows shown of a table, at most."""


@dataclass(frozen=True, eq=False)
class StepPicture:
    """What a step gives on one field of one well; a notebook shows it as a picture.

    Attributes
    ----------
    title : str
    kind : Kind
    seconds : float
        How long the step took.
    channels : tuple of str
    array : ndarray or None
        (field, channel, z, t, Y, X), read-only; None for a table.
    table : dict of str to ndarray
        Columns; empty for images.
    """

    title: str
    kind: Kind
    seconds: float
    channels: tuple[str, ...]
    array: np.ndarray | None = field(repr=False)
    table: dict[str, np.ndarray] = field(repr=False)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over (channel, PNG or JPEG): of a stack the middle z, of a series the first t."""
        from napari_openhcs.functions.pictures import render

        if self.array is None:
            return
        for number, channel in enumerate(self.channels[:MAX_PICTURES]):
            stack = self.array[0, number]
            yield channel, render(stack[stack.shape[0] // 2, 0], self.kind)

    def _repr_html_(self) -> str:
        """Return what a notebook shows below the cell."""
        head = f"<b>{html.escape(self.title)}</b> ({self.kind}, {self.seconds:.2f} s)"
        return f"<div>{head}<br>{self._rows() if self.array is None else self._images()}</div>"

    def _images(self) -> str:
        found = []
        for channel, picture in self.pictures():
            form = "png" if picture.startswith(b"\x89PNG") else "jpeg"
            text = base64.b64encode(picture).decode()
            found.append(
                '<figure style="display:inline-block;margin:4px">'
                f'<img width="320" src="data:image/{form};base64,{text}">'
                f"<figcaption>{html.escape(channel)}</figcaption></figure>"
            )
        return "".join(found)

    def _rows(self) -> str:
        count = max((len(values) for values in self.table.values()), default=0)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table)
        rows = (
            "".join(f"<td>{html.escape(_cell(values[row]))}</td>" for values in self.table.values())
            for row in range(min(count, MAX_ROWS))
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>{count} rows"


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


class WellPreview:
    """Tries steps one after the other on one field of one well; nothing is written.

    Steps run in a process of their own, which keeps what was computed: only what changed is
    computed again.

    Parameters
    ----------
    plate : Plate, str or Path
        A plate, or the folder of one.
    well : str, optional
        By default the first.
    field : str, optional
        By default the well's first.

    Raises
    ------
    PlateError
        The folder is no plate, or the plate has no such well with images.
    """

    def __init__(
        self, plate: Plate | str | Path, well: str | None = None, field: str | None = None
    ) -> None:
        from napari_openhcs.formats import open_plate

        self._plate = open_plate(Path(plate)) if isinstance(plate, str | Path) else plate
        named = parse_well(well) if well else next(iter(self._plate.wells), "")
        known = self._plate.fields_of(named) if named in self._plate.wells else ()
        if not known or (field is not None and field not in known):
            raise PlateError(
                f"{self._plate.name} has no images of well '{named}'"
                f"{'' if field is None else f', field {field}'}: expected one of its wells "
                f"({', '.join(self._plate.wells[:3])} …) and fields."
            )
        self.well = named
        self.field = field or known[0]
        self._steps: tuple[FunctionStep, ...] = ()
        self._process = TuningProcess()

    def show(self, number: int, step: FunctionStep) -> StepPicture:
        """Make `step` the one at a position and return what it gives; later ones are left out.

        Parameters
        ----------
        number : int
            1-based; at most one more than there are steps.
        step : FunctionStep

        Raises
        ------
        PipelineError
            There is no step before that position, or the step is switched off.
        CompileError
            The steps do not fit the plate.
        StepFailedError
            A step failed; the sentence says which and why.
        """
        from napari_openhcs.compiler import compile_pipeline
        from napari_openhcs.pipeline import Pipeline

        if not 1 <= number <= len(self._steps) + 1:
            raise PipelineError(
                f"Step {number} cannot be shown: expected 1 to {len(self._steps) + 1}, since each "
                "step needs those before it (run their cells first)."
            )
        if not step.enabled:
            raise PipelineError(
                f"Step {number} '{step.title}' is switched off and gives nothing: expected one "
                "that is enabled."
            )
        self._steps = (*self._steps[: number - 1], step)
        plan = compile_pipeline(self._plate, Pipeline(self._steps), wells=[self.well])
        if not plan.ok:
            self._steps = self._steps[:-1]
            raise CompileError([item for item in plan.problems if item.severity == "error"])
        request = self._process.submit(plan, self.well, self.field)
        last = self._last_reply(request)
        channels = last.grid.channel if last.grid is not None else ()
        return StepPicture(
            step.title,
            last.kind or Kind.TABLE,
            last.seconds,
            tuple(map(str, channels)),
            last.array,
            last.table or {},
        )

    def _last_reply(self, request: int) -> TuningReply:
        """Wait for a request's end and return the output of its last step."""
        last: TuningReply | None = None
        while True:
            for reply in self._process.poll():
                if reply.request != request:
                    continue
                if reply.what is ReplyWhat.STEP:
                    last = reply
                elif reply.what is ReplyWhat.DONE and last is not None:
                    return last
                else:
                    raise StepFailedError(reply.message or "The last step gave nothing.")
            time.sleep(POLL_S)

    def close(self) -> None:
        """End the process; pictures that were given stay valid."""
        self._process.close()

    def __enter__(self) -> WellPreview:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
