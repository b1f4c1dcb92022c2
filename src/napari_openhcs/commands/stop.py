"""``stop``: stop a run that goes on elsewhere; what is done stays done."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.commands.run import print_status


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="output folder of the run")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.runner import stop_run

    status = stop_run(arguments.output)
    if arguments.json:
        print_json(status)
    else:
        print_status(status)
    return 0


COMMAND = Command("stop", "Stop a run; finished wells stay.", _arguments, _execute)
