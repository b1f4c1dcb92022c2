"""Making an output folder ready for a run, and refusing what is not its own.

Only what a run wrote is ever removed: the stores its plan names, ``pipeline.py``, the copies of
custom functions and ``.openhcs``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_openhcs.errors import OutputError, RunError, StoreError
from napari_openhcs.functions.registry import source_names, sources
from napari_openhcs.ome_zarr.files import write_atomically
from napari_openhcs.ome_zarr.nodes import read_node, split_attributes
from napari_openhcs.plan import CompiledPlate, encode_plan
from napari_openhcs.runner import lock
from napari_openhcs.runner.follow import read_plan
from napari_openhcs.runner.paths import RunPaths
from napari_openhcs.runner.well import planned_calls
from napari_openhcs.storage.base import lies_inside
from napari_openhcs.words import counted

__all__ = ["all_stores", "check_output", "open_books", "write_books"]


def all_stores(plan: CompiledPlate) -> tuple[str, ...]:
    """Return every store a plan writes, relative to the output; the plate first."""
    layouts = {id(context.layout): context.layout for context in plan.contexts.values()}
    stores = [output.store for layout in layouts.values() for output in layout.outputs]
    return tuple(sorted(dict.fromkeys(stores), key=lambda store: store != plan.plate_store))


def check_output(plan: CompiledPlate, paths: RunPaths) -> None:
    """Refuse an output that lies in the raw plate, or a store where the raw plate lies.

    Raises
    ------
    OutputError
    """
    if lies_inside(Path(plan.plate_root).resolve(), paths.output):
        raise OutputError(
            f"{paths.output} lies in the folder of the raw plate, {plan.plate_root}, which is "
            "never written to: choose an output folder outside it."
        )
    _spare_raw(plan, [paths.output / store for store in all_stores(plan)])


def _spare_raw(plan: CompiledPlate, targets: Iterable[Path]) -> None:
    """Refuse to write or remove anything that is the raw plate or that holds it."""
    for target in targets:
        if lies_inside(target.resolve(), plan.plate_root):
            raise OutputError(
                f"{target} would be written anew, but the raw plate, {plan.plate_root}, lies there "
                "and is never written to: choose another output folder."
            )


def open_books(paths: RunPaths) -> None:
    """Make the output's folder of books and take the lock for this process.

    Raises
    ------
    OutputError
        The folder cannot be written, or another run goes on there.
    """
    try:
        paths.logs.mkdir(parents=True, exist_ok=True)
        lock.acquire(paths.lock)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{paths.output} cannot be written ({error.strerror or error}): choose another output "
            "folder or change its permissions."
        ) from error


def write_books(plan: CompiledPlate, paths: RunPaths, *, resume: bool, overwrite: bool) -> None:
    """Write the plan and the script, after making sure that nothing of another's is harmed.

    Parameters
    ----------
    plan : CompiledPlate
    paths : RunPaths
        The lock is held.
    resume : bool
        Keep the wells that an earlier run with the same key has finished.
    overwrite : bool
        Remove what an earlier run wrote.

    Raises
    ------
    OutputError
        The folder holds results and neither was asked for, the results of another pipeline,
        or files that no run wrote under names that this one needs.
    """
    recorded = paths.plan.exists()
    earlier = _earlier_plan(paths, overwrite)
    try:
        if earlier is not None:
            _settle(plan, earlier, paths, resume=resume, overwrite=overwrite)
        elif recorded:
            # The plan is damaged: the stores that this run needs, and that a run wrote, must go.
            _refuse_foreign(paths, (name for name in all_stores(plan) if not _is_ours(paths, name)))
            _remove(plan, plan, paths)
        else:
            _refuse_foreign(paths, [*all_stores(plan), paths.script.name])
        paths.stop.unlink(missing_ok=True)
        paths.markers.mkdir(parents=True, exist_ok=True)
        write_atomically(paths.plan, encode_plan(plan))
        write_atomically(paths.script, plan.script.encode())
        _write_sources(plan, paths)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{error.filename or paths.output} cannot be written or removed "
            f"({error.strerror or error}): mend this or choose another output folder."
        ) from error


def _write_sources(plan: CompiledPlate, paths: RunPaths) -> None:
    """Copy the custom files of the pipeline, as they were planned, beside its script."""
    kept = sources(planned_calls(plan.contexts.values()))
    if kept:
        paths.functions.mkdir(exist_ok=True)
    for name, data in kept.items():
        target = paths.functions / name
        # What an earlier run kept there is the same, or was removed before.
        if target.exists() and target.read_bytes() != data:
            raise OutputError(
                f"{target} is there already and differs from the custom file of this run: choose "
                "another output folder or move it away."
            )
        write_atomically(target, data)


def _earlier_plan(paths: RunPaths, overwrite: bool) -> CompiledPlate | None:
    if not paths.plan.exists():
        return None
    try:
        return read_plan(paths.output)
    except RunError as error:
        if overwrite:
            return None
        raise OutputError(str(error)) from error


def _settle(
    plan: CompiledPlate,
    earlier: CompiledPlate,
    paths: RunPaths,
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Decide about what an earlier run left."""
    if overwrite:
        _remove(earlier, plan, paths)
    elif earlier.plate_root != plan.plate_root and earlier.script == plan.script:
        raise OutputError(
            f"{paths.output} holds the results of this pipeline on the plate at "
            f"{earlier.plate_root}, and now the plate is at {plan.plate_root}: a run goes on "
            "only with the plate in its place; move it back, choose another output folder, or "
            "overwrite this one (--overwrite, overwrite=True)."
        )
    elif earlier.key != plan.key:
        raise OutputError(
            f"{paths.output} holds the results of another pipeline, plate or version "
            f"('{earlier.pipeline_name}' on {earlier.plate_root}): choose another output folder, "
            "or overwrite it (--overwrite, overwrite=True)."
        )
    elif not resume:
        done = len(list(paths.markers.glob("*.json")))
        wells = counted(done, "well") if done else "a begun run"
        raise OutputError(
            f"{paths.output} already holds {wells} of this very pipeline: resume to keep them "
            "(--resume, resume=True), or overwrite (--overwrite, overwrite=True) to run them again."
        )


def _is_ours(paths: RunPaths, store: str) -> bool:
    """Whether a run wrote a store, as its own metadata say."""
    try:
        node = read_node(paths.output / store)
    except StoreError:
        return False
    return node is not None and "key" in split_attributes(node["attributes"])[1]


def _refuse_foreign(paths: RunPaths, names: Iterable[str]) -> None:
    for name in names:
        if (paths.output / name).exists():
            raise OutputError(
                f"{paths.output / name} is there already, and no run recorded in this folder wrote "
                "it: choose another output folder or move it away."
            )


def _remove(earlier: CompiledPlate, plan: CompiledPlate, paths: RunPaths) -> None:
    """Remove what an earlier run wrote, unless the raw plate of this one is among it."""
    targets = list(_written_by(earlier, paths))
    _spare_raw(plan, targets)
    for target in targets:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
    for folder in (paths.output / "steps", paths.functions):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    paths.logs.mkdir(parents=True, exist_ok=True)


def _written_by(earlier: CompiledPlate, paths: RunPaths) -> Iterator[Path]:
    """Iterate over what a run wrote; stores that would lie outside the output are left alone."""
    root = os.path.normpath(paths.output)
    for store in all_stores(earlier):
        target = Path(os.path.normpath(paths.output / store))
        if root in map(str, target.parents):
            yield target
    for book in paths.folder.iterdir():
        if not book.name.startswith(paths.lock.name):
            yield book
    yield paths.script
    for name in source_names(planned_calls(earlier.contexts.values())):
        yield paths.functions / name
