"""``demo``: the whole main job on a sample plate of known truth."""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.commands.base import Command, console, print_json
from napari_openhcs.commands.open import open_window
from napari_openhcs.commands.run import exit_status, follow_run, print_status
from napari_openhcs.errors import OutputError
from napari_openhcs.words import counted

if TYPE_CHECKING:
    from napari_openhcs.runner import RunStatus

SAMPLE = {"wells": 24, "fields": 2, "channels": 2, "size": 512, "seed": 0}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("openhcs-demo"))
    parser.add_argument(
        "--headless", action="store_true", help="open no window; take a picture of it instead"
    )


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.templates import count_nuclei

    out = console()
    folder: Path = arguments.output
    plate = _sample_plate(folder)
    if not arguments.json:
        out.print(f"Sample plate of known truth: {plate}", markup=False)
    status = follow_run(
        count_nuclei(),
        argparse.Namespace(
            path=str(plate), output=folder / "results", wells=None, fields=None, workers=None,
            executor="processes", scheduler=None, resume=False, overwrite=True,
        ),
    )  # fmt: skip
    found, truth = _counts(folder)
    headless = arguments.headless or not has_display()
    picture = _picture(folder) if headless else None
    if arguments.json:
        document = _document(status)
        print_json({**document, "screenshot": str(picture or ""), "counted": found, "truth": truth})
    else:
        print_status(status)
        out.print(_summary(status, found, truth), markup=False)
        if headless:
            out.print(f"Picture of the window: {picture or 'none, see above'}", markup=False)
    if not headless:
        open_window(folder / "results")
    return exit_status(status)


def _sample_plate(folder: Path) -> Path:
    """Write the sample plate where this command wrote one before, or nothing is there."""
    from napari_openhcs.sample_data import write_sample_plate

    plate = folder / "plate"
    mark = folder / "openhcs-demo.txt"
    try:
        if folder.exists() and any(folder.iterdir()) and not mark.is_file():
            raise OutputError(
                f"{folder} holds something else than a demo: choose a new folder with --output."
            )
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text("Made by 'napari-openhcs demo'; the folder can be deleted.\n")
        shutil.rmtree(plate, ignore_errors=True)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}): choose another folder with --output."
        ) from error
    return Path(write_sample_plate(plate, **SAMPLE).path)  # type: ignore[arg-type]


def _counts(folder: Path) -> tuple[int, int]:
    """Return nuclei counted and nuclei there are, on the whole plate."""
    from napari_openhcs.ome_zarr.results import open_results

    table = open_results(folder / "results").table("Measurements")
    (truth_file,) = folder.glob("plate/**/truth.csv")
    with truth_file.open(newline="") as file:
        truth = sum(int(row["nuclei"]) for row in csv.DictReader(file))
    return int(table.num_rows), truth


def _summary(status: RunStatus, found: int, truth: int) -> str:
    wells = counted(len(status.wells), "well")
    off = 100 * (found - truth) / max(truth, 1)
    return (
        f"{wells}, {status.planes} planes, {status.seconds:.1f} s, "
        f"{found} nuclei counted of {truth} ({off:+.1f} %)"
    )


def _document(status: RunStatus) -> dict[str, Any]:
    from dataclasses import fields

    return {item.name: getattr(status, item.name) for item in fields(status)}


def has_display() -> bool:
    """Whether a window can be opened here."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _picture(folder: Path) -> Path | None:
    """Open the window on a virtual screen, in a process of its own, and take its picture."""
    picture = folder / "screenshot.png"
    picture.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "napari_openhcs", "open", str(folder / "results"),
        "--screenshot", str(picture),
    ]  # fmt: skip
    if not has_display():
        if shutil.which("xvfb-run") is None:
            print("No picture: xvfb-run is not installed (Debian: xvfb).", file=sys.stderr)
            return None
        command = ["xvfb-run", "-a", "-s", "-screen 0 1440x900x24", *command]
    environment = {**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not picture.is_file():
        lines = done.stderr.strip().splitlines()
        print(f"No picture: {lines[-1] if lines else 'the window did not open'}", file=sys.stderr)
        return None
    return picture


COMMAND = Command("demo", "Run the whole main job on a sample plate.", _arguments, _execute)
