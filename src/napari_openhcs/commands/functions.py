"""``functions``: list the registry; ``functions trust FILE`` and so on for your own files."""

from __future__ import annotations

import argparse

from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.commands.base import Command, console, print_json, print_table
from napari_openhcs.commands.custom_files import add_actions, execute_action
from napari_openhcs.errors import FunctionNotFoundError


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--memory-type", metavar="M", choices=VALID_MEMORY_TYPES)
    parser.add_argument("--library", metavar="L", help="skimage, scipy_ndimage, native, …")
    parser.add_argument("--search", metavar="TEXT", help="as you would say it: 'split nuclei'")
    add_actions(parser)


def _execute(arguments: argparse.Namespace) -> int:
    if arguments.action is not None:
        return execute_action(arguments)
    from napari_openhcs.functions import registry

    libraries = sorted({spec.library for spec in registry.specs().values()})
    if arguments.library not in (None, *libraries):
        raise FunctionNotFoundError(
            f"There is no function library '{arguments.library}': expected one of "
            f"{', '.join(libraries)}."
        )
    found = (
        registry.search(arguments.search, limit=1000)
        if arguments.search
        else list(registry.specs().values())
    )
    chosen = [
        spec
        for spec in found
        if arguments.memory_type in (None, spec.memory_type_in)
        and arguments.library in (None, spec.library)
    ]
    counts: dict[str, int] = dict.fromkeys(VALID_MEMORY_TYPES, 0)
    for spec in chosen:
        counts[spec.memory_type_in] = counts.get(spec.memory_type_in, 0) + 1
    if arguments.json:
        documents = [registry.describe(spec) for spec in chosen]
        print_json({"counts": counts, "functions": documents, "problems": registry.problems()})
        return 0
    print_table(
        "",
        ("function", "memory type", "contract", "gives", "what it does"),
        ((s.id, s.memory_type_in, s.contract, s.output_kind, s.summary) for s in chosen),
    )
    summary = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    console().print(f"\n{len(chosen)} functions: {summary or 'none'}", markup=False)
    return 0


COMMAND = Command("functions", "List the functions there are.", _arguments, _execute)
