"""The frozen draft that the five phases hand on: the plan of one layout while it is made.

Wells with equal fields, channels, z and t share a layout and are compiled once.  Each phase
takes a draft and returns a new one; nothing in a draft ever changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from napari_openhcs.axes import Kind
from napari_openhcs.errors import FunctionNotFoundError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plan import (
    PLATE,
    DataPlan,
    Fix,
    Grid,
    OutputPlan,
    PlannedPlane,
    Problem,
    SourcePlan,
    StepPlan,
)
from napari_openhcs.plate import Plate

__all__ = ["Draft", "find_spec", "step_problem"]


@dataclass(frozen=True)
class Draft:
    """A layout's plan in the making.

    Attributes
    ----------
    grid : Grid
        All fields, channels, z and t of a well of this layout.
    depth : FrozenMapping of channel id to (z values, t values)
        What each channel has anywhere on the plate; channels may differ.
    samples : tuple of (well, planes)
        Complete wells whose pixels the inference may look at, the first one preferred.
    corners : FrozenMapping of field to (row, column)
        Where the fields lie by the stage, px; empty where no step asks or it is not known.
    measured : FrozenMapping of step key to DataPlan
        What was measured on a layout that differs in nothing that matters.
    steps : tuple of StepPlan
        The enabled steps; filled by phase 1, refined by the others.
    outputs : tuple of OutputPlan
    collapsed : FrozenMapping of step id to components
        Over which components a step's output was reduced, by it or by what it reads.
    uncertain : frozenset of str
        Ids of steps whose output is not known (unknown function or source): what reads
        them is not checked against it, so that one mistake gives one problem.
    blocked : frozenset of str
        Ids of steps that cannot be tried on pixels: they, or what they read, have an error.
    memory_per_well_bytes : int
    """

    plate: Plate
    pipeline: Pipeline
    grid: Grid
    depth: FrozenMapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    samples: tuple[tuple[str, tuple[PlannedPlane, ...]], ...] = ()
    corners: FrozenMapping[str, tuple[int, int]] = field(default_factory=FrozenMapping)
    measured: FrozenMapping[str, DataPlan] = field(default_factory=FrozenMapping)
    steps: tuple[StepPlan, ...] = ()
    outputs: tuple[OutputPlan, ...] = ()
    collapsed: FrozenMapping[str, tuple[str, ...]] = field(default_factory=FrozenMapping)
    uncertain: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    memory_per_well_bytes: int = 0
    problems: tuple[Problem, ...] = field(default=())

    def data(self, dataset: str) -> DataPlan:
        """Return what a dataset (:data:`~napari_openhcs.plan.PLATE` or a step id) is."""
        if dataset == PLATE:
            return DataPlan(Kind.IMAGE, self.grid, self.plate.shape_yx, self.plate.dtype)
        return self.step(dataset).output

    def step(self, step_id: str) -> StepPlan:
        """Return the plan of an enabled step."""
        return next(step for step in self.steps if step.step_id == step_id)

    def function_step(self, plan: StepPlan) -> FunctionStep:
        """Return the step of the pipeline that a plan was made from."""
        return self.pipeline[plan.index]

    def with_problems(self, problems: Iterable[Problem]) -> Draft:
        """Return a draft with further problems; steps with an error are blocked."""
        new = tuple(problems)
        faulty = {item.step for item in new if item.severity == "error"}
        blocked = {step.step_id for step in self.steps if step.index + 1 in faulty}
        return replace(self, problems=(*self.problems, *new), blocked=self.blocked | blocked)

    def replace_step(self, plan: StepPlan) -> Draft:
        """Return a draft in which a step has another plan."""
        steps = tuple(plan if plan.step_id == item.step_id else item for item in self.steps)
        return replace(self, steps=steps)

    def reads_blocked(self, plan: StepPlan) -> bool:
        """Whether a step reads, directly, a step that is blocked."""
        read = {source.dataset for source in sources_of(plan)}
        return not self.blocked.isdisjoint(read | {item.source for item in plan.special_inputs})


def sources_of(plan: StepPlan) -> tuple[SourcePlan, ...]:
    """Return all that a step reads: its source, then its wired arrays."""
    return (plan.source, *(item.source for item in plan.arrays))


def find_spec(function: str) -> FunctionSpec | None:
    """Return a function's spec, or None for one that is not registered."""
    try:
        return registry.get_spec(function)
    except FunctionNotFoundError:
        return None


def step_problem(
    number: int,
    step: FunctionStep,
    code: str,
    message: str,
    *,
    function: str = "",
    parameter: str = "",
    severity: str = "error",
    fix: Fix | None = None,
) -> Problem:
    """Return a problem of a step; the sentence gets its 1-based number and its name in front.

    A fix that names no step edits this one.
    """
    if fix is not None and not fix.step:
        fix = replace(fix, step=number)
    return Problem(
        code=code,
        message=f"Step {number} ({step.title}): {message}",
        step=number,
        step_name=step.title,
        function=function,
        parameter=parameter,
        severity=severity,
        fix=fix,
    )
