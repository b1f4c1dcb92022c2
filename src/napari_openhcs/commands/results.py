"""``results``: what a run left."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_openhcs.commands.base import Command, print_facts, print_json
from napari_openhcs.words import counted

MOST_NAMES = 6
"""Columns of a table that are named; a measurement has dozens."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="output folder of a run")


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.ome_zarr.results import open_results

    document = open_results(arguments.output).summary()
    if arguments.json:
        print_json(document)
        return 0
    tables = document["tables"]
    print_facts(
        [
            ("plate", document["plate"]),
            ("images", document["images"]),
            ("labels", ", ".join(document["labels"])),
            *(
                (f"table {name}", f"{counted(item['rows'], 'row')}, {_columns(item['columns'])}")
                for name, item in tables.items()
            ),
            *(
                (f"special {name}", f"{item['kind']}, {_files(item)}")
                for name, item in document["special"].items()
            ),
        ]
    )
    return 0


def _files(item: Mapping[str, Any]) -> str:
    """Say in how many files a special output lies."""
    return counted(item["files"], f"{item['format']} file")


def _columns(names: Sequence[str]) -> str:
    """Say how many columns there are and what the first are called."""
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"{counted(len(names), 'column')}: {', '.join(names[:MOST_NAMES])}{more}"


COMMAND = Command("results", "Say what a run left.", _arguments, _execute)
