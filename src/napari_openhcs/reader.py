"""napari's reader entry: a plate or results dropped on the window.

In a window the plate opens in the workbench (through a command of the manifest, so that
nothing of napari or Qt is imported here); without a window the layers of the first well
are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_openhcs.errors import OpenHCSError, OutputError, PlateError
from napari_openhcs.formats import find_format, open_plate

__all__ = ["get_reader", "read_layers"]

SHOW_COMMAND = "napari-openhcs.show_path"

LayerTuple = tuple[Any, ...]

METADATA = (".htd", ".xml")
"""Files that stand for the plate they lie in; a single image opens as an image."""


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return a reader where the path is a plate or the output of a run, else None.

    Only names and metadata are looked at; the plate is read by the reader.

    Parameters
    ----------
    path : str or sequence of str
        What was dropped; of several paths none is read.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    return _read if _is_output(Path(path)) or _is_plate(Path(path)) else None


def _is_output(path: Path) -> bool:
    return (path / ".openhcs").is_dir()


def _is_plate(path: Path) -> bool:
    if path.is_file() and path.suffix.lower() not in METADATA:
        return False
    folder = path.parent if path.is_file() else path
    try:
        if find_format(folder) is not None:
            return True
        if path.is_file():
            return False
        # A folder above the plate: as many levels as open_plate looks for.
        open_plate(path)
    except (PlateError, OSError):
        return False
    return True


def _read(path: str | Sequence[str], stack: bool = False) -> list[LayerTuple]:
    if not isinstance(path, str):
        path = path[0]
    from npe2 import PluginManager

    commands = PluginManager.instance().commands
    if commands.execute(SHOW_COMMAND, (path,)):
        # What napari takes for "read, and no layer to add": the workbench adds them.
        return [(None,)]
    return read_layers(path)


def read_layers(path: str) -> list[LayerTuple]:
    """Return the layers of the first well of a plate or of results.

    Raises
    ------
    PlateError, OutputError
        The path is neither, or nothing of its first well can be shown.
    """
    from napari_openhcs.layer_data import raw_layers
    from napari_openhcs.ome_zarr.results import open_results
    from napari_openhcs.result_layers import result_layers

    if _is_output(Path(path)):
        results = open_results(path)
        if not results.wells:
            raise OutputError(f"{path} holds no finished well yet: nothing can be shown.")
        well = results.wells[0]
        found = result_layers(results, well, results.fields(well)[0])
    else:
        plate = open_plate(path)
        well = plate.wells[0]
        found = raw_layers(plate, well, plate.fields_of(well)[0])
    shown = [layer.as_tuple() for layer in found if layer.data is not None]
    if not shown:
        problems = " ".join(problem for layer in found for problem in layer.problems)
        raise OpenHCSError(problems or f"There is nothing to show in {path}.")
    return shown
