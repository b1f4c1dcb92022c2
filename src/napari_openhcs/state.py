"""The frozen state of a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_openhcs.pipeline import Pipeline
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.plate import Plate

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.runner import RunStatus

__all__ = ["Message", "SessionState", "Tuned"]


@dataclass(frozen=True)
class Tuned:
    """The well and field on which the pipeline is tuned; empty before a plate is open."""

    well: str = ""
    field: str = ""

    def __bool__(self) -> bool:
        return bool(self.well)


@dataclass(frozen=True)
class Message:
    """A sentence for the person at the window; `severity` is info, warning or error."""

    text: str
    severity: str = "info"


@dataclass(frozen=True)
class SessionState:
    """Everything that is open, frozen.

    Attributes
    ----------
    selected_wells : tuple of str
        Wells to run; empty means all.
    selected_step : int or None
        0-based position of the step whose parameters are shown.
    hidden_steps : frozenset of str
        Titles of the steps whose preview is not shown.
    output : str
        Folder results are written to; empty until chosen.
    compiled : CompiledPlate or None
        Newest plan of *this* plate and pipeline; None while it is being made.
    run_output : str
        Output folder of the run that is followed; empty when there is none.
    undo, redo : tuple of Pipeline
        Last one next.
    """

    plate: Plate | None = None
    pipeline: Pipeline = field(default_factory=Pipeline)
    tuned: Tuned = field(default_factory=Tuned)
    selected_wells: tuple[str, ...] = ()
    selected_step: int | None = None
    hidden_steps: frozenset[str] = frozenset()
    output: str = ""
    compiled: CompiledPlate | None = None
    run: RunStatus | None = None
    run_output: str = ""
    results: Results | None = None
    undo: tuple[Pipeline, ...] = ()
    redo: tuple[Pipeline, ...] = ()
