"""Options of a run that belong to the pipeline: how results are written and run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from napari_openhcs.errors import PipelineError
from napari_openhcs.pipeline.literals import shown

__all__ = ["PipelineConfig"]


@dataclass(frozen=True)
class PipelineConfig:
    """How a pipeline is run and its results written.

    Attributes
    ----------
    ome_version : str
        ``0.5`` (Zarr 3) or ``0.4`` (Zarr 2).
    compressor : str
        ``lz4`` or ``zstd`` (both through Blosc with shuffle), or ``none``.
    level : int
        Compression level, 1 to 9.
    max_attempts : int
        How often a well is tried when its worker dies.
    stop_after_failures : int
        The run stops when so many first wells fail alike; 0 never stops.
    oom_retries : int
        How often a step is tried again after running out of GPU memory, unless the step says
        otherwise.
    cpu_fallback : bool
        After that, do the step on the CPU and record it, unless the step says otherwise.
    step_time_limit_s : float or None
        Seconds one well may spend in one step, unless the step says otherwise.
    memory_fraction : float
        Part of the machine's free memory that all workers together may take.
    """

    ome_version: str = "0.5"
    compressor: str = "lz4"
    level: int = 5
    max_attempts: int = 3
    stop_after_failures: int = 3
    oom_retries: int = 2
    cpu_fallback: bool = True
    step_time_limit_s: float | None = None
    memory_fraction: float = 0.8

    def __post_init__(self) -> None:
        """Refuse values that no run could use."""
        for item in fields(self):
            expected, accepts = _ACCEPTED[item.name]
            value = getattr(self, item.name)
            if not accepts(value):
                raise PipelineError(
                    f"The configuration's {item.name} is {shown(value)}: expected {expected}."
                )


def _whole(low: int, high: int) -> tuple[str, Any]:
    return (
        f"a whole number from {low} to {high}",
        lambda value: type(value) is int and low <= value <= high,
    )


def _one_of(*choices: str) -> tuple[str, Any]:
    return "one of " + ", ".join(choices), lambda value: value in choices


_ACCEPTED: dict[str, tuple[str, Any]] = {
    "ome_version": _one_of("0.5", "0.4"),
    "compressor": _one_of("lz4", "zstd", "none"),
    "level": _whole(1, 9),
    "max_attempts": _whole(1, 100),
    "stop_after_failures": _whole(0, 10_000),
    "oom_retries": _whole(0, 100),
    "cpu_fallback": ("True or False", lambda value: isinstance(value, bool)),
    "step_time_limit_s": (
        "None or a number of seconds above 0",
        lambda value: value is None or (type(value) in (int, float) and value > 0),
    ),
    "memory_fraction": (
        "a number above 0 and up to 1",
        lambda value: type(value) in (int, float) and 0 < value <= 1,
    ),
}
