"""What goes between the window's process and the tuning process, one JSON object a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.plan import Grid

__all__ = [
    "ReplyWhat",
    "TuningMessage",
    "TuningReply",
    "TuningRequest",
    "pack_column",
    "unpack_table",
]


class ReplyWhat(StrEnum):
    """What a reply says."""

    STARTED = "started"
    """The request is being worked on; every older one was finished or abandoned."""
    STEP_STARTED = "step_started"
    STEP = "step"
    """A step's output."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class TuningRequest:
    """Run one well (or one field of it) up to a step.

    `plan` is the JSON of a plan with this well alone.
    """

    id: int
    plan: str
    well: str
    field: str | None = None
    last_step: str | None = None


@dataclass(frozen=True)
class TuningMessage:
    """A reply as it travels.

    Attributes
    ----------
    path : str
        A ``.npy`` file with the planes as (field, channel, z, t, Y, X); empty for tables.
    table : dict of str to list
        The columns of a table.
    limit_s : float
        For STEP_STARTED: the step's time limit; 0 is none.
    """

    request: int
    what: ReplyWhat
    step_id: str = ""
    kind: Kind | None = None
    seconds: float = 0.0
    cached: bool = False
    grid: Grid | None = None
    path: str = ""
    table: dict[str, list[Any]] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    message: str = ""
    limit_s: float = 0.0


@dataclass(frozen=True, eq=False)
class TuningReply:
    """A reply as the window sees it.

    Attributes
    ----------
    request : int
        Which :meth:`~napari_openhcs.runner.tuning.TuningProcess.submit` it answers.
    what : ReplyWhat
    step_id : str
        Empty where the request as a whole is meant.
    kind : Kind or None
    seconds : float
        How long the step took; near 0 when `cached`.
    grid : Grid or None
        The places of the output: values along the first four axes of `array`.
    array : ndarray or None
        (field, channel, z, t, Y, X), read-only, memory-mapped; None for tables.
    table : dict of str to ndarray, or None
        Columns with ``well, field``, (``z, t``,) ``label`` first.
    message : str
        Why it failed, in one sentence.
    """

    request: int
    what: ReplyWhat
    step_id: str = ""
    kind: Kind | None = None
    seconds: float = 0.0
    cached: bool = False
    grid: Grid | None = None
    array: np.ndarray | None = None
    table: dict[str, np.ndarray] | None = None
    message: str = ""


def pack_column(values: np.ndarray) -> list[Any]:
    """Return a column as JSON can hold it: NaN and infinities, which it lacks, as text."""
    found: list[Any] = values.tolist()
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return found
    return [value if math.isfinite(value) else str(value) for value in found]


def unpack_table(
    columns: Mapping[str, list[Any]], dtypes: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Return a table from packed columns; NumPy reads ``nan`` and ``inf`` as numbers again."""
    return {name: np.array(values, dtype=dtypes[name]) for name, values in columns.items()}
