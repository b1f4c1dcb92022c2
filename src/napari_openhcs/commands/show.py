"""``show``: the steps of a pipeline script, which is read and never executed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.commands.base import Command, print_json, print_table

if TYPE_CHECKING:
    from napari_openhcs.pipeline import FunctionStep, Pipeline


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE.py", type=Path)


def _step_document(step: FunctionStep) -> dict[str, Any]:
    return {
        "name": step.title,
        "functions": [
            {"key": key, "id": call.function, "parameters": call.parameters}
            for key, call in step.calls()
        ],
        "input_source": step.input_source,
        "select": step.select,
        "inputs": step.inputs,
        "variable_components": step.variable_components,
        "group_by": step.group_by,
        "volume": step.volume,
        "dtype": step.dtype,
        "materialize": step.materialize,
        "enabled": step.enabled,
    }


def pipeline_document(pipeline: Pipeline) -> dict[str, Any]:
    """Return the JSON document of ``show``."""
    return {"name": pipeline.name, "steps": [_step_document(step) for step in pipeline]}


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.script import import_script
    from napari_openhcs.pipeline.script_writer import format_literal

    pipeline = import_script(arguments.pipeline)
    if arguments.json:
        print_json(pipeline_document(pipeline))
        return 0
    rows = []
    for number, step in enumerate(pipeline, start=1):
        for key, call in step.calls():
            values = ", ".join(f"{k}={format_literal(v)}" for k, v in call.parameters.items())
            rows.append((number, step.title, key, call.function, values))
    print_table(pipeline.name, ("", "step", "for", "function", "parameters"), rows)
    return 0


COMMAND = Command("show", "List the steps of a pipeline script.", _arguments, _execute)
