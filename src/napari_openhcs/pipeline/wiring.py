"""Which data a step could read: candidates for its input and array parameters.

Used when a function is added to a pipeline (:func:`suggested_step`) and by the editor's
drop-downs (:func:`input_candidates`, :func:`array_candidates`).  Nothing here decides
whether a wiring is right; that is the compiler's work.
"""

from __future__ import annotations

from typing import NamedTuple

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import FunctionNotFoundError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.registry import get_spec
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep
from napari_openhcs.plate import Plate

__all__ = [
    "Candidate",
    "array_candidates",
    "input_candidates",
    "output_kind",
    "spec_of",
    "suggested_step",
    "unique_title",
]

PREVIOUS = "previous"
PLATE = "plate"


class Candidate(NamedTuple):
    """Something a step can read.

    `value` is what stands in the pipeline (``plate/DAPI``, ``Split nuclei``), `text` what a
    person reads, `kind` what it is.
    """

    value: str
    text: str
    kind: Kind


def spec_of(function: str) -> FunctionSpec | None:
    """Return a function's spec, or None for a function nobody knows."""
    try:
        return get_spec(function)
    except FunctionNotFoundError:
        return None


def output_kind(pipeline: Pipeline, index: int) -> Kind | None:
    """Return the kind of a step's output; None when its functions are not known.

    A step that is not enabled passes on what it reads.
    """
    step = pipeline[index]
    if not step.enabled:
        return _input_kind(pipeline, index)
    chain = next((chain for _, chain in reversed(tuple(step.chains()))), ())
    kind = _input_kind(pipeline, index)
    for call in chain:
        spec = spec_of(call.function)
        if spec is None:
            kind = None
        else:
            # Some functions give a mask for a mask and labels for labels.
            kind = spec.output_kind if kind is None else spec.output_kind_for(kind)
    return kind if chain else None


def _input_kind(pipeline: Pipeline, index: int) -> Kind | None:
    """Return the kind of what a step reads through its ``input_source``."""
    source = pipeline[index].input_source
    if source == PLATE or (source == PREVIOUS and index == 0):
        return Kind.IMAGE
    if source == PREVIOUS:
        return output_kind(pipeline, index - 1)
    for earlier in range(index):
        if pipeline[earlier].title == source:
            return output_kind(pipeline, earlier)
    return None


def _earlier(pipeline: Pipeline, index: int) -> list[Candidate]:
    """List the enabled earlier steps whose output a step can read, last one first."""
    found = []
    for earlier in reversed(range(min(index, len(pipeline)))):
        kind = output_kind(pipeline, earlier)
        if pipeline[earlier].enabled and kind is not None:
            title = pipeline[earlier].title
            found.append(Candidate(title, f"{earlier + 1} {title} ({kind})", kind))
    return found


def input_candidates(pipeline: Pipeline, index: int) -> list[Candidate]:
    """List what the step at `index` can name as its ``input_source``."""
    kind = output_kind(pipeline, index - 1) if 0 < index <= len(pipeline) else Kind.IMAGE
    first = Candidate(PREVIOUS, "previous step", kind or Kind.IMAGE)
    plate = Candidate(PLATE, "plate (raw images)", Kind.IMAGE)
    return [first, plate, *(item for item in _earlier(pipeline, index) if item.kind != Kind.TABLE)]


def array_candidates(
    pipeline: Pipeline, index: int, parameter: ParameterSpec, plate: Plate | None
) -> list[Candidate]:
    """List what an array parameter of the step at `index` can be wired to.

    Earlier steps of the kind expected come first (last one first), then the channels of
    the plate where an image will do.
    """
    wanted = parameter.kind
    steps = [
        item
        for item in _earlier(pipeline, index)
        if item.kind != Kind.TABLE and (wanted is None or item.kind == wanted)
    ]
    channels = []
    if plate is not None and wanted in (None, Kind.IMAGE):
        channels = [
            Candidate(f"plate/{channel.name}", f"plate: {channel.name}", Kind.IMAGE)
            for channel in plate.channels
        ]
    if wanted in (None, Kind.IMAGE):
        channels.append(Candidate(PLATE, "plate: same channel", Kind.IMAGE))
    return [*steps, *channels]


def unique_title(pipeline: Pipeline, wanted: str, *, except_index: int = -1) -> str:
    """Return `wanted`, or ``wanted 2`` … where another step has that name."""
    taken = {step.title for number, step in enumerate(pipeline) if number != except_index}
    if wanted not in taken:
        return wanted
    stem, _, number = wanted.rpartition(" ")
    stem = stem if stem and number.isdigit() else wanted
    count = 2
    while f"{stem} {count}" in taken:
        count += 1
    return f"{stem} {count}"


def suggested_step(
    pipeline: Pipeline, spec: FunctionSpec, index: int, plate: Plate | None = None
) -> FunctionStep:
    """Return the step a person most likely means by adding a function at `index`.

    Required parameters get the suggested value; required arrays the nearest earlier step of
    the kind they expect; the input comes from the plate or from an earlier step where the
    previous step gives something the function cannot take.
    """
    parameters = {
        item.name: item.suggested
        for item in spec.form_parameters
        if item.required and item.suggested is not None
    }
    inputs = {}
    for item in spec.array_parameters:
        found = array_candidates(pipeline, index, item, plate) if item.required else []
        obvious = item.kind in (Kind.LABELS, Kind.MASK) or len(found) == 1
        if found and obvious:
            inputs[item.name] = found[0].value
    step = FunctionStep(
        FunctionCall(spec.id, FrozenMapping(parameters)),
        inputs=FrozenMapping(inputs),
        input_source=_suggested_source(pipeline, spec, index),
    )
    title = unique_title(pipeline, step.title)
    return step if title == step.title else step.replace(name=title)


def _suggested_source(pipeline: Pipeline, spec: FunctionSpec, index: int) -> str:
    """Return the ``input_source`` of a new step."""
    measures_image = spec.contract == Contract.TABLE and Kind.IMAGE in spec.input_kinds
    if index == 0:
        return PREVIOUS
    if measures_image and any(item.kind == Kind.LABELS for item in spec.array_parameters):
        return _mosaic_before(pipeline, index) or PLATE
    previous = output_kind(pipeline, index - 1)
    if previous is None or previous in spec.input_kinds:
        return PREVIOUS
    if Kind.IMAGE in spec.input_kinds:
        return PLATE if previous == Kind.TABLE else PREVIOUS
    fitting = [item for item in _earlier(pipeline, index) if item.kind in spec.input_kinds]
    return fitting[0].value if fitting else PREVIOUS


def _mosaic_before(pipeline: Pipeline, index: int) -> str:
    """Return the title of the last earlier step that stitches fields; empty without one.

    Objects found after it lie on its mosaic, not on the fields of the plate.
    """
    for step in reversed(pipeline.steps[:index]):
        specs = (spec_of(call.function) for _, chain in step.chains() for call in chain)
        if step.enabled and any(
            spec is not None
            and spec.contract == Contract.REDUCE
            and spec.stack_component == "field"
            and spec.category == "stitch"
            for spec in specs
        ):
            return step.title
    return ""
