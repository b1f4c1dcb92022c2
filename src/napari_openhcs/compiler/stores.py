"""Phase 2: which outputs are kept, in which store, and how their arrays are laid out.

The plate ``<plate>.ome.zarr`` holds one image, label images and tables; an intermediate
one asked to keep becomes a plate of its own under ``steps/``.  Shapes are presumed here;
phase 4 declares the stores once more with what it measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from napari_openhcs.axes import Kind, slug
from napari_openhcs.compiler.draft import Draft, sources_of, step_problem
from napari_openhcs.compiler.fixes import rename_step
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr.pyramid import plan_layout
from napari_openhcs.pipeline import PipelineConfig
from napari_openhcs.pipeline.wiring import unique_title
from napari_openhcs.plan import (
    PLATE,
    DataPlan,
    OutputPlan,
    Problem,
    StepPlan,
    StorePlan,
)
from napari_openhcs.plate import Plate

__all__ = ["declare_zarr_stores_for_context", "plate_store_name", "select_outputs"]


def declare_zarr_stores_for_context(draft: Draft) -> Draft:
    """Decide what is kept and declare the arrays of each store.

    Parameters
    ----------
    draft : Draft
        From phase 1.

    Returns
    -------
    Draft
        With `outputs`: the image first, then labels, tables and intermediates.
    """
    outputs = select_outputs(draft)
    draft = replace(draft, outputs=outputs)
    return draft.with_problems(_name_problems(draft))


def plate_store_name(plate: Plate) -> str:
    """Return the name of the plate of results: the plate's name made safe for a file."""
    safe = re.sub(r"[^\w.+-]+", "_", plate.name, flags=re.ASCII).strip("._-")
    return f"{safe[:100] or 'plate'}.ome.zarr"


def _layout(data: DataPlan, config: PipelineConfig) -> StorePlan:
    """Return chunks, codec and pyramid for one kind of output; planes are separate chunks."""
    return plan_layout(data.shape_yx or (1, 1), config.compressor, config.level)


def select_outputs(draft: Draft) -> tuple[OutputPlan, ...]:
    """Return the outputs that are kept."""
    store = plate_store_name(draft.plate)
    labels = _kept_labels(draft)
    image = _image_step(draft, labels)
    outputs = [_raw_image(draft, store) if image is None else _output(draft, image, "image", store)]
    home = outputs[0].data
    for step in labels:
        lies_on_image = (
            step.output.grid.field == home.grid.field and step.output.shape_yx == home.shape_yx
        )
        outputs.append(
            _output(draft, step, "labels", store) if lies_on_image else _own(draft, step)
        )
    outputs += [
        _output(draft, step, "table", store)
        for step in draft.steps
        if step.output.kind == Kind.TABLE
    ]
    outputs += [
        _own(draft, step)
        for step in draft.steps
        if step.output.kind == Kind.IMAGE
        and step is not image
        and draft.function_step(step).materialize
    ]
    return tuple(outputs)


def _output(draft: Draft, step: StepPlan, role: str, store: str) -> OutputPlan:
    name = "image" if role == "image" else slug(step.name)
    layout = _layout(step.output, draft.pipeline.config)
    return OutputPlan(name, step.step_id, store, role, step.output, layout)


def _own(draft: Draft, step: StepPlan) -> OutputPlan:
    """Return an output that is a plate of its own."""
    store = f"steps/{step.step_id}.ome.zarr"
    return replace(_output(draft, step, "image", store), name=slug(step.name))


def _of_kind(draft: Draft, kind: Kind) -> list[StepPlan]:
    return [step for step in draft.steps if step.output.kind == kind]


def _kept_labels(draft: Draft) -> list[StepPlan]:
    """Return the label images to keep, and the masks that are kept as labels."""
    measured = {
        source.dataset
        for step in draft.steps
        if step.output.kind == Kind.TABLE
        for source in sources_of(step)
    }
    labels, masks = _of_kind(draft, Kind.LABELS), _of_kind(draft, Kind.MASK)
    kept = {step.step_id for step in labels if step.step_id in measured}
    kept |= {step.step_id for step in (labels[-1:] or masks[-1:])}
    return [
        step
        for step in draft.steps
        if step.output.kind in (Kind.LABELS, Kind.MASK)
        and (step.step_id in kept or draft.function_step(step).materialize)
    ]


def _image_step(draft: Draft, labels: list[StepPlan]) -> StepPlan | None:
    """Return the last image step that has the fields (and size) of the labels, if any."""
    images = _of_kind(draft, Kind.IMAGE)
    anchor = next((step for step in reversed(labels) if step.output.kind == Kind.LABELS), None)
    anchor = anchor or (labels[-1] if labels else None)
    if anchor is None:
        return images[-1] if images else None
    wanted = anchor.output
    fitting = (
        step
        for step in reversed(images)
        if step.output.grid.field == wanted.grid.field and step.output.shape_yx == wanted.shape_yx
    )
    return next(fitting, None)


def _raw_image(draft: Draft, store: str) -> OutputPlan:
    """Return the raw planes that the pipeline reads, as the plate's image."""
    read = [
        source for step in draft.steps for source in sources_of(step) if source.dataset == PLATE
    ]
    channels: set[str] = set()
    for source in read:
        channels |= {str(item) for item in source.select.get("channel", draft.grid.channel)}
    kept = tuple(item for item in draft.grid.channel if item in channels) or draft.grid.channel
    select: dict[str, tuple[Any, ...]] = {}
    if len(kept) < len(draft.grid.channel):
        select["channel"] = kept
    for position, component in enumerate(("z", "t")):
        values = draft.grid.values(component)
        common = set(values).intersection(*(draft.depth[item][position] for item in kept))
        if common and len(common) < len(values):
            select[component] = tuple(value for value in values if value in common)
    grid = draft.grid.narrowed(select)
    data = DataPlan(Kind.IMAGE, grid, draft.plate.shape_yx, draft.plate.dtype)
    layout = _layout(data, draft.pipeline.config)
    return OutputPlan("image", PLATE, store, "image", data, layout, FrozenMapping(select))


def _name_problems(draft: Draft) -> list[Problem]:
    """Return a problem for each two outputs that would be written under one name."""
    problems = []
    seen: dict[tuple[str, str, str], OutputPlan] = {}
    for output in draft.outputs:
        place = (output.store, output.role, output.name)
        first = seen.setdefault(place, output)
        if first is not output:
            plan, other = draft.step(output.dataset), draft.step(first.dataset)
            message = (
                f"its {output.role} would be written as '{output.name}', like that of step "
                f"{other.index + 1} ({other.name}): give one of them another name."
            )
            step = draft.function_step(plan)
            fix = rename_step(unique_title(draft.pipeline, f"{step.title} 2"))
            problems.append(step_problem(plan.index + 1, step, "output_name", message, fix=fix))
    return problems


def stored_bytes(outputs: Iterable[OutputPlan]) -> int:
    """Return the bytes of one well's kept pixels before compression, with their pyramids."""
    return sum(data_bytes(output.data) * 4 // 3 for output in outputs)


def data_bytes(data: DataPlan) -> int:
    """Return the bytes of a dataset of one well in memory; tables count as nothing."""
    if data.shape_yx is None or data.dtype is None:
        return 0
    height, width = data.shape_yx
    return len(data.grid) * height * width * ITEM_BYTES.get(data.dtype, 8)


ITEM_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "float16": 2,
    "uint32": 4,
    "int32": 4,
    "float32": 4,
    "complex128": 16,
}
"""Bytes a pixel; 8 where not named."""
