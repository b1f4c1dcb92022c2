"""What a run looks like from outside: a frozen snapshot whose JSON is the document of ``run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from napari_openhcs.frozen import FrozenMapping

__all__ = ["RunPhase", "RunStatus", "WellPhase", "WellStatus"]


class RunPhase(StrEnum):
    """State of a run."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    """The supervisor died without a word; the run can be resumed."""


class WellPhase(StrEnum):
    """State of a well."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class WellStatus:
    """One well of a run.

    Attributes
    ----------
    seconds : float
        How long its last attempt took.
    attempts : int
        How often it was started; 0 for a well kept from an earlier run.
    message : str
        Why it failed, or was tried again; empty otherwise.
    step : str
        Id of the step it is in, or failed in.
    """

    state: WellPhase = WellPhase.WAITING
    seconds: float = 0.0
    attempts: int = 0
    message: str = ""
    step: str = ""


@dataclass(frozen=True)
class RunStatus:
    """A run as it stands.

    Attributes
    ----------
    wells : FrozenMapping of well name to WellStatus
    seconds : float
        Since the start, or until the end.
    planes : int
        Raw planes of the wells that are done.
    output : str
        The output folder, absolute.
    conversions : FrozenMapping of route to int
        How many arrays went between memory types by each route.
    fallbacks : tuple of str
        A sentence for each call that ended on the CPU after running out of GPU memory.
    message : str
        How the run ended and why, in one sentence; empty while it goes on.
    """

    state: RunPhase
    wells: FrozenMapping[str, WellStatus] = field(default_factory=FrozenMapping)
    seconds: float = 0.0
    planes: int = 0
    output: str = ""
    conversions: FrozenMapping[str, int] = field(default_factory=FrozenMapping)
    fallbacks: tuple[str, ...] = ()
    message: str = ""

    def count(self, phase: WellPhase | str) -> int:
        """Return how many wells are in a state."""
        return sum(well.state == phase for well in self.wells.values())
