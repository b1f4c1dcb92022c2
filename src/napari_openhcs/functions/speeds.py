"""How fast functions are on this machine: measured while tuning, kept for the next estimate.

One small file in the user's cache folder, ``speeds.json``, holds the last few measurements
by function and library version, in seconds a megapixel.  Their median counts, so that a
first call, which imports and compiles, does not.  A file that is damaged or cannot be
written is passed over: the catalogue's speeds serve then.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path

from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.plan import PLATE, StepPlan, WellLayout

__all__ = ["measured_speed", "megapixels_read", "remember_speed", "speed"]

KEPT = 5
"""Measurements kept of a function."""

LEAST_MEGAPIXELS = 0.05
"""Smaller images tell more of the call than of the pixels."""


def _file() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("napari-openhcs") / "speeds.json"


def _read() -> dict[str, list[float]]:
    try:
        document = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {
        str(name): [float(item) for item in values]
        for name, values in document.items()
        if isinstance(values, list) and all(isinstance(item, int | float) for item in values)
    }


def _key(function: str, library_version: str) -> str:
    return f"{function} {library_version}"


def measured_speed(function: str, library_version: str) -> float | None:
    """Return what was measured here, s a megapixel; None where nothing was."""
    values = _read().get(_key(function, library_version))
    return statistics.median(values) if values else None


def speed(spec: FunctionSpec) -> tuple[float | None, bool]:
    """Return a function's seconds a megapixel, and whether they were measured here.

    Else they are the catalogue's, measured where it was made; None where that has none.
    """
    found = measured_speed(spec.id, spec.library_version)
    return (spec.seconds_per_megapixel, False) if found is None else (found, True)


def remember_speed(function: str, library_version: str, seconds: float, megapixels: float) -> None:
    """Keep a measurement; those on tiny images are left out.

    Parameters
    ----------
    function, library_version : str
    seconds : float
        Of all calls together.
    megapixels : float
        Of all planes together that the function read.
    """
    if megapixels < LEAST_MEGAPIXELS or seconds <= 0:
        return
    document = _read()
    key = _key(function, library_version)
    document[key] = [*document.get(key, []), round(seconds / megapixels, 6)][-KEPT:]
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".speeds-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(name, path)
    except OSError:
        # The estimate stays the catalogue's; nothing a person waits for depends on it.
        return


def megapixels_read(
    layout: WellLayout, step: StepPlan, plate_yx: tuple[int, int] | None
) -> dict[str, float]:
    """Return the megapixels of a well that each chain of a step reads, by key.

    Parameters
    ----------
    layout : WellLayout
    step : StepPlan
        One of its steps.
    plate_yx : tuple of int or None
        Size of a raw plane, px; None counts raw planes as nothing.
    """
    grid, shape = layout.grid, plate_yx
    if step.source.dataset != PLATE:
        source = next(item for item in layout.steps if item.step_id == step.source.dataset)
        grid, shape = source.output.grid, source.output.shape_yx
    grid = grid.narrowed(step.source.select)
    size = shape[0] * shape[1] / 1e6 if shape else 0.0
    found = {}
    for key in step.patterns:
        part = grid
        if step.group_by is not None and key:
            values = [item for item in grid.values(step.group_by) if str(item) == key]
            part = grid.narrowed({step.group_by: values})
        found[key] = len(part) * size
    return found
