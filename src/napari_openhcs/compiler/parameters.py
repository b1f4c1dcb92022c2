"""Are a call's parameters what its function takes?  Names, types, limits and choices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from napari_openhcs.compiler.draft import step_problem
from napari_openhcs.compiler.fixes import mend_parameter, missing_parameter
from napari_openhcs.compiler.sources import listed, nearest
from napari_openhcs.functions.footprint import FOOTPRINT_SHAPES
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionCall, FunctionStep
from napari_openhcs.plan import Fix, Problem

__all__ = ["check_parameters"]

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "text",
    "footprint": "a shape and a radius in px, such as ('disk', 3)",
    "literal": "a number, text, None, or a tuple of those",
}


def check_parameters(
    index: int, step: FunctionStep, call: FunctionCall, spec: FunctionSpec
) -> list[Problem]:
    """Return every problem of the parameters that were set, and of those that are missing.

    Array parameters are wired by the step's ``inputs`` and are checked there.
    """

    def problem(code: str, name: str, message: str, fix: Fix | None) -> Problem:
        return step_problem(
            index, step, code, message, function=call.function, parameter=name, fix=fix
        )

    wrong = [
        problem(code, name, message, mend_parameter(spec, name, call.parameters[name]))
        for code, name, message in _value_faults(call, spec)
    ]
    missing = [
        problem("parameter_missing", item.name, message, missing_parameter(spec, item))
        for item, message in _missing_faults(call, spec)
    ]
    return wrong + missing


def _value_faults(call: FunctionCall, spec: FunctionSpec) -> Iterator[tuple[str, str, str]]:
    names = [item.name for item in spec.form_parameters]
    for name, value in call.parameters.items():
        parameter = spec.parameter(name)
        if name == spec.first or (parameter is not None and parameter.type == "array"):
            yield (
                "parameter_array",
                name,
                f"{spec.id} takes an image as '{name}', not {value!r}: wire it by "
                f"{'input_source' if name == spec.first else 'inputs'}.",
            )
        elif parameter is None:
            yield (
                "parameter_unknown",
                name,
                f"{spec.id} has no parameter '{name}'{nearest(name, names)}: it has "
                f"{listed(names)}.",
            )
        else:
            fault = _fault(parameter, value)
            if fault is not None:
                code, expected = fault
                text = f"{spec.id} got {name}={value!r}, expected {expected}."
                yield code, name, text


def _missing_faults(call: FunctionCall, spec: FunctionSpec) -> Iterator[tuple[ParameterSpec, str]]:
    for item in spec.form_parameters:
        if item.required and item.name not in call.parameters:
            hint = "" if item.suggested is None else f", such as {item.suggested!r}"
            yield (
                item,
                f"{spec.id} needs '{item.name}', which is not set: give {_expected(item)}{hint}.",
            )


def _expected(parameter: ParameterSpec) -> str:
    if parameter.choices:
        expected = "one of " + listed(repr(choice) for choice in parameter.choices)
    else:
        expected = EXPECTED.get(parameter.type, "a literal")
        if parameter.per_axis:
            expected += " (or a tuple with one for each axis)"
    low, high = parameter.minimum, parameter.maximum
    unit = f" {parameter.unit}" if parameter.unit else ""
    if low is not None and high is not None:
        expected += f" from {low:g} to {high:g}{unit}"
    elif low is not None:
        expected += f" of {low:g}{unit} or more"
    elif high is not None:
        expected += f" of {high:g}{unit} or less"
    return f"{expected} or None" if _takes_none(parameter) else expected


def _takes_none(parameter: ParameterSpec) -> bool:
    return parameter.optional or (parameter.default is None and not parameter.required)


def _fault(parameter: ParameterSpec, value: Any) -> tuple[str, str] | None:
    """Return (code, what was expected) when `value` does not fit, else None."""
    if value is None and _takes_none(parameter):
        return None
    numbers = list(_numbers(value))
    if any(not math.isfinite(number) for number in numbers):
        return "parameter_not_finite", f"a finite number (leave '{parameter.name}' out for none)"
    if parameter.choices:
        known = any(value == choice and type(value) is type(choice) for choice in parameter.choices)
        return None if known else ("parameter_choice", _expected(parameter))
    several = parameter.per_axis and isinstance(value, tuple) and value
    if not all(_has_type(parameter.type, item) for item in (value if several else (value,))):
        return "parameter_type", _expected(parameter)
    low, high = parameter.minimum, parameter.maximum
    outside = any(
        (low is not None and number < low) or (high is not None and number > high)
        for number in numbers
    )
    return ("parameter_limit", _expected(parameter)) if outside else None


def _has_type(kind: str, value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "int":
        return whole
    if kind == "float":
        return whole or isinstance(value, float)
    if kind == "footprint":
        return (
            isinstance(value, tuple)
            and len(value) == 2
            and value[0] in FOOTPRINT_SHAPES
            and isinstance(value[1], int)
            and not isinstance(value[1], bool)
            and value[1] >= 0
        )
    return {"bool": isinstance(value, bool), "str": isinstance(value, str)}.get(kind, True)


def _numbers(value: Any) -> Iterator[float]:
    """Iterate over the numbers in a literal, however deep."""
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
