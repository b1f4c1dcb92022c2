"""Can the output folder be used?  Whether it holds other results is seen at the start of a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from napari_openhcs.plan import Problem
from napari_openhcs.storage.base import is_text, lies_inside
from napari_openhcs.words import byte_size

__all__ = ["absolute_output", "check_output"]


def absolute_output(output: str | os.PathLike[str] | None) -> str:
    """Return the absolute path of an output folder; empty where there is none."""
    if output is None or not str(output):
        return ""
    return os.path.abspath(os.path.expanduser(output))


def check_output(
    output: str, plate_root: str, plate_store: str, needed_bytes: int
) -> list[Problem]:
    """Return what keeps a folder from being written to; creates nothing.

    Parameters
    ----------
    output : str
        Absolute path; empty means that nothing is to be written.
    plate_root : str
        The folder of the raw plate, which is never written to.
    plate_store : str
        Name of the plate of results inside the output folder.
    needed_bytes : int
        Estimate of what all wells write, before compression.
    """
    if not output:
        return []
    if not is_text(output):
        message = (
            f"The output folder {output!a} has a name that is not valid text, which no plan "
            "can hold: choose another folder."
        )
        return [_problem("output_unusable", message)]
    try:
        return _check(Path(output), Path(plate_root), plate_store, needed_bytes)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"The output folder {output} cannot be used ({reason}): choose another folder."
        return [_problem("output_unusable", message)]


def _check(output: Path, plate: Path, store: str, needed_bytes: int) -> list[Problem]:
    real, raw = output.resolve(), plate.resolve()
    existing = next(item for item in (real, *real.parents) if item.exists())
    if lies_inside(raw, real):
        message = (
            f"The output folder {output} lies inside the raw plate {plate}, which is never written "
            "to: choose a folder outside of it."
        )
        return [_problem("output_in_plate", message)]
    results = real / store
    if lies_inside(results, raw):
        message = (
            f"The results would be written to {results}, where the raw plate lies: choose another "
            "output folder."
        )
        return [_problem("output_in_plate", message)]
    if not existing.is_dir():
        what = "is a file" if existing == real else f"would lie inside the file {existing}"
        return [_problem("output_is_file", f"The output {output} {what}: choose a folder.")]
    if not os.access(existing, os.W_OK | os.X_OK):
        message = (
            f"The output folder {output} cannot be written (no permission in {existing}): choose "
            "another folder or change its permissions."
        )
        return [_problem("output_not_writable", message)]
    free = shutil.disk_usage(existing).free
    # Real images compress to about half.
    if needed_bytes // 2 > free:
        message = (
            f"The results need about {byte_size(needed_bytes // 2)}, but the disk of "
            f"{output} has {byte_size(free)} free: choose another disk or fewer wells."
        )
        return [_problem("output_space", message, "warning")]
    return []


def _problem(code: str, message: str, severity: str = "error") -> Problem:
    return Problem(code, message, parameter="output", severity=severity)
