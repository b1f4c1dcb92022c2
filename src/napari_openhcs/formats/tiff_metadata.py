"""What a TIFF's header says about a plane: MetaMorph's XML or UIC tags, shape and dtype.

The only file of this room that opens images; it reads headers, never pixels.
"""

from __future__ import annotations

import html
import math
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_openhcs.errors import ImageReadError

__all__ = ["TiffMetadata", "read_tiff_metadata"]

_PROPERTY = re.compile(r'<(?:custom-)?prop id="([^"]*)" type="[^"]*" value="([^"]*)"')
_EXPOSURE = re.compile(r"Exposure:\s*([0-9.]+)\s*(ms|s)\b", re.I)
_UM: Mapping[str, float] = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "nm": 1e-3, "mm": 1e3, "m": 1e6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TiffMetadata:
    """What a header says; None where it does not.

    Attributes
    ----------
    shape_yx : tuple of int
        Rows and columns of the first page, px.
    dtype : str
        NumPy name of the pixel type.
    n_pages : int
    pixel_size_um : tuple of float or None
        In Y and X, µm.
    position_um : tuple of float or None
        Stage x and y, µm.
    z_um, z_step_um : float or None
        Height of this plane, and the step of the stack it was projected from, µm.
    wavelength_nm, exposure_ms : float or None
    channel_name : str or None
        Name of the illumination setting.
    """

    shape_yx: tuple[int, int]
    dtype: str
    n_pages: int = 1
    pixel_size_um: tuple[float, float] | None = None
    position_um: tuple[float, float] | None = None
    z_um: float | None = None
    z_step_um: float | None = None
    wavelength_nm: float | None = None
    exposure_ms: float | None = None
    channel_name: str | None = None


def read_tiff_metadata(path: str | os.PathLike[str]) -> TiffMetadata:
    """Read the header of a TIFF file.

    Raises
    ------
    ImageReadError
        The file is missing, no TIFF, truncated, or not one grey plane.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            page = tif.pages.first
            shape, dtype = page.shape, page.dtype
            end = max(
                (at + n for at, n in zip(page.dataoffsets, page.databytecounts, strict=True)),
                default=0,
            )
            size = tif.filehandle.size
            description = page.description
            uic: Mapping[str, Any] = (tif.stk_metadata or {}) if tif.is_stk else {}
            n_pages = 1 if tif.is_stk else len(tif.pages)
            found = _from_uic(uic, description) if uic else _from_xml(description)
    except FileNotFoundError as error:
        raise ImageReadError(f"{path} is missing.") from error
    except PermissionError as error:
        raise ImageReadError(
            f"{path} may not be read by this user: change its permissions."
        ) from error
    # A damaged header surfaces as any of these from inside the parser.
    except (
        tifffile.TiffFileError, OSError, ValueError, LookupError, TypeError, AttributeError,
        struct.error, MemoryError, OverflowError,
    ) as error:  # fmt: skip
        raise ImageReadError(
            f"{path} cannot be read as a TIFF ({error}): expected an uncut image file; copy it "
            "again from the microscope."
        ) from error
    if end > size:
        raise ImageReadError(
            f"{path} is truncated: it ends after {size} of {end} bytes; copy it again from the "
            "microscope."
        )
    if len(shape) != 2 or dtype is None or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ImageReadError(
            f"{path} is not one grey plane: its shape is {shape}, expected rows and columns."
        )
    return TiffMetadata((shape[0], shape[1]), dtype.name, n_pages, **found)


def _from_xml(description: str) -> dict[str, Any]:
    """Read the XML that MetaXpress 6 writes into the description (by its lines, not as XML)."""
    values = {key: html.unescape(text) for key, text in _PROPERTY.findall(description)}
    if not values:
        return {}
    calibrated = values.get("spatial-calibration-state", "on") == "on"
    pixel = _pair(values, "spatial-calibration-y", "spatial-calibration-x") if calibrated else None
    exposure = _EXPOSURE.search(f"Exposure: {values.get('Exposure Time', '')}")
    name = values.get("_IllumSetting_") or values.get("image-name", "").removeprefix("Copy of ")
    return {
        "pixel_size_um": _in_um(pixel, values.get("spatial-calibration-units", "um")),
        "position_um": _pair(values, "stage-position-x", "stage-position-y"),
        "z_um": _number(values.get("z-position")),
        "z_step_um": _positive(values.get("Z Projection Step Size")),
        "wavelength_nm": _positive(values.get("wavelength")),
        "exposure_ms": _exposure_ms(exposure or _EXPOSURE.search(values.get("Description", ""))),
        "channel_name": name or None,
    }


def _from_uic(uic: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Read the UIC tags of MetaMorph stacks, which older MetaXpress versions write."""
    pixel = _pair(uic, "YCalibration", "XCalibration") if uic.get("SpatialCalibration") else None
    stage = uic.get("StagePosition", [(None, None)])
    height = uic.get("AbsoluteZ")
    properties = {entry.get("name"): entry.get("value") for entry in uic.get("PlaneProperty") or ()}
    return {
        "pixel_size_um": _in_um(pixel, str(uic.get("CalibrationUnits", ""))),
        "position_um": _pair(dict(zip("xy", stage[0], strict=True)), "x", "y"),
        "z_um": None if height is None else _number(height[0]),
        "wavelength_nm": _positive(uic.get("wavelength")),
        "exposure_ms": _exposure_ms(_EXPOSURE.search(description)),
        "channel_name": str(properties.get("_IllumSetting_") or uic.get("Name") or "") or None,
    }


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _pair(values: Mapping[str, Any], first: str, second: str) -> tuple[float, float] | None:
    a, b = _number(values.get(first)), _number(values.get(second))
    return None if a is None or b is None else (a, b)


def _in_um(pixel: tuple[float, float] | None, unit: str) -> tuple[float, float] | None:
    factor = _UM.get(unit.strip().strip("\x00").lower())
    if pixel is None or factor is None or min(pixel) <= 0:
        return None
    return pixel[0] * factor, pixel[1] * factor


def _exposure_ms(match: re.Match[str] | None) -> float | None:
    number = _number(match[1]) if match else None
    if match is None or number is None:
        return None
    return number * 1000 if match[2].lower() == "s" else number
