"""``inspect``: what is this plate?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from napari_openhcs.commands.base import Command, console, print_facts, print_json

if TYPE_CHECKING:
    from napari_openhcs.plate import Plate


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of a plate")


def plate_document(plate: Plate) -> dict[str, Any]:
    """Return the JSON document of ``inspect``."""
    return {
        "format": plate.format,
        "name": plate.name,
        "path": plate.root,
        "wells": plate.wells,
        "fields_per_well": max((len(plate.fields_of(well)) for well in plate.wells), default=0),
        "fields": {well: plate.fields_of(well) for well in plate.wells},
        "channels": plate.channels,
        "n_z": len(plate.z),
        "n_t": len(plate.t),
        "shape_yx": plate.shape_yx,
        "dtype": plate.dtype,
        "pixel_size_um": plate.pixel_size_um,
        "z_step_um": plate.z_step_um,
        "n_planes": len(plate.planes),
        "conditions": plate.conditions,
        "missing": [key._asdict() for key in plate.missing],
        "problems": plate.problems,
    }


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.formats import open_plate
    from napari_openhcs.plate import first_problems

    plate = open_plate(arguments.path)
    if arguments.json:
        print_json(plate_document(plate))
        return 0
    rows, columns = plate.shape_yx
    print_facts(
        [
            ("plate", plate.name),
            ("format", plate.format),
            ("wells", f"{len(plate.wells)} of {plate.n_rows * plate.n_columns}"),
            ("", ""),
            ("fields", max((len(plate.fields_of(well)) for well in plate.wells), default=0)),
            ("channels", ", ".join(f"{c.id} {c.name}" for c in plate.channels)),
            ("z, t", f"{len(plate.z)}, {len(plate.t)}"),
            ("image", f"{rows} × {columns} px, {plate.dtype}"),
            ("pixel size", plate.pixel_size_um and f"{plate.pixel_size_um:.4g} µm"),
            ("z step", plate.z_step_um and f"{plate.z_step_um:.4g} µm"),
            ("planes", f"{len(plate.planes):,}"),
            ("missing planes", len(plate.missing) or None),
        ]
    )
    for problem in first_problems(plate.problems):
        console().print(f"! {problem.message}", markup=False)
    return 0


COMMAND = Command("inspect", "Say what a plate holds.", _arguments, _execute)
