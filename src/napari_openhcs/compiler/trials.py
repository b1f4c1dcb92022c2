"""Trying steps on a small crop of a real well.

A :class:`Trial` gives any plane of any step's output on demand: it reads the raw planes that
are needed, cropped, and runs the calls that lead there, each within a time limit.  Results
are kept by the key of their step, so that compiling after an edit runs only the edited
step and those after it.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.causes import Given
from napari_openhcs.compiler.draft import Draft
from napari_openhcs.compiler.facts import on_crop
from napari_openhcs.compiler.grids import coord_in, stack_of
from napari_openhcs.compiler.keys import digest
from napari_openhcs.compiler.patterns import reduces
from napari_openhcs.compiler.trial_cache import TrialCache
from napari_openhcs.errors import ContractError, ImageReadError
from napari_openhcs.functions import registry
from napari_openhcs.functions.apply import Table, apply_chain
from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.plan import PLATE, Coord, FunctionPlan, Grid, PlannedPlane, SourcePlan, StepPlan
from napari_openhcs.storage import read_plane

__all__ = ["CACHE", "Result", "Stamps", "StepFailure", "Trial", "stamps", "within"]

LIMIT_S = 20.0
"""Seconds one call may take on a crop, the first import of its library included.

To them come those in which its memory type may compile.
"""

CACHE = TrialCache(max_bytes=128 * 2**20)

T = TypeVar("T")

_Found = tuple[tuple[np.ndarray | Table, ...], Mapping[str, Mapping[Coord, Any]]]
"""What a step gives, and its special outputs by name and place."""

Stamps = tuple[tuple[Any, ...], ...]


class StepFailure(Exception):
    """A call failed on a crop; never leaves the compiler.

    Attributes
    ----------
    step_id, function : str
        What failed.
    error : Exception or None
        What the function raised; None when it took too long.
    given : str
        What it was given, in words.
    met : Given or None
        The same in figures.
    seconds : float
        How long it was waited for.
    """

    def __init__(
        self,
        step_id: str,
        function: str,
        error: Exception | None,
        given: str,
        seconds: float = LIMIT_S,
        met: Given | None = None,
    ) -> None:
        super().__init__(step_id, function, error, given, seconds, met)
        self.step_id = step_id
        self.function = function
        self.error = error
        self.given = given
        self.seconds = seconds
        self.met = met


class _Window(NamedTuple):
    top: int
    left: int
    height: int
    width: int


class Result(NamedTuple):
    """What a step gives at a place: its planes, or tables, in the order of `coords`.

    `specials` are its special outputs by name and place; one for a stack is at all of its places.
    """

    coords: tuple[Coord, ...]
    values: tuple[Any, ...]
    specials: Mapping[str, Mapping[Coord, Any]] = MappingProxyType({})


def within(seconds: float, work: Callable[[], T]) -> T:
    """Call `work` in a thread and wait at most so long for it.

    Python cannot end a thread: one that takes longer goes on as a daemon until it is done
    or the process ends, and its result is dropped.

    Raises
    ------
    TimeoutError
    Exception
        Whatever `work` raised.
    """
    box: list[tuple[T | None, Exception | None]] = []

    def call() -> None:
        try:
            box.append((work(), None))
        # The boundary to library code: anything it raises is a problem of its step.
        except Exception as error:  # noqa: BLE001
            box.append((None, error))
        except SystemExit as error:
            box.append((None, RuntimeError(f"it tried to end the program ({error})")))

    thread = threading.Thread(target=call, name="openhcs-trial", daemon=True)
    with warnings.catch_warnings():
        # What libraries warn about on a crop is told when they run on the whole plane.
        warnings.simplefilter("ignore")
        thread.start()
        thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    value, error = box[0]
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def _limit(call: FunctionPlan) -> float:
    """Return the seconds that a call may take."""
    memory_type = MEMORY_TYPES.get(call.memory_type_in)
    return LIMIT_S + (0.0 if memory_type is None else memory_type.compile_s)


class Trial:
    """One well seen through one window.

    Parameters
    ----------
    draft : Draft
    well : str
    planes : sequence of PlannedPlane
        The raw planes of the well.
    side : int
        Height and width of the window, px; the part of the first plane with most contrast.
    stamps : tuple
        Of the well's files, from :func:`stamps`.

    Raises
    ------
    ImageReadError
        The first plane cannot be read.
    """

    def __init__(
        self,
        draft: Draft,
        well: str,
        planes: Sequence[PlannedPlane],
        side: int,
        stamps: Stamps,
    ) -> None:
        self.draft = draft
        self.well = well
        self.side = side
        self._planes = {plane.coord: plane for plane in planes}
        self._identity = digest((draft.plate.root, well, side, stamps, draft.grid))
        first = planes[0]
        self.window: _Window = CACHE.get(
            ("window", stamps[0], side), lambda: _busiest(read_plane(first), side)
        )

    def plane(self, dataset: str, at: Coord) -> np.ndarray:
        """Return a plane of the plate or of a step's output, (Y, X), cropped.

        Raises
        ------
        ImageReadError
            A file of the well cannot be read.
        StepFailure
            A call that leads there fails.
        """
        if dataset == PLATE:
            raw: np.ndarray = CACHE.get((self._identity, at), lambda: self._read(at))
            return raw
        result = self.run(self.draft.step(dataset), at)
        plane: np.ndarray = result.values[result.coords.index(at)]
        return plane

    def _read(self, at: Coord) -> np.ndarray:
        if at not in self._planes:
            raise ImageReadError(f"{self.well} has no plane {at}.")
        top, left, height, width = self.window
        return read_plane(self._planes[at])[top : top + height, left : left + width].copy()

    def source_grid(self, source: SourcePlan) -> Grid:
        """Return the part of a dataset that a source reads."""
        return self.draft.data(source.dataset).grid.narrowed(source.select)

    def run(self, step: StepPlan, at: Coord) -> Result:
        """Run a step where it gives the plane `at`.

        Raises
        ------
        ImageReadError, StepFailure
            See :meth:`plane`.
        """
        key = str(getattr(at, step.group_by)) if step.group_by else ""
        chain = step.patterns.get(key)
        grid = self.source_grid(step.source)
        if chain is None:
            return Result((at,), (self.plane(step.source.dataset, at),))
        stacked = any(call.applies_to == "stack" for call in chain)
        coords = tuple(stack_of(grid, step.variable_components, at)) if stacked else (at,)
        found = CACHE.get(
            (self._identity, step.key, coords), lambda: self._run(step, chain, coords)
        )
        if isinstance(found, StepFailure):
            # The failure may have been met under another name of the same step.
            raise StepFailure(
                step.step_id, found.function, found.error, found.given, found.seconds, found.met
            )
        values, specials = found
        return Result((at,) if reduces(chain) else coords, values, specials)

    def measure_made_object(self, step: StepPlan, at: Coord) -> None:
        """Run a step that gives a table on one object made for it, where a crop has none.

        Raises
        ------
        StepFailure
            The columns it gives then cannot be stored.
        """
        chain = step.patterns[str(getattr(at, step.group_by)) if step.group_by else ""]
        found = self._run(step, chain, (at,), made_object=True)
        if isinstance(found, StepFailure) and isinstance(found.error, ContractError):
            raise found

    def _run(
        self,
        step: StepPlan,
        chain: tuple[FunctionPlan, ...],
        coords: tuple[Coord, ...],
        *,
        made_object: bool = False,
    ) -> _Found | StepFailure:
        values: list[Any] = [self.plane(step.source.dataset, coord) for coord in coords]
        arrays = {item.parameter: self._wired(item.source, coords) for item in step.arrays}
        specials = self._taken(step, chain, coords)
        kind = self.draft.data(step.source.dataset).kind
        if made_object:
            arrays |= {
                item.parameter: _one_object(arrays[item.parameter])
                for item in step.arrays
                if self.draft.data(item.source.dataset).kind in (Kind.MASK, Kind.LABELS)
            }
        for call in chain:
            if made_object and kind in (Kind.MASK, Kind.LABELS):
                values = _one_object(values)
            given = self._words(values, kind, coords[0])
            try:
                values = self._call(step, call, values, arrays, kind, specials)
            except TimeoutError:
                return StepFailure(step.step_id, call.function, None, given, _limit(call))
            # The boundary to library code: anything it raises is a problem of its step.
            except Exception as error:  # noqa: BLE001
                met = Given.of(values, kind)
                return StepFailure(step.step_id, call.function, error, given, met=met)
            kind = call.output_kind
        sides = {name: specials[name] for call in chain for name, _ in call.special_outputs}
        return tuple(values), {
            name: dict(zip(coords, found if len(found) > 1 else found * len(coords), strict=True))
            for name, found in sides.items()
        }

    def _taken(
        self, step: StepPlan, chain: tuple[FunctionPlan, ...], coords: Sequence[Coord]
    ) -> dict[str, list[Any]]:
        """Return the special inputs of a chain: one a plane, or one for all."""
        wanted = {name for call in chain for name in call.special_inputs}
        taken = {}
        for item in step.special_inputs:
            giver = self.draft.step(item.source)
            output = giver.special_output(item.name)
            if item.name not in wanted or output is None:
                continue
            places = [coord_in(output.grid, coord) for coord in coords]
            kept = places[:1] if len(set(places)) == 1 else places
            taken[item.name] = [self._special(giver, item.name, place) for place in kept]
        return taken

    def _special(self, giver: StepPlan, name: str, place: Coord) -> Any:
        """Return a special output at a place, which for one of a stack is none of its planes."""
        found = self.run(giver, place).specials[name]
        return found[place] if place in found else next(iter(found.values()))

    def _call(
        self,
        step: StepPlan,
        call: FunctionPlan,
        values: list[Any],
        arrays: dict[str, list[np.ndarray]],
        kind: Kind,
        specials: dict[str, list[Any]],
    ) -> list[Any]:
        wired = {name: arrays[name] for name in call.array_parameters if name in arrays}
        full = self.draft.data(step.source.dataset).shape_yx
        call = on_crop(call, full, values[0].shape)
        result = within(
            _limit(call),
            lambda: apply_chain(
                (call,),
                values,
                wired,
                dtype_policy=step.dtype_policy,
                input_kind=kind,
                resolve=registry.get_function,
                specials=specials,
            ),
        )
        expected = 1 if reduces((call,)) else len(values)
        if len(result) != expected:
            raise ContractError(
                f"{call.function} gave {len(result)} planes for a stack of {len(values)}: a step "
                "needs one plane for each, or one for all from a function that reduces."
            )
        return list(result)

    def _wired(self, source: SourcePlan, coords: Sequence[Coord]) -> list[np.ndarray]:
        grid = self.source_grid(source)
        places = [coord_in(grid, coord) for coord in coords]
        kept = places[:1] if len(set(places)) == 1 else places
        return [self.plane(source.dataset, place) for place in kept]

    def _words(self, values: Sequence[np.ndarray], kind: Kind, at: Coord) -> str:
        height, width = values[0].shape
        stack = f"{len(values)} planes" if len(values) > 1 else "a plane"
        return (
            f"{stack} of {height} × {width} px ({values[0].dtype} {kind.value}) of {self.well}, "
            f"field {at.field}"
        )

    def output_at(self, step: StepPlan) -> list[Coord]:
        """Return one place of a step's output for each of its chains, and for what passes."""
        places: dict[object, Coord] = {}
        for at in step.output.grid.coords():
            key = str(getattr(at, step.group_by)) if step.group_by else ""
            chain = step.patterns.get(key)
            places.setdefault("passes" if chain is None else key, at)
            if step.group_by is None:
                break
        return list(places.values())


def stamps(planes: Sequence[PlannedPlane]) -> Stamps:
    """Return what changes when the files of a well do; the first 16 tell enough."""
    return tuple(_stamp(plane) for plane in planes[:16])


def _stamp(plane: PlannedPlane) -> tuple[Any, ...]:
    try:
        stat = os.stat(plane.path)
    except OSError:
        return (*plane, 0, 0)
    return (*plane, stat.st_mtime_ns, stat.st_size)


def _one_object(planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return planes of the same shapes and dtypes with one object in the middle, number 1."""
    made = []
    for plane in planes:
        height, width = plane.shape
        empty = np.zeros_like(plane)
        empty[height // 4 : -(-3 * height // 4), width // 4 : -(-3 * width // 4)] = 1
        made.append(empty)
    return made


def _busiest(plane: np.ndarray, side: int) -> _Window:
    """Return the window (top, left, height, width) in which the plane varies most."""
    height, width = min(side, plane.shape[0]), min(side, plane.shape[1])
    windows = [
        _Window(top, left, height, width)
        for top in range(0, plane.shape[0] - height + 1, height)
        for left in range(0, plane.shape[1] - width + 1, width)
    ]

    def contrast(window: _Window) -> float:
        top, left, _, _ = window
        # Every fourth pixel tells enough.
        return float(plane[top : top + height : 4, left : left + width : 4].std())

    return max(windows, key=contrast)
