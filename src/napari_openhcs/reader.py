"""napari's reader entry: a plate or results dropped on the window.

In a window the plate opens in the workbench (through a command of the manifest, so that
nothing of napari or Qt is imported here); without a window the layers of the first well
are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_openhcs.errors import OpenHCSError, PlateError
from napari_openhcs.formats import open_plate

__all__ = ["get_reader", "read_layers"]

SHOW_COMMAND = "napari-openhcs.show_path"

LayerTuple = tuple[Any, ...]


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return a reader where the path is a plate or the output of a run, else None.

    Parameters
    ----------
    path : str or sequence of str
        What was dropped; of several paths none is read.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    return _read if _is_output(Path(path)) or _is_plate(path) else None


def _is_output(path: Path) -> bool:
    return path.is_dir() and (path / ".openhcs").is_dir()


def _is_plate(path: str) -> bool:
    try:
        open_plate(path)
    except PlateError:
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
        The path is neither.
    """
    from napari_openhcs.layer_data import raw_layers, result_layers
    from napari_openhcs.ome_zarr.results import open_results

    if _is_output(Path(path)):
        results = open_results(path)
        if not results.wells:
            raise OpenHCSError(f"{path} holds no finished well yet: nothing can be shown.")
        well = results.wells[0]
        found = result_layers(results, well, results.fields(well)[0])
    else:
        plate = open_plate(path)
        well = plate.wells[0]
        found = raw_layers(plate, well, plate.fields_of(well)[0])
    return [layer.as_tuple() for layer in found if layer.data is not None]
