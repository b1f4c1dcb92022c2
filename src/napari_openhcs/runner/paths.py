"""Where a run keeps its books: the folder ``.openhcs`` beside the stores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_openhcs.errors import RunError
from napari_openhcs.storage.base import is_text

__all__ = ["RunPaths"]


@dataclass(frozen=True)
class RunPaths:
    """The places inside an output folder.

    Parameters
    ----------
    output : Path
        The output folder, absolute.
    """

    output: Path

    @classmethod
    def of(cls, output: str | Path) -> RunPaths:
        """Return the places of an output folder.

        Raises
        ------
        RunError
            No folder can have this name.
        """
        if "\0" in str(output) or not is_text(str(output)):
            raise RunError(
                f"The output folder {str(output)!a} has a name that is not valid text: give the "
                "path of a folder."
            )
        return cls(Path(output).absolute())

    @property
    def folder(self) -> Path:
        """The folder of the books."""
        return self.output / ".openhcs"

    @property
    def plan(self) -> Path:
        """The plan as JSON."""
        return self.folder / "plan.json"

    @property
    def events(self) -> Path:
        """The events, one JSON object a line."""
        return self.folder / "events.jsonl"

    @property
    def markers(self) -> Path:
        """The folder with one marker for each committed well."""
        return self.folder / "markers"

    @property
    def staging(self) -> Path:
        """The folder where wells are written before they are published."""
        return self.folder / "staging"

    @property
    def logs(self) -> Path:
        """The folder of log files, one a process."""
        return self.folder / "logs"

    @property
    def stop(self) -> Path:
        """The file whose presence asks the supervisor to stop."""
        return self.folder / "stop"

    @property
    def lock(self) -> Path:
        """The file that names the process that runs into this output."""
        return self.folder / "lock"

    @property
    def script(self) -> Path:
        """The pipeline as a script."""
        return self.output / "pipeline.py"

    @property
    def functions(self) -> Path:
        """The folder with a copy of each custom file the pipeline uses."""
        return self.output / "functions"

    def marker(self, well: str) -> Path:
        """Return the marker file of a well."""
        return self.markers / f"{well}.json"
