"""``status``: how a run stands that goes on elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.commands.run import print_status


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="output folder of the run")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.runner import read_status

    status = read_status(arguments.output)
    if arguments.json:
        print_json(status)
    else:
        print_status(status)
    return 0


COMMAND = Command("status", "Say how a run stands.", _arguments, _execute)
