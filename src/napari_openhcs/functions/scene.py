"""The scene on which functions are pictured: one corner of a field of cells.

Textured nuclei, some of them touching, small spots, a neurite, uneven background and
noise, so that nearly every operation has something to show.  The same arrays come every
time.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from napari_openhcs.axes import Kind

__all__ = ["SIDE", "scene_array"]

SIDE: Final = 96
"""Rows and columns, px."""

_PLANES: Final = 5

_NUCLEI: Final = (
    *((16, 17, 11, 9), (17, 37, 10, 11), (14, 70, 9, 12), (42, 14, 10, 9), (40, 50, 12, 10)),
    *((47, 70, 10, 12), (73, 26, 12, 11), (78, 48, 9, 10), (72, 80, 11, 9), (93, 8, 10, 10)),
)
"""Centre (y, x) and half axes (y, x) of the nuclei, px."""


class _Scene(NamedTuple):
    intensity: np.ndarray
    """0 to 4095, as float; (Z, Y, X)."""
    labels: np.ndarray
    """(Y, X)."""


@cache
def _scene() -> _Scene:
    random = np.random.default_rng(7)
    y, x = np.indices((SIDE, SIDE)).astype(float)
    labels = np.zeros((SIDE, SIDE), np.int32)
    sharp = np.zeros((SIDE, SIDE))
    for number, (cy, cx, ry, rx) in enumerate(_NUCLEI, 1):
        distance = np.hypot((y - cy) / ry, (x - cx) / rx)
        inside = (distance < 1) & (labels == 0)
        labels[inside] = number
        sharp += random.uniform(1000, 1500) / (1 + np.exp((distance - 1) * 12)) * (labels <= number)
    texture = _blurred(random.normal(0, 1, (SIDE, SIDE)), 1.5)
    sharp *= 1 + 0.6 * texture
    for cy, cx in random.uniform(4, SIDE - 4, (34, 2)):
        sharp += 1300 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.2**2))
    neurite = 60 + 7 * np.sin(x / 9) - 0.25 * (x - 48)
    sharp += 800 * np.exp(-((y - neurite) ** 2) / (2 * 1.1**2))
    background = 150 + 200 * (x + 0.6 * y) / SIDE
    planes = [
        _blurred(sharp, 0.6 + 1.3 * abs(plane - _PLANES // 2)) + background
        for plane in range(_PLANES)
    ]
    noisy = random.poisson(np.stack(planes) / 4) * 4.0
    return _Scene(np.clip(noisy, 0, 4095), labels)


def _blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Return a plane blurred by a Gaussian, in Fourier space: this file needs NumPy only."""
    frequency = np.fft.fftfreq(SIDE)
    window = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    found: np.ndarray = np.fft.ifft2(np.fft.fft2(plane) * window[:, None] * window).real
    return found


def _mask(labels: np.ndarray) -> np.ndarray:
    """Return the nuclei as a mask with holes in them and dust beside them."""
    random = np.random.default_rng(8)
    mask: np.ndarray = labels > 0
    for cy, cx in random.integers(2, SIDE - 4, (40, 2)):
        mask[cy : cy + random.integers(1, 3), cx : cx + 2] ^= True
    return mask


def _seeds(labels: np.ndarray) -> np.ndarray:
    """Return the middles of the nuclei, each with its number."""
    seeds = np.zeros_like(labels)
    for number, (cy, cx, _, _) in enumerate(_NUCLEI, 1):
        seeds[max(cy - 3, 0) : cy + 4, max(cx - 3, 0) : cx + 4] = number
    return np.where(labels == seeds, seeds, 0)


def scene_array(
    kind: Kind, ndim: int, dtype: str, *, second: bool = False, size: int | None = None
) -> np.ndarray:
    """Return a fresh array of the scene.

    Parameters
    ----------
    kind : Kind
        ``image``, ``mask`` or ``labels``.
    ndim : int
        2 (YX) or 3 (ZYX; out of focus towards both ends).
    dtype : str
        Integer images fill 12 of 16 bits, or 8 of 8; float images are in 0 to 1.
    second : bool
        A further array that goes with the first: an image nowhere darker than it, seeds
        inside its nuclei, a mask that holds most of it.
    size : int, optional
        Not used: the scene has one size.
    """
    scene = _scene()
    if kind is Kind.IMAGE:
        image = scene.intensity if ndim == 3 else scene.intensity[_PLANES // 2]
        if second:
            image = np.maximum(image, np.roll(image, 3, axis=-1))
        scale = {"uint8": 255 / 4095, "float32": 1 / 4095, "float64": 1 / 4095}
        return (image * scale.get(dtype, 1.0)).astype(dtype)
    if kind is Kind.MASK:
        right = np.indices((SIDE, SIDE))[1] > SIDE // 6
        plane = right if second else _mask(scene.labels)
    else:
        plane = _seeds(scene.labels) if second else scene.labels.copy()
    array = plane if ndim == 2 else np.stack([plane] * _PLANES)
    return array.astype(dtype)
