"""Phase 5: on which device each step runs, the memory a well takes, and how many workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from napari_openhcs.compiler.draft import Draft, step_problem
from napari_openhcs.compiler.materialization import live_bytes
from napari_openhcs.errors import MemoryTypeError
from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.memory_types.base import host_free_memory
from napari_openhcs.plan import Problem, StepPlan
from napari_openhcs.words import byte_size

__all__ = ["WORKER_BYTES", "assign_gpu_resources_for_context", "count_workers"]

WORKER_BYTES = 200 * 2**20
"""What a worker takes before it holds any pixels: Python and the libraries."""


def assign_gpu_resources_for_context(draft: Draft) -> Draft:
    """Give each step its device and estimate the memory of one well.

    Parameters
    ----------
    draft : Draft
        From phase 4.

    Returns
    -------
    Draft
        With `device` in every step and `memory_per_well_bytes`: the most bytes of pixels
        that live at a time, and the copies functions make.
    """
    for planned in draft.steps:
        if planned.step_id in draft.uncertain:
            continue
        try:
            device = _device(planned)
        except MemoryTypeError as error:
            step = draft.function_step(planned)
            function = _foreign(planned)[0][1]
            draft = draft.with_problems(
                [step_problem(planned.index + 1, step, "device", str(error), function=function)]
            )
        else:
            draft = draft.replace_step(replace(planned, device=device))
    return replace(draft, memory_per_well_bytes=live_bytes(draft))


def _foreign(step: StepPlan) -> list[tuple[str, str]]:
    """Return (memory type, function) of the calls that are not NumPy's."""
    return [
        (call.memory_type_in, call.function)
        for chain in step.patterns.values()
        for call in chain
        if call.memory_type_in != "numpy"
    ]


def _device(step: StepPlan) -> str:
    """Return the device for a step: a GPU where its memory type finds one, else the CPU.

    Raises
    ------
    MemoryTypeError
        The memory type is not installed, or needs a GPU and there is none.
    """
    device = "cpu"
    for name, _ in _foreign(step):
        memory_type = MEMORY_TYPES.get(name)
        if memory_type is None or not memory_type.is_available():
            # Phase 4 has reported it, with the command that installs it.
            continue
        devices = memory_type.devices()
        if not devices:
            raise MemoryTypeError(memory_type.no_device())
        device = devices[0]
    return device


def count_workers(
    drafts: Sequence[Draft], wells: int, requested: int | None
) -> tuple[int, list[Problem]]:
    """Return how many workers run, and problems of memory or of the number asked for.

    By default as many as there are cores or wells, and as fit into the configured part of
    the free memory; a number that was asked for is kept, but never more than wells.
    """
    problems = []
    needed = max((draft.memory_per_well_bytes for draft in drafts), default=0) + WORKER_BYTES
    fraction = drafts[0].pipeline.config.memory_fraction if drafts else 1.0
    free = int(fraction * host_free_memory())
    fitting = free // needed
    if drafts and fitting < 1:
        message = (
            f"One well needs about {byte_size(needed)}, but {byte_size(free)} of memory "
            "may be used: close other programs, raise memory_fraction, or select fewer planes."
        )
        problems.append(Problem("memory_well", message, severity="warning"))
    most = max(wells, 1)
    if requested is None:
        return max(min(os.cpu_count() or 1, most, fitting), 1), problems
    if isinstance(requested, bool) or not isinstance(requested, int) or requested < 1:
        message = f"The number of workers is {requested!r}: expected a whole number from 1."
        problems.append(Problem("workers", message, parameter="workers"))
        return 1, problems
    if fitting and min(requested, most) > fitting:
        message = (
            f"{requested} workers may need {byte_size(requested * needed)}, but "
            f"{byte_size(free)} of memory may be used: {fitting} workers would fit."
        )
        problems.append(Problem("memory_workers", message, severity="warning"))
    return min(requested, most), problems
