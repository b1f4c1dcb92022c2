"""``export``: a pipeline as normalised script, from a script or from results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.errors import OutputError


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", type=Path, help="a pipeline script, or the output of a run"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="write to a file")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.script import export_script, import_script

    source = arguments.source / "pipeline.py" if arguments.source.is_dir() else arguments.source
    pipeline = import_script(source)
    script = export_script(pipeline)
    if arguments.output is not None:
        try:
            arguments.output.write_text(script, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{arguments.output} cannot be written ({error.strerror}): choose another file."
            ) from error
    if arguments.json:
        print_json({"name": pipeline.name, "steps": len(pipeline), "script": script})
    elif arguments.output is None:
        sys.stdout.write(script)
    return 0


COMMAND = Command("export", "Write a pipeline as a plain script.", _arguments, _execute)
