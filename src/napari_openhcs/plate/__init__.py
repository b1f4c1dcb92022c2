"""The plate model: which plane lies in which file, and what is known about it.

:class:`~napari_openhcs.plate.model.Plate` is a frozen index made by
:mod:`napari_openhcs.formats`; it holds no pixels and never opens a file.
"""

from napari_openhcs.plate.model import (
    Channel,
    PlaneKey,
    PlaneSource,
    Plate,
    PlateProblem,
    find_missing,
    first_problems,
    mosaic_position,
)

__all__ = [
    "Channel",
    "PlaneKey",
    "PlaneSource",
    "Plate",
    "PlateProblem",
    "find_missing",
    "first_problems",
    "mosaic_position",
]
