"""``compile``: the five phases, nothing run."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from napari_openhcs.commands.base import (
    EXIT_REFUSED,
    Command,
    console,
    print_json,
    print_table,
    well_list,
)
from napari_openhcs.words import counted


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE.py", type=Path)
    parser.add_argument("path", metavar="PATH", help="folder of a plate")
    parser.add_argument("--output", metavar="DIR", type=Path)
    parser.add_argument("--wells", metavar="A01,B02", type=well_list)
    parser.add_argument("--explain", action="store_true", help="say what goes where and why")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.compiler import compile_pipeline
    from napari_openhcs.compiler.explain import compile_document, explain, steps_document
    from napari_openhcs.formats import open_plate
    from napari_openhcs.pipeline.script import import_script

    pipeline = import_script(arguments.pipeline)
    plate = open_plate(arguments.path)
    start = time.perf_counter()
    plan = compile_pipeline(plate, pipeline, output=arguments.output, wells=arguments.wells)
    seconds = time.perf_counter() - start
    if arguments.json:
        print_json(compile_document(plan, seconds))
    else:
        out = console()
        if arguments.explain:
            out.print(explain(plan), markup=False)
        elif plan.ok:
            rows = [_row(step) for step in steps_document(plan)]
            print_table("", ("", "step", "functions", "gives"), rows)
        for problem in plan.problems:
            out.print(f"{problem.severity}: {problem.message}", markup=False)
        verdict = "compiles" if plan.ok else "does not compile"
        wells = counted(len(plan.contexts), "well")
        out.print(
            f"{pipeline.name} {verdict} for {wells} of {plate.name} ({seconds:.2f} s).",
            markup=False,
        )
    return 0 if plan.ok else EXIT_REFUSED


def _row(step: dict[str, Any]) -> tuple[int, str, str, str]:
    """Return a step as one line: number, name, functions, what it gives."""
    if step["kind"] == "table":
        gives = f"table of {len(step['columns'])} columns" if step["columns"] else "table"
    else:
        size = " × ".join(map(str, step["shape"]))
        gives = ", ".join(filter(None, (step["kind"], step["dtype"], size and f"{size} px")))
    return step["number"], step["name"], ", ".join(step["functions"]), gives


COMMAND = Command("compile", "Check a pipeline on a plate; run nothing.", _arguments, _execute)
