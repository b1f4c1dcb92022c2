"""What changed from one pipeline to another, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import attrs

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.script_words import shortened
from napari_openhcs.pipeline.script_writer import format_literal
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep

__all__ = ["describe_changes"]

_UNSET = object()

_SIMILAR = 0.5
"""How alike two steps of different names are, at least, to be one step that was edited."""


def describe_changes(old: Pipeline, new: Pipeline) -> list[str]:
    """Return what changed from one pipeline to another, a line for each change.

    Steps are matched by name, then by what they do; numbers are those of `new`, except for
    steps that were removed.

    Parameters
    ----------
    old, new : Pipeline

    Returns
    -------
    list of str
        Such as ``step 3 'Smooth': sigma 1.5 → 2.0``; empty if and only if the pipelines are
        the same.
    """
    found = []
    if old.name != new.name:
        found.append(f"pipeline: name {_shown(old.name)} → {_shown(new.name)}")
    found += [f"config: {change}" for change in _config_changes(old.config, new.config)]
    pairs = _matched(old, new)
    kept = {before for before, _ in pairs}
    for number, step in enumerate(old, start=1):
        if number - 1 not in kept:
            found.append(f"{_called(number, step)} removed")
    before_of = {after: before for before, after in pairs}
    moved = _moved(pairs)
    for index, step in enumerate(new):
        before = before_of.get(index)
        called = _called(index + 1, step)
        if before is None:
            found.append(f"{called} added: {', '.join(_functions(step)) or 'no function'}")
            continue
        if index in moved:
            found.append(f"{_called(before + 1, old[before])} moved to {index + 1}")
        found += [f"{called}: {change}" for change in _step_changes(old[before], step)]
    return found


def _called(number: int, step: FunctionStep) -> str:
    return f"step {number} '{shortened(step.title)}'"


def _functions(step: FunctionStep) -> Iterator[str]:
    return (call.function.rpartition(".")[2] for _, call in step.calls())


def _matched(old: Pipeline, new: Pipeline) -> list[tuple[int, int]]:
    """Return which step of `old` is which of `new`, as 0-based positions, in order of `new`.

    Equal steps first, then steps of one title, then those that are most alike; each time the
    nearest ones.
    """
    left, right = set(range(len(old))), set(range(len(new)))
    pairs: list[tuple[int, int]] = []

    def take(alike: Any) -> None:
        ranked = sorted(
            (-score, abs(a - b), a, b)
            for a in left
            for b in right
            if (score := alike(old[a], new[b])) > 0
        )
        for _, _, a, b in ranked:
            if a in left and b in right:
                left.discard(a)
                right.discard(b)
                pairs.append((a, b))

    take(lambda one, two: float(_same(one, two)))
    take(lambda one, two: float(one.title == two.title))
    take(_likeness)
    return sorted(pairs, key=lambda pair: pair[1])


def _likeness(one: FunctionStep, two: FunctionStep) -> float:
    """Return how much of what two steps call is the same, 0 to 1; 0 below half."""
    left, right = ([call.function for _, call in step.calls()] for step in (one, two))
    ratio = difflib.SequenceMatcher(None, left, right).ratio()
    return ratio if ratio >= _SIMILAR else 0


def _moved(pairs: list[tuple[int, int]]) -> set[int]:
    """Return the new positions of the fewest steps whose moving explains the new order."""
    best: list[list[int]] = []
    for number, (before, _) in enumerate(pairs):
        longer = [run for run in best if pairs[run[-1]][0] < before]
        best.append([*_longest(longer), number])
    stay = set(_longest(best))
    return {after for number, (_, after) in enumerate(pairs) if number not in stay}


def _longest(runs: list[list[int]]) -> list[int]:
    return max(runs, key=len) if runs else []


def _same(one: Any, two: Any) -> bool:
    """Whether two values are the same, types and order included (1 is not True, nor 1.0)."""
    return bool(one == two) and repr(one) == repr(two)


def _shown(value: Any) -> str:
    text = format_literal(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _change(name: str, old: Any, new: Any) -> str:
    if old is _UNSET:
        return f"{name} set to {_shown(new)}"
    if new is _UNSET:
        return f"{name} {_shown(old)} → its default"
    before, after = _shown(old), _shown(new)
    if before == after:  # cut alike, or alike but for the order
        return f"{name} changed within {before}"
    return f"{name} {before} → {after}"


def _mapping_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, _UNSET), new.get(name, _UNSET)
        if not _same(before, after):
            yield _change(f"{prefix}{name}", before, after)


def _config_changes(old: PipelineConfig, new: PipelineConfig) -> Iterator[str]:
    for item in fields(PipelineConfig):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if not _same(before, after):
            yield _change(item.name, before, after)


def _step_changes(old: FunctionStep, new: FunctionStep) -> list[str]:
    if _same(old, new):
        return []
    found = list(_pattern_changes(old, new))
    for attribute in attrs.fields(FunctionStep):
        name = attribute.name
        before, after = getattr(old, name), getattr(new, name)
        if name == "func" or _same(before, after):
            continue
        if name == "inputs":
            found += _wiring_changes(before, after)
        elif name == "enabled":
            found.append("switched on" if after else "switched off")
        elif name == "name" and not (before and after):
            found.append(
                f"named {_shown(after)}" if after else f"its name {_shown(before)} left out"
            )
        else:
            found.append(_change(name, before, after))
    return found or ["parameters in another order"]


def _wiring_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before is None:
            yield f"{name} wired to {_shown(after)}"
        elif after is None:
            yield f"{name} no longer wired to {_shown(before)}"
        elif before != after:
            yield f"{name} wired to {_shown(after)} instead of {_shown(before)}"


def _kind(step: FunctionStep) -> str:
    if isinstance(step.func, FrozenMapping):
        return "functions by key"
    return "one function" if isinstance(step.func, FunctionCall) else "a chain"


def _pattern_changes(old: FunctionStep, new: FunctionStep) -> Iterator[str]:
    if (_kind(old) == "functions by key") != (_kind(new) == "functions by key"):
        names = [", ".join(_functions(step)) or "no function" for step in (old, new)]
        yield f"{_kind(old)} ({names[0]}) → {_kind(new)} ({names[1]})"
        return
    if not isinstance(old.func, FrozenMapping) or not isinstance(new.func, FrozenMapping):
        if _kind(old) != _kind(new) and len(tuple(old.calls())) == len(tuple(new.calls())):
            yield f"{_kind(old)} → {_kind(new)}"
        yield from _chain_changes(_calls_of(old.func), _calls_of(new.func), "")
        return
    for key in dict.fromkeys((*old.func, *new.func)):
        before, after = old.func.get(key, _UNSET), new.func.get(key, _UNSET)
        if _same(before, after):
            continue
        if before is _UNSET or before is None or after is _UNSET or after is None:
            yield f"for {key}: {_entry(before)} → {_entry(after)}"
        else:
            found = list(_chain_changes(_calls_of(before), _calls_of(after), f"for {key}: "))
            yield from found or [f"for {key}: one function → a chain of one, or back"]


def _entry(value: Any) -> str:
    """Return what a key of a pattern does with its value."""
    if value is _UNSET:
        return "passes unchanged"
    if value is None:
        return "dropped"
    return ", ".join(call.function.rpartition(".")[2] for call in _calls_of(value))


def _calls_of(value: Any) -> tuple[FunctionCall, ...]:
    return (value,) if isinstance(value, FunctionCall) else tuple(value)


def _chain_changes(
    old: tuple[FunctionCall, ...], new: tuple[FunctionCall, ...], prefix: str
) -> Iterator[str]:
    """Describe what changed in a chain; calls are matched by function, in order."""
    before, after = ([call.function for call in chain] for chain in (old, new))
    many = len(old) > 1 or len(new) > 1
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, a, a_end, b, b_end in matcher.get_opcodes():
        if what == "equal":
            for one, two in zip(old[a:a_end], new[b:b_end], strict=True):
                of = f"{one.function.rpartition('.')[2]} " if many else ""
                found = list(_mapping_changes(one.parameters, two.parameters, f"{prefix}{of}"))
                if not found and not _same(one.parameters, two.parameters):
                    found = [f"{prefix}{of}parameters in another order"]
                yield from found
            continue
        gone, came = (", ".join(map(_plain_call, calls)) for calls in (old[a:a_end], new[b:b_end]))
        if what == "replace":
            yield f"{prefix}{gone} → {came}"
        else:
            yield f"{prefix}{gone} left out" if gone else f"{prefix}{came} put in"


def _plain_call(call: FunctionCall) -> str:
    """Return a call as a person names it: the function, and the values that were set."""
    values = ", ".join(f"{name}={_shown(value)}" for name, value in call.parameters.items())
    return f"{call.function}({values})" if values else call.function
