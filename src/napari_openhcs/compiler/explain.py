"""A plan in words, and as the JSON of the command line's ``compile``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.estimate import plan_seconds, step_time
from napari_openhcs.compiler.stores import data_bytes
from napari_openhcs.plan import (
    PLATE,
    REDUCED,
    CompiledPlate,
    DataPlan,
    FunctionPlan,
    SourcePlan,
    StepPlan,
    WellLayout,
)
from napari_openhcs.words import byte_size, counted

__all__ = ["compile_document", "explain", "steps_document"]


def _layouts(plan: CompiledPlate) -> dict[int, tuple[WellLayout, list[str]]]:
    found: dict[int, tuple[WellLayout, list[str]]] = {}
    for well, context in plan.contexts.items():
        found.setdefault(id(context.layout), (context.layout, []))[1].append(well)
    return found


def _first_layout(plan: CompiledPlate) -> WellLayout | None:
    return next((context.layout for context in plan.contexts.values()), None)


def compile_document(plan: CompiledPlate, seconds: float) -> dict[str, Any]:
    """Return the JSON document of the command ``compile``.

    Parameters
    ----------
    plan : CompiledPlate
    seconds : float
        How long compiling took.
    """
    return {
        "ok": plan.ok,
        "n_wells": len(plan.contexts),
        "seconds": round(seconds, 4),
        "steps": steps_document(plan),
        "problems": [
            {
                "code": item.code,
                "severity": item.severity,
                "step": item.step,
                "step_name": item.step_name,
                "function": item.function,
                "parameter": item.parameter,
                "well": ",".join(item.wells),
                "message": item.message,
                "fix": item.fix.text if item.fix else "",
            }
            for item in plan.problems
        ],
        "memory_per_well_bytes": plan.memory_per_well_bytes,
        "estimated_seconds": round(plan_seconds(plan)[0], 2),
        "workers": plan.workers,
    }


def steps_document(plan: CompiledPlate) -> list[dict[str, Any]]:
    """Return the steps as the command ``compile`` shows them (of the first layout)."""
    layout = _first_layout(plan)
    if layout is None:
        return []
    kept = {output.dataset: output for output in layout.outputs}
    givers = {step.step_id: step for step in layout.steps}
    return [
        {
            "id": step.step_id,
            "number": step.index + 1,
            "name": step.name,
            "functions": _functions(step),
            "memory_type_in": step.memory_type_in,
            "memory_type_out": step.memory_type_out,
            "conversion": _conversion(step),
            "backend": step.backend,
            "device": step.device,
            "input": _source(plan, layout, step.source),
            "limits": {
                name: {"value": getattr(step, name), "level": level}
                for name, level in step.levels.items()
            },
            "special_inputs": {item.name: givers[item.source].name for item in step.special_inputs},
            "special_outputs": {item.name: item.format for item in step.special_outputs},
            "inputs": {item.parameter: _source(plan, layout, item.source) for item in step.arrays},
            "output": kept[step.step_id].store if step.step_id in kept else "",
            "kind": step.output.kind.value,
            "dtype": step.output.dtype,
            "shape": list(step.output.shape_yx or ()),
            "planes": len(step.output.grid),
            "columns": list(step.output.columns),
        }
        for step in layout.steps
    ]


def _functions(step: StepPlan) -> list[str]:
    return list(dict.fromkeys(call.function for chain in step.patterns.values() for call in chain))


def _conversion(step: StepPlan) -> str:
    """Return the costliest route of a step's calls."""
    order = ("none", "dlpack", "cuda_array_interface", "cpu")
    routes = [call.conversion for chain in step.patterns.values() for call in chain]
    return max(routes, key=order.index, default="none")


def _channels(plan: CompiledPlate, values: tuple[Any, ...]) -> str:
    names = {channel.id: channel.name for channel in plan.channels}
    return ", ".join(names.get(str(value), str(value)) for value in values)


def _source(plan: CompiledPlate, layout: WellLayout, source: SourcePlan) -> str:
    """Return a source as a person would write it: ``Smooth/DAPI``."""
    names = {step.step_id: step.name for step in layout.steps}
    name = PLATE if source.dataset == PLATE else names.get(source.dataset, source.dataset)
    parts = [
        _channels(plan, values) if component == "channel" else f"{component} {_values(values)}"
        for component, values in source.select.items()
    ]
    return "/".join([name, *parts])


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))


def explain(plan: CompiledPlate) -> str:
    """Return a plan as readable text: what goes where, which way, on what, and why."""
    lines = [
        f"{plan.pipeline_name} on {plan.plate_name} ({plan.plate_format}): "
        f"{counted(len(plan.contexts), 'well')}"
    ]
    layouts = _layouts(plan)
    for layout, wells in layouts.values():
        if len(layouts) > 1:
            lines += ["", f"Wells {_shortened(wells)}"]
        lines += ["", *_layout_lines(plan, layout)]
    lines += ["", *_run_lines(plan)]
    left_out = [item.problems[0] for item in plan.contexts.values() if item.problems]
    if left_out:
        lines += ["", "Wells that cannot run:", *(f"  {text}" for text in left_out[:20])]
    return "\n".join(lines) + "\n"


def _shortened(wells: list[str]) -> str:
    return ", ".join(wells[:8]) + (f" and {len(wells) - 8} more" if len(wells) > 8 else "")


def _layout_lines(plan: CompiledPlate, layout: WellLayout) -> Iterator[str]:
    grid = layout.grid
    yield (
        f"plate: {counted(len(grid.field), 'field')} × {counted(len(grid.channel), 'channel')} "
        f"({_channels(plan, grid.channel)}) × {len(grid.z)} z × {len(grid.t)} t"
    )
    for number, step in enumerate(layout.steps):
        yield ""
        yield from _step_lines(plan, layout, number, step)
    yield ""
    yield "kept:"
    for output in layout.outputs:
        origin = "raw planes" if output.dataset == PLATE else output.dataset
        text = f"  {output.role} '{output.name}' from {origin} in {output.store}"
        if output.role != "table":
            chunk = output.layout
            text += (
                f", chunks {chunk.chunks_yx[0]} × {chunk.chunks_yx[1]} px, {chunk.compressor}, "
                f"{counted(chunk.n_levels, 'pyramid level')}"
            )
        yield text


def _step_lines(
    plan: CompiledPlate, layout: WellLayout, number: int, step: StepPlan
) -> Iterator[str]:
    yield f"{step.index + 1} {step.name} [{step.step_id}]"
    yield f"  reads    {_source(plan, layout, step.source)}{_passed_over(layout, number, step)}"
    for item in step.arrays:
        yield f"           {item.parameter} = {_source(plan, layout, item.source)}"
    for key, chain in step.patterns.items():
        who = f"{_key(plan, step, key)}: " if key else ""
        for call in chain:
            yield f"  does     {who}{_call(call, step)}"
    yield from _specials(layout, step)
    yield from _unchanged(plan, step)
    yield f"  gives    {_data(plan, step.output)}"
    if step.output.kind == Kind.IMAGE:
        yield f"  dtype    {_dtype_rule(step)}"
    yield from _conversions(step)
    yield f"  kept in  {_backend_rule(layout, step)}"
    yield f"  takes    {_time(plan, layout, step)}"
    yield from _limits(step)


def _limits(step: StepPlan) -> Iterator[str]:
    """Say how long a step may take and what happens without GPU memory, and who said so."""
    limit = "none" if step.time_limit_s is None else f"{step.time_limit_s:g} s a well"
    texts = {"time_limit_s": f"time limit {limit}"}
    if any(call.memory_type_in != "numpy" for chain in step.patterns.values() for call in chain):
        texts["oom_retries"] = f"{counted(step.oom_retries, 'new attempt')} out of memory"
        texts["cpu_fallback"] = f"then {'on the CPU' if step.cpu_fallback else 'the well fails'}"
    said = (f"{text} ({step.levels.get(name, 'default')})" for name, text in texts.items())
    yield f"  limits   {', '.join(said)}"


def _specials(layout: WellLayout, step: StepPlan) -> Iterator[str]:
    """Say which special outputs a step takes from which step, and which it gives."""
    givers = {item.step_id: item for item in layout.steps}
    for item in step.special_inputs:
        giver = givers[item.source]
        yield f"  takes    {item.name} from {giver.name} (step {giver.index + 1})"
    for output in step.special_outputs:
        kind = "" if output.name == output.kind else f" ({output.kind})"
        where = f"written as {output.format}" if output.format else "kept in memory only"
        yield f"  beside   {output.name}{kind}, {where}"


def _passed_over(layout: WellLayout, number: int, step: StepPlan) -> str:
    """Say when the step before is a table, which nothing can read."""
    before = layout.steps[number - 1] if number else None
    if before is None or before.output.kind != Kind.TABLE or step.source.dataset == PLATE:
        return ""
    return f" (the step before, {before.name}, gives a table, which is passed over)"


def _key(plan: CompiledPlate, step: StepPlan, key: str) -> str:
    return _channels(plan, (key,)) if step.group_by == "channel" else f"{step.group_by} {key}"


def _call(call: FunctionPlan, step: StepPlan) -> str:
    parameters = ", ".join(f"{name}={value!r}" for name, value in call.parameters.items())
    how = "plane by plane"
    if call.applies_to == "stack":
        how = f"on the stack over {' and '.join(step.variable_components)}"
    return f"{call.function}({parameters}) {how}"


ROUTES = {
    "none": "without conversion",
    "dlpack": "by DLPack, which shares the memory where the device is the same",
    "cuda_array_interface": "by the CUDA array interface, which shares the memory of the GPU",
    "cpu": "by a copy over the CPU, because they share no other way",
}
"""Why an array comes to a memory type as it does."""


def _conversions(step: StepPlan) -> Iterator[str]:
    """Say how arrays come to the memory types of a step's functions; steps hand on NumPy's."""
    ways = {
        (call.memory_type_in, call.conversion): None
        for chain in step.patterns.values()
        for call in chain
        if call.memory_type_in != "numpy"
    }
    for memory_type, route in ways:
        yield f"  converts numpy → {memory_type} {ROUTES[route]}, and back: steps hand on numpy"
    if ways:
        names = ", ".join(name for name, _ in ways)
        yield f"  device   {step.device}: the first that {names} finds"


def _time(plan: CompiledPlate, layout: WellLayout, step: StepPlan) -> str:
    seconds, measured = step_time(plan, layout, step)
    if seconds is None:
        return "not known: no speed of a function of it was measured"
    return f"about {_seconds(seconds)} a well ({MEASURED if measured else CATALOGUE})"


MEASURED, CATALOGUE = "measured here while tuning", "speed from the catalogue"


def _seconds(seconds: float) -> str:
    """Return a time with two digits at most: ``0.03 s``, ``14 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.1g} s" if seconds < 1 else f"{round(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _unchanged(plan: CompiledPlate, step: StepPlan) -> Iterator[str]:
    """Name the values that a mapping of functions leaves alone or drops."""
    if step.group_by is None:
        return
    for value in step.output.grid.values(step.group_by):
        if str(value) not in step.patterns:
            yield f"  passes   {_key(plan, step, str(value))} unchanged"
    for value in step.dropped:
        yield f"  drops    {_key(plan, step, value)}"


def _data(plan: CompiledPlate, data: DataPlan) -> str:
    grid = data.grid
    if data.kind == Kind.TABLE:
        columns = ", ".join(data.columns[:12]) or "columns not known"
        more = f" and {len(data.columns) - 12} more" if len(data.columns) > 12 else ""
        return f"table: {columns}{more}"
    size = f"{data.shape_yx[0]} × {data.shape_yx[1]} px" if data.shape_yx else "size not known"
    fields = "one image of all" if REDUCED in grid.field else str(len(grid.field))
    return (
        f"{data.kind.value}, {data.dtype}, {size}, fields {fields}, "
        f"channels {_channels(plan, grid.channel)}, {len(grid.z)} z, {len(grid.t)} t"
    )


def _dtype_rule(step: StepPlan) -> str:
    scaled = any(call.unit_scaled for chain in step.patterns.values() for call in chain)
    back = "; the library's 0–1 scale is undone" if scaled else ""
    rules = {
        "preserve": f"preserve: rounded and clipped to the input's dtype{back}",
        "native": "native: bit for bit what the library gives",
    }
    return rules.get(step.dtype_policy, f"made {step.dtype_policy} on request{back}")


def _backend_rule(layout: WellLayout, step: StepPlan) -> str:
    """Say where the output stays while a well runs, by which rule, and where it is written."""
    size = byte_size(data_bytes(step.output))
    rule = f"disk ({size} a well): all that lives at a time does not fit, the largest goes first"
    if step.output.kind == Kind.TABLE:
        rule = "memory: a table is small"
    elif step.backend == "memory":
        rule = f"memory ({size} a well): all that lives at a time fits"
    stores = [output.store for output in layout.outputs if output.dataset == step.step_id]
    return f"{rule}; then written to {', '.join(stores)}" if stores else f"{rule}; not written"


def _workers_rule(plan: CompiledPlate) -> str:
    if plan.workers == len(plan.contexts):
        return "one for each well"
    if plan.workers == os.cpu_count():
        return "one for each core"
    return "as asked for, or as many as fit into the memory"


def _run_lines(plan: CompiledPlate) -> Iterator[str]:
    yield (
        f"memory: about {byte_size(plan.memory_per_well_bytes)} a well: the most pixels that live "
        "at a time, and the copies functions make"
    )
    where = f" at {plan.scheduler}" if plan.scheduler else ""
    yield f"workers: {plan.workers} ({plan.executor}{where}), {_workers_rule(plan)}"
    seconds, unknown = plan_seconds(plan)
    but = f", without {', '.join(unknown)}" if unknown else ""
    yield f"time: about {_seconds(seconds)} of computing with all workers{but}"
    yield f"output: {plan.output or 'none given'}"
    if plan.settings:
        yield "settings:"
    for name, (value, level) in plan.settings.items():
        yield f"  {name} {'none' if value is None else value} ({level})"
