"""The columns of a stored table, as the runner writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.draft import Draft, step_problem
from napari_openhcs.compiler.sources import Read, channel_label, labels_of, listed
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import ArrayInput, FunctionPlan, Problem, SourcePlan, StepPlan

__all__ = ["own_object_problems", "stored_columns", "unshared"]

LABEL = "label"

Patterns = FrozenMapping[str, tuple[FunctionPlan, ...]]


def unshared(draft: Draft, patterns: Patterns, read: Read, wires: Sequence[ArrayInput]) -> Patterns:
    """Return the chains of a step without shared columns where each channel has its own objects.

    The area of object 1 is the same for all channels that are measured on the same labels,
    and another one for each channel where the labels were found channel by channel.
    """
    if not _has_own_objects(draft, read.source, [wire.source for wire in wires]):
        return patterns
    return FrozenMapping(
        {
            key: tuple(replace(call, shared_columns=()) for call in chain)
            for key, chain in patterns.items()
        }
    )


def _has_own_objects(draft: Draft, source: SourcePlan, wired: Sequence[SourcePlan]) -> bool:
    """Whether the labels or masks that are measured differ by channel."""
    return any(
        draft.data(item.dataset).kind in (Kind.MASK, Kind.LABELS)
        and len(draft.data(item.dataset).grid.narrowed(item.select).channel) > 1
        for item in (source, *wired)
    )


def own_object_problems(
    draft: Draft, step: StepPlan, tables: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """Say what becomes of rows where each channel has objects of its own.

    Parameters
    ----------
    tables : sequence of mapping of str to ndarray
        What the step's functions gave on a crop.
    """
    sources = [wire.source for wire in step.arrays]
    if len(step.output.grid.channel) < 2 or not _has_own_objects(draft, step.source, sources):
        return
    channels = listed(labels_of(draft.plate, step.output.grid, "channel"))
    mend = 'measure each channel in a step of its own (select={"channel": …})'
    function_step = draft.function_step(step)
    if any(LABEL not in table for table in tables):
        message = (
            f"measures objects that are different ones in each channel ({channels}) and gives no "
            f"'{LABEL}' column to tell their rows apart: add '{LABEL}' to what it measures, or "
            f"{mend}."
        )
        yield step_problem(step.index + 1, function_step, "rows_without_label", message)
    elif any(table[LABEL].any() for table in tables):
        message = (
            f"measures objects that are different ones in each channel ({channels}), so that a "
            f"row holds those that have the same number by chance: {mend} for rows of one object."
        )
        yield step_problem(
            step.index + 1, function_step, "rows_of_different_objects", message, severity="warning"
        )


def stored_columns(
    draft: Draft, step: StepPlan, measured: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the columns of a table step's output in order.

    Parameters
    ----------
    measured : mapping of pattern key to columns
        What the functions give for one place; the key is ``""`` where there is one chain.

    Returns
    -------
    tuple of str
        ``well, field`` (, ``z, t`` where there are several), ``label``, then the measured
        columns; those that depend on the channel get its name as suffix where several
        channels are measured.
    """
    grid = step.output.grid
    shared = {LABEL}
    for chain in step.patterns.values():
        for call in chain:
            shared.update(call.shared_columns)
    columns: dict[str, None] = {}
    for channel in grid.channel:
        key = channel if step.group_by == "channel" else next(iter(measured), "")
        suffix = f"_{channel_label(draft.plate, channel)}" if len(grid.channel) > 1 else ""
        for column in measured.get(key, ()):
            columns[column if column in shared else column + suffix] = None
    if LABEL in columns:
        columns = {LABEL: None, **columns}
    several = [name for name in ("z", "t") if len(grid.values(name)) > 1]
    return tuple(dict.fromkeys(["well", "field", *several, *columns]))
