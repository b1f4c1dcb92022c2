"""Functions that behave, and functions that do not, as a function library of its own.

:func:`install_library` makes a small distribution whose entry point adds the library to
the registry of every process that has its folder on ``PYTHONPATH``; a worker so finds these
functions as it finds any other distribution's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.catalogue import Catalogue
from napari_openhcs.functions.libraries.base import FunctionLibrary
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec

__all__ = ["EXPORT", "install_library"]


def smooth(image: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """Smooth a plane."""
    smoothed: np.ndarray = ndimage.gaussian_filter(image, sigma)
    return smoothed


def project(image: np.ndarray) -> np.ndarray:
    """Give the maximum of N planes."""
    projected: np.ndarray = image.max(axis=0)
    return projected


def find_objects(image: np.ndarray, threshold: float = 500.0) -> np.ndarray:
    """Label what is brighter than a threshold."""
    labels: np.ndarray = ndimage.label(image > threshold)[0].astype(np.int32)
    return labels


def measure(image: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Measure area (px) and mean of each object."""
    numbers = np.unique(labels)
    numbers = numbers[numbers > 0]
    return {
        "label": numbers,
        "area": np.bincount(labels.ravel())[numbers] if len(numbers) else numbers,
        "mean": np.asarray(ndimage.mean(image, labels, numbers), dtype=float),
    }


def count_call(image: np.ndarray, file: str) -> np.ndarray:
    """Leave the plane as it is and add a line to a file."""
    with Path(file).open("a") as out:
        out.write(f"{image[0, 0]}\n")
    return image


def misbehave(image: np.ndarray, how: str, corner: int = -1, flag: str = "") -> np.ndarray:
    """Do something no function should, or leave the plane as it is.

    Parameters
    ----------
    image : ndarray, (Y, X)
    how : str
        ``raise``, ``exit``, ``kill``, ``crash``, ``hang``, ``hang hard`` (deaf to SIGTERM),
        ``sleep``, ``shape``, ``object``, ``child`` (starts one that leaves the group), ``print``.
    corner : int
        Only where the first pixel has this value (the builder writes the well's number there);
        negative: everywhere.
    flag : str
        A file; where it exists the function behaves, else it makes it and misbehaves.
    """
    if corner >= 0 and int(image[0, 0]) != corner:
        return image
    if flag:
        if Path(flag).exists():
            return image
        Path(flag).touch()
    return _misbehave(image, how)


def _misbehave(image: np.ndarray, how: str) -> np.ndarray:
    if how == "raise":
        raise ZeroDivisionError("there is nothing to divide by")
    if how == "exit":
        sys.exit(7)
    if how == "kill":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    if how == "crash":
        os._exit(3)
    if how == "hang hard":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while how in ("hang", "hang hard"):
        time.sleep(0.05)
    if how == "sleep":
        time.sleep(0.3)
    if how == "shape":
        return image[1:]
    if how == "object":
        return object()  # type: ignore[return-value]
    if how == "child":
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
        )
        _misbehave(image, "hang")
    if how == "print":
        for _ in range(2000):
            print("x" * 1000)
    return image


def _spec(
    name: str, contract: Contract, kind: Kind, *parameters: ParameterSpec, first: str = "image"
) -> FunctionSpec:
    return FunctionSpec(
        id=f"{__name__}.{name}",
        implementation=f"{__name__}:{name}",
        library="faults",
        library_version="1",
        memory_type_in="numpy",
        memory_type_out="numpy",
        contract=contract,
        output_kind=kind,
        category="test",
        summary=name,
        first=first,
        parameters=parameters,
        shared_columns=("label", "area") if kind is Kind.TABLE else (),
    )


def _text(name: str, *, required: bool = False) -> ParameterSpec:
    return ParameterSpec(name=name, type="str", default=None if required else "", required=required)


SPECS = (
    _spec("count_call", Contract.PLANE, Kind.IMAGE, _text("file", required=True)),
    _spec(
        "find_objects",
        Contract.LABELS,
        Kind.LABELS,
        ParameterSpec(name="threshold", type="float", default=500.0),
    ),
    _spec(
        "measure",
        Contract.TABLE,
        Kind.TABLE,
        ParameterSpec(name="labels", type="array", required=True, kind=Kind.LABELS),
    ),
    _spec(
        "misbehave",
        Contract.PLANE,
        Kind.IMAGE,
        _text("how", required=True),
        ParameterSpec(name="corner", type="int", default=-1),
        _text("flag"),
    ),
    _spec("project", Contract.REDUCE, Kind.IMAGE),
    _spec(
        "smooth", Contract.PLANE, Kind.IMAGE, ParameterSpec(name="sigma", type="float", default=1.0)
    ),
)


class _FaultLibrary(FunctionLibrary):
    """The functions of this module; its catalogue is written here, not in a file."""

    def version(self) -> str | None:
        """Return the version."""
        return "1"

    def catalogue(self) -> Catalogue | None:
        """Return what is known of the functions."""
        return Catalogue("faults", "1", SPECS)


EXPORT = _FaultLibrary(
    name="faults",
    title="the functions for fault tests",
    memory_type="numpy",
    module=__name__,
    distribution="napari-openhcs",
    install="pip install napari-openhcs",
)


def install_library(folder: Path) -> Path:
    """Make the distribution; return the folder to be put on ``PYTHONPATH``."""
    info = folder / "openhcs_faults-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openhcs-faults\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[napari_openhcs.libraries]\nfaults = {__name__}:EXPORT\n"
    )
    return folder
