"""The command line: ``napari-openhcs COMMAND …``, also ``python -m napari_openhcs``.

Each command is one file in :mod:`napari_openhcs.commands`.  People read the plain output;
``--json`` gives one JSON document on standard output and nothing else there.  Exit status:
0 done, 1 the run ended with failed wells, 2 refused (one sentence on standard error),
130 stopped.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_openhcs import __version__
from napari_openhcs.commands import COMMANDS
from napari_openhcs.commands.base import EXIT_REFUSED, EXIT_STOPPED
from napari_openhcs.errors import CompileError, OpenHCSError

if TYPE_CHECKING:
    from napari_openhcs.pipeline import Pipeline

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(EXIT_REFUSED, f"{self.prog}: {message} (see '{self.prog} --help').\n")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


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
    parser = _parser() if pipeline is None else _script_parser(pipeline)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.execute(arguments)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is left to say.
        sys.stdout = None
        return 0
    except CompileError as error:
        return _refuse(error, [problem.message for problem in error.problems], arguments.debug)
    except OpenHCSError as error:
        return _refuse(error, [str(error)], arguments.debug)
    except Exception as error:  # noqa: BLE001 - the process boundary: a sentence, not a traceback
        found = f"Unexpected {type(error).__name__}: {error}"
        sentence = f"{found} (run again with --debug for the traceback)."
        return _refuse(error, [sentence], arguments.debug)
    return status


def _refuse(error: Exception, sentences: Sequence[str], debug: bool) -> int:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    if debug:
        traceback.print_exception(error)
    return EXIT_REFUSED
