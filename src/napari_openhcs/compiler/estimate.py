"""How long a well may take: speeds of functions times the pixels they read.

Speeds are those measured on this machine while tuning, else the catalogue's.  Reading and
writing overlap with computing and are not counted.
"""

from __future__ import annotations

from typing import NamedTuple

from napari_openhcs.compiler.draft import find_spec
from napari_openhcs.functions.speeds import megapixels_read, speed
from napari_openhcs.plan import CompiledPlate, StepPlan, WellLayout

__all__ = ["StepTime", "plan_seconds", "step_time"]


class StepTime(NamedTuple):
    """Seconds a step may take on a well; None where a function's speed is not known."""

    seconds: float | None
    measured: bool


def step_time(plan: CompiledPlate, layout: WellLayout, step: StepPlan) -> StepTime:
    """Estimate how long a step takes on one well."""
    read = megapixels_read(layout, step, plan.shape_yx)
    seconds, measured = 0.0, True
    for key, chain in step.patterns.items():
        for call in chain:
            spec = find_spec(call.function)
            rate, here = (None, False) if spec is None else speed(spec)
            if rate is None:
                return StepTime(None, False)
            seconds += rate * read[key]
            measured = measured and here
    return StepTime(seconds, measured)


def plan_seconds(plan: CompiledPlate) -> tuple[float, tuple[str, ...]]:
    """Estimate a whole run: seconds with all workers, and the steps that are not counted."""
    layouts = {id(item.layout): item.layout for item in plan.contexts.values()}
    wells = [id(item.layout) for item in plan.contexts.values() if not item.problems]
    total, unknown = 0.0, dict[str, None]()
    for number, layout in layouts.items():
        times = {step.name: step_time(plan, layout, step).seconds for step in layout.steps}
        total += wells.count(number) * sum(time for time in times.values() if time is not None)
        unknown.update({name: None for name, time in times.items() if time is None})
    workers = min(plan.workers, max(len(wells), 1))
    return total / max(workers, 1), tuple(unknown)
