"""What each step really gives: shape, dtype and columns, measured on a small crop.

Every step runs once on the part of the first complete well with most contrast.  A step
that fails there is tried on a larger part, then on another well, before it is called a
problem, since a small piece of one well may hold no object at all.  A well whose file cannot
be read is passed over: that is its own problem, found when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.causes import cause_of
from napari_openhcs.compiler.draft import Draft, step_problem
from napari_openhcs.compiler.facts import chain_shape
from napari_openhcs.compiler.fixes import set_options
from napari_openhcs.compiler.grids import stack_size
from napari_openhcs.compiler.sources import channel_label
from napari_openhcs.compiler.tables import own_object_problems, stored_columns
from napari_openhcs.compiler.trials import Result, Stamps, StepFailure, Trial, stamps
from napari_openhcs.errors import ContractError, ImageReadError, OpenHCSError
from napari_openhcs.pipeline.step import NAMED_DTYPES
from napari_openhcs.plan import Coord, DataPlan, Problem, StepPlan

__all__ = ["infer_outputs"]

FEW, MANY = 2, 32
"""Different pixel values: so few are left of an image that had so many."""

SIDES = (128, 512)
"""Sides of the crops, px: the first one first, the other where a step fails on it."""


class _Trials:
    """The trials of a layout, in the order in which a step that fails is tried again.

    Parameters
    ----------
    draft : Draft
        Its samples are the wells to look at.
    """

    def __init__(self, draft: Draft) -> None:
        self.unreadable: dict[str, str] = {}
        self._samples = dict(draft.samples)
        self._stamps: dict[str, Stamps] = {}
        self._larger = max(draft.plate.shape_yx) > SIDES[0]
        self.waiting = self._all()

    def _all(self) -> list[tuple[str, int]]:
        """Return (well, side): the first well on both crops, the others on the last."""
        wells = [well for well in self._samples if well not in self.unreadable]
        sides = SIDES if self._larger else SIDES[:1]
        return [(well, side) for well in wells[:1] for side in sides] + [
            (well, sides[-1]) for well in wells[1:]
        ]

    def current(self, draft: Draft) -> Trial | None:
        """Return the trial to use for `draft`, passing over wells that cannot be read."""
        while self.waiting:
            well, side = self.waiting[0]
            try:
                return self.trial(draft, well, side)
            except ImageReadError as error:
                self.skip(well, error)
        return None

    def trial(self, draft: Draft, well: str, side: int) -> Trial:
        """Return one trial."""
        if well not in self._stamps:
            self._stamps[well] = stamps(self._samples[well])
        return Trial(draft, well, self._samples[well], side, self._stamps[well])

    def skip(self, well: str, error: ImageReadError) -> None:
        """Leave out a well one of whose files cannot be read; begin again with the others."""
        self.unreadable[well] = str(error)
        self.waiting = self._all()

    def restore(self, waiting: list[tuple[str, int]]) -> None:
        """Go back to where the trials stood before a step failed on all of them."""
        self.waiting = [item for item in waiting if item[0] not in self.unreadable] or self._all()


def infer_outputs(draft: Draft) -> Draft:
    """Measure what each step gives; steps with problems, and what reads them, are left out.

    Parameters
    ----------
    draft : Draft
        With checked steps.
    """
    trials = _Trials(draft)
    for planned in draft.steps:
        step = draft.step(planned.step_id)
        if step.step_id in draft.blocked or draft.reads_blocked(step):
            draft = replace(draft, blocked=draft.blocked | {step.step_id})
            continue
        known = draft.measured.get(step.key)
        if known is not None:
            output = replace(
                step.output, shape_yx=known.shape_yx, dtype=known.dtype, columns=known.columns
            )
            draft = draft.replace_step(replace(step, output=output))
            continue
        draft = _infer_step(draft, trials, step)
    if trials.unreadable and not trials.waiting:
        draft = draft.with_problems([_unreadable_problem(draft, trials)])
    return draft


def _infer_step(draft: Draft, trials: _Trials, step: StepPlan) -> Draft:
    faults = list(_shape_faults(draft, step))
    if faults:
        return draft.with_problems(faults)
    before = list(trials.waiting)
    failure: StepFailure | None = None
    trial = trials.current(draft)
    while trial is not None:
        try:
            output, problems = _measure(draft, trials, trial, step)
        except ImageReadError as error:
            trials.skip(trial.well, error)
        except StepFailure as found:
            failure = found
            trials.waiting = [] if found.error is None else trials.waiting[1:]
        else:
            measured = draft.replace_step(replace(step, output=output))
            return measured.with_problems(problems)
        trial = trials.current(draft)
    if failure is None:
        return draft
    # A failing step says nothing against the trial: the steps beside it start there again.
    trials.restore(before)
    blocked = replace(draft, blocked=draft.blocked | {step.step_id})
    return blocked.with_problems([_failure_problem(draft, failure)])


def _measure(
    draft: Draft, trials: _Trials, trial: Trial, step: StepPlan
) -> tuple[DataPlan, list[Problem]]:
    """Run a step once for each of its chains; say what it gives, and what is odd about it."""
    results = [(at, trial.run(step, at)) for at in trial.output_at(step)]
    if step.output.kind == Kind.TABLE:
        columns = {
            str(getattr(at, step.group_by)) if step.group_by else "": tuple(result.values[0])
            for at, result in results
        }
        tables = [table for _, result in results for table in result.values]
        for at, result in results:
            if any(map(_says_nothing, result.values)):
                trial.measure_made_object(step, at)
        output = replace(step.output, columns=stored_columns(draft, step, columns))
        return output, list(own_object_problems(draft, step, tables))
    if mixed := list(_mixtures(draft, step, results)):
        return step.output, mixed
    dtypes = {str(plane.dtype) for _, result in results for plane in result.values}
    shape = _declared_shape(draft, step, results[0][0]) or _full_shape(
        draft, trials, trial, step, results[0][1]
    )
    output = replace(step.output, dtype=dtypes.pop(), shape_yx=shape)
    return output, list(_rounding_problems(draft, trial, replace(step, output=output), results))


def _mixtures(
    draft: Draft, step: StepPlan, results: Sequence[tuple[Coord, Result]]
) -> Iterator[Problem]:
    """Refuse a pattern whose functions give planes of different dtypes or sizes."""
    function_step, number = draft.function_step(step), step.index + 1
    dtypes = sorted({str(plane.dtype) for _, result in results for plane in result.values})
    if len(dtypes) > 1:
        message = (
            f"its functions give different dtypes ({', '.join(dtypes)}), but a step's output has "
            f"one: set dtype='{dtypes[-1]}' on the step."
        )
        fix = set_options(dtype=dtypes[-1]) if dtypes[-1] in NAMED_DTYPES else None
        yield step_problem(number, function_step, "mixed_dtypes", message, fix=fix)
    sizes = {
        _value_name(draft, step, at): _size(result.values[0].shape[-2:]) for at, result in results
    }
    if len(set(sizes.values())) > 1:
        given = ", ".join(f"{name} {size}" for name, size in sizes.items())
        message = (
            f"its functions give planes of different sizes by {step.group_by} ({given}, where the "
            "same part of the image was tried), but a step's output has one size: give these "
            "functions a step each, with select."
        )
        yield step_problem(number, function_step, "mixed_sizes", message)


def _value_name(draft: Draft, step: StepPlan, at: Coord) -> str:
    """Return the value of `group_by` at a place as people know it."""
    if step.group_by is None:
        return "all"
    value = str(getattr(at, step.group_by))
    return channel_label(draft.plate, value) if step.group_by == "channel" else value


def _says_nothing(table: Mapping[str, np.ndarray]) -> bool:
    """Whether a table without rows has columns whose values may be of a type no table can hold."""
    return any(len(values) == 0 and values.dtype.kind == "O" for values in table.values())


def _rounding_problems(
    draft: Draft, trial: Trial, step: StepPlan, results: Sequence[tuple[Coord, Result]]
) -> Iterator[Problem]:
    """Warn where rounding to whole numbers leaves next to nothing of an image.

    Filters that answer between 0 and 1 give black planes in an integer dtype.
    """
    rounded = step.output.dtype is not None and np.dtype(step.output.dtype).kind in "iu"
    if step.output.kind != Kind.IMAGE or not rounded or step.dtype_policy == "native":
        return
    for _, result in results:
        given = _plane_read(trial, step, result)
        left = len(np.unique(result.values[0]))
        if left > FEW or len(np.unique(given)) < MANY:
            continue
        values = "one single value" if left == 1 else f"{left} different values"
        message = (
            f"gives planes of {values} as {step.output.dtype}, rounded to whole numbers: where its "
            "values are fractions, set dtype='float32' on the step to keep them."
        )
        yield step_problem(
            step.index + 1,
            draft.function_step(step),
            "rounded_away",
            message,
            severity="warning",
            fix=set_options(dtype="float32"),
        )
        return


def _declared_shape(draft: Draft, step: StepPlan, at: Coord) -> tuple[int, int] | None:
    """Return the shape of whole planes where a function of the chain at `at` declares its own."""
    source = draft.data(step.source.dataset)
    chain = step.patterns.get(str(getattr(at, step.group_by)) if step.group_by else "")
    if chain is None or source.shape_yx is None:
        return None
    planes = stack_size(source.grid.narrowed(step.source.select), step.variable_components)
    return chain_shape(chain, planes, source.shape_yx)


def _full_shape(
    draft: Draft, trials: _Trials, trial: Trial, step: StepPlan, result: Result
) -> tuple[int, int] | None:
    """Return the shape for whole planes, from what comes of a crop.

    Where a function changes the shape, a second crop of half the size tells the rule: fixed,
    proportional, or wider by a margin (all three are straight lines).
    """
    full = draft.data(step.source.dataset).shape_yx
    given, found = _shapes(trial, step, result)
    if full is None or found == given:
        return full
    side = min(trial.window.height, trial.window.width) // 2
    smaller = trials.trial(draft, trial.well, max(side, 1))
    at = smaller.output_at(step)[0]
    small_given, small_found = _shapes(smaller, step, smaller.run(step, at))
    sides = []
    for axis in range(2):
        change = given[axis] - small_given[axis]
        slope = (found[axis] - small_found[axis]) / change if change else 1.0
        sides.append(round(found[axis] + slope * (full[axis] - given[axis])))
    return sides[0], sides[1]


def _shapes(
    trial: Trial, step: StepPlan, result: Result
) -> tuple[tuple[int, int], tuple[int, int]]:
    given = _plane_read(trial, step, result).shape
    found = result.values[0].shape
    return (given[0], given[1]), (found[0], found[1])


def _plane_read(trial: Trial, step: StepPlan, result: Result) -> np.ndarray:
    """Return a plane that a step read to give `result`."""
    grid = trial.source_grid(step.source)
    at = result.coords[0]
    inside = at if all(getattr(at, name) in grid.values(name) for name in at._fields) else None
    return trial.plane(step.source.dataset, inside or next(grid.coords()))


def _shape_faults(draft: Draft, step: StepPlan) -> Iterator[Problem]:
    """Masks and labels that are wired must have the size of what the step reads."""
    wanted = draft.data(step.source.dataset).shape_yx
    for wire in step.arrays:
        data = draft.data(wire.source.dataset)
        if data.kind in (Kind.MASK, Kind.LABELS) and data.shape_yx != wanted:
            giver = draft.step(wire.source.dataset).name
            message = (
                f"{wire.parameter} comes from '{giver}' with {_size(data.shape_yx)}, but the step "
                f"reads planes of {_size(wanted)}: wire one of the same size."
            )
            yield step_problem(
                step.index + 1,
                draft.function_step(step),
                "input_shape",
                message,
                parameter=wire.parameter,
            )


def _size(shape: tuple[int, int] | None) -> str:
    return f"{shape[0]} × {shape[1]} px" if shape else "no size"


def _failure_problem(draft: Draft, failure: StepFailure) -> Problem:
    step = draft.step(failure.step_id)
    function, error = failure.function, failure.error
    fix = None
    if error is None:
        code = "step_too_slow"
        message = (
            f"{function} was not done after {failure.seconds:g} s on {failure.given}: change its "
            "parameters or take another function."
        )
    elif isinstance(error, OpenHCSError):
        code = "step_contract" if isinstance(error, ContractError) else "step_fails"
        message = str(error)
    else:
        code = "step_fails"
        said = " ".join(str(error).split()) or "it does not say why"
        mend = cause_of(draft, step, function, error, failure.met)
        fix = mend.fix
        message = (
            f"{function} stopped on {failure.given} with {type(error).__name__}: "
            f"{said.rstrip('.')}. {mend.sentence}"
        )
    return step_problem(
        step.index + 1, draft.function_step(step), code, message, function=function, fix=fix
    )


def _unreadable_problem(draft: Draft, trials: _Trials) -> Problem:
    message = (
        "The steps could not be tried, because no well that was looked at could be read "
        f"({next(iter(trials.unreadable.values()))})"
    )
    return Problem("not_tried", message, severity="warning")
