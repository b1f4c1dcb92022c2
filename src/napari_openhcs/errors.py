"""Every error this package raises on purpose.

One base class, :class:`OpenHCSError`; each error is also the builtin a caller would
catch.  A message is one sentence that says what was found, what was expected and how
to mend it, with the path, well or step in it.  Errors about *data on disk*
(:class:`PlateError`, :class:`ImageReadError`, :class:`StoreError`) are different
classes from errors about *arguments* (:class:`ParameterError`, :class:`PipelineError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_openhcs.plan import Problem


class OpenHCSError(Exception):
    """Base of all errors raised by napari-openhcs; its text is fit for a user."""


class EntryError(OpenHCSError, ImportError):
    """What another distribution adds (a format, backend, library …) cannot be imported."""


class PlateError(OpenHCSError, ValueError):
    """A folder or file that should be a plate is not one, or is inconsistent."""


class PlateNotFoundError(PlateError, FileNotFoundError):
    """The path of a plate does not exist."""


class ImageReadError(OpenHCSError, OSError):
    """An image file or chunk is missing, truncated or unreadable."""


class StoreError(OpenHCSError, OSError):
    """An OME-Zarr store is damaged, incomplete or cannot be written."""


class OutputError(OpenHCSError, OSError):
    """The output folder cannot be used: not writable, or it holds another run."""


class PipelineError(OpenHCSError, ValueError):
    """A pipeline or one of its steps is not well formed."""


class ScriptError(PipelineError):
    """A script is not a pipeline; it was read, never executed.

    Parameters
    ----------
    message : str
        The sentence shown to the user.
    line, column : int
        1-based position of what was refused; 0 when the whole file is meant.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class FunctionNotFoundError(OpenHCSError, LookupError):
    """No registered function has this name."""


class FunctionUnavailableError(OpenHCSError, ImportError):
    """The function is known but its library is not installed here."""


class ParameterError(OpenHCSError, ValueError):
    """A parameter is unknown, missing, of the wrong type or out of its limits."""


class MemoryTypeError(OpenHCSError, TypeError):
    """A memory type is unknown, unavailable, or an array is not of that type."""


class ConversionError(MemoryTypeError):
    """An array cannot be converted between two memory types."""


class ContractError(OpenHCSError, ValueError):
    """A function returned something other than its contract promises."""


class CompileError(OpenHCSError, ValueError):
    """A pipeline does not compile for a plate.

    Parameters
    ----------
    problems : sequence of Problem
        Everything that is wrong, all at once.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class RunError(OpenHCSError, RuntimeError):
    """A run could not be started, followed or stopped."""


class StepFailedError(OpenHCSError, RuntimeError):
    """A step failed on a well; the message names step, function, well and file."""
