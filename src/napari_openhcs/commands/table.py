"""``table``: one measurement table of all wells, as CSV."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.errors import OutputError


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="output folder of a run")
    parser.add_argument("name", metavar="NAME", help="of the table; 'results' lists them")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write to a file")


def _execute(arguments: argparse.Namespace) -> int:
    from pyarrow import csv

    from napari_openhcs.ome_zarr.results import open_results

    table = open_results(arguments.output).table(arguments.name)
    if arguments.csv is not None:
        try:
            with arguments.csv.open("wb") as file:
                csv.write_csv(table, file)
        except OSError as error:
            raise OutputError(
                f"{arguments.csv} cannot be written ({error.strerror}): choose another file."
            ) from error
    document = {"name": arguments.name, "rows": table.num_rows, "columns": table.column_names}
    if arguments.json:
        print_json({**document, "csv": str(arguments.csv or "")})
    elif arguments.csv is None:
        sys.stdout.flush()
        csv.write_csv(table, sys.stdout.buffer)
    else:
        print(f"{table.num_rows:,} rows written to {arguments.csv}")
    return 0


COMMAND = Command("table", "Give a measurement table as CSV.", _arguments, _execute)
