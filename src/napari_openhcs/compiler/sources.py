"""From the names a pipeline uses to what is read: steps, channels, values of components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.draft import Draft
from napari_openhcs.compiler.fixes import near_names, set_options
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import PLATE, DataPlan, Fix, Grid, SourcePlan
from napari_openhcs.plate import Plate

__all__ = [
    "RESERVED_NAMES",
    "Fault",
    "Read",
    "channel_label",
    "component_value",
    "labels_of",
    "listed",
    "nearest",
    "resolve_source",
    "resolve_wire",
]

PREVIOUS = "previous"

RESERVED_NAMES = (PLATE, PREVIOUS)
"""Names that mean something else than a step where a step says what it reads."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a reference; `message` continues a sentence about a step."""

    code: str
    message: str
    fix: Fix | None = None


@dataclass(frozen=True)
class Read:
    """What a reference resolves to.

    `grid` is the part that is read; `certain` is False where the dataset's grid and kind are
    only presumed, because the reference or the step behind it has a mistake.
    """

    source: SourcePlan
    data: DataPlan
    grid: Grid
    faults: tuple[Fault, ...] = ()
    certain: bool = True


def listed(names: Iterable[Any], limit: int = 12) -> str:
    """Return names separated by commas, shortened when there are many."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return (", ".join(texts[:limit]) + more) or "nothing"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that names what was probably meant, or an empty text."""
    found = near_names(name, known)
    quoted = " or ".join(f"'{item}'" for item in found)
    return f" (did you mean {quoted}?)" if found else ""


def channel_label(plate: Plate, channel: str) -> str:
    """Return a channel's name for people."""
    return next((item.name for item in plate.channels if item.id == channel), channel)


def component_value(plate: Plate, component: str, value: Any, grid: Grid) -> Any:
    """Return the value of a component that `value` (an id, a name or a number) means.

    None where the grid has no such value.
    """
    known = grid.values(component)
    if component in ("z", "t"):
        number = int(value) if isinstance(value, str) and value.isdigit() else value
        return number if isinstance(number, int) and number in known else None
    text = str(value)
    if text in known:
        return text
    if component == "channel":
        named = (item.id for item in plate.channels if item.name == text and item.id in known)
        return next(named, None)
    return None


def labels_of(plate: Plate, grid: Grid, component: str) -> list[str]:
    """Return a grid's values of a component as people know them."""
    values = [str(value) for value in grid.values(component)]
    return [channel_label(plate, value) for value in values] if component == "channel" else values


def _resolve_select(
    plate: Plate, select: Mapping[str, tuple[Any, ...]], grid: Grid, title: str
) -> tuple[dict[str, tuple[Any, ...]], list[Fault]]:
    """Turn what a user selected into values of `grid`, in its order."""
    resolved: dict[str, tuple[Any, ...]] = {}
    faults = []
    for component, wanted in select.items():
        known = labels_of(plate, grid, component)
        meant = [component_value(plate, component, value, grid) for value in wanted]
        for value in (value for value, found in zip(wanted, meant, strict=True) if found is None):
            faults.append(
                Fault(
                    "select_unknown",
                    f"selects {component} '{value}', but {title} has {listed(known)}"
                    f"{nearest(str(value), known)}.",
                    _mend_select(select, component, value, known),
                )
            )
        kept = tuple(value for value in grid.values(component) if value in meant)
        if not wanted:
            faults.append(
                Fault(
                    "select_empty",
                    f"selects no {component} at all: name one of {listed(known)}, or leave "
                    f"{component} out of select to read all.",
                    set_options(select=_without(select, component), text="Read all"),
                )
            )
        if kept and len(kept) < len(known):
            resolved[component] = kept
    return resolved, faults


def _without(select: Mapping[str, Any], component: str) -> FrozenMapping[str, Any]:
    return FrozenMapping({name: select[name] for name in select if name != component})


def _mend_select(
    select: Mapping[str, tuple[Any, ...]], component: str, value: Any, known: list[str]
) -> Fix:
    """Select the value that was meant, or no longer one that is not there."""
    near = near_names(str(value), known)
    kept = tuple(near[0] if item == value and near else item for item in select[component])
    if not near:
        kept = tuple(item for item in kept if item != value)
    text = f"Select '{near[0]}'" if near else f"Do not select '{value}'"
    mended = {**_without(select, component), **({component: kept} if kept else {})}
    return set_options(select=FrozenMapping(mended), text=text)


def _plate_depth(
    draft: Draft, grid: Grid, select: dict[str, tuple[Any, ...]]
) -> tuple[dict[str, tuple[Any, ...]], list[Fault]]:
    """Narrow z and t to what the channels that are read have; channels may differ."""
    narrowed = dict(select)
    faults = []
    for position, component in enumerate(("z", "t")):
        depths = {channel: draft.depth[channel][position] for channel in grid.channel}
        wanted = set(select.get(component, ()))
        usable = {
            channel: tuple(value for value in values if not wanted or value in wanted)
            for channel, values in depths.items()
        }
        if len(set(usable.values())) > 1:
            counts = listed(
                f"{channel_label(draft.plate, channel)} {len(values)}"
                for channel, values in depths.items()
            )
            faults.append(
                Fault(
                    "channels_uneven",
                    f"reads channels with different numbers of {component} planes ({counts}): "
                    f"select channels that have equally many, or one {component}.",
                )
            )
        elif usable and len(common := next(iter(usable.values()))) < len(grid.values(component)):
            narrowed[component] = common
    return narrowed, faults


def _read(draft: Draft, dataset: str, select: Mapping[str, tuple[Any, ...]], title: str) -> Read:
    data = draft.data(dataset)
    resolved, faults = _resolve_select(draft.plate, select, data.grid, title)
    grid = data.grid.narrowed(resolved)
    if dataset == PLATE:
        resolved, uneven = _plate_depth(draft, grid, resolved)
        faults += uneven
        grid = data.grid.narrowed(resolved)
    certain = dataset not in draft.uncertain and not faults
    source = SourcePlan(dataset, FrozenMapping(resolved))
    return Read(source, data, grid, tuple(faults), certain)


def _previous(draft: Draft) -> str:
    """Return the last step that gives images, masks or labels; the plate before any."""
    steps = (step.step_id for step in reversed(draft.steps) if step.output.kind != Kind.TABLE)
    return next(steps, PLATE)


def _find(draft: Draft, index: int, name: str) -> str | Fault:
    """Return the dataset that a name means for the step number `index`."""
    if name == PREVIOUS:
        return _previous(draft)
    if name == PLATE:
        return PLATE
    for step in reversed(draft.steps):
        if step.name == name:
            if step.output.kind == Kind.TABLE:
                return Fault(
                    "source_table",
                    f"reads '{name}', which gives a table: read a step that gives an image, a "
                    "mask or labels.",
                    set_options(input_source=PREVIOUS),
                )
            return step.step_id
    return _not_found(draft, index, name)


def _not_found(draft: Draft, index: int, name: str) -> Fault:
    for number, step in enumerate(draft.pipeline, start=1):
        if step.title == name and number < index:
            return Fault(
                "source_disabled",
                f"reads '{name}', which is switched off: switch step {number} on or read "
                "another step.",
                set_options(number, f"Switch step {number} on", enabled=True),
            )
        if step.title == name:
            where = "itself" if number == index else f"step {number}, which comes later"
            return Fault(
                "source_later",
                f"reads '{name}', that is {where}: read the plate or an earlier step.",
                set_options(input_source=PREVIOUS),
            )
    known = ["plate", *(step.name for step in draft.steps)]
    meant = near_names(name, known)
    return Fault(
        "source_unknown",
        f"reads '{name}', but there is no such step before it{nearest(name, known)}: "
        f"it can read {listed(known)}.",
        set_options(input_source=meant[0] if meant else PREVIOUS),
    )


def resolve_source(
    draft: Draft, index: int, name: str, select: Mapping[str, tuple[Any, ...]]
) -> Read:
    """Resolve a step's ``input_source`` and ``select``.

    Parameters
    ----------
    draft : Draft
        Holds the steps before this one.
    index : int
        1-based number of the step.
    name : str
        ``previous`` (skips disabled steps and tables), ``plate``, or a step's name.
    """
    found = _find(draft, index, name)
    dataset = _previous(draft) if isinstance(found, Fault) else found
    read = _read(draft, dataset, select, _title(draft, dataset))
    if isinstance(found, Fault):
        return Read(read.source, read.data, read.grid, (found, *read.faults), False)
    return read


def _title(draft: Draft, dataset: str) -> str:
    return "the plate" if dataset == PLATE else f"'{draft.step(dataset).name}'"


def resolve_wire(draft: Draft, index: int, text: str) -> Read:
    """Resolve where an array parameter is wired to.

    Parameters
    ----------
    text : str
        ``Step name``, ``Step name/Channel``, ``plate`` or ``plate/Channel``.
    """
    found = _find(draft, index, text)
    select: dict[str, tuple[Any, ...]] = {}
    if isinstance(found, Fault) and "/" in text:
        # A step's name may itself contain a slash, so the whole text was tried first.
        name, _, channel = text.rpartition("/")
        found = _find(draft, index, name)
        select = {"channel": (channel,)}
    if isinstance(found, Fault):
        data = draft.data(PLATE)
        return Read(SourcePlan(PLATE), data, data.grid, (found,), False)
    return _read(draft, found, select, _title(draft, found))
