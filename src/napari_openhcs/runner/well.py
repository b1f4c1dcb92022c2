"""The steps of one well: used by the workers of a run and by single-well tuning alike.

::

    WellExecution.run()
      for step in order
        _run_step             cached, or the loops that plan.py describes
          _stack              one stack: planes, arrays, apply_chain
        _free                 what no later step or output reads
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from napari_openhcs.axes import COMPONENTS, Kind
from napari_openhcs.errors import ImageReadError, OpenHCSError, StepFailedError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.apply import ApplyReport, apply_chain
from napari_openhcs.functions.registry import function_by_source, get_function
from napari_openhcs.plan import (
    PLATE,
    CompiledPlate,
    Coord,
    FunctionPlan,
    Grid,
    OutputPlan,
    ProcessingContext,
    SourcePlan,
    SpecialInput,
    StepPlan,
)
from napari_openhcs.runner.dataset import PlateData, StepData, matching, places
from napari_openhcs.runner.tables import Table, join_channels, stack_places
from napari_openhcs.storage import VirtualFileSystem

__all__ = [
    "StepCache",
    "StepError",
    "StepOutcome",
    "WellExecution",
    "WellReport",
    "load_functions",
    "planned_calls",
]

Chain = tuple[FunctionPlan, ...]


class StepError(StepFailedError):
    """A step failed on a well.

    Parameters
    ----------
    message : str
        The sentence: step, function, well, place, reason, file.
    step_id : str
    reason : str
        What makes such failures alike in other wells; empty where it is this well's own.
    """

    def __init__(self, message: str, step_id: str, reason: str = "") -> None:
        super().__init__(message)
        self.step_id = step_id
        self.reason = reason


class StepCache(Protocol):
    """Keeps steps' outputs between executions."""

    def get(self, key: str) -> StepData | None:
        """Return the output stored under a key, or None."""
        ...

    def put(self, key: str, data: StepData) -> None:
        """Store an output; it is not changed afterwards."""
        ...


@dataclass(frozen=True)
class StepOutcome:
    """One step has run on the well (or came from the cache)."""

    step: StepPlan
    data: StepData
    seconds: float
    cached: bool


@dataclass(frozen=True)
class WellReport:
    """How a well went.

    Attributes
    ----------
    seconds : FrozenMapping of step id to float
    conversions : FrozenMapping of route to int
    fallbacks : tuple of str
        One sentence each; the same sentence once.
    """

    seconds: FrozenMapping[str, float]
    conversions: FrozenMapping[str, int]
    fallbacks: tuple[str, ...]


def load_functions(contexts: Iterable[ProcessingContext]) -> None:
    """Import the functions of some wells ahead, so that no step's time counts for it.

    What cannot be imported is left for its step to name.
    """
    for call in planned_calls(contexts):
        with contextlib.suppress(Exception):  # other people's modules: anything may come
            _function_of(call)


def planned_calls(contexts: Iterable[ProcessingContext]) -> tuple[FunctionPlan, ...]:
    """Return the calls that some wells make, one for each function."""
    layouts = {id(context.layout): context.layout for context in contexts}
    calls = {
        call.function: call
        for layout in layouts.values()
        for step in layout.steps
        for chain in step.patterns.values()
        for call in chain
    }
    return tuple(calls.values())


def _function_of(call: FunctionPlan) -> Callable[..., Any]:
    """Return a planned function; one that is a source of its own in the planned version."""
    return function_by_source(call) or get_function(call.function)


class WellExecution:
    """Runs the steps of one well and holds what they gave.

    Parameters
    ----------
    plan : CompiledPlate
        For the names of channels.
    context : ProcessingContext
        Of the well; never changed.
    scratch : VirtualFileSystem, optional
        Where steps whose backend is not ``memory`` put their planes.
    cache : StepCache, optional
    cache_salt : str
        Identity of the raw planes, put before every step's key in the cache.
    """

    def __init__(
        self,
        plan: CompiledPlate,
        context: ProcessingContext,
        *,
        scratch: VirtualFileSystem | None = None,
        cache: StepCache | None = None,
        cache_salt: str = "",
    ) -> None:
        self.context = context
        self._names = {channel.id: channel.name for channel in plan.channels}
        self._scratch = scratch
        self._cache = cache
        self._salt = cache_salt
        self._plate = PlateData(context)
        self._data: dict[str, StepData] = {}
        self._specials: dict[str, dict[str, dict[Coord, Any]]] = {}
        self._cached: set[str] = set()
        self._report = ApplyReport()
        self._called = ""
        self._calls = {call.function: call for call in planned_calls([context])}
        self._last_use = self._find_last_use()
        self._plane_use = self._find_plane_use()

    def run(
        self,
        *,
        last_step: str | None = None,
        before: Callable[[StepPlan], None] = lambda step: None,
        after: Callable[[StepOutcome], None] = lambda outcome: None,
    ) -> WellReport:
        """Run the steps in order.

        Parameters
        ----------
        last_step : str, optional
            Id of the step after which to stop.
        before, after : callable
            Called around each step; `before` may raise to abandon the well.

        Raises
        ------
        StepError
            A step failed; the sentence names step, function, well and file.
        """
        seconds: dict[str, float] = {}
        for number, step in enumerate(self.context.layout.steps):
            before(step)
            outcome = self._run_step(number, step)
            seconds[step.step_id] = round(outcome.seconds, 6)
            after(outcome)
            self._free(number)
            if step.step_id == last_step:
                break
        return WellReport(
            FrozenMapping(seconds),
            FrozenMapping(dict(self._report.conversions)),
            tuple(dict.fromkeys(self._report.fallbacks)),
        )

    def read_array(self, output: OutputPlan, coord: Coord) -> np.ndarray:
        """Return a (Y, X) plane of an output that is kept."""
        if output.dataset == PLATE:
            return self._plate.read(coord)
        return self._data[output.dataset].read(coord)

    def read_table(self, output: OutputPlan, field: str) -> Table:
        """Return the rows of one field of a table, with ``well, field`` (, ``z, t``), ``label``."""
        data = self._data[output.dataset]
        found = [(coord, table) for coord, table in data.tables.items() if coord.field == field]
        return stack_places(self.context.well, found, data.grid)

    def read_special(self, step_id: str, name: str) -> dict[Coord, Any]:
        """Return a special output of a step by place."""
        return self._specials[step_id].get(name, {})

    def _run_step(self, number: int, step: StepPlan) -> StepOutcome:
        start = time.perf_counter()
        key = f"{self._salt}:{step.key}"
        cache = self._cache if step.key else None
        if cache is not None and (known := cache.get(key)) is not None:
            self._data[step.step_id] = known
            self._specials[step.step_id] = known.specials
            self._cached.add(step.step_id)
            return StepOutcome(step, known, time.perf_counter() - start, True)
        data = StepData(step, self._scratch)
        measured: dict[Coord, dict[str, Table]] = {}
        grid = self._grid_of(step.source).narrowed(step.source.select)
        loops = tuple(name for name in COMPONENTS if name not in step.variable_components)
        for place in places(grid, loops):
            self._stack(number, step, grid, place, data, measured)
        if data.is_table:
            self._join(step, measured, data)
        self._data[step.step_id] = data
        self._specials[step.step_id] = data.specials
        if cache is not None:
            self._cached.add(step.step_id)
            cache.put(key, data)
        return StepOutcome(step, data, time.perf_counter() - start, False)

    def _stack(
        self,
        number: int,
        step: StepPlan,
        grid: Grid,
        place: Mapping[str, Any],
        data: StepData,
        measured: dict[Coord, dict[str, Table]],
    ) -> None:
        """Apply one chain to the stack at one place and keep what it gives."""
        chain = self._chain(step, place)
        if chain is None:
            return
        variable = tuple(name for name in COMPONENTS if name in step.variable_components)
        coords = [Coord(**place, **inner) for inner in places(grid, variable)]
        try:
            planes = [self._read(number, step.source.dataset, coord) for coord in coords]
            arrays = {
                item.parameter: self._array(number, item.source, coords, variable)
                for item in step.arrays
            }
            specials = {
                item.name: self._special(item, coords, variable) for item in step.special_inputs
            }
        except (ImageReadError, LookupError) as error:
            raise self._unreadable(step, coords[0], error) from error
        if not chain:
            for coord, plane in zip(coords, planes, strict=True):
                data.write(coord, plane)
            return
        results = self._apply(step, chain, planes, arrays, coords[0], specials)
        self._keep_specials(step, chain, specials, place, variable, data)
        targets = self._targets(step, chain, place, variable, coords, len(results))
        for coord, result in zip(targets, results, strict=True):
            if isinstance(result, dict):
                measured.setdefault(coord._replace(channel=""), {})[coord.channel] = result
            else:
                data.write(coord, result)

    def _apply(
        self,
        step: StepPlan,
        chain: Chain,
        planes: list[np.ndarray],
        arrays: Mapping[str, Sequence[np.ndarray]],
        first: Coord,
        specials: dict[str, list[Any]],
    ) -> Sequence[np.ndarray | Table]:
        self._called = ""
        try:
            return apply_chain(
                chain,
                planes,
                arrays,
                dtype_policy=step.dtype_policy,
                device=step.device,
                oom_retries=step.oom_retries,
                cpu_fallback=step.cpu_fallback,
                report=self._report,
                input_kind=self._kind_of(step.source),
                resolve=self._resolve,
                specials=specials,
            )
        except Exception as error:  # the border to other people's functions: any may come
            raise self._failed(step, chain, first, error) from error

    def _resolve(self, name: str) -> Callable[..., Any]:
        """Return a function that notes its own name when called, so that a failure names it."""
        function = _function_of(self._calls[name])

        @functools.wraps(function)
        def noted(*args: Any, **parameters: Any) -> Any:
            self._called = name
            return function(*args, **parameters)

        return noted

    def _kind_of(self, source: SourcePlan) -> Kind:
        if source.dataset == PLATE:
            return Kind.IMAGE
        return self.context.step_plans[source.dataset].output.kind

    def _chain(self, step: StepPlan, place: Mapping[str, Any]) -> Chain | None:
        """Return the chain for a place; empty where it passes unchanged, None where dropped."""
        if step.group_by is None:
            return step.patterns[""]
        value = str(place[step.group_by])
        if value in step.dropped:
            return None
        return step.patterns.get(value, step.patterns.get("", ()))

    def _grid_of(self, source: SourcePlan) -> Grid:
        if source.dataset == PLATE:
            return self._plate.grid
        return self.context.step_plans[source.dataset].output.grid

    def _read(self, number: int, dataset: str, coord: Coord, keep: bool = False) -> np.ndarray:
        if dataset == PLATE:
            later = self._plane_use.get(coord, -1) > number
            return self._plate.read(coord, keep=keep or later)
        return self._data[dataset].read(coord)

    def _array(
        self, number: int, source: SourcePlan, coords: Sequence[Coord], variable: tuple[str, ...]
    ) -> list[np.ndarray]:
        """Return the planes of a wired input at a stack's places: one each, or one for all."""
        grid = self._grid_of(source).narrowed(source.select)
        single = all(len(grid.values(name)) == 1 for name in variable)
        wanted = [matching(grid, coord) for coord in (coords[:1] if single else coords)]
        return [self._read(number, source.dataset, coord, keep=True) for coord in wanted]

    def _special(
        self, item: SpecialInput, coords: Sequence[Coord], variable: tuple[str, ...]
    ) -> list[Any]:
        """Return a special input at a stack's places: one each, or one for all."""
        given = self.context.step_plans[item.source].special_output(item.name)
        if given is None:
            raise LookupError(f"step {item.source} gives no '{item.name}'")
        values = self._specials[item.source].get(item.name, {})
        single = all(len(given.grid.values(name)) == 1 for name in variable)
        places_ = [matching(given.grid, coord) for coord in (coords[:1] if single else coords)]
        return [values[place] for place in places_]

    def _keep_specials(
        self,
        step: StepPlan,
        chain: Chain,
        specials: Mapping[str, list[Any]],
        place: Mapping[str, Any],
        variable: tuple[str, ...],
        data: StepData,
    ) -> None:
        """Put what the calls of a chain gave beside their main results where it belongs."""
        for name, _ in (item for call in chain for item in call.special_outputs):
            planned = step.special_output(name)
            if planned is None:
                continue
            targets = [Coord(**place, **inner) for inner in places(planned.grid, variable)]
            values = specials[name]
            if len(values) != len(targets):
                text = f"gave {len(values)} '{name}' where {len(targets)} were planned"
                raise self._failed(step, chain, targets[0], ValueError(text))
            data.specials.setdefault(name, {}).update(zip(targets, values, strict=True))

    def _targets(
        self,
        step: StepPlan,
        chain: Chain,
        place: Mapping[str, Any],
        variable: tuple[str, ...],
        coords: list[Coord],
        count: int,
    ) -> list[Coord]:
        """Return where the results belong: where the plan says, for a chain may reduce."""
        planned = [Coord(**place, **inner) for inner in places(step.output.grid, variable)]
        if count == len(planned):
            return planned
        if count == len(coords):
            return coords
        text = (
            f"gave {count} results for a stack of {len(coords)} planes, but {len(planned)} were "
            "planned"
        )
        raise self._failed(step, chain, coords[0], ValueError(text))

    def _join(
        self, step: StepPlan, measured: Mapping[Coord, dict[str, Table]], data: StepData
    ) -> None:
        shared = {
            column
            for chain in step.patterns.values()
            for call in chain
            for column in call.shared_columns
        }
        channel = step.output.grid.channel[0]
        for coord, tables in measured.items():
            joined = join_channels(tables, self._names, shared)
            data.tables[coord._replace(channel=channel)] = joined

    def _find_last_use(self) -> dict[str, int]:
        """Number of the last step that reads each step's output; outputs are never freed."""
        last: dict[str, int] = {}
        for number, step in enumerate(self.context.layout.steps):
            last.setdefault(step.step_id, number)
            last[step.source.dataset] = number
            last.update((item.source.dataset, number) for item in step.arrays)
        kept = {output.dataset for output in self.context.layout.outputs}
        return {name: number for name, number in last.items() if name not in kept | {PLATE}}

    def _find_plane_use(self) -> dict[Coord, int]:
        """Number of the last step that reads each raw plane."""
        last: dict[Coord, int] = {}
        for number, step in enumerate(self.context.layout.steps):
            for source in (step.source, *(item.source for item in step.arrays)):
                if source.dataset == PLATE:
                    grid = self._plate.grid.narrowed(source.select)
                    last.update((coord, number) for coord in grid.coords())
        return last

    def _free(self, number: int) -> None:
        for name, last in self._last_use.items():
            if last == number and name in self._data:
                data = self._data.pop(name)
                if name not in self._cached:
                    data.discard()
        for coord, last in self._plane_use.items():
            if last == number:
                self._plate.forget(coord)

    def _failed(self, step: StepPlan, chain: Chain, first: Coord, error: Exception) -> StepError:
        names = self._called or ", ".join(call.function for call in chain)
        file = self._plate.nearest(first)
        own = isinstance(error, OpenHCSError)
        what = str(error) if own else f"{type(error).__name__}: {str(error).strip() or 'no text'}"
        message = (
            f"Step {step.index + 1} '{step.name}' ({names}) failed in well {self.context.well}, "
            f"{self._where(first)}: {what}" + (f" [image {file.path}]" if file is not None else "")
        )
        reason = f"{step.step_id}:{names}:{type(error).__name__}"
        return StepError(message, step.step_id, reason)

    def _unreadable(self, step: StepPlan, first: Coord, error: Exception) -> StepError:
        what = str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)
        message = (
            f"Step {step.index + 1} '{step.name}' of well {self.context.well}, "
            f"{self._where(first)}, cannot read its input: {what}"
        )
        return StepError(message, step.step_id)

    def _where(self, coord: Coord) -> str:
        channel = self._names.get(coord.channel, coord.channel)
        return f"field {coord.field}, channel {channel}, z {coord.z}, t {coord.t}"
