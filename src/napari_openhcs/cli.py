"""The command line: ``napari-openhcs COMMAND …``, also ``python -m napari_openhcs``.

Each command is one file in :mod:`napari_openhcs.commands`.  People read the plain output;
``--json`` gives one JSON document on standard output and nothing else there.  Exit status:
0 done, 1 the run ended with failed wells, 2 refused (one sentence on standard error, with
``--json`` also the document ``{"error": …, "problems": […]}``), 130 stopped.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from napari_openhcs import __version__
from napari_openhcs.commands import COMMANDS
from napari_openhcs.commands.base import EXIT_REFUSED, EXIT_STOPPED, print_json
from napari_openhcs.errors import CompileError, OpenHCSError

if TYPE_CHECKING:
    from napari_openhcs.pipeline import Pipeline

__all__ = ["main"]


class _UsageError(OpenHCSError):
    """The arguments are not those of any command."""


class _Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{self.prog}: {message} (see '{self.prog} --help').")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument(
        "--functions",
        metavar="FOLDER",
        action="append",
        default=[],
        help="a folder of your own functions; may be given several times",
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="napari-openhcs",
        description="High-content screening: plate to pipeline to OME-Zarr results.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        child = commands.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(child)
        _add_common(child)
        child.set_defaults(execute=command.execute)
    return parser


def _script_parser(pipeline: Pipeline) -> argparse.ArgumentParser:
    from napari_openhcs.commands.run import add_run_arguments, run_pipeline

    parser = _Parser(description=f"Run the pipeline '{pipeline.name}' on a plate.")
    add_run_arguments(parser)
    _add_common(parser)
    parser.set_defaults(execute=lambda arguments: run_pipeline(pipeline, arguments))
    return parser


def main(pipeline: Pipeline | None = None, argv: Sequence[str] | None = None) -> int:
    """Run the command line, or, from an exported script, its pipeline on a plate.

    Parameters
    ----------
    pipeline : Pipeline, optional
        Given by an exported script: the arguments are then those of ``run`` without the
        pipeline.
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit status.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = _parser() if pipeline is None else _script_parser(pipeline)
        arguments = parser.parse_args(given)
        _find_functions(arguments.functions, beside_script=pipeline is not None)
        status: int = arguments.execute(arguments)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is left to say.
        sys.stdout = None
        return 0
    except CompileError as error:
        return _refuse(error, [problem.message for problem in error.problems], given)
    except OpenHCSError as error:
        return _refuse(error, [str(error)], given)
    except Exception as error:  # noqa: BLE001 - the process boundary: a sentence, not a traceback
        found = f"Unexpected {type(error).__name__}: {error}"
        return _refuse(error, [f"{found} (run again with --debug for the traceback)."], given)
    return status


def _find_functions(named: Sequence[str], *, beside_script: bool) -> None:
    """Look for custom functions in the folders named, and beside the script that runs."""
    script = getattr(sys.modules["__main__"], "__file__", None) if beside_script else None
    if not named and script is None:
        return
    from napari_openhcs.functions.custom_files import add_folder

    for folder in named:
        add_folder(folder)
    if script is not None:
        add_folder(Path(script).absolute().parent, beside=True)


def _refuse(error: Exception, sentences: Sequence[str], given: Sequence[str]) -> int:
    """Say why on standard error; with ``--json`` also as a document for the program."""
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    if "--debug" in given:
        traceback.print_exception(error)
    if "--json" in given:
        print_json({"error": sentences[0], "problems": list(sentences)})
    return EXIT_REFUSED
