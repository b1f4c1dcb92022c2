"""Do a step's functions fit together and fit what they read?  Kinds, stacks, memory types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.compiler.causes import mend_dtype
from napari_openhcs.compiler.draft import Draft, find_spec, step_problem
from napari_openhcs.compiler.facts import lacking
from napari_openhcs.compiler.fixes import (
    drop_keys,
    other_name,
    remove_call,
    seeded,
    set_options,
    wire,
)
from napari_openhcs.compiler.grids import stack_size
from napari_openhcs.compiler.patterns import chain_calls, reduces
from napari_openhcs.compiler.sources import RESERVED_NAMES, channel_label, listed
from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError, MemoryTypeError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import custom_state
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.memory_types import route
from napari_openhcs.pipeline import FunctionStep
from napari_openhcs.plan import (
    PLATE,
    REDUCED,
    ArrayInput,
    Fix,
    FunctionPlan,
    Grid,
    Problem,
    StepPlan,
)

__all__ = ["check_contracts", "check_functions", "plan_conversions"]


SEEDS = ("seed", "rng", "random_state", "random_seed")
"""Names under which functions take the seed of their random numbers."""


class _Fault(NamedTuple):
    code: str
    message: str
    function: str = ""
    parameter: str = ""
    severity: str = "error"
    fix: Fix | None = None


def check_functions(index: int, step: FunctionStep) -> list[Problem]:
    """Return a problem for each function that is not registered or not available here."""
    problems = []
    for name in dict.fromkeys(call.function for _, _, call, _ in chain_calls(step)):
        try:
            registry.get_function(name)
        except (FunctionNotFoundError, FunctionUnavailableError) as error:
            code = _why_not_there(name, error)
            fix = other_name(name) if code == "function_unknown" else None
            problems.append(step_problem(index, step, code, str(error), function=name, fix=fix))
    return problems


def _why_not_there(name: str, error: Exception) -> str:
    """Return the code for a function that cannot be had; a custom one may wait to be trusted."""
    state = custom_state(name)
    if state is not None:
        return f"function_{state}"
    unknown = isinstance(error, FunctionNotFoundError)
    return "function_unknown" if unknown else "function_unavailable"


def check_contracts(draft: Draft, plan: StepPlan) -> list[Problem]:
    """Return every problem of a step's chains against what they read and give."""
    step = draft.function_step(plan)
    faults = [
        *_wire_faults(draft, plan, step),
        *_missing_arrays(draft, plan, step),
        *_pattern_faults(draft, plan),
    ]
    for chain in plan.patterns.values():
        faults += _chain_faults(draft, plan, step, chain)
    return [
        step_problem(
            plan.index + 1,
            step,
            fault.code,
            fault.message,
            function=fault.function,
            parameter=fault.parameter,
            severity=fault.severity,
            fix=fault.fix,
        )
        for fault in dict.fromkeys(faults)
    ]


def _a(kind: Kind) -> str:
    return {Kind.IMAGE: "an image", Kind.MASK: "a mask", Kind.LABELS: "labels"}.get(kind, "a table")


def _title(draft: Draft, dataset: str) -> str:
    return "the plate" if dataset == PLATE else f"'{draft.step(dataset).name}'"


def _chain_faults(
    draft: Draft, plan: StepPlan, step: FunctionStep, chain: tuple[FunctionPlan, ...]
) -> Iterator[_Fault]:
    source = plan.source.dataset
    unknown = bool({source, plan.step_id} & draft.uncertain)
    given: Kind | None = None if unknown else draft.data(source).kind
    giver = _title(draft, source)
    complete = all(spec is not None for _, _, _, spec in chain_calls(step))
    planes = stack_size(_read_grid(draft, plan), plan.variable_components)
    shrunk = False
    for position, call in enumerate(chain):
        spec = find_spec(call.function)
        if spec is None:
            continue
        if given is not None and given not in spec.input_kinds:
            yield _kind_fault(draft, plan, spec, given, giver)
        elif given == Kind.IMAGE and position == 0:
            yield from _dtype_faults(draft, plan, spec, giver)
        # Where every function is known, positions are those of the pipeline's own chain.
        removable = position if complete and not isinstance(step.func, FrozenMapping) else None
        yield from _stack_faults(spec, call, step, 1 if shrunk else planes, shrunk, removable)
        yield from _seed_faults(spec, call)
        for parameter, message in lacking(draft, plan, call, spec):
            yield _Fault("fact_missing", message, call.function, parameter)
        if call.output_kind == Kind.TABLE and position < len(chain) - 1:
            yield _Fault(
                "table_in_chain",
                f"{call.function} gives a table, which no function after it can take: make it the "
                "last one, or a step of its own.",
                call.function,
            )
            return
        shrunk = shrunk or call.contract == Contract.REDUCE
        # Between two known functions an unknown one may change the kind.
        given, giver = (call.output_kind if complete else None), call.function


def _read_grid(draft: Draft, plan: StepPlan) -> Grid:
    return draft.data(plan.source.dataset).grid.narrowed(plan.source.select)


def _kind_fault(
    draft: Draft, plan: StepPlan, spec: FunctionSpec, given: Kind, giver: str
) -> _Fault:
    wanted = listed(_a(kind) for kind in spec.input_kinds).replace(", ", " or ")
    mends = {
        Kind.LABELS: "add a step that makes labels before it, or name one by input_source",
        Kind.MASK: "add a threshold before it, or name a mask by input_source",
        Kind.IMAGE: "read an image, such as input_source='plate'",
    }
    mend = mends.get(spec.input_kinds[0] if spec.input_kinds else Kind.IMAGE, "")
    return _Fault(
        "kind_source",
        f"{spec.id} takes {wanted}, but {giver} gives {_a(given)}: {mend}.",
        spec.id,
        spec.first,
        fix=_read_another(draft, plan, spec, giver),
    )


def _read_another(draft: Draft, plan: StepPlan, spec: FunctionSpec, giver: str) -> Fix | None:
    """Return the fix that reads the nearest earlier step of a kind the function takes."""
    if giver != _title(draft, plan.source.dataset):
        return None
    earlier = [step for step in draft.steps if step.index < plan.index]
    for step in reversed(earlier):
        named = step.name not in RESERVED_NAMES and step.step_id not in draft.uncertain
        if named and step.output.kind in spec.input_kinds:
            return set_options(input_source=step.name)
    return set_options(input_source=PLATE) if Kind.IMAGE in spec.input_kinds else None


def _dtype_faults(draft: Draft, plan: StepPlan, spec: FunctionSpec, giver: str) -> Iterator[_Fault]:
    dtype = draft.data(plan.source.dataset).dtype
    if dtype is None or not spec.refuses(dtype):
        return
    works = listed(spec.dtypes).replace(", ", " or ")
    mend = mend_dtype(draft, plan, spec, dtype)
    yield _Fault(
        "dtype_refused",
        f"{spec.id} does not work on {dtype}, which {giver} gives: it was found right on {works} "
        f"only. {mend.sentence}",
        spec.id,
        spec.first,
        fix=mend.fix,
    )


def _seed_faults(spec: FunctionSpec, call: FunctionPlan) -> Iterator[_Fault]:
    """Point out a function that gives another result each time: a run that goes on differs.

    A function that takes after a twin was not run itself, so nothing is known of it.
    """
    if spec.deterministic or spec.twin:
        return
    seed = next((item.name for item in spec.form_parameters if item.name in SEEDS), "")
    if seed and isinstance(call.parameters.get(seed), int):
        return
    mend = f"set {seed}=0, or any other number" if seed else "take another function"
    yield _Fault(
        "not_deterministic",
        f"{spec.id} gives another result each time it runs, so that a well done again (after a "
        f"stop, by resume) differs from the first time: {mend}.",
        spec.id,
        seed,
        severity="warning",
        fix=seeded(spec, seed) if seed else None,
    )


def _stack_faults(
    spec: FunctionSpec,
    call: FunctionPlan,
    step: FunctionStep,
    planes: int,
    shrunk: bool,
    position: int | None,
) -> Iterator[_Fault]:
    """Check a function against the number of planes in the stack it would see."""
    name = call.function
    if call.applies_to == "plane" and step.volume:
        message = (
            f"{name} works on single planes only, but the step says volume=True: leave volume "
            "out, or take a function that works on volumes."
        )
        yield _Fault("plane_as_volume", message, name, fix=set_options(volume=False))
    if call.applies_to != "stack":
        return
    if call.contract == Contract.REDUCE and shrunk:
        message = (
            f"{name} reduces a stack, but a function before it has already reduced it to one "
            "plane: remove one of them."
        )
        fix = None if position is None else remove_call("", position, name)
        yield _Fault("reduce_twice", message, name, fix=fix)
    elif call.contract == Contract.VOLUME and planes < 2 and 2 not in spec.ndims:
        message = (
            f"{name} needs a stack of planes, but sees one plane: read data with several "
            f"{spec.stack_component}, or take a function that works plane by plane."
        )
        yield _Fault("volume_of_one_plane", message, name)
    elif planes < 2:
        message = (
            f"{name} works on a stack, but there is one plane in it, so that it makes no "
            f"difference to single planes: check variable_components (here "
            f"{listed(step.variable_components or (spec.stack_component,))})."
        )
        yield _Fault("stack_of_one_plane", message, name, severity="warning")


def _wire_faults(draft: Draft, plan: StepPlan, step: FunctionStep) -> Iterator[_Fault]:
    for item in plan.arrays:
        dataset = item.source.dataset
        if dataset in draft.uncertain:
            continue
        given, giver = draft.data(dataset).kind, _title(draft, dataset)
        if given == Kind.LABELS and _serves_all_fields(draft, plan, item):
            yield _Fault(
                "labels_of_all_fields",
                f"{item.parameter} comes from {giver}, whose objects were found on all fields "
                "together, so that every field is measured at the places of objects of others: "
                "find the objects field by field, or measure what was found on all fields too.",
                parameter=item.parameter,
                severity="warning",
            )
        for function, parameter in _arrays_named(step, item.parameter):
            if given == Kind.TABLE or parameter.kind not in (None, given):
                wanted = (
                    "an image, a mask or labels" if parameter.kind is None else _a(parameter.kind)
                )
                yield _Fault(
                    "kind_wired",
                    f"{function} takes {wanted} as '{parameter.name}', but {giver} "
                    f"gives {_a(given)}: wire it to {_offered(draft, plan, parameter)}.",
                    function,
                    parameter.name,
                    fix=_nearest_wire(draft, plan, parameter),
                )


def _serves_all_fields(draft: Draft, plan: StepPlan, wire: ArrayInput) -> bool:
    """Whether one image of all fields is used for each of several fields."""
    fields = draft.data(wire.source.dataset).grid.narrowed(wire.source.select).field
    return fields == (REDUCED,) and len(_read_grid(draft, plan).field) > 1


def _arrays_named(step: FunctionStep, name: str) -> Iterator[tuple[str, ParameterSpec]]:
    for _, _, call, spec in chain_calls(step):
        for parameter in spec.array_parameters if spec is not None else ():
            if parameter.name == name:
                yield call.function, parameter


def _candidates(draft: Draft, plan: StepPlan, parameter: ParameterSpec) -> tuple[list[str], int]:
    """Return what an array parameter of a step could be wired to, and how many are steps."""
    found = [
        step.name
        for step in draft.steps
        if step.index < plan.index
        and step.name not in RESERVED_NAMES
        and step.output.kind != Kind.TABLE
        and parameter.kind in (None, step.output.kind)
    ]
    steps = len(found)
    if parameter.kind in (None, Kind.IMAGE):
        found += [f"plate/{channel_label(draft.plate, item)}" for item in draft.grid.channel]
    return found, steps


def _offered(draft: Draft, plan: StepPlan, parameter: ParameterSpec) -> str:
    """Name what an array parameter of a step could be wired to."""
    found, _ = _candidates(draft, plan, parameter)
    if not found:
        return f"an earlier step that gives {_a(parameter.kind or Kind.IMAGE)} (there is none yet)"
    return listed((f"'{item}'" for item in found), 6).replace(", ", " or ")


def _nearest_wire(draft: Draft, plan: StepPlan, parameter: ParameterSpec) -> Fix | None:
    """Return the fix that wires the nearest earlier step that fits, else the plate's channel."""
    found, steps = _candidates(draft, plan, parameter)
    if steps:
        return wire(parameter.name, found[steps - 1])
    return wire(parameter.name, found[0]) if found else None


def _missing_arrays(draft: Draft, plan: StepPlan, step: FunctionStep) -> Iterator[_Fault]:
    for _, _, call, spec in chain_calls(step):
        for parameter in spec.array_parameters if spec is not None else ():
            if parameter.required and parameter.name not in step.inputs:
                yield _Fault(
                    "input_missing",
                    f"{call.function} needs '{parameter.name}', which is not wired: set "
                    f"inputs={{'{parameter.name}': …}} to {_offered(draft, plan, parameter)}.",
                    call.function,
                    parameter.name,
                    fix=_nearest_wire(draft, plan, parameter),
                )


def _pattern_faults(draft: Draft, plan: StepPlan) -> Iterator[_Fault]:
    """Check that the values of a pattern give one kind and one grid."""
    if plan.group_by is None or not plan.patterns:
        return
    group_by = plan.group_by
    kinds = {key: chain[-1].output_kind for key, chain in plan.patterns.items() if chain}
    shrinks = {key: reduces(chain) for key, chain in plan.patterns.items() if chain}
    source = plan.source.dataset
    for value in _read_grid(draft, plan).values(group_by):
        key = str(value)
        if key not in plan.patterns and key not in plan.dropped and source not in draft.uncertain:
            kinds[key] = draft.data(source).kind
            shrinks[key] = False
    passing = [key for key in kinds if key not in plan.patterns]
    if group_by == "channel":
        passing = [channel_label(draft.plate, key) for key in passing]
        kinds = {channel_label(draft.plate, key): kind for key, kind in kinds.items()}
        shrinks = {channel_label(draft.plate, key): item for key, item in shrinks.items()}
    drop = f"map the others to None to leave them out, or give every {group_by} the same"
    if len(set(kinds.values())) > 1:
        given = listed(f"{key} {kind.value}" for key, kind in kinds.items())
        message = f"gives different kinds by {group_by} ({given}), but a step has one kind: {drop}."
        yield _Fault("pattern_kinds", message, fix=drop_keys(passing) if passing else None)
    elif len(set(shrinks.values())) > 1:
        given = listed(f"{key} {'one plane' if item else 'all'}" for key, item in shrinks.items())
        message = (
            f"keeps different planes by {group_by} ({given}), because only some of its functions "
            f"reduce the stack: {drop}."
        )
        yield _Fault("pattern_planes", message, fix=drop_keys(passing) if passing else None)


def plan_conversions(draft: Draft, plan: StepPlan) -> tuple[StepPlan, list[Problem]]:
    """Fill in by which route each call's input reaches its memory type.

    Between calls, inside a chain too, arrays are NumPy's.
    """
    problems = []
    patterns = {}
    step = draft.function_step(plan)
    for key, chain in plan.patterns.items():
        calls = []
        for call in chain:
            try:
                calls.append(replace(call, conversion=route("numpy", call.memory_type_in)))
            except MemoryTypeError as error:
                calls.append(call)
                problems.append(
                    step_problem(
                        plan.index + 1, step, "memory_type", str(error), function=call.function
                    )
                )
        patterns[key] = tuple(calls)
    return replace(plan, patterns=FrozenMapping(patterns)), problems
