"""What a sample plate has where: wells, doses, fields, channels and their sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.axes import PLATE_SIZES, well_name, well_position
from napari_openhcs.frozen import FrozenMapping

__all__ = ["CHANNELS", "PlateDesign", "SampleChannel", "SampleWriter", "design_plate"]

PIXEL_SIZE_UM: Final = 0.65
"""A 20x objective, camera pixels of 6.5 µm, binning 2 × 2."""
Z_STEP_UM: Final = 3.0
EC50_TOXIC_UM: Final = 8.0
EC50_REPORTER_UM: Final = 1.0


class SampleChannel(NamedTuple):
    """A channel: what it stains, emission and excitation in nm, exposure in ms."""

    name: str
    stain: str
    wavelength_nm: int
    excitation_nm: int
    exposure_ms: int


CHANNELS: Final = (
    SampleChannel("DAPI", "nucleus", 452, 377, 50),
    SampleChannel("GFP", "cytoplasm", 520, 488, 100),
    SampleChannel("TRITC", "membrane", 590, 555, 200),
    SampleChannel("Cy5", "mitochondria", 692, 640, 400),
    SampleChannel("CFP", "cytoplasm", 476, 440, 150),
    SampleChannel("YFP", "mitochondria", 535, 514, 150),
)


@dataclass(frozen=True)
class PlateDesign:
    """Everything about a sample plate but its pixels.

    Attributes
    ----------
    n_rows, n_columns : int
        Of the smallest standard plate that has all wells.
    doses : FrozenMapping of well to float
        µM; 0 in the first column, then rising.
    """

    name: str
    n_rows: int
    n_columns: int
    wells: tuple[str, ...]
    fields: tuple[str, ...]
    channels: tuple[SampleChannel, ...]
    n_z: int
    size: int
    seed: int
    doses: FrozenMapping[str, float]

    @property
    def field_grid(self) -> tuple[int, int]:
        """Rows and columns in which the fields of a well lie, row by row."""
        columns = math.ceil(math.sqrt(len(self.fields)))
        return math.ceil(len(self.fields) / columns), columns

    @property
    def well_pitch_um(self) -> float:
        """Distance of neighbouring wells: 9 mm with 12 columns, as the standard has it."""
        return 9000.0 * 12 / self.n_columns if self.n_columns > 1 else 0.0

    def offset_um(self, field: str) -> tuple[float, float]:
        """Return x (to the right) and y (down) of a field from the centre of its well, µm."""
        rows, columns = self.field_grid
        row, column = divmod(self.fields.index(field), columns)
        step = self.size * PIXEL_SIZE_UM
        return (column - (columns - 1) / 2) * step, (row - (rows - 1) / 2) * step

    def control(self, well: str) -> str:
        """Say whether a well is a control: ``negative``, ``positive`` or ``no``."""
        if self.doses[well] == 0:
            return "negative"
        return "positive" if well_position(well)[1] == self.n_columns - 1 else "no"

    def survival(self, well: str) -> float:
        """Part of the nuclei that is left at the well's dose, 1 to 0.25."""
        return 1 - 0.75 * _hill(self.doses[well], EC50_TOXIC_UM)

    def response(self, well: str) -> float:
        """Brightness of the reporter at the well's dose, 0 to 1."""
        return _hill(self.doses[well], EC50_REPORTER_UM)


class SampleWriter(Protocol):
    """Writes sample plates in one format."""

    def plate_folder(self, folder: Path, design: PlateDesign) -> Path:
        """Return the plate's folder inside the folder the user named."""

    def write_metadata(self, path: Path, design: PlateDesign) -> None:
        """Write everything that is not pixels; make all folders."""

    def write_plane(
        self,
        path: Path,
        design: PlateDesign,
        well: str,
        field: str,
        channel: int,
        z: int,
        plane: NDArray[np.uint16],
    ) -> int:
        """Write one YX plane (`channel` and `z` from 0); return its bytes on disk."""


def design_plate(
    name: str, *, wells: int, fields: int, channels: int, z: int, size: int, seed: int
) -> PlateDesign:
    """Lay out a plate: `wells` wells row by row from A01, doses along the columns."""
    n_rows, n_columns = next(plate for plate in PLATE_SIZES if plate[0] * plate[1] >= wells)
    positions = [divmod(number, n_columns) for number in range(wells)]
    series = [0.0, *np.geomspace(0.01, 100, n_columns - 1)] if n_columns > 2 else [0.0, 10.0]
    doses = {well_name(row, column): float(f"{series[column]:.3g}") for row, column in positions}
    return PlateDesign(
        name=name,
        n_rows=n_rows,
        n_columns=n_columns,
        wells=tuple(doses),
        fields=tuple(str(number) for number in range(1, fields + 1)),
        channels=CHANNELS[:channels],
        n_z=z,
        size=size,
        seed=seed,
        doses=FrozenMapping(doses),
    )


def _hill(dose: float, ec50: float) -> float:
    power = math.pow(dose, 1.2)
    return power / (power + math.pow(ec50, 1.2))
