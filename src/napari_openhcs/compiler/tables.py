"""The columns of a stored table, as the runner writes them."""

from __future__ import annotations

from collections.abc import Mapping

from napari_openhcs.compiler.draft import Draft
from napari_openhcs.compiler.sources import channel_label
from napari_openhcs.plan import StepPlan

__all__ = ["stored_columns"]

LABEL = "label"


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
