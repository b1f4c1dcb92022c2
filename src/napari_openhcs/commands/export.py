"""``export``: a pipeline as script or notebook, from a script or from results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_openhcs.commands.base import Command, one_well, print_json
from napari_openhcs.errors import OutputError


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", type=Path, help="a pipeline script, or the output of a run"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="write to a file")
    parser.add_argument(
        "--notebook", action="store_true", help="a Jupyter notebook that shows each step on a well"
    )
    parser.add_argument("--plate", metavar="PATH", help="folder of the plate a notebook shows")
    parser.add_argument("--well", metavar="A01", type=one_well, help="well a notebook shows")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.notebook import export_notebook, notebook_text
    from napari_openhcs.pipeline.script import export_script, import_script

    source = arguments.source / "pipeline.py" if arguments.source.is_dir() else arguments.source
    pipeline = import_script(source)
    if arguments.notebook:
        document = export_notebook(pipeline, arguments.plate, arguments.well)
        written = notebook_text(document)
    else:
        written = export_script(pipeline)
    if arguments.output is not None:
        try:
            arguments.output.write_text(written, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{arguments.output} cannot be written ({error.strerror}): choose another file."
            ) from error
    if arguments.json:
        content = {"notebook": document} if arguments.notebook else {"script": written}
        print_json({"name": pipeline.name, "steps": len(pipeline), **content})
    elif arguments.output is None:
        sys.stdout.write(written)
    return 0


COMMAND = Command("export", "Write a pipeline as a plain script or notebook.", _arguments, _execute)
