"""What a command is, and how it speaks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_openhcs.axes import parse_well
from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import to_json

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EXIT_FAILED", "EXIT_REFUSED", "EXIT_STOPPED", "Command"]

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_STOPPED = 130

WIDE = 10_000
"""Columns of a table that is not folded; it takes no more of them than it has text."""


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    Attributes
    ----------
    name, help : str
    add_arguments : callable
        Adds the command's own arguments to its parser.
    execute : callable
        Takes the parsed arguments, returns the exit status.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]


def print_json(document: Any) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(to_json(document, indent=2).decode() + "\n")


def console() -> Console:
    """Return a console for people: standard output, colours where it is a terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table for people: aligned columns, plain text where there is no terminal.

    Cells are folded to the width of a terminal only: in a file or a pipe each row is a line,
    so that one can search for a name and copy it.
    """
    from rich.table import Table

    out = console()
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=out.soft_wrap)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    if out.soft_wrap:
        out.width = WIDE
    out.print(table)


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Print name and value pairs, one a line, aligned."""
    pairs = [(name, value) for name, value in facts if value not in (None, "")]
    width = max((len(name) for name, _ in pairs), default=0)
    out = console()
    for name, value in pairs:
        out.print(f"{name:<{width}}  {value}", markup=False)


def comma_list(text: str) -> tuple[str, ...]:
    """Split ``A01,B02`` at its commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def well_list(text: str) -> tuple[str, ...]:
    """Split ``A1,b02`` into canonical well names."""
    try:
        return tuple(parse_well(part) for part in comma_list(text))
    except PlateError as error:
        # The parser shows the text of this class alone.
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def one_well(text: str) -> str:
    """Return the canonical name of one well: ``a1`` is ``A01``."""
    wells = well_list(text)
    if len(wells) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one well: expected one such as A01")
    return wells[0]
