"""Compiling: a pipeline and a plate become one frozen plan, or a list of problems.

::

    compile_pipeline
      choose wells, group them into layouts
      for each layout                            (384 equal wells are one)
        1  initialize_step_plans_for_context       paths.py
        2  declare_zarr_stores_for_context         stores.py
        3  plan_materialization_flags_for_context  materialization.py
        4  validate_memory_contracts_for_context   memory.py
        5  assign_gpu_resources_for_context        devices.py
      a context for each well: its planes, and what its data lacks
      workers, output folder, key
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from napari_openhcs.compiler.devices import assign_gpu_resources_for_context, count_workers
from napari_openhcs.compiler.draft import Draft, find_spec
from napari_openhcs.compiler.facts import needs_positions
from napari_openhcs.compiler.folder import absolute_output, check_output
from napari_openhcs.compiler.keys import bare_keys, digest
from napari_openhcs.compiler.materialization import plan_materialization_flags_for_context
from napari_openhcs.compiler.memory import validate_memory_contracts_for_context
from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.compiler.stores import (
    declare_zarr_stores_for_context,
    plate_store_name,
    stored_bytes,
)
from napari_openhcs.compiler.wells import (
    Layouts,
    choose_wells,
    context_for,
    plan_layouts,
    planes_of,
    read_coords,
)
from napari_openhcs.errors import OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.pipeline.fix import apply_fix
from napari_openhcs.pipeline.levels import resolved
from napari_openhcs.pipeline.script import export_script
from napari_openhcs.plan import (
    CompiledPlate,
    Coord,
    DataPlan,
    Problem,
    ProcessingContext,
    WellLayout,
)
from napari_openhcs.plate import Plate

__all__ = ["PHASES", "compile_pipeline"]

PHASES = (
    initialize_step_plans_for_context,
    declare_zarr_stores_for_context,
    plan_materialization_flags_for_context,
    validate_memory_contracts_for_context,
    assign_gpu_resources_for_context,
)
"""The five phases in order; each takes a draft and returns a new one."""

MAX_SAMPLES = 4
"""So many wells the inference may look at before it gives up."""


@dataclass(frozen=True)
class _Compiled:
    """A layout with its draft after the last phase."""

    draft: Draft
    layout: WellLayout
    coords: tuple[Coord, ...]
    wells: tuple[str, ...]


def compile_pipeline(
    plate: Plate,
    pipeline: Pipeline,
    *,
    output: str | os.PathLike[str] | None = None,
    wells: Iterable[str] | None = None,
    fields: Iterable[str | int] | None = None,
    workers: int | None = None,
    executor: str = "processes",
    scheduler: str | None = None,
) -> CompiledPlate:
    """Compile a pipeline for the chosen wells of a plate; nothing is run or written.

    Parameters
    ----------
    plate : Plate
    pipeline : Pipeline
        Not changed.
    output : path, optional
        The output folder; without it the plan can only be looked at.
    wells, fields : iterable of str, optional
        By default all.
    workers : int, optional
        By default as many as cores, wells and memory allow.
    executor : str
        ``processes``, ``threads`` or ``dask``.
    scheduler : str, optional
        Address of a Dask scheduler.

    Returns
    -------
    CompiledPlate
        Mistakes of the user are its `problems`, all at once; they are never raised.  With
        an error `ok` is False, and the plan still holds what could be planned.
    """
    request = _Request(
        plate,
        pipeline,
        absolute_output(output),
        None if fields is None else tuple(fields),
        workers,
        executor,
        scheduler,
    )
    with registry.held():
        return _compile(request, None if wells is None else tuple(wells))


def _compile(request: _Request, wells: tuple[str, ...] | None) -> CompiledPlate:
    plate, pipeline = request.plate, request.pipeline
    chosen, problems = choose_wells(plate, wells)
    if not any(step.enabled for step in pipeline):
        problems.append(_no_steps(pipeline))
    # Without a single known well the pipeline is still checked, on the plate's own wells.
    layouts = plan_layouts(
        plate, chosen or plate.wells, request.fields, by_position=needs_positions(pipeline)
    )
    problems += layouts.problems
    compiled = _compile_layouts(plate, pipeline, layouts)
    problems += _merged(compiled, len(chosen))
    contexts = _contexts(plate, compiled, chosen)
    # Where channels have different depths it is the step that must choose, not the wells.
    if not any(item.code == "channels_uneven" for item in problems):
        problems += _well_problems(contexts)
    return _assemble(request, compiled, contexts, problems)


@dataclass(frozen=True)
class _Request:
    """What :func:`compile_pipeline` was asked for, but for the wells."""

    plate: Plate
    pipeline: Pipeline
    output: str
    fields: tuple[str | int, ...] | None
    workers: int | None
    executor: str
    scheduler: str | None


def _assemble(
    request: _Request,
    compiled: list[_Compiled],
    contexts: dict[str, ProcessingContext],
    problems: list[Problem],
) -> CompiledPlate:
    """Put the plan together and check what concerns the run as a whole."""
    plate, pipeline = request.plate, request.pipeline
    drafts = [item.draft for item in compiled]
    count, of_workers = count_workers(drafts, len(contexts), request.workers)
    size = sum(stored_bytes(context.layout.outputs) for context in contexts.values())
    store = plate_store_name(plate)
    of_output = check_output(request.output, plate.root, store, size)
    of_scheduler = _scheduler_problems(request.executor, request.scheduler)
    script, of_script = _script(pipeline)
    of_versions = _version_problems(pipeline)
    found = [*problems, *of_workers, *of_output, *of_scheduler, *of_script, *of_versions]
    return CompiledPlate(
        plate_root=plate.root,
        plate_name=plate.name,
        plate_format=plate.format,
        channels=plate.channels,
        n_rows=plate.n_rows,
        n_columns=plate.n_columns,
        pixel_size_um=plate.pixel_size_um,
        z_step_um=plate.z_step_um,
        positions_um=plate.positions_um,
        conditions=plate.conditions,
        contexts=FrozenMapping(contexts),
        output=request.output,
        plate_store=store,
        ome_version=pipeline.config.ome_version,
        pipeline_name=pipeline.name,
        script=script,
        key=_plan_key(plate, pipeline, compiled, request.fields),
        workers=count,
        executor=request.executor,
        scheduler=request.scheduler,
        memory_per_well_bytes=max((draft.memory_per_well_bytes for draft in drafts), default=0),
        stop_after_failures=pipeline.config.stop_after_failures,
        max_attempts=pipeline.config.max_attempts,
        settings=FrozenMapping(
            {name: tuple(item) for name, item in resolved(pipeline.config).items()}
        ),
        shape_yx=plate.shape_yx,
        problems=tuple(
            sorted((_sound(item, pipeline) for item in found), key=lambda item: item.step)
        ),
    )


def _no_steps(pipeline: Pipeline) -> Problem:
    found = (
        "has no steps: add one" if not len(pipeline) else "has no step switched on: switch one on"
    )
    return Problem("pipeline_empty", f"The pipeline '{pipeline.name}' {found}.")


def _compile_layouts(plate: Plate, pipeline: Pipeline, layouts: Layouts) -> list[_Compiled]:
    compiled: list[_Compiled] = []
    measured: FrozenMapping[str, DataPlan] = FrozenMapping()
    for grid, wells, corners in layouts.wells:
        draft = Draft(plate, pipeline, grid, layouts.depth, corners=corners, measured=measured)
        for phase in PHASES:
            if phase is validate_memory_contracts_for_context:
                draft = replace(draft, samples=_samples(draft, wells))
            draft = phase(draft)
        layout = WellLayout(grid, draft.steps, draft.outputs)
        compiled.append(_Compiled(draft, layout, read_coords(layout), wells))
        if not _depends_on_fields(draft):
            known = {
                step.key: step.output
                for step in draft.steps
                if step.step_id not in draft.blocked and draft.samples
            }
            measured = FrozenMapping({**measured, **known})
    return compiled


def _samples(draft: Draft, wells: Iterable[str]) -> tuple[tuple[str, Any], ...]:
    """Return the first complete wells of a layout, whose pixels the inference looks at."""
    coords = read_coords(WellLayout(draft.grid, draft.steps, draft.outputs))
    samples = []
    for well in wells:
        planes, missing = planes_of(draft.plate, well, coords)
        if planes and not missing:
            samples.append((well, planes))
            if len(samples) == MAX_SAMPLES:
                break
    return tuple(samples)


def _depends_on_fields(draft: Draft) -> bool:
    """Whether a step puts fields together, so that what it gives depends on how many."""
    return any(
        "field" in step.variable_components and call.applies_to == "stack"
        for step in draft.steps
        for chain in step.patterns.values()
        for call in chain
    )


def _merged(compiled: list[_Compiled], n_wells: int) -> list[Problem]:
    """Return each problem once, with the wells it is about where it is not about all."""
    wells: dict[Problem, list[str]] = {}
    for item in compiled:
        for problem in dict.fromkeys(item.draft.problems):
            wells.setdefault(problem, []).extend(item.wells)
    return [
        problem if len(found) >= n_wells else replace(problem, wells=tuple(found))
        for problem, found in wells.items()
    ]


def _contexts(
    plate: Plate, compiled: list[_Compiled], chosen: tuple[str, ...]
) -> dict[str, ProcessingContext]:
    found = {
        well: context_for(plate, well, item.layout, item.coords)
        for item in compiled
        for well in item.wells
    }
    return {well: found[well] for well in chosen if well in found}


def _well_problems(contexts: dict[str, ProcessingContext]) -> list[Problem]:
    """Return an error when no well can run, else a warning for those that cannot."""
    bad = {well: item.problems[0] for well, item in contexts.items() if item.problems}
    if not bad:
        return []
    if len(bad) == len(contexts):
        first = next(iter(bad.values()))
        message = (
            f"The only well, {next(iter(bad))}, cannot be run. {first}"
            if len(bad) == 1
            else f"None of the {len(bad)} wells has all that the pipeline reads; the first: {first}"
        )
        return [Problem("wells_all_bad", message, wells=tuple(bad))]
    more = f" and {len(bad) - 1} more wells" if len(bad) > 1 else ""
    verb = "are" if len(bad) > 1 else "is"
    message = f"{next(iter(bad))}{more} {verb} left out of the run. {next(iter(bad.values()))}"
    return [Problem("well_data", message, wells=tuple(bad), severity="warning")]


def _scheduler_problems(executor: str, scheduler: str | None) -> list[Problem]:
    if scheduler is None or executor == "dask":
        return []
    message = (
        f"A Dask scheduler ({scheduler}) is named, but the executor is '{executor}': use executor "
        "'dask', or leave the scheduler out."
    )
    return [Problem("scheduler_unused", message, parameter="scheduler", severity="warning")]


def _sound(problem: Problem, pipeline: Pipeline) -> Problem:
    """Return a problem without its fix where that would change nothing, or cannot be made.

    A step that is named like another, say, cannot be told apart by name.
    """
    if problem.fix is None:
        return problem
    try:
        # As text: True equals 1, but is no number to a function.
        useful = repr(apply_fix(pipeline, problem.fix)) != repr(pipeline)
    except OpenHCSError:
        useful = False
    return problem if useful else replace(problem, fix=None)


def _version_problems(pipeline: Pipeline) -> list[Problem]:
    """Say where a library is installed in another version than its functions were run in."""
    found: dict[str, Problem] = {}
    calls = (call for step in pipeline if step.enabled for _, call in step.calls())
    for spec in filter(None, (find_spec(call.function) for call in calls)):
        established = registry.established_version(spec.library)
        if not established or established == spec.library_version:
            continue
        message = (
            f"{spec.id} was established in version {established} of its library, and "
            f"{spec.library_version} is installed: compare a well, or install {established}."
        )
        problem = Problem("version_differs", message, function=spec.id, severity="warning")
        found.setdefault(spec.library, problem)
    return list(found.values())


def _script(pipeline: Pipeline) -> tuple[str, list[Problem]]:
    try:
        return export_script(pipeline), []
    except OpenHCSError as error:
        message = f"The pipeline cannot be kept as a script: {error}"
        return "", [Problem("script", message)]


def _plan_key(
    plate: Plate, pipeline: Pipeline, compiled: list[_Compiled], fields: Iterable[Any] | None
) -> str:
    """Return the identity of the results; workers and the choice of wells are not in it."""
    layouts: list[WellLayout] = [item.layout for item in compiled[:1]]
    config = pipeline.config
    return digest(
        (
            (plate.root, plate.name, plate.format, plate.channels, plate.shape_yx, plate.dtype),
            (plate.pixel_size_um, plate.z_step_um),
            [
                [(step.step_id, step.name, keys[step.step_id]) for step in item.steps]
                for item in layouts
                for keys in (bare_keys(item.steps),)
            ],
            [[(o.name, o.dataset, o.store, o.role, o.select) for o in i.outputs] for i in layouts],
            [[step.special_outputs for step in item.steps] for item in layouts],
            (config.ome_version, config.compressor, config.level),
            None if fields is None else sorted(str(item) for item in fields),
            *((sorted(plate.positions_um.items()),) if needs_positions(pipeline) else ()),
        )
    )
