"""From a step's pattern to planned chains of calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_openhcs.axes import COMPONENTS, Contract, Kind
from napari_openhcs.compiler.draft import Draft, find_spec
from napari_openhcs.compiler.facts import fact_values
from napari_openhcs.compiler.fixes import near_names, remove_key, rename_key, set_options
from napari_openhcs.compiler.sources import Fault, Read, component_value, labels_of, listed, nearest
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.pipeline import FunctionCall, FunctionStep
from napari_openhcs.plan import Fix, FunctionPlan

__all__ = ["Chains", "chain_calls", "plan_chains", "reduces", "stack_components"]

STACKED = (Contract.VOLUME, Contract.REDUCE)
EITHER = (Contract.FLEXIBLE, Contract.LABELS, Contract.TABLE)


@dataclass(frozen=True)
class Chains:
    """The planned chains of a step; `known` is False where a function is not registered."""

    patterns: FrozenMapping[str, tuple[FunctionPlan, ...]]
    dropped: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    known: bool = True


def chain_calls(
    step: FunctionStep,
) -> Iterator[tuple[str, int, FunctionCall, FunctionSpec | None]]:
    """Iterate over (key, position in the chain, call, spec or None) of all chains."""
    for key, chain in step.chains():
        for position, call in enumerate(chain):
            yield key, position, call, find_spec(call.function)


def _applies_to(spec: FunctionSpec, volume: bool) -> str:
    can_either = spec.contract in EITHER and 3 in spec.ndims
    stacked = spec.contract in STACKED or (volume and can_either)
    return "stack" if stacked else "plane"


def stack_components(step: FunctionStep) -> tuple[str, ...]:
    """Return the components a stack runs over, in the order of the data model.

    What the step says; else what its first function that needs a stack says; else fields,
    which functions that work plane by plane never mix.
    """
    if step.variable_components is not None:
        return tuple(item for item in COMPONENTS if item in step.variable_components)
    for _, _, _, spec in chain_calls(step):
        if spec is not None and _applies_to(spec, step.volume) == "stack":
            return (spec.stack_component,)
    return () if step.group_by == "field" else ("field",)


def reduces(chain: tuple[FunctionPlan, ...]) -> bool:
    """Whether a chain gives one plane, or one table, for a whole stack."""
    return any(
        call.contract == Contract.REDUCE
        or (call.output_kind == Kind.TABLE and call.applies_to == "stack")
        for call in chain
    )


def _plan_call(
    draft: Draft,
    call: FunctionCall,
    spec: FunctionSpec,
    step: FunctionStep,
    read: Read,
    given: Kind,
) -> FunctionPlan:
    facts = {
        name: value
        for name, value in fact_values(draft, spec, stack_components(step), read.grid).items()
        if name not in call.parameters
    }
    wired = tuple(item.name for item in spec.array_parameters if item.name in step.inputs)
    return FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping({**facts, **call.parameters}),
        memory_type_in=spec.memory_type_in,
        memory_type_out=spec.memory_type_out,
        contract=spec.contract,
        applies_to=_applies_to(spec, step.volume),
        output_kind=spec.output_kind_for(given),
        array_parameters=wired,
        unit_scaled=spec.is_unit_scaled(call.parameters),
        shared_columns=spec.shared_columns,
        library=spec.library,
        library_version=spec.library_version,
        footprints=tuple(item.name for item in spec.parameters if item.type == "footprint"),
        from_plate=tuple(facts),
        special_inputs=tuple(
            item.name for item in spec.special_parameters if item.name not in call.parameters
        ),
        special_outputs=spec.special_outputs,
    )


def plan_chains(draft: Draft, step: FunctionStep, read: Read) -> Chains:
    """Plan every chain of a step, by the value of its ``group_by``.

    A function that is not registered is left out here and reported by phase 4.
    """
    planned: dict[str, list[FunctionPlan]] = {key: [] for key, _ in step.chains()}
    known = True
    for key, _, call, spec in chain_calls(step):
        known = known and spec is not None
        if spec is not None:
            earlier = planned[key]
            given = earlier[-1].output_kind if earlier else read.data.kind
            earlier.append(_plan_call(draft, call, spec, step, read, given))
    chains = {key: tuple(calls) for key, calls in planned.items()}
    if not isinstance(step.func, FrozenMapping):
        return Chains(FrozenMapping(chains), known=known)
    return _by_value(draft, step, tuple(step.func), read, chains, known)


def _by_value(
    draft: Draft,
    step: FunctionStep,
    keys: tuple[str, ...],
    read: Read,
    chains: dict[str, tuple[FunctionPlan, ...]],
    known: bool,
) -> Chains:
    group_by = step.group_by
    if group_by is None:
        fault = Fault(
            "group_by_missing",
            f"has a function for each of {listed(keys)} but no group_by: say what these "
            "are, group_by='channel' for example.",
            _named_component(draft, keys, read),
        )
        return Chains(FrozenMapping(), faults=(fault,), known=False)
    faults = list(_group_by_faults(step, group_by, keys))
    patterns: dict[str, tuple[FunctionPlan, ...]] = {}
    dropped = []
    seen: dict[str, str] = {}
    for key in keys:
        meant = component_value(draft.plate, group_by, key, read.grid)
        if meant is None:
            if read.certain:
                faults.append(_unknown_key(draft, group_by, key, read))
            continue
        value = str(meant)
        if value in seen:
            faults.append(
                Fault(
                    "pattern_key_twice",
                    f"'{seen[value]}' and '{key}' are the same {group_by}: keep one of them.",
                    remove_key(key),
                )
            )
        seen[value] = key
        if key in chains:
            patterns[value] = chains[key]
        else:
            dropped.append(value)
    if (
        read.certain
        and read.grid.values(group_by)
        and len(dropped) == len(read.grid.values(group_by))
    ):
        faults.append(
            Fault(
                "pattern_empty",
                f"drops every {group_by}, so that nothing is left: give at least one a function.",
            )
        )
    return Chains(FrozenMapping(patterns), tuple(dropped), tuple(faults), known)


def _named_component(draft: Draft, keys: tuple[str, ...], read: Read) -> Fix | None:
    """Return the fix that names the one component whose values all the keys are."""
    for component in ("channel", "field", "z", "t"):
        values = (component_value(draft.plate, component, key, read.grid) for key in keys)
        if keys and all(value is not None for value in values):
            return set_options(group_by=component)
    return None


def _group_by_faults(step: FunctionStep, group_by: str, keys: tuple[str, ...]) -> Iterator[Fault]:
    if not keys:
        yield Fault("pattern_without_function", "has no function: add one.")
    if group_by in stack_components(step):
        yield Fault(
            "group_by_variable",
            f"groups by {group_by}, but {group_by} varies inside the stack its functions see: "
            f"take {group_by} out of variable_components.",
            set_options(
                variable_components=tuple(
                    item for item in stack_components(step) if item != group_by
                )
            ),
        )


def _unknown_key(draft: Draft, group_by: str, key: str, read: Read) -> Fault:
    known = labels_of(draft.plate, read.grid, group_by)
    meant = near_names(key, known)
    return Fault(
        "pattern_key_unknown",
        f"has a function for {group_by} '{key}', but what it reads has {listed(known)}"
        f"{nearest(key, known)}.",
        rename_key(key, meant[0]) if meant else remove_key(key),
    )
