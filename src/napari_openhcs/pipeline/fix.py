"""Fixes: the edit that a problem carries, made with one click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import edit
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import Chain, FunctionCall, FunctionStep
from napari_openhcs.plan import Fix

__all__ = ["ACTIONS", "apply_fix"]

Values = Mapping[str, Any]

RENAME = "rename_step"
"""The action that edits other steps too: those that name the step."""


def apply_fix(pipeline: Pipeline, fix: Fix) -> Pipeline:
    """Return the pipeline as a fix mends it.

    Parameters
    ----------
    pipeline : Pipeline
        The one that was compiled, or one in which the step still stands.
    fix : Fix

    Raises
    ------
    PipelineError
        The fix is for another pipeline: the step is not there any more.
    """
    index = fix.step - 1
    step = edit.step_at(pipeline, index)
    if fix.action == RENAME:
        return edit.rename_step(pipeline, index, str(fix.values["name"]))
    action = ACTIONS.get(fix.action)
    if action is None:
        known = ", ".join((RENAME, *ACTIONS))
        raise PipelineError(f"A fix '{fix.action}' is not known: expected one of {known}.")
    return pipeline.set_step(index, action(step, fix.values))


def _with_calls(
    step: FunctionStep, function: str, change: Callable[[FunctionCall], FunctionCall]
) -> FunctionStep:
    """Return a step in which every call of a function is changed."""

    def changed(item: FunctionCall | Chain | None) -> Any:
        if isinstance(item, tuple):
            return [changed(call) for call in item]
        return change(item) if item is not None and item.function == function else item

    if isinstance(step.func, FrozenMapping):
        return step.replace(func={key: changed(item) for key, item in step.func.items()})
    return step.replace(func=changed(step.func))


def _set_options(step: FunctionStep, values: Values) -> FunctionStep:
    return step.replace(**values)


def _set_parameter(step: FunctionStep, values: Values) -> FunctionStep:
    name, value = values["name"], values["value"]
    return _with_calls(step, values["function"], lambda call: call.with_parameter(name, value))


def _reset_parameter(step: FunctionStep, values: Values) -> FunctionStep:
    name = values["name"]
    return _with_calls(step, values["function"], lambda call: call.without_parameter(name))


def _rename_parameter(step: FunctionStep, values: Values) -> FunctionStep:
    old, new = values["name"], values["new"]

    def change(call: FunctionCall) -> FunctionCall:
        if old not in call.parameters:
            return call
        return call.without_parameter(old).with_parameter(new, call.parameters[old])

    return _with_calls(step, values["function"], change)


def _replace_function(step: FunctionStep, values: Values) -> FunctionStep:
    new, kept = values["new"], values.get("parameters")

    def change(call: FunctionCall) -> FunctionCall:
        names = call.parameters if kept is None else kept
        return FunctionCall(new, {k: v for k, v in call.parameters.items() if k in names})

    return _with_calls(step, values["function"], change)


def _remove_call(step: FunctionStep, values: Values) -> FunctionStep:
    """Take one call out of the chain under a key."""
    key, position = values["key"], values["position"]
    chain = [call for place, call in enumerate(dict(step.chains())[key]) if place != position]
    if isinstance(step.func, FrozenMapping):
        return step.replace(func={**step.func, key: chain})
    return step.replace(func=chain)


def _rename_key(step: FunctionStep, values: Values) -> FunctionStep:
    pattern = _mapping(step)
    return step.replace(
        func={values["new"] if key == values["key"] else key: pattern[key] for key in pattern}
    )


def _remove_key(step: FunctionStep, values: Values) -> FunctionStep:
    pattern = _mapping(step)
    return step.replace(func={key: pattern[key] for key in pattern if key != values["key"]})


def _drop_keys(step: FunctionStep, values: Values) -> FunctionStep:
    """Map values that have no function to None, so that they are left out."""
    return step.replace(func={**_mapping(step), **dict.fromkeys(values["keys"])})


def _mapping(step: FunctionStep) -> FrozenMapping[str, Any]:
    if not isinstance(step.func, FrozenMapping):
        raise PipelineError(f"Step '{step.title}' has one function for all: there is no key.")
    return step.func


def _wire(step: FunctionStep, values: Values) -> FunctionStep:
    return step.replace(inputs={**step.inputs, values["parameter"]: values["source"]})


def _unwire(step: FunctionStep, values: Values) -> FunctionStep:
    kept = {key: item for key, item in step.inputs.items() if key != values["parameter"]}
    return step.replace(inputs=kept)


def _read_first(step: FunctionStep, values: Values) -> FunctionStep:
    """Read by ``input_source`` what was wired to the first array."""
    source = step.inputs[values["parameter"]]
    return _unwire(step, values).replace(input_source=source)


ACTIONS: Mapping[str, Callable[[FunctionStep, Values], FunctionStep]] = {
    "set_options": _set_options,
    "set_parameter": _set_parameter,
    "reset_parameter": _reset_parameter,
    "rename_parameter": _rename_parameter,
    "replace_function": _replace_function,
    "remove_call": _remove_call,
    "rename_key": _rename_key,
    "remove_key": _remove_key,
    "drop_keys": _drop_keys,
    "wire": _wire,
    "unwire": _unwire,
    "read_first": _read_first,
}
"""What fixes can do to a step, by name; each takes a step and the fix's values."""
