"""``sample``: write a synthetic plate of known truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_openhcs.commands.base import Command, print_json
from napari_openhcs.words import byte_size


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--z", type=int, default=1)
    parser.add_argument("--size", type=int, default=1080, help="rows and columns in px")
    parser.add_argument(
        "--format", default="imagexpress", help="imagexpress, opera_phenix or ome_zarr"
    )
    parser.add_argument("--seed", type=int, default=0)


def _execute(arguments: argparse.Namespace) -> int:
    from napari_openhcs.sample_data import write_sample_plate

    sample = write_sample_plate(
        arguments.folder,
        wells=arguments.wells,
        fields=arguments.fields,
        channels=arguments.channels,
        z=arguments.z,
        size=arguments.size,
        format=arguments.format,
        seed=arguments.seed,
    )
    if arguments.json:
        print_json({"path": str(sample.path), "planes": sample.planes, "bytes": sample.bytes})
    else:
        print(f"{sample.planes:,} planes ({byte_size(sample.bytes)}) written to {sample.path}")
    return 0


COMMAND = Command("sample", "Write a synthetic plate of known truth.", _arguments, _execute)
