"""Before and after: small pictures of what functions do, kept beside the catalogues.

``python -m napari_openhcs.functions.pictures [--library NAME]`` calls every function of a
catalogue once, with what its form shows at first, on one scene (:mod:`.scene`).  One
zip file a library holds a JPEG or PNG for every function whose result is an image, a mask
or labels, and the pictures of what went in; looking one up imports no library.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
import zipfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from napari_openhcs.axes import Kind
from napari_openhcs.functions.catalogue import CATALOGUES
from napari_openhcs.functions.classify import main_trial, on_numpy, trial_call
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.registry import get_function, get_spec, is_available, specs
from napari_openhcs.functions.scene import SIDE, scene_array
from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["before_and_after", "make_pictures", "render"]

_DATE: Final = (2020, 1, 1, 0, 0, 0)
"""Of every member, so that the same pictures make the same file."""


def _plane(array: np.ndarray) -> np.ndarray:
    return array if array.ndim == 2 else array[array.shape[0] // 2]


def render(array: np.ndarray, kind: Kind) -> bytes:
    """Return a plane as a picture.

    Parameters
    ----------
    array : ndarray, (Y, X) or (Z, Y, X)
        Of a stack the middle plane is shown.
    kind : Kind
        Images are grey, from their 0.2nd to their 99.8th percentile, as JPEG; masks are
        white on black and labels coloured, as PNG.
    """
    plane = _plane(np.asarray(array))
    stream = io.BytesIO()
    if kind is Kind.LABELS:
        picture = Image.fromarray(_palette_index(plane), "P")
        picture.putpalette(_PALETTE)
    elif kind is Kind.MASK:
        picture = Image.fromarray(plane.astype(bool))
    else:
        picture = Image.fromarray(_grey(plane))
    picture.thumbnail((SIDE, SIDE))
    if kind is Kind.IMAGE:
        picture.save(stream, "JPEG", quality=80, optimize=True)
    else:
        picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _grey(plane: np.ndarray) -> np.ndarray:
    values = np.nan_to_num(plane.astype(np.float64))
    low, high = np.percentile(values, (0.2, 99.8))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scaled = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return np.asarray(scaled * 255, np.uint8)


def _palette_index(labels: np.ndarray) -> np.ndarray:
    return np.where(labels > 0, labels.astype(np.int64) % 11 + 1, 0).astype(np.uint8)


# Paul Tol's "muted" and "bright" schemes: told apart by colour-blind eyes too.
_PALETTE: Final = [
    *(0, 0, 0),
    *(204, 102, 119),
    *(102, 204, 238),
    *(221, 204, 119),
    *(17, 119, 51),
    *(136, 204, 238),
    *(170, 68, 153),
    *(68, 170, 153),
    *(238, 102, 119),
    *(153, 153, 51),
    *(68, 119, 170),
    *(187, 187, 187),
]


def _shown(spec: FunctionSpec) -> tuple[str, bytes, bytes]:
    """Call a function and return (name of what goes in, its picture, the result's)."""
    trial = main_trial(spec)
    first, parameters = trial_call(spec, trial, make=scene_array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = on_numpy(spec, get_function(spec.id))(first, **parameters)
    kind = spec.output_kind_for(trial.kind)
    return f"{trial.kind}-{trial.ndim}", render(first, trial.kind), render(result, kind)


def make_pictures(library: str, folder: Path = CATALOGUES) -> int:
    """Write the pictures of a library's functions.

    Returns
    -------
    int
        How many functions have one; which fail on the scene is printed.
    """
    members: dict[str, bytes] = {}
    found = 0
    for spec in _with_pictures(specs().values()):
        if spec.library != library or not is_available(spec):
            continue
        try:
            source, before, after = _shown(spec)
        # Anything may come out of a foreign function: it goes without a picture.
        except Exception as error:  # noqa: BLE001
            print(f"{spec.id}: {error}", file=sys.stderr)
            continue
        members[f"before/{source}"] = before
        members[spec.id] = after
        members[f"{spec.id}.before"] = source.encode()
        found += 1
    if members:
        with zipfile.ZipFile(_path(library, folder), "w") as archive:
            for name, content in sorted(members.items()):
                archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return found


def _with_pictures(known: Iterable[FunctionSpec]) -> list[FunctionSpec]:
    return [spec for spec in known if spec.output_kind is not Kind.TABLE]


def _path(library: str, folder: Path) -> Path:
    return folder / f"{library}.pictures.zip"


@lru_cache(maxsize=64)
def before_and_after(spec: FunctionSpec, folder: Path = CATALOGUES) -> tuple[bytes, bytes] | None:
    """Return the pictures of what goes into a function and what comes out.

    Returns
    -------
    (bytes, bytes) or None
        JPEG or PNG files of at most 96 px; None for functions that give a table,
        and for those of a library without pictures.  A function with a twin has the twin's.
    """
    shown = get_spec(spec.twin) if spec.twin else spec
    try:
        with zipfile.ZipFile(_path(shown.library, folder)) as archive:
            source = archive.read(f"{shown.id}.before").decode()
            return archive.read(f"before/{source}"), archive.read(shown.id)
    except (FileNotFoundError, KeyError):
        return None


def main(arguments: list[str] | None = None) -> None:
    """Write the pictures of the libraries asked for, or of all that are installed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--library", action="append", choices=list(LIBRARIES))
    options = parser.parse_args(arguments)
    for library in options.library or [name for name, it in LIBRARIES.items() if it.is_available()]:
        print(f"{library}: {make_pictures(library)} pictures", file=sys.stderr)


if __name__ == "__main__":
    main()
