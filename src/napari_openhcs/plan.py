"""The plan: the wall between the compiler, which writes it, and the runner, which reads it.

Everything here is frozen all the way down, compares, pickles and goes through JSON
(:func:`encode_plan`, :func:`decode_plan`) without loss.  Wells with the same fields,
channels, z and t share one :class:`WellLayout`, so a 384-well plan is small.

How a step works on a well (read by :mod:`napari_openhcs.runner.well`)::

    for loop in product(components not in variable_components):
        chain = patterns[loop[group_by]] or patterns[""]
        stack = planes of the source over variable_components      (N, Y, X)
        arrays = planes of the wired inputs at the same place
        output = apply_chain(chain, stack, arrays)

An input that has a single value for a component is used for every value of it
(labels of DAPI serve all channels).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from napari_openhcs.axes import Contract, Kind, SpecialKind
from napari_openhcs.frozen import FrozenMapping, from_json, to_json
from napari_openhcs.plate import Channel

__all__ = [
    "PLATE",
    "REDUCED",
    "ArrayInput",
    "CompiledPlate",
    "Coord",
    "DataPlan",
    "Fix",
    "FunctionPlan",
    "Grid",
    "OutputPlan",
    "PlannedPlane",
    "Problem",
    "ProcessingContext",
    "SourcePlan",
    "SpecialInput",
    "SpecialOutput",
    "StepPlan",
    "StorePlan",
    "WellLayout",
    "decode_plan",
    "encode_plan",
]

PLATE = "plate"
"""Id of the raw plate where a step id is expected."""

REDUCED = "all"
"""Value of a field or channel component after a reduction over it (z and t become 0)."""


class Coord(NamedTuple):
    """Which plane inside a well."""

    field: str
    channel: str
    z: int
    t: int


@dataclass(frozen=True)
class Grid:
    """The values of each component of a dataset; the dataset is their full product."""

    field: tuple[str, ...]
    channel: tuple[str, ...]
    z: tuple[int, ...]
    t: tuple[int, ...]

    def values(self, component: str) -> tuple[Any, ...]:
        """Return the values of one of :data:`~napari_openhcs.axes.COMPONENTS`."""
        values: tuple[Any, ...] = getattr(self, component)
        return values

    def coords(self) -> Iterator[Coord]:
        """Iterate over all planes: field slowest, t fastest."""
        return itertools.starmap(Coord, itertools.product(self.field, self.channel, self.z, self.t))

    def narrowed(self, select: Mapping[str, Collection[Any]]) -> Grid:
        """Return the grid with only some values of some components, in its own order."""
        kept: dict[str, Any] = {
            component: tuple(value for value in self.values(component) if value in values)
            for component, values in select.items()
        }
        return replace(self, **kept)

    def __len__(self) -> int:
        return len(self.field) * len(self.channel) * len(self.z) * len(self.t)


@dataclass(frozen=True)
class DataPlan:
    """What a dataset (a step's output, or the plate as a step sees it) is.

    `shape_yx` and `dtype` are None for tables.  `columns` are a table's columns.
    `mosaic_of` are the fields that were put together by stage position: the corner of such
    a mosaic is the first row and the first column that any of them has.
    """

    kind: Kind
    grid: Grid
    shape_yx: tuple[int, int] | None = None
    dtype: str | None = None
    columns: tuple[str, ...] = ()
    mosaic_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourcePlan:
    """Where a step or a wired array parameter reads from.

    `dataset` is :data:`PLATE` or a step id; `select` narrows components to some values
    (channel ids, not names).
    """

    dataset: str
    select: FrozenMapping[str, tuple[str | int, ...]] = field(default_factory=FrozenMapping)


@dataclass(frozen=True)
class ArrayInput:
    """A further array parameter and where it comes from."""

    parameter: str
    source: SourcePlan


@dataclass(frozen=True)
class SpecialOutput:
    """A named side result of a step.

    Attributes
    ----------
    grid : Grid
        The places it is given for: each plane, or one for a stack.
    format : str
        In which it is written: ``csv parquet json roi tiff``; empty: kept in memory only.
    """

    name: str
    kind: SpecialKind
    grid: Grid
    format: str = ""


@dataclass(frozen=True)
class SpecialInput:
    """A parameter that a special output of an earlier step fills in.

    `source` is the id of that step, whose special output is called `name`.
    """

    name: str
    source: str


@dataclass(frozen=True)
class FunctionPlan:
    """One call in a chain, with everything needed to make it.

    Attributes
    ----------
    function : str
        Registry id.
    parameters : FrozenMapping
        Only values that were set; what is not here keeps the function's own default.
    applies_to : str
        ``plane``: once a plane; ``stack``: once for the (N, Y, X) stack.
    unit_scaled : bool
        The function divides integer input by its dtype's maximum (scikit-image's
        ``img_as_float``); ``preserve`` multiplies back.
    conversion : str
        Route by which the input reaches `memory_type_in`: ``none``, ``dlpack``,
        ``cuda_array_interface`` or ``cpu``.
    shared_columns : tuple of str
        Columns of a table that do not depend on the channel measured.
    footprints : tuple of str
        Parameters that are a shape and a radius, and become an array before the call.
    from_plate : tuple of str
        Names of the parameters that the compiler filled in from the plate.
    special_inputs : tuple of str
        Parameters that special outputs of an earlier step, or of an earlier call of the
        chain, fill in.
    special_outputs : tuple of (str, SpecialKind)
        Names and kinds of what comes after the main result.
    """

    function: str
    parameters: FrozenMapping[str, Any]
    memory_type_in: str
    memory_type_out: str
    contract: Contract
    applies_to: str
    output_kind: Kind
    array_parameters: tuple[str, ...] = ()
    unit_scaled: bool = False
    conversion: str = "none"
    shared_columns: tuple[str, ...] = ()
    library: str = ""
    library_version: str = ""
    footprints: tuple[str, ...] = ()
    from_plate: tuple[str, ...] = ()
    special_inputs: tuple[str, ...] = ()
    special_outputs: tuple[tuple[str, SpecialKind], ...] = ()


@dataclass(frozen=True)
class StepPlan:
    """One step, fully resolved.

    Attributes
    ----------
    step_id : str
        ``01_smooth``: position among all steps of the pipeline and slug of the name.
    index : int
        0-based position among all steps of the pipeline.
    patterns : FrozenMapping of str to tuple of FunctionPlan
        Chain by value of `group_by`; the key ``""`` when there is one chain for all.
    dropped : tuple of str
        Values of `group_by` whose pattern is None: not part of the output.  Values in
        neither pass unchanged.
    source : SourcePlan
    arrays : tuple of ArrayInput
    output : DataPlan
    dtype_policy : str
        ``preserve``, ``native`` or a dtype name.
    backend : str
        Where the output is kept while the well runs: ``memory`` or ``disk``.
    special_inputs : tuple of SpecialInput
        From earlier steps; what a call of a chain gives to a later one is not here.
    special_outputs : tuple of SpecialOutput
    levels : FrozenMapping of option to level
        Where ``time_limit_s``, ``oom_retries`` and ``cpu_fallback`` come from: ``default``,
        ``pipeline`` or ``step``.
    key : str
        Identity of this step's output apart from the pixels it reads: hash over functions,
        versions, canonical parameters, policies and the keys of the steps it reads.
    """

    step_id: str
    index: int
    name: str
    source: SourcePlan
    variable_components: tuple[str, ...]
    group_by: str | None
    patterns: FrozenMapping[str, tuple[FunctionPlan, ...]]
    dropped: tuple[str, ...]
    arrays: tuple[ArrayInput, ...]
    output: DataPlan
    dtype_policy: str
    memory_type_in: str
    memory_type_out: str
    backend: str = "memory"
    device: str = "cpu"
    materialize: bool = False
    time_limit_s: float | None = None
    cpu_fallback: bool = True
    oom_retries: int = 2
    key: str = ""
    special_inputs: tuple[SpecialInput, ...] = ()
    special_outputs: tuple[SpecialOutput, ...] = ()
    levels: FrozenMapping[str, str] = field(default_factory=FrozenMapping)

    def special_output(self, name: str) -> SpecialOutput | None:
        """Return a special output by name, or None."""
        return next((item for item in self.special_outputs if item.name == name), None)


@dataclass(frozen=True)
class StorePlan:
    """How arrays of one kind of output are written (one per output, shared by all wells).

    `chunks` are the chunk sizes in Y and X; planes are separate chunks.
    """

    chunks_yx: tuple[int, int]
    compressor: str = "lz4"
    level: int = 5
    n_levels: int = 1


@dataclass(frozen=True)
class OutputPlan:
    """One output that is kept.

    Attributes
    ----------
    name : str
        Of the label group, table or intermediate; ``image`` for the plate's own image.
    dataset : str
        Step id, or :data:`PLATE` where raw planes are the plate's image.
    store : str
        Path of the OME-Zarr plate relative to the output folder.
    role : str
        ``image``, ``labels`` or ``table``: where inside each field's image group.
    """

    name: str
    dataset: str
    store: str
    role: str
    data: DataPlan
    layout: StorePlan
    select: FrozenMapping[str, tuple[str | int, ...]] = field(default_factory=FrozenMapping)


class PlannedPlane(NamedTuple):
    """A raw plane of a well: which, and where it lies (path absolute)."""

    field: str
    channel: str
    z: int
    t: int
    path: str
    selection: tuple[int, ...]
    backend: str

    @property
    def coord(self) -> Coord:
        """Which plane."""
        return Coord(self.field, self.channel, self.z, self.t)


@dataclass(frozen=True)
class WellLayout:
    """What wells with the same components share: the steps and the outputs."""

    grid: Grid
    steps: tuple[StepPlan, ...]
    outputs: tuple[OutputPlan, ...]


@dataclass(frozen=True)
class ProcessingContext:
    """The frozen plan for one well.

    `problems` are sentences about this well's own data (a missing channel, say); a well
    that has any is not run and ends red.
    """

    well: str
    layout: WellLayout
    planes: tuple[PlannedPlane, ...]
    problems: tuple[str, ...] = ()

    @cached_property
    def step_plans(self) -> FrozenMapping[str, StepPlan]:
        """Step plans by step id, in order."""
        return FrozenMapping({step.step_id: step for step in self.layout.steps})


@dataclass(frozen=True)
class Fix:
    """One edit of the pipeline that mends a problem: ``pipeline.fix.apply_fix`` makes it.

    `text` says what it does, fit for a button; `action` is a name that ``apply_fix`` knows;
    `step` is the 1-based number of the step that is edited; `values` are what it needs.
    """

    text: str
    action: str
    step: int = 0
    values: FrozenMapping[str, Any] = field(default_factory=FrozenMapping)


@dataclass(frozen=True)
class Problem:
    """One mistake, found before anything runs.

    `step` is the step's 1-based number, 0 for the pipeline or plate as a whole; `message`
    is the whole sentence: found, expected, how to mend.  `severity` is ``error``,
    or ``warning`` for what does not keep the pipeline from running.  `fix` is an edit that
    mends it, where there is one that needs no thought.
    """

    code: str
    message: str
    step: int = 0
    step_name: str = ""
    function: str = ""
    parameter: str = ""
    wells: tuple[str, ...] = ()
    severity: str = "error"
    fix: Fix | None = None


@dataclass(frozen=True)
class CompiledPlate:
    """A pipeline compiled for all chosen wells of a plate.

    Attributes
    ----------
    contexts : FrozenMapping of well to ProcessingContext
    output : str
        Absolute path of the output folder; empty when compiled only to check.
    plate_store : str
        Name of the OME-Zarr plate inside `output`.
    script : str
        The pipeline as exported script; kept with the results.
    key : str
        Identity of the whole: equal only for equal pipeline, inputs and options that
        change results.  A folder that holds another key is not written to.
    workers : int
    memory_per_well_bytes : int
    settings : FrozenMapping of option to (value, level)
        The pipeline's configuration; the level is ``default`` or ``pipeline``.
    shape_yx : tuple of int or None
        Rows and columns of a raw plane, px.
    """

    plate_root: str
    plate_name: str
    plate_format: str
    channels: tuple[Channel, ...]
    n_rows: int
    n_columns: int
    pixel_size_um: float | None
    z_step_um: float | None
    positions_um: FrozenMapping[str, tuple[float, float]]
    conditions: FrozenMapping[str, FrozenMapping[str, str | float]]
    contexts: FrozenMapping[str, ProcessingContext]
    output: str
    plate_store: str
    ome_version: str
    pipeline_name: str
    script: str
    key: str
    workers: int
    executor: str
    scheduler: str | None
    memory_per_well_bytes: int
    stop_after_failures: int
    max_attempts: int
    problems: tuple[Problem, ...] = ()
    settings: FrozenMapping[str, tuple[Any, str]] = field(default_factory=FrozenMapping)
    shape_yx: tuple[int, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing keeps the pipeline from running."""
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True)
class _WellDocument:
    well: str
    layout: int
    planes: tuple[PlannedPlane, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _PlanDocument:
    plate: CompiledPlate
    layouts: tuple[WellLayout, ...]
    wells: tuple[_WellDocument, ...]


def encode_plan(plan: CompiledPlate) -> bytes:
    """Encode a plan as JSON; equal plans give equal bytes."""
    layouts: dict[int, int] = {}
    unique: list[WellLayout] = []
    wells = []
    for context in plan.contexts.values():
        number = layouts.setdefault(id(context.layout), len(unique))
        if number == len(unique):
            unique.append(context.layout)
        wells.append(_WellDocument(context.well, number, context.planes, context.problems))
    document = _PlanDocument(replace(plan, contexts=FrozenMapping()), tuple(unique), tuple(wells))
    return to_json(document)


def decode_plan(text: bytes) -> CompiledPlate:
    """Decode what :func:`encode_plan` wrote; equal to the plan that was encoded."""
    document = from_json(text, _PlanDocument)
    contexts = {
        item.well: ProcessingContext(
            item.well, document.layouts[item.layout], item.planes, item.problems
        )
        for item in document.wells
    }
    return replace(document.plate, contexts=FrozenMapping(contexts))
