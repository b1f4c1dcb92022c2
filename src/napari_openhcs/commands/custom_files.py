"""``functions trust FILE`` and its siblings: files with functions of your own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.commands.base import (
    EXIT_FAILED,
    EXIT_REFUSED,
    console,
    print_facts,
    print_json,
    print_table,
)
from napari_openhcs.errors import OpenHCSError

if TYPE_CHECKING:
    from napari_openhcs.functions.custom_files import FileState

__all__ = ["add_actions", "execute_action"]


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Add the actions on files to the parser of ``functions``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=False)

    def action(name: str, what: str, execute: Callable[[argparse.Namespace], int]) -> Any:
        child = actions.add_parser(name, help=what, description=what)
        for option in ("--debug", "--json"):
            child.add_argument(option, action="store_true", default=argparse.SUPPRESS)
        child.set_defaults(act=execute)
        return child

    action("custom", "list the files with functions of your own", _list)
    trust = action("trust", "show a file, ask, trust it, and try its functions", _trust)
    trust.add_argument("file", metavar="FILE", type=Path)
    sure = trust.add_mutually_exclusive_group()
    sure.add_argument("--yes", action="store_true", help="trust it without being asked")
    sure.add_argument("--sha256", metavar="HASH", help="trust it if it has this hash")
    distrust = action("distrust", "trust a file no longer", _distrust)
    distrust.add_argument("file", metavar="FILE", type=Path)
    new = action("new", "write a file with an example to begin from", _new)
    new.add_argument("name", metavar="NAME", nargs="?", default="my_functions")
    add = action("add", "copy a file into the folder of functions", _add)
    add.add_argument("file", metavar="FILE", type=Path)


def execute_action(arguments: argparse.Namespace) -> int:
    """Do what was asked for; return the exit status."""
    status: int = arguments.act(arguments)
    return status


def _document(state: FileState) -> dict[str, Any]:
    return {
        "path": str(state.file.path),
        "sha256": state.file.sha256,
        "state": state.state.value,
        "message": state.message,
        "functions": [spec.id for spec in state.functions],
        "problems": dict(state.problems),
    }


def _list(arguments: argparse.Namespace) -> int:
    from napari_openhcs.functions.custom_files import file_states, folders

    found = file_states()
    if arguments.json:
        print_json(
            {
                "folders": [str(folder) for folder in folders()],
                "files": [_document(state) for state in found],
            }
        )
        return 0
    rows = ((s.file.path, s.state, len(s.functions), s.message) for s in found)
    print_table("", ("file", "state", "functions", ""), rows)
    places = ", ".join(map(str, folders()))
    count = "1 file" if len(found) == 1 else f"{len(found)} files"
    console().print(f"\n{count}; looked for in {places}", markup=False)
    return 0


def _trust(arguments: argparse.Namespace) -> int:
    from napari_openhcs.functions.custom_files import file_states, read_file, trust_file

    file = read_file(arguments.file)
    if file.problem:
        raise OpenHCSError(file.problem)
    if not arguments.json:
        _show(arguments.file)
    _make_sure(arguments, file.sha256)
    state = trust_file(file.path, arguments.sha256 or file.sha256)
    if arguments.json:
        print_json(_document(state))
    else:
        out = console()
        for spec in state.functions:
            out.print(f"{spec.id}: {spec.contract}, {spec.memory_type_in}", markup=False)
        for problem in state.problems.values():
            out.print(problem, markup=False)
    if not any(item.file.path.samefile(file.path) for item in file_states() if item.file.sha256):
        print(
            f"{file.path} is trusted, but its folder is not looked into: copy the file with "
            f"'napari-openhcs functions add {file.path}', or name its folder in OPENHCS_FUNCTIONS.",
            file=sys.stderr,
        )
    return 0 if state.functions else EXIT_FAILED


def _show(path: Path) -> None:
    """Print a file, or how it differs from what was trusted, and what it does."""
    from napari_openhcs.functions.custom_files import (
        difference,
        lines_of,
        outline_of,
        read_file,
        visible,
    )

    file = read_file(path)
    out = console()
    changes = difference(file)
    lines: Iterable[str] = changes or (
        f"{number:4}  {line}" for number, line in enumerate(lines_of(file.text), start=1)
    )
    for line in lines:
        out.print(visible(line), markup=False, highlight=False)
    out.print()
    print_facts((("file", file.path), ("sha256", file.sha256)))
    for fact in outline_of(file.text).facts():
        out.print(visible(fact), markup=False)


def _make_sure(arguments: argparse.Namespace, sha256: str) -> None:
    if arguments.yes or arguments.sha256:
        return
    if not sys.stdin.isatty() or arguments.json:
        raise OpenHCSError(
            f"{arguments.file} is not trusted, because nobody could be asked: read it, and trust "
            f"it with --sha256 {sha256}."
        )
    print("Trust this file, which may do all that you may? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise OpenHCSError(f"{arguments.file} is not trusted.")


def _distrust(arguments: argparse.Namespace) -> int:
    from napari_openhcs.functions.custom_files import distrust, read_file

    file = read_file(arguments.file)
    if file.problem:
        print(file.problem, file=sys.stderr)
        return EXIT_REFUSED
    distrust(file.sha256)
    return _say(arguments, file.path, "is not trusted any more")


def _new(arguments: argparse.Namespace) -> int:
    from napari_openhcs.functions.custom_files import new_file

    return _say(arguments, new_file(arguments.name), "was written: edit it, then trust it")


def _add(arguments: argparse.Namespace) -> int:
    from napari_openhcs.functions.custom_files import copy_in

    return _say(arguments, copy_in(arguments.file), "is the copy: read it, then trust it")


def _say(arguments: argparse.Namespace, path: Path, what: str) -> int:
    if arguments.json:
        print_json({"path": str(path)})
    else:
        console().print(f"{path} {what}.", markup=False)
    return 0
