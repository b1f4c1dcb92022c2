"""Small real-looking images on which functions are tried.

A field of round nuclei on uneven background with noise, some of them touching; in 3D the
nuclei are balls.  The same arrays come every time.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from napari_openhcs.axes import Kind

__all__ = ["DTYPES", "trial_array", "trial_shape"]

DTYPES: dict[Kind, tuple[str, ...]] = {
    Kind.IMAGE: ("uint16", "uint8", "float32"),
    Kind.MASK: ("bool",),
    Kind.LABELS: ("int32",),
}
"""Pixel types tried for each kind of first array, the most telling first."""

_BITS_12 = 4095


def trial_shape(ndim: int) -> tuple[int, ...]:
    """Return the shape: no two sides are alike, so that a turned image is noticed."""
    return (64, 78) if ndim == 2 else (7, 40, 46)


def _add_specks(mask: np.ndarray) -> None:
    """Add holes and dust of one to three pixels, other ones in every plane."""
    random = np.random.default_rng(21)
    for _ in range(mask.size // 250):
        corner = [random.integers(0, side - 2) for side in mask.shape]
        speck = tuple(slice(at, at + random.integers(1, 3)) for at in corner)
        mask[speck] = not mask[tuple(corner)]
    # Through all planes: holes that are closed in a plane but open in the volume, and
    # dust that is small in a plane but not in the volume.
    mask[..., 8:22, 8:22] = True
    mask[..., 13:17, 13:17] = False
    mask[..., -6:-2, -6:-2] = True
    # In one plane: what a default hit-or-miss finds.
    mask[..., :9, -9:] = False
    at = (mask.shape[0] // 2,) if mask.ndim == 3 else ()
    mask[(*at, 4, slice(-6, -3))] = True
    mask[(*at, slice(3, 6), -5)] = True


@cache
def _field(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return (12-bit intensities as float, labels) of one field."""
    random = np.random.default_rng(20)
    axes = np.indices(shape).astype(float)
    labels = np.zeros(shape, np.int32)
    plane = shape[-2:]
    step = 19
    image = 180.0 + 120.0 * axes[-1] / plane[1]
    number = 0
    for y in range(step // 2, plane[0] - 3, step):
        for x in range(step // 2, plane[1] - 3, step):
            number += 1
            radius = random.uniform(4.5, 7.5)
            centre = [y + random.uniform(-2, 2), x + random.uniform(-3, 3)]
            centre = [shape[0] / 2, *centre] if len(shape) == 3 else centre
            distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(axes, centre, strict=True)))
            inside = (distance < radius) & (labels == 0)
            labels[inside] = number
            image += random.uniform(900, 1900) / (1 + np.exp((distance - radius) * 1.5))
    noisy = np.clip(random.poisson(image), 0, _BITS_12).astype(float)
    return noisy, labels


def trial_array(
    kind: Kind, ndim: int, dtype: str, *, second: bool = False, size: int | None = None
) -> np.ndarray:
    """Return a fresh array to try a function on.

    Parameters
    ----------
    kind : Kind
        ``image``, ``mask`` or ``labels``.
    ndim : int
        2 (YX) or 3 (ZYX).
    dtype : str
        Integer images fill 12 of 16 bits, or 8 of 8; float images are in 0 to 1.
    second : bool
        A further array that goes with the first: an image nowhere darker than it, labels
        of seeds inside its objects, a mask that holds most of it.
    size : int, optional
        Side of a square plane for measuring speed instead of the usual shape.
    """
    shape = trial_shape(ndim) if size is None else (*trial_shape(ndim)[:-2], size, size)
    image, labels = _field(shape)
    if kind is Kind.IMAGE:
        if second:
            image = np.maximum(image, np.roll(image, 3, axis=-1))
        scale = {"uint8": 255 / _BITS_12, "float32": 1 / _BITS_12, "float64": 1 / _BITS_12}
        return (image * scale.get(dtype, 1.0)).astype(dtype)
    if kind is Kind.MASK:
        mask = labels > 0
        if second:
            mask = mask | (np.indices(shape)[-1] > 6)
        else:
            _add_specks(mask)
        return mask.astype(dtype)
    if second:
        inside = labels.copy()
        for axis in range(-2, 0):
            for shift in (-2, 2):
                inside[np.roll(labels, shift, axis=axis) != labels] = 0
        return inside.astype(dtype)
    return labels.astype(dtype)
