"""``run``: compile a pipeline for a plate and run it in the foreground."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_openhcs.commands.base import (
    EXIT_FAILED,
    EXIT_STOPPED,
    Command,
    comma_list,
    console,
    print_json,
    well_list,
)

if TYPE_CHECKING:
    from napari_openhcs.pipeline import Pipeline
    from napari_openhcs.runner import RunStatus


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``run``, but for the pipeline itself."""
    parser.add_argument("path", metavar="PATH", help="folder of a plate; never written to")
    parser.add_argument("--output", metavar="DIR", type=Path, required=True)
    parser.add_argument("--wells", metavar="A01,B02", type=well_list)
    parser.add_argument("--fields", metavar="1,2", type=comma_list)
    parser.add_argument(
        "--workers", metavar="N", type=_positive, help="by default by memory and cores"
    )
    parser.add_argument("--executor", choices=("processes", "threads", "dask"), default="processes")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="keep the wells that are done")
    again.add_argument("--overwrite", action="store_true", help="replace an earlier run")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE.py", type=Path)
    add_run_arguments(parser)


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.script import import_script

    return run_pipeline(import_script(arguments.pipeline), arguments)


def run_pipeline(pipeline: Pipeline, arguments: argparse.Namespace) -> int:
    """Run a pipeline with parsed arguments; return the exit status."""
    status = follow_run(pipeline, arguments)
    if arguments.json:
        print_json(status)
    else:
        print_status(status)
    return exit_status(status)


def follow_run(pipeline: Pipeline, arguments: argparse.Namespace) -> RunStatus:
    """Run a pipeline, showing progress on standard error, until it ends."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from napari_openhcs.api import run

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as progress:
        bar = progress.add_task("wells", total=None)

        def show(status: RunStatus) -> None:
            ended = sum(well.state in ("done", "failed") for well in status.wells.values())
            progress.update(bar, completed=ended, total=len(status.wells))

        return run(
            pipeline,
            arguments.path,
            arguments.output,
            wells=arguments.wells,
            fields=arguments.fields,
            workers=arguments.workers,
            executor=arguments.executor,
            scheduler=arguments.scheduler,
            resume=arguments.resume,
            overwrite=arguments.overwrite,
            on_status=show,
        )


def print_status(status: RunStatus) -> None:
    """Print how a run stands: failed wells by sentence, why the run ended, then one line."""
    from napari_openhcs.runner import committed_wells

    out = console()
    failed = [(name, well) for name, well in status.wells.items() if well.state == "failed"]
    for name, well in failed:
        out.print(f"{name} failed: {well.message}", markup=False)
    left = any(well.state not in ("done", "failed") for well in status.wells.values())
    if left and status.state in ("failed", "lost"):
        out.print(status.message, markup=False)
    done = sum(well.state == "done" for well in status.wells.values())
    word = f"FAILED {len(failed)}/{len(status.wells)}" if failed else status.state.upper()
    # Wells that an earlier run finished and this one did not choose.
    others = len(committed_wells(status.output) - set(status.wells))
    wells = "well" if len(status.wells) == 1 else "wells"
    chosen, more = ("chosen ", f", {done + others} in the plate") if others else ("", "")
    out.print(
        f"{word}: {done} of {len(status.wells)} {chosen}{wells} done{more}, {status.planes:,} "
        f"planes in {status.seconds:.1f} s; results in {status.output}",
        markup=False,
    )


def exit_status(status: RunStatus) -> int:
    """Return the exit status that belongs to how a run ended."""
    if status.state == "done":
        return 0
    return EXIT_STOPPED if status.state == "stopped" else EXIT_FAILED


COMMAND = Command("run", "Run a pipeline on a plate.", _arguments, _execute)
