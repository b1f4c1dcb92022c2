"""Keys: identities by content, equal in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import PLATE, FunctionPlan, SourcePlan, StepPlan

__all__ = ["bare_keys", "digest", "step_key"]


def _plain(value: Any) -> Any:
    if isinstance(value, FrozenMapping):
        return dict(value)
    return repr(value)


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) over the canonical JSON of `value`; mappings are sorted."""
    text = msgspec.json.encode(value, enc_hook=_plain, order="sorted")
    return hashlib.sha256(text).hexdigest()


def _function(call: FunctionPlan) -> tuple[Any, ...]:
    # `repr` keeps apart what JSON does not: infinities, and 1 from True.
    parameters = {name: repr(value) for name, value in call.parameters.items()}
    return (
        call.function,
        call.library_version,
        parameters,
        call.memory_type_in,
        call.memory_type_out,
        call.applies_to,
        sorted(call.array_parameters),
    )


def step_key(plan: StepPlan, keys: Mapping[str, str]) -> str:
    """Return the identity of a step's output apart from the pixels it reads.

    Parameters
    ----------
    plan : StepPlan
        Its own `key`, its name and its number are not looked at.
    keys : mapping of step id to key
        Of the steps before.
    """

    def source(item: SourcePlan) -> tuple[str, Any]:
        return (keys.get(item.dataset, PLATE), item.select)

    chains = {key: [_function(call) for call in chain] for key, chain in plan.patterns.items()}
    return digest(
        (
            source(plan.source),
            {item.parameter: source(item.source) for item in plan.arrays},
            {item.name: keys.get(item.source, "") for item in plan.special_inputs},
            plan.variable_components,
            plan.group_by,
            chains,
            sorted(plan.dropped),
            plan.dtype_policy,
        )
    )


def bare_keys(steps: Iterable[StepPlan]) -> dict[str, str]:
    """Return the keys of steps by id as they would be without what the plate gave them.

    Those are the same for all wells of a plate.
    """

    def bare(call: FunctionPlan) -> FunctionPlan:
        own = {k: value for k, value in call.parameters.items() if k not in call.from_plate}
        return replace(call, parameters=FrozenMapping(own))

    keys: dict[str, str] = {}
    for step in steps:
        chains = {key: tuple(map(bare, chain)) for key, chain in step.patterns.items()}
        keys[step.step_id] = step_key(replace(step, patterns=FrozenMapping(chains)), keys)
    return keys
