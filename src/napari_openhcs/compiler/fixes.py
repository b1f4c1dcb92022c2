"""Fixes that problems carry: how the edits are written down for ``apply_fix`` to make."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from napari_openhcs.frozen import FrozenMapping, freeze
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.plan import Fix

__all__ = [
    "drop_keys",
    "mend_parameter",
    "missing_parameter",
    "near_names",
    "other_name",
    "read_first",
    "remove_call",
    "remove_key",
    "rename_key",
    "rename_step",
    "replace_function",
    "seeded",
    "set_options",
    "unwire",
    "wire",
]


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to two of the `known` names that are nearly `name`, the nearest first."""
    lowered = {item.lower(): item for item in known}
    return [lowered[item] for item in difflib.get_close_matches(name.lower(), lowered, 2, 0.6)]


def _fix(text: str, action: str, step: int = 0, **values: Any) -> Fix:
    return Fix(text, action, step, FrozenMapping({k: freeze(v) for k, v in values.items()}))


def set_options(step: int = 0, text: str = "", **options: Any) -> Fix:
    """Set options of a step, such as ``dtype`` or ``input_source``."""
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in options.items())
    where = f" on step {step}" if step else ""
    return _fix(text or f"Set {shown}{where}", "set_options", step, **options)


def _shown(value: Any) -> str:
    return repr(dict(value)) if isinstance(value, FrozenMapping) else repr(value)


def mend_parameter(spec: FunctionSpec, name: str, value: Any) -> Fix | None:
    """Return how a parameter that is not what its function takes is mended.

    A misspelt name is corrected and an unknown one taken out; a number beyond its limits is
    set to the limit; any other value gives way to the default, or to what is suggested.
    """
    parameter = spec.parameter(name)
    if name == spec.first or parameter is None or parameter.type == "array":
        meant = near_names(name, [item.name for item in spec.form_parameters])
        if parameter is None and name != spec.first and meant:
            text = f"Rename '{name}' to '{meant[0]}'"
            return _fix(text, "rename_parameter", function=spec.id, name=name, new=meant[0])
        return _reset(spec, name, f"Take '{name}' out")
    if _is_number(value) and _limited(parameter, value) != value:
        return _set(spec, name, _limited(parameter, value))
    if parameter.required:
        return missing_parameter(spec, parameter)
    return _reset(spec, name, f"Use the default, {parameter.default!r}")


def missing_parameter(spec: FunctionSpec, parameter: ParameterSpec) -> Fix | None:
    """Return the fix that sets what is suggested for a required parameter, if anything is."""
    if parameter.suggested is None:
        return None
    return _set(spec, parameter.name, parameter.suggested)


def seeded(spec: FunctionSpec, name: str) -> Fix:
    """Return the fix that gives a random function a seed."""
    return _set(spec, name, 0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _limited(parameter: ParameterSpec, value: float) -> float:
    if parameter.minimum is not None and value < parameter.minimum:
        return parameter.minimum
    if parameter.maximum is not None and value > parameter.maximum:
        return parameter.maximum
    return value


def _set(spec: FunctionSpec, name: str, value: Any) -> Fix:
    text = f"Set {name}={value!r}"
    return _fix(text, "set_parameter", function=spec.id, name=name, value=value)


def _reset(spec: FunctionSpec, name: str, text: str) -> Fix:
    return _fix(text, "reset_parameter", function=spec.id, name=name)


def replace_function(function: str, new: str, parameters: Iterable[str] | None = None) -> Fix:
    """Put another function in the place of one; `parameters` are those it can keep."""
    kept = None if parameters is None else tuple(parameters)
    return _fix(f"Use {new}", "replace_function", function=function, new=new, parameters=kept)


def other_name(function: str) -> Fix | None:
    """Return the fix for a misspelt function, where one name is near."""
    near = registry.nearest(function)
    return replace_function(function, near[0]) if near else None


def remove_call(key: str, position: int, function: str) -> Fix:
    """Take one call out of a chain."""
    return _fix(f"Remove {function}", "remove_call", key=key, position=position)


def rename_key(key: str, new: str) -> Fix:
    """Give a key of a pattern another name."""
    return _fix(f"Rename '{key}' to '{new}'", "rename_key", key=key, new=new)


def remove_key(key: str) -> Fix:
    """Take a key out of a pattern."""
    return _fix(f"Remove '{key}'", "remove_key", key=key)


def drop_keys(keys: Iterable[str]) -> Fix:
    """Map values that no function is given for to None."""
    names = tuple(keys)
    return _fix(f"Leave out {', '.join(names)}", "drop_keys", keys=names)


def wire(parameter: str, source: str) -> Fix:
    """Wire an array parameter."""
    return _fix(f"Wire {parameter} to '{source}'", "wire", parameter=parameter, source=source)


def unwire(parameter: str) -> Fix:
    """Leave an array parameter without a wire."""
    return _fix(f"Take the wire of {parameter} out", "unwire", parameter=parameter)


def read_first(parameter: str, source: str) -> Fix:
    """Read by ``input_source`` what was wired to a function's first array."""
    text = f"Read '{source}' by input_source"
    return _fix(text, "read_first", parameter=parameter)


def rename_step(name: str) -> Fix:
    """Give a step another name."""
    return _fix(f"Name it '{name}'", "rename_step", name=name)
