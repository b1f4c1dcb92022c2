"""Publishing a well: staged, flushed, verified, renamed into place, marker last.

A well is *committed* when its marker is there and names the plan's key.  The marker is
written after every store has the well's group in its place, so a crash anywhere before
leaves a well without marker: nobody lists it, and the next run replaces whatever lies
there.  Staging is emptied at every start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_openhcs.axes import well_path
from napari_openhcs.errors import OpenHCSError, StoreError
from napari_openhcs.frozen import FrozenMapping, from_json, to_json
from napari_openhcs.ome_zarr.files import (
    FileEntry,
    Manifest,
    flush,
    flush_folder,
    verify,
    write_atomically,
)
from napari_openhcs.ome_zarr.write import write_well
from napari_openhcs.plan import CompiledPlate, ProcessingContext
from napari_openhcs.runner.dataset import identity_of_planes
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.well import WellExecution, WellReport

__all__ = ["Marker", "clean_staging", "markers_of", "publish_well", "read_marker", "stores_of"]


@dataclass(frozen=True)
class Marker:
    """What a committed well is.

    Attributes
    ----------
    key : str
        The plan's key; with another the marker does not count.
    inputs : str
        Identity of the raw planes when the well was begun; should they have changed since, the
        marker does not count.
    seconds : float
        Of the whole well, writing included.
    steps : FrozenMapping of step id to seconds
    planes : int
        Raw planes of the well.
    manifests : FrozenMapping of store to digest
        BLAKE2 over each store's manifest: paths, sizes and checksums of all files.
    files : FrozenMapping of store to number of files
    """

    well: str
    key: str
    inputs: str
    seconds: float
    steps: FrozenMapping[str, float]
    planes: int
    conversions: FrozenMapping[str, int]
    fallbacks: tuple[str, ...]
    manifests: FrozenMapping[str, str]
    files: FrozenMapping[str, int]


def stores_of(context: ProcessingContext) -> tuple[str, ...]:
    """Return the stores a well is written to, in the order of its outputs."""
    return tuple(dict.fromkeys(output.store for output in context.layout.outputs))


def clean_staging(paths: RunPaths) -> None:
    """Remove what an earlier run left behind unfinished."""
    shutil.rmtree(paths.staging, ignore_errors=True)
    paths.staging.mkdir(parents=True, exist_ok=True)


def read_marker(plan: CompiledPlate, paths: RunPaths, well: str) -> Marker | None:
    """Return the marker of a committed well, or None.

    A marker counts when it names the plan's key, the raw planes have not changed (where they
    still are), and every store has as many files in the well's group as were committed.
    """
    marker = _load(paths.marker(well))
    if marker is None or marker.key != plan.key:
        return None
    context = plan.contexts[well]
    if identity_of_planes(context) not in ("", marker.inputs):
        return None
    if set(marker.files) != set(stores_of(context)):
        return None
    for store, count in marker.files.items():
        if _count_files(paths.output / store / well_path(well)) != count:
            return None
    return marker


def markers_of(plan: CompiledPlate, paths: RunPaths) -> dict[str, Marker]:
    """Return the markers of all wells with the plan's key, also of wells not in this plan."""
    markers = (_load(path) for path in sorted(paths.markers.glob("*.json")))
    return {item.well: item for item in markers if item is not None and item.key == plan.key}


def _load(path: Path) -> Marker | None:
    try:
        return from_json(path.read_bytes(), Marker)
    except (OSError, ValueError):
        return None


def _count_files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _digest(manifest: Manifest) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(manifest):
        entry = manifest[path]
        digest.update(f"{path}\0{entry.size}\0{entry.checksum}\n".encode())
    return digest.hexdigest()


def publish_well(
    plan: CompiledPlate,
    paths: RunPaths,
    execution: WellExecution,
    report: WellReport,
    inputs: str,
    elapsed: Callable[[], float],
) -> Marker:
    """Write a well's results and commit them.

    Parameters
    ----------
    plan : CompiledPlate
    paths : RunPaths
    execution : WellExecution
        All steps have run.
    report : WellReport
        Goes into the provenance and the marker.
    inputs : str
        Identity of the raw planes when the well was begun.
    elapsed : callable
        Seconds since the well was begun.

    Raises
    ------
    StoreError
        Something cannot be written, flushed or verified; nothing was committed.
    """
    context = execution.context
    manifests: dict[str, FrozenMapping[str, FileEntry]] = {}
    folder = paths.staging / context.well
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for number, store in enumerate(stores_of(context)):
            manifests[store] = write_well(
                folder / str(number),
                plan,
                context,
                store,
                execution.read_array,
                execution.read_table,
                read_special=execution.read_special,
                provenance=_provenance(plan, report),
            )
            flush(folder / str(number), manifests[store])
            verify(folder / str(number), manifests[store])
        for number, store in enumerate(manifests):
            _move(folder / str(number), paths.output / store / well_path(context.well), folder)
        marker = _marker(plan, context, report, inputs, manifests, elapsed())
        write_atomically(paths.marker(context.well), to_json(marker))
    except OpenHCSError:
        raise
    except OSError as error:
        place = error.filename or folder
        raise StoreError(
            f"Well {context.well} could not be published: {place}: {error.strerror}; mend this and "
            "run again with resume."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return marker


def _provenance(plan: CompiledPlate, report: WellReport) -> dict[str, Any]:
    return {
        "key": plan.key,
        "seconds": dict(report.seconds),
        "conversions": dict(report.conversions),
        "fallbacks": report.fallbacks,
    }


def _move(staged: Path, target: Path, folder: Path) -> None:
    """Rename a verified group into place; what an uncommitted attempt left there goes first."""
    if not target.parent.parent.is_dir():
        raise StoreError(
            f"{target.parent.parent} is gone: the output was removed while the run went on."
        )
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        os.rename(target, folder / f"replaced-{staged.name}")
    os.rename(staged, target)
    flush_folder(target.parent)


def _marker(
    plan: CompiledPlate,
    context: ProcessingContext,
    report: WellReport,
    inputs: str,
    manifests: dict[str, FrozenMapping[str, FileEntry]],
    seconds: float,
) -> Marker:
    return Marker(
        well=context.well,
        key=plan.key,
        inputs=inputs,
        seconds=round(seconds, 3),
        steps=report.seconds,
        planes=len(context.planes),
        conversions=report.conversions,
        fallbacks=report.fallbacks,
        manifests=FrozenMapping({store: _digest(item) for store, item in manifests.items()}),
        files=FrozenMapping({store: len(item) for store, item in manifests.items()}),
    )
