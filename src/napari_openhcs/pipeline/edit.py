"""Edits of a pipeline: each takes a pipeline and gives a new one."""

from __future__ import annotations

from typing import Any

from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep
from napari_openhcs.pipeline.wiring import spec_of, unique_title

__all__ = [
    "call_at",
    "duplicate_step",
    "rename_step",
    "replace_call",
    "reset_parameter",
    "set_input",
    "set_parameter",
    "set_step",
    "step_at",
]


def step_at(pipeline: Pipeline, index: int) -> FunctionStep:
    """Return the step at a 0-based position.

    Raises
    ------
    PipelineError
        There is no such step.
    """
    if not 0 <= index < len(pipeline):
        raise PipelineError(f"There is no step {index + 1}: the pipeline has {len(pipeline)}.")
    return pipeline[index]


def call_at(step: FunctionStep, key: str = "", position: int = 0) -> FunctionCall:
    """Return the call at `position` of the chain under `key` (``""`` when there is one chain)."""
    return dict(step.chains())[key][position]


def replace_call(step: FunctionStep, call: FunctionCall, key: str, position: int) -> FunctionStep:
    """Return a step in which one call of one chain is another."""
    chain = list(dict(step.chains())[key])
    chain[position] = call
    new = chain[0] if len(chain) == 1 else chain
    if isinstance(step.func, FrozenMapping):
        return step.replace(func={**step.func, key: new})
    return step.replace(func=new)


def set_step(pipeline: Pipeline, index: int, **options: Any) -> Pipeline:
    """Return a pipeline in which a step has other options."""
    return pipeline.set_step(index, step_at(pipeline, index).replace(**options))


def duplicate_step(pipeline: Pipeline, index: int) -> Pipeline:
    """Return a pipeline with a copy of a step after it, under a name of its own."""
    step = step_at(pipeline, index)
    return pipeline.insert(index + 1, step.replace(name=unique_title(pipeline, step.title)))


def rename_step(pipeline: Pipeline, index: int, name: str) -> Pipeline:
    """Return a pipeline in which a step is named otherwise, wherever a later step refers to it.

    An empty name gives the one made from the step's function.

    Raises
    ------
    PipelineError
        Another step has that name.
    """
    step = step_at(pipeline, index)
    renamed = step.replace(name=name.strip())
    if unique_title(pipeline, renamed.title, except_index=index) != renamed.title:
        raise PipelineError(
            f"Another step is named '{renamed.title}': names tell outputs apart, choose a "
            "different one."
        )
    later = (
        _rename_references(item, step.title, renamed.title) for item in pipeline.steps[index + 1 :]
    )
    return pipeline.replace(steps=(*pipeline.steps[:index], renamed, *later))


def _rename_references(step: FunctionStep, old: str, new: str) -> FunctionStep:
    """Return a step whose references to the step named `old`, or a channel of it, name `new`."""

    def renamed(text: str) -> str:
        name, slash, channel = text.rpartition("/")
        if text == old:
            return new
        return f"{new}{slash}{channel}" if name == old else text

    inputs = {name: renamed(value) for name, value in step.inputs.items()}
    source = new if step.input_source == old else step.input_source
    return step.replace(inputs=inputs, input_source=source)


def set_input(pipeline: Pipeline, index: int, parameter: str, source: str | None) -> Pipeline:
    """Return a pipeline in which an array parameter is wired to `source`, or to nothing."""
    wired = {k: v for k, v in step_at(pipeline, index).inputs.items() if k != parameter}
    if source:
        wired[parameter] = source
    return set_step(pipeline, index, inputs=wired)


def set_parameter(
    pipeline: Pipeline, index: int, name: str, value: Any, key: str = "", position: int = 0
) -> Pipeline:
    """Return a pipeline in which a parameter is set; a function's own default is not stored.

    `key` and `position` say which call of the step, as in :func:`call_at`.
    """
    step = step_at(pipeline, index)
    call = call_at(step, key, position)
    spec = spec_of(call.function)
    known = spec.parameter(name) if spec else None
    if known is not None and not known.required and _same(value, known.default):
        new = call.without_parameter(name)
    else:
        new = call.with_parameter(name, value)
    return pipeline.set_step(index, replace_call(step, new, key, position))


def reset_parameter(
    pipeline: Pipeline, index: int, name: str, key: str = "", position: int = 0
) -> Pipeline:
    """Return a pipeline in which a parameter has its default (or suggested value) again."""
    step = step_at(pipeline, index)
    call = call_at(step, key, position)
    spec = spec_of(call.function)
    known = spec.parameter(name) if spec else None
    if known is not None and known.required and known.suggested is not None:
        new = call.with_parameter(name, known.suggested)
    else:
        new = call.without_parameter(name)
    return pipeline.set_step(index, replace_call(step, new, key, position))


def _same(left: Any, right: Any) -> bool:
    """Whether two literals are the same value of the same type."""
    return type(left) is type(right) and bool(left == right)
