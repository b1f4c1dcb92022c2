"""``diff``: what changed from one pipeline to another, in words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("old", "new"):
        parser.add_argument(
            name,
            metavar=f"{name.upper()}.py",
            type=Path,
            help="a pipeline script, or the output of a run",
        )


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.pipeline.diff import describe_changes
    from napari_openhcs.pipeline.script import import_script

    old, new = (
        import_script(path / "pipeline.py" if path.is_dir() else path)
        for path in (arguments.old, arguments.new)
    )
    changes = describe_changes(old, new)
    if arguments.json:
        print_json({"same": not changes, "changes": changes})
    else:
        sys.stdout.write("\n".join(changes or ["The pipelines are the same."]) + "\n")
    return 0


COMMAND = Command("diff", "Say what changed from one pipeline to another.", _arguments, _execute)
