"""Where the value of an option comes from: the default, the pipeline or the step.

A step that leaves an option at None takes it from the pipeline's configuration, which has a
default for each; :func:`resolved` says for every option what counts and who said so.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, NamedTuple

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.step import FunctionStep

__all__ = ["DEFAULT", "PIPELINE", "STEP", "STEP_OPTIONS", "Setting", "resolved"]

DEFAULT: Final = "default"
PIPELINE: Final = "pipeline"
STEP: Final = "step"

STEP_OPTIONS: Final = ("time_limit_s", "oom_retries", "cpu_fallback")
"""Options that a step may set for itself; the pipeline's are called alike, but for the limit."""

_OF_PIPELINE: Final = {"time_limit_s": "step_time_limit_s"}


class Setting(NamedTuple):
    """A value, and its level: ``default``, ``pipeline`` or ``step``."""

    value: Any
    level: str


def resolved(
    config: PipelineConfig, step: FunctionStep | None = None
) -> FrozenMapping[str, Setting]:
    """Return what counts for each option, and on which level it was set.

    Parameters
    ----------
    config : PipelineConfig
    step : FunctionStep, optional
        Adds :data:`STEP_OPTIONS` as they are for this step.

    Returns
    -------
    FrozenMapping of option to Setting
        Without a step the options of the configuration; with one, those of the step.
    """
    default = PipelineConfig()
    of_pipeline = {
        item.name: Setting(
            value := getattr(config, item.name),
            DEFAULT if value == getattr(default, item.name) else PIPELINE,
        )
        for item in fields(PipelineConfig)
    }
    if step is None:
        return FrozenMapping(of_pipeline)
    found = {}
    for name in STEP_OPTIONS:
        own = getattr(step, name)
        above = of_pipeline[_OF_PIPELINE.get(name, name)]
        found[name] = above if own is None else Setting(own, STEP)
    return FrozenMapping(found)
