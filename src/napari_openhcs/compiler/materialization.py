"""Phase 3: what is written, and where each step's output is kept while a well runs.

Rule: everything stays in memory while what lives at the same time fits into the memory
that one well may take; else the outputs that take most go to disk, the largest first.
"""

from __future__ import annotations

from dataclasses import replace

from napari_openhcs.compiler.draft import Draft, sources_of
from napari_openhcs.compiler.stores import data_bytes
from napari_openhcs.memory_types.base import host_memory
from napari_openhcs.plan import PLATE, StepPlan

__all__ = ["live_bytes", "memory_budget", "plan_materialization_flags_for_context"]

WORKING_COPIES = 3
"""Copies of a stack, as float64, that a function is expected to make."""


def plan_materialization_flags_for_context(draft: Draft) -> Draft:
    """Mark the steps whose output is written and choose the backend of each.

    Parameters
    ----------
    draft : Draft
        From phase 2.
    """
    written = {output.dataset for output in draft.outputs}
    steps = tuple(
        replace(step, materialize=step.step_id in written, backend="memory") for step in draft.steps
    )
    return _choose_backends(replace(draft, steps=steps))


def memory_budget(draft: Draft) -> int:
    """Return the bytes one well may take: a part of the memory this machine has.

    The whole memory counts, not what happens to be free, so that a plan is the same
    whenever it is made.
    """
    return int(draft.pipeline.config.memory_fraction * host_memory())


def _choose_backends(draft: Draft) -> Draft:
    budget = memory_budget(draft)
    by_size = sorted(draft.steps, key=lambda step: (-data_bytes(step.output), step.index))
    for step in by_size:
        if live_bytes(draft) <= budget or not data_bytes(step.output):
            break
        draft = draft.replace_step(replace(draft.step(step.step_id), backend="disk"))
    return draft


def _last_use(draft: Draft) -> dict[str, int]:
    """Return the position of the last step that reads each dataset; what is kept lives on."""
    last = {step.step_id: position for position, step in enumerate(draft.steps)}
    for position, step in enumerate(draft.steps):
        for source in sources_of(step):
            last[source.dataset] = position
    for output in draft.outputs:
        last[output.dataset] = len(draft.steps)
    return last


def _working_bytes(draft: Draft, step: StepPlan) -> int:
    """Return the bytes a step needs beside its input and output: copies of one stack."""
    source = draft.data(step.source.dataset)
    height, width = source.shape_yx or (0, 0)
    stacked = any(call.applies_to == "stack" for chain in step.patterns.values() for call in chain)
    planes = 1
    for component in step.variable_components if stacked else ():
        planes *= len(source.grid.values(component))
    return WORKING_COPIES * planes * height * width * 8


def live_bytes(draft: Draft) -> int:
    """Return the most bytes of pixels that one well holds at a time.

    A step's output lives until the last step that reads it has run, or until the end when
    it is written; outputs on disk and raw planes are read when they are needed.
    """
    last = _last_use(draft)
    most = 0
    for position, step in enumerate(draft.steps):
        held = sum(
            data_bytes(earlier.output)
            for place, earlier in enumerate(draft.steps[: position + 1])
            if earlier.backend == "memory"
            and (place == position or last[earlier.step_id] >= position)
        )
        raw = sum(_plane_bytes(draft) for source in sources_of(step) if source.dataset == PLATE)
        most = max(most, held + raw + _working_bytes(draft, step))
    return most


def _plane_bytes(draft: Draft) -> int:
    data = draft.data(PLATE)
    return data_bytes(data) // max(len(data.grid), 1)
