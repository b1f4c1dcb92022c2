"""Draws the fields of a sample plate: cells, uneven light, defocus and shot noise.

Nuclei are textured ellipses that never overlap and sometimes touch.  A few dozen of them
are drawn once and stamped wherever a nucleus is; noise comes from one large picture of
random numbers at a random offset.  So a plane costs a few milliseconds at any density.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.sample_data.design import PlateDesign

__all__ = ["Nuclei", "Scene"]

_N_STAMPS: Final = 48
_RADIUS_PX: Final = 10.0
"""Mean radius of a nucleus: 6.5 µm."""
_DENSITY: Final = 5.2e-4
"""Nuclei per px without any dose."""
_TOUCHING: Final = 0.15
"""Part of the nuclei that is put right beside another one."""
_GAP_PX: Final = 4.0
"""Least distance of the others."""
_MARGIN_PX: Final = 15
"""Every nucleus lies wholly inside the field: the truth needs no rule for the edge."""
_ATTEMPTS: Final = 30

_OFFSET: Final = 100.0
_BACKGROUND: Final = 60.0
_READ_NOISE: Final = 3.0
_GAIN: Final = 2.0
"""Counts a photon: shot noise has the variance gain × signal."""
_MAXIMUM: Final = 4095
_BRIGHTNESS: Final = {
    "nucleus": 1100.0,
    "cytoplasm": 900.0,
    "membrane": 700.0,
    "mitochondria": 800.0,
}

_Image = NDArray[np.float32]


@dataclass(frozen=True)
class _Stamp:
    """One cell's picture in each stain, 0 to about 1, and its nucleus's half axes, px."""

    major: float
    minor: float
    angle: float
    images: dict[str, _Image]

    def radius(self, direction: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return the nucleus's radius in a direction (radians), px."""
        across = np.asarray(direction) - self.angle
        return np.asarray(
            self.major
            * self.minor
            / np.hypot(self.minor * np.cos(across), self.major * np.sin(across))
        )


@dataclass(frozen=True)
class Nuclei:
    """Where the nuclei of a field are: centres (N, 2) in y and x, px, and their stamps."""

    centers: NDArray[np.int64]
    stamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.centers)


class Scene:
    """Draws the fields of a design, each from its own random numbers."""

    def __init__(self, design: PlateDesign) -> None:
        self._design = design
        rng = np.random.default_rng([design.seed, 1])
        self._stamps = [_draw_stamp(rng) for _ in range(_N_STAMPS)]
        self._noise = rng.standard_normal((design.size + 256,) * 2, dtype=np.float32)
        y, x = np.mgrid[-1 : 1 : design.size * 1j, -1 : 1 : design.size * 1j].astype(np.float32)
        self._light = (1 - 0.12 * (x * x + y * y)).astype(np.float32)
        self._haze = (1 + 0.35 * x - 0.2 * y).astype(np.float32)

    def place(self, well: str, field: str) -> Nuclei:
        """Choose where the nuclei of a field are."""
        rng = self._rng(well, field, "nuclei")
        size = self._design.size
        expected = _DENSITY * size * size * self._design.survival(well)
        wanted = max(1, round(rng.normal(expected, 0.4 * np.sqrt(expected))))
        centers = np.zeros((wanted, 2), np.int64)
        stamps = rng.integers(0, _N_STAMPS, wanted)
        placed = 0
        for stamp in stamps:
            near = placed > 0 and rng.random() < _TOUCHING
            for _ in range(_ATTEMPTS):
                if near:
                    other = rng.integers(placed)
                    center = self._beside(rng, centers[other], stamps[other], stamp)
                else:
                    center = rng.integers(_MARGIN_PX, size - _MARGIN_PX, 2)
                gap = 0.0 if near else _GAP_PX
                if self._is_free(center, stamp, centers[:placed], stamps[:placed], gap):
                    centers[placed], stamps[placed] = center, stamp
                    placed += 1
                    break
        return Nuclei(centers[:placed], stamps[:placed])

    def planes(
        self, well: str, field: str, nuclei: Nuclei
    ) -> Iterator[tuple[int, int, NDArray[np.uint16]]]:
        """Draw the planes of a field: (channel, z, YX plane of 12 bit in uint16)."""
        from scipy.ndimage import gaussian_filter

        for number, channel in enumerate(self._design.channels):
            rng = self._rng(well, field, channel.name)
            sharp = self._draw(rng, well, channel.stain, nuclei)
            for z in range(self._design.n_z):
                defocus = abs(z - (self._design.n_z - 1) // 2)
                seen = gaussian_filter(sharp, 1.3 * defocus) if defocus else sharp
                yield number, z, self._expose(rng, seen)

    def _rng(self, well: str, field: str, purpose: str) -> np.random.Generator:
        entropy = zlib.crc32(f"{well}/{field}/{purpose}".encode())
        return np.random.default_rng([self._design.seed, entropy])

    def _beside(
        self, rng: np.random.Generator, center: NDArray[np.int64], other: int, stamp: int
    ) -> NDArray[np.int64]:
        direction = rng.uniform(0, 2 * np.pi)
        distance = self._stamps[other].radius(direction) + self._stamps[stamp].radius(direction)
        shift = (distance + 1) * np.array([np.sin(direction), np.cos(direction)])
        return np.asarray(np.rint(center + shift), np.int64)

    def _is_free(
        self,
        center: NDArray[np.int64],
        stamp: int,
        centers: NDArray[np.int64],
        stamps: NDArray[np.int64],
        gap: float,
    ) -> bool:
        size = self._design.size
        if center.min() < _MARGIN_PX or center.max() >= size - _MARGIN_PX:
            return False
        away = centers - center
        near = np.flatnonzero((np.abs(away) < 4 * _RADIUS_PX).all(axis=1))
        for other in near:
            dy, dx = away[other]
            direction = float(np.arctan2(dy, dx))
            needed = self._stamps[stamp].radius(direction) + self._stamps[stamps[other]].radius(
                direction
            )
            if np.hypot(dy, dx) < needed + gap:
                return False
        return True

    def _draw(self, rng: np.random.Generator, well: str, stain: str, nuclei: Nuclei) -> _Image:
        """Draw a stain without noise: signal in counts above the offset."""
        size = self._design.size
        image = np.zeros((size, size), np.float32)
        brightness = _BRIGHTNESS[stain] * rng.lognormal(0, 0.18, len(nuclei))
        if stain == "cytoplasm":
            brightness = brightness * (0.12 + self._design.response(well))
        for (y, x), number, bright in zip(nuclei.centers, nuclei.stamps, brightness, strict=True):
            picture = self._stamps[number].images[stain]
            half = picture.shape[0] // 2
            top, left = max(0, y - half), max(0, x - half)
            bottom, right = min(size, y + half + 1), min(size, x + half + 1)
            cut = picture[top - y + half : bottom - y + half, left - x + half : right - x + half]
            place = image[top:bottom, left:right]
            np.maximum(place, cut * np.float32(bright), out=place)
        drawn: _Image = (image + _BACKGROUND * self._haze) * self._light
        return drawn

    def _expose(self, rng: np.random.Generator, signal: _Image) -> NDArray[np.uint16]:
        y, x = rng.integers(0, 256, 2)
        size = self._design.size
        noise = self._noise[y : y + size, x : x + size]
        if rng.random() < 0.5:
            noise = noise.T
        counts = signal + noise * np.sqrt(_GAIN * signal + _READ_NOISE**2) + _OFFSET
        plane: NDArray[np.uint16] = np.clip(np.rint(counts), 0, _MAXIMUM).astype(np.uint16)
        return plane


def _draw_stamp(rng: np.random.Generator) -> _Stamp:
    """Draw one cell in every stain."""
    from scipy.ndimage import gaussian_filter

    radius = _RADIUS_PX * np.clip(rng.normal(1, 0.1), 0.75, 1.25)
    stretch = np.sqrt(rng.uniform(1.0, 1.4))
    angle = float(rng.uniform(0, np.pi))
    major, minor = float(radius * stretch), float(radius / stretch)
    half = int(np.ceil(3.2 * radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = -x * np.sin(angle) + y * np.cos(angle)
    nuclear = np.hypot(along / major, across / minor)
    wobble = gaussian_filter(rng.standard_normal(x.shape), 6) * 18
    body = np.hypot(along / (major * 1.9), across / (minor * 2.1)) + 0.12 * wobble
    grain = gaussian_filter(rng.standard_normal(x.shape), 1.6) * 5
    speckle = gaussian_filter(rng.standard_normal(x.shape), 1.3) * 4.6

    nucleus = _edge(nuclear, radius / 0.9) * (0.85 + 0.2 * (1 - nuclear**2) + 0.12 * grain)
    cell = _edge(body, 9.0)
    outside = 1 - 0.55 * _edge(nuclear, radius)
    rim = np.exp(-(((body - 0.95) / 0.12) ** 2)) + 0.25 * cell
    spots = np.clip(speckle, 0, None) * cell * (1 - _edge(nuclear * 0.95, radius)) * 0.6
    images = {
        "nucleus": nucleus,
        "cytoplasm": cell * outside * (0.9 + 0.15 * grain),
        "membrane": rim * (1 + 0.2 * grain),
        "mitochondria": spots + 0.12 * cell,
    }
    return _Stamp(
        major,
        minor,
        angle,
        {stain: np.clip(image, 0, None).astype(np.float32) for stain, image in images.items()},
    )


def _edge(distance: NDArray[np.float64], sharpness: float) -> NDArray[np.float64]:
    """Return 1 inside (distance below 1), 0 outside, with an optically soft edge between."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - 1) * sharpness * 1.6, -50, 50))))
