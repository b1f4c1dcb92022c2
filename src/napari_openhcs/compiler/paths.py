"""Phase 1: what each step reads and gives, and how the steps are linked.

Names become ids here: steps, channels, values of components.  Shapes and dtypes are
presumed from what is known of the functions; phase 4 measures them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from napari_openhcs.axes import Contract, Kind, slug
from napari_openhcs.compiler.draft import Draft, find_spec, step_problem
from napari_openhcs.compiler.fixes import read_first, rename_step, unwire, wire
from napari_openhcs.compiler.grids import drop, fits, reduced
from napari_openhcs.compiler.keys import step_key
from napari_openhcs.compiler.patterns import (
    Chains,
    chain_calls,
    plan_chains,
    reduces,
    stack_components,
)
from napari_openhcs.compiler.sources import (
    RESERVED_NAMES,
    Read,
    labels_of,
    listed,
    nearest,
    resolve_source,
    resolve_wire,
)
from napari_openhcs.compiler.specials import is_special, link_specials
from napari_openhcs.compiler.tables import unshared
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.facts import FIELD_POSITIONS
from napari_openhcs.pipeline import FunctionStep
from napari_openhcs.pipeline.levels import resolved
from napari_openhcs.pipeline.wiring import unique_title
from napari_openhcs.plan import (
    ArrayInput,
    DataPlan,
    Fix,
    FunctionPlan,
    Grid,
    Problem,
    StepPlan,
)

__all__ = ["initialize_step_plans_for_context"]


def initialize_step_plans_for_context(draft: Draft) -> Draft:
    """Plan every enabled step: ids, sources, chains, wires and grids.

    Parameters
    ----------
    draft : Draft
        Without steps.

    Returns
    -------
    Draft
        With a plan for each enabled step, also for those that have problems.
    """
    for index, step in enumerate(draft.pipeline, start=1):
        if step.enabled:
            draft = _add_step(draft, index, step)
    return draft.with_problems(_name_problems(draft))


def _add_step(draft: Draft, index: int, step: FunctionStep) -> Draft:
    read = resolve_source(draft, index, step.input_source, step.select)
    chains = plan_chains(draft, step, read)
    wires, problems = _wires(draft, index, step, read, chains)
    faults = (*read.faults, *chains.faults)
    variable = stack_components(step)
    calls = [call for chain in chains.patterns.values() for call in chain]
    linked = link_specials(draft, index, step, read, chains, variable)
    chains = replace(chains, patterns=linked.patterns)
    settings = resolved(draft.pipeline.config, step)
    plan = StepPlan(
        step_id=f"{index:02d}_{slug(step.title)}",
        index=index - 1,
        name=step.title,
        source=read.source,
        variable_components=variable,
        group_by=step.group_by if "" not in chains.patterns else None,
        patterns=unshared(draft, chains.patterns, read, wires),
        dropped=chains.dropped,
        arrays=wires,
        output=_presumed_output(step, read, chains, variable),
        dtype_policy=step.dtype,
        memory_type_in=calls[0].memory_type_in if calls else "numpy",
        memory_type_out=calls[-1].memory_type_out if calls else "numpy",
        time_limit_s=settings["time_limit_s"].value,
        cpu_fallback=settings["cpu_fallback"].value,
        oom_retries=settings["oom_retries"].value,
        levels=FrozenMapping({name: item.level for name, item in settings.items()}),
        special_inputs=linked.inputs,
        special_outputs=linked.outputs,
    )
    plan = replace(plan, key=step_key(plan, {item.step_id: item.key for item in draft.steps}))
    certain = read.certain and chains.known and not faults
    collapsed = draft.collapsed.get(read.source.dataset, ())
    if any(reduces(chain) for chain in chains.patterns.values()):
        collapsed = (*collapsed, *variable)
    draft = replace(
        draft,
        collapsed=FrozenMapping({**draft.collapsed, plan.step_id: collapsed}),
        steps=(*draft.steps, plan),
        uncertain=draft.uncertain if certain else draft.uncertain | {plan.step_id},
    )
    found = [
        step_problem(index, step, fault.code, fault.message, fix=fault.fix) for fault in faults
    ]
    return draft.with_problems([*found, *problems, *linked.problems])


def _presumed_output(
    step: FunctionStep, read: Read, chains: Chains, variable: tuple[str, ...]
) -> DataPlan:
    kinds = [chain[-1].output_kind for chain in chains.patterns.values() if chain]
    kind = kinds[0] if kinds else read.data.kind
    grid = read.grid
    if step.group_by is not None and chains.dropped:
        grid = drop(grid, step.group_by, chains.dropped)
    if any(reduces(chain) for chain in chains.patterns.values()):
        grid = reduced(grid, variable)
    shape = None if kind == Kind.TABLE else read.data.shape_yx
    dtype = _presumed_dtype(step, read.data, chains, kind)
    return DataPlan(kind, grid, shape, dtype, mosaic_of=_mosaic_of(read, chains))


def _mosaic_of(read: Read, chains: Chains) -> tuple[str, ...]:
    """Return the fields that a step, or one that it reads, puts together by stage position."""
    facts = {
        item.fact
        for chain in chains.patterns.values()
        for call in chain
        if call.from_plate and (spec := find_spec(call.function)) is not None
        for item in spec.fact_parameters
    }
    return read.grid.field if FIELD_POSITIONS in facts else read.data.mosaic_of


def _presumed_dtype(step: FunctionStep, data: DataPlan, chains: Chains, kind: Kind) -> str | None:
    fixed = {Kind.TABLE: None, Kind.MASK: "bool", Kind.LABELS: "int32"}
    if kind in fixed:
        return fixed[kind]
    if step.dtype not in ("preserve", "native"):
        return step.dtype
    dtype = data.dtype or "float32"
    if step.dtype == "preserve" and data.kind == Kind.IMAGE:
        return dtype
    for call in next(iter(chains.patterns.values()), ()):
        spec = find_spec(call.function)
        dtype = spec.dtypes.get(dtype, dtype) if spec is not None else dtype
    return dtype


def _wires(
    draft: Draft, index: int, step: FunctionStep, read: Read, chains: Chains
) -> tuple[tuple[ArrayInput, ...], list[Problem]]:
    """Resolve the step's ``inputs``."""
    wires = []
    problems = []
    for parameter, text in step.inputs.items():
        if is_special(step, parameter):
            continue
        wired = resolve_wire(draft, index, text)
        problem = _parameter_problem(index, step, parameter, chains)
        if problem is not None:
            problems.append(problem)
            continue
        problems += [
            step_problem(
                index,
                step,
                fault.code,
                f"{parameter} {fault.message}",
                parameter=parameter,
                fix=_of_wire(fault.fix, step, parameter),
            )
            for fault in wired.faults
        ]
        over = draft.collapsed.get(read.source.dataset, ())
        unserved = _unserved(step, parameter, wired.grid, read.grid, chains, over)
        if read.certain and wired.certain and unserved is not None:
            problems.append(_broadcast_problem(draft, index, step, parameter, wired.grid, unserved))
        if not wired.faults:
            wires.append(ArrayInput(parameter, wired.source))
    return tuple(wires), problems


def _of_wire(fix: Fix | None, step: FunctionStep, parameter: str) -> Fix | None:
    """Return a fix of what a step reads as one of what it is wired to."""
    if fix is None or fix.step:
        return fix
    if "input_source" in fix.values:
        source = str(fix.values["input_source"])
        return None if source == "previous" else wire(parameter, source)
    channels = dict(fix.values["select"]).get("channel")
    text = step.inputs[parameter].rpartition("/")[0]
    return wire(parameter, f"{text}/{channels[0]}" if channels else text)


def _parameter_problem(
    index: int, step: FunctionStep, parameter: str, chains: Chains
) -> Problem | None:
    """Return a problem when no function of the step takes an array of that name."""
    calls = [(call, spec) for _, _, call, spec in chain_calls(step) if spec is not None]
    arrays = sorted({item.name for _, spec in calls for item in spec.array_parameters})
    if parameter in arrays or not chains.known or not calls:
        return None
    function = calls[0][0].function
    fix = unwire(parameter)
    if parameter in {spec.first for _, spec in calls}:
        code = "input_first"
        fix = read_first(parameter, step.inputs[parameter])
        message = (
            f"inputs wires '{parameter}', which is the array the step reads anyway: say where it "
            f"comes from by input_source='{step.inputs[parameter]}'."
        )
    else:
        code = "input_unknown"
        message = (
            f"inputs wires '{parameter}', but {function} takes no such array"
            f"{nearest(parameter, arrays)}: it takes {listed(arrays)}."
        )
    return step_problem(index, step, code, message, function=function, parameter=parameter, fix=fix)


class _Unserved(NamedTuple):
    """The first call whose places a wired dataset does not have."""

    call: FunctionPlan
    component: str
    grid: Grid


def _unserved(
    step: FunctionStep,
    parameter: str,
    wired: Grid,
    grid: Grid,
    chains: Chains,
    collapsed: tuple[str, ...],
) -> _Unserved | None:
    """Find where a wired dataset does not reach.

    What was reduced over a component (`collapsed`) has one place there, and none of the
    places before the reduction is the right one for it, whatever its number.
    """
    variable = stack_components(step)
    for chain in chains.patterns.values():
        here, over = grid, collapsed
        for call in chain:
            if parameter in call.array_parameters:
                several = (item for item in over if len(wired.values(item)) > 1)
                component = fits(wired, here) or next(several, None)
                if component is not None:
                    return _Unserved(call, component, here)
            if call.contract == Contract.REDUCE:
                here, over = reduced(here, variable), (*over, *variable)
    return None


def _broadcast_problem(
    draft: Draft, index: int, step: FunctionStep, parameter: str, wired: Grid, unserved: _Unserved
) -> Problem:
    """Return a problem: a wired dataset lacks places that the step works on."""
    text, component = step.inputs[parameter], unserved.component
    there = labels_of(draft.plate, wired, component)
    here = labels_of(draft.plate, unserved.grid, component)
    mend, fix = f"wire one {component}", None
    if component == "channel":
        mend += f", such as '{text}/{there[0]}'"
        fix = wire(parameter, f"{text}/{there[0]}")
    message = (
        f"{parameter} is wired to '{text}' with {component} {listed(there)}, but the step works "
        f"on {component} {listed(here)}: {mend}, or select the same on both."
    )
    function = unserved.call.function
    return step_problem(
        index, step, "input_broadcast", message, function=function, parameter=parameter, fix=fix
    )


def _name_problems(draft: Draft) -> list[Problem]:
    """Return what is wrong with the names of the steps."""
    numbers: dict[str, list[int]] = defaultdict(list)
    references: set[str] = set()
    problems = []
    for index, step in enumerate(draft.pipeline, start=1):
        if not step.enabled:
            continue
        numbers[step.title].append(index)
        references.add(step.input_source)
        for text in step.inputs.values():
            references |= {text, text.rpartition("/")[0]}
        if step.title in RESERVED_NAMES:
            message = (
                f"'{step.title}' is a name that means something else where a step says what it "
                "reads: choose another name."
            )
            fix = rename_step(unique_title(draft.pipeline, f"{step.title} 2"))
            problems.append(step_problem(index, step, "name_reserved", message, fix=fix))
    for title, found in numbers.items():
        if len(found) > 1:
            named = sum(bool(draft.pipeline[index - 1].name) for index in found)
            severity = "error" if named > 1 or title in references else "warning"
            message = (
                f"steps {listed(found)} have the same name '{title}': give each a name of its "
                "own, by which later steps and results know it."
            )
            step = draft.pipeline[found[-1] - 1]
            fix = rename_step(unique_title(draft.pipeline, title))
            problems.append(
                step_problem(found[-1], step, "name_duplicate", message, severity=severity, fix=fix)
            )
    return problems
