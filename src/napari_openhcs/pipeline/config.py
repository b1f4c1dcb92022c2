"""Options of a run that belong to the pipeline: how results are written and run."""

from __future__ import annotations

from dataclasses import dataclass

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
        How often a step is tried again after running out of GPU memory.
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
    step_time_limit_s: float | None = None
    memory_fraction: float = 0.8
