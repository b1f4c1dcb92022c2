"""Uneven illumination found in all fields of a well together, as BaSiC does.

What is alike in all fields is light, what differs is cells: the fields are taken apart into
one smooth flat field times a brightness of each field, and a sparse rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    SMALLEST,
    Array,
    require_array,
    require_at_least,
    require_finite,
    round_to,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["correct_illumination", "estimate_flat_field"]

_SIDE = 64
"""Fields are reduced to at most so many px a side: light is smooth."""

_DIMMEST = 0.05
"""A flat field is taken to be no darker than this part of its mean."""

_ROUNDS = 10
_SETTLED = 1e-3
"""Weights are made anew until the flat field changes by less than this part, or so many times."""

_ITERATIONS = 200
_TOLERANCE = 1e-5
_GROWTH = 1.5

_SYNONYMS = (
    "BaSiC",
    "flat field",
    "shading correction",
    "illumination correction",
    "vignetting",
    "uneven illumination",
)


class _Light(NamedTuple):
    """Flat field of mean 1 and dark field in grey values, both (Y, X)."""

    flat: Array
    dark: Array


def _reduced(stack: Array) -> Array:
    """Return means of blocks, at most :data:`_SIDE` along Y and X."""
    reduced = []
    for field in stack:
        values = field.astype(np.float64)
        for axis, length in enumerate(field.shape):
            count = min(_SIDE, length)
            edges = np.arange(count) * length // count
            sizes = np.diff(np.append(edges, length)).reshape((-1, 1) if axis == 0 else (1, -1))
            values = np.add.reduceat(values, edges, axis=axis) / sizes
        reduced.append(values)
    return np.stack(reduced)


def _enlarged(image: Array, shape: tuple[int, ...]) -> Array:
    """Return an image of `shape` by linear interpolation between the centres of blocks."""
    result = image
    for axis, length in enumerate(shape):
        count = image.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
        low = np.minimum(place.astype(int), max(count - 2, 0))
        part = place - low
        weights = np.zeros((length, count))
        weights[np.arange(length), low] = 1 - part
        weights[np.arange(length), np.minimum(low + 1, count - 1)] += part
        result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    return result


def _shrunk(values: Array, by: Array | float) -> Array:
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - by, 0))


def _dark_level(lit: Array, brightness: Array, flat: Array, most: float) -> float:
    """Return the level, in units of `flat`, that fields have whatever their brightness.

    Where fields are dim, bright and dark parts of the flat field differ less than their
    brightness says: the rest does not come from the light.
    """
    bright = flat > flat.mean()
    dim = brightness < 1
    if bright.all() or not bright.any() or not dim.any():
        return 0.0
    slope = (lit[:, bright].mean(axis=1) - lit[:, ~bright].mean(axis=1))[dim] / lit.mean()
    own, count = brightness[dim], int(dim.sum())
    bottom = own.sum() * slope.sum() - count * (own * slope).sum()
    if abs(bottom) < SMALLEST:
        return 0.0
    level = ((own**2).sum() * slope.sum() - own.sum() * (own * slope).sum()) / bottom
    return float(np.clip(level, 0, most / max(flat.mean(), SMALLEST)))


class _Model:
    """Fields = flat field × brightness + dark field + a sparse rest, fitted as BaSiC does.

    Parameters
    ----------
    fields : ndarray
        (N, Y, X), sorted along the stack.
    smooth, dark : float, float or None
        What a coefficient of the cosine transform of the flat and the dark field costs; no
        dark field with None.
    """

    def __init__(self, fields: Array, smooth: float, dark: float | None) -> None:
        self.fields, self.smooth, self.dark_cost = fields, smooth, dark
        self.flat = np.ones(fields.shape[1:])
        self.dark = np.zeros(fields.shape[1:])
        self.light = self.rest = fields

    def fit(self, weights: Array) -> None:
        """Fit everything anew by the augmented Lagrangian method.

        Parameters
        ----------
        weights : ndarray
            What a grey value of the rest costs, (N, Y, X).
        """
        from scipy import fft

        fields = self.fields
        size = float(np.linalg.norm(fields))
        mu = 12.5 / float(np.linalg.norm(fields.reshape(len(fields), -1), 2))
        spectrum, offset = np.zeros(fields.shape[1:]), np.zeros(fields.shape[1:])
        brightness = np.ones((len(fields), 1, 1))
        rest, multiplier = np.zeros_like(fields), np.zeros_like(fields)
        level = 0.0
        for _ in range(_ITERATIONS):
            light = fft.idctn(spectrum, norm="ortho") * brightness + offset
            left = (fields - light - rest + multiplier / mu).mean(axis=0)
            spectrum = _shrunk(spectrum + fft.dctn(left, norm="ortho"), self.smooth / mu)
            flat = fft.idctn(spectrum, norm="ortho")
            light = flat * brightness + offset
            rest = _shrunk(fields - light + multiplier / mu, weights / mu)
            lit = fields - rest
            means = lit.mean(axis=(1, 2), keepdims=True) / max(lit.mean(), SMALLEST)
            brightness = np.maximum(means, 0)
            if self.dark_cost is not None:
                level, offset = self._offset(lit, brightness, flat, self.dark_cost / (10 * mu))
            residual = fields - flat * brightness - offset - rest
            multiplier += mu * residual
            mu = min(mu * _GROWTH, 1e9 / size)
            if np.linalg.norm(residual) < _TOLERANCE * size:
                break
        self.light, self.rest = flat * brightness + offset, rest
        self.flat, self.dark = flat, offset + level * flat

    def _offset(
        self, lit: Array, brightness: Array, flat: Array, cost: float
    ) -> tuple[float, Array]:
        """Return the dark level in units of `flat`, and what it adds to flat × brightness."""
        from scipy import fft

        scale = brightness[:, 0, 0]
        level = _dark_level(lit, scale, flat, float(self.fields.min()))
        common = level * (flat.mean() - flat)
        dim = scale < 1
        if not dim.any():
            return level, common
        own = lit[dim].mean(axis=0) - scale[dim].mean() * flat
        own = own - own.mean() - common
        soft = fft.idctn(_shrunk(fft.dctn(own, norm="ortho"), cost), norm="ortho")
        return level, _shrunk(soft, cost) + common


def _estimate(stack: Array, smoothness: float, find_dark: bool) -> _Light:
    from scipy import fft

    # Sorted along the stack, every pixel of the first plane is the darkest seen there.
    fields = np.sort(_reduced(stack), axis=0)
    mean = fields.mean(axis=0)
    flat, dark = np.ones_like(mean), np.zeros_like(mean)
    if mean.mean() > 0:
        spectrum = fft.dctn(mean / mean.mean(), norm="ortho")
        cost = float(np.abs(spectrum).sum()) / 40 * smoothness
        model = _Model(fields, 0.5 * cost, 0.2 * cost if find_dark else None)
        weights = np.ones_like(fields)
        for _ in range(_ROUNDS):
            model.fit(weights)
            level = model.light.mean(axis=(1, 2), keepdims=True)
            weights = 1 / (np.abs(model.rest) / (level + SMALLEST) + 0.1)
            weights *= weights.size / weights.sum()
            before, dark = flat, model.dark
            flat = model.flat / max(model.flat.mean(), SMALLEST)
            if np.abs(flat - before).sum() < _SETTLED * np.abs(before).sum():
                break
    flat = np.maximum(_enlarged(flat, stack.shape[1:]), _DIMMEST)
    return _Light(flat / flat.mean(), _enlarged(dark, stack.shape[1:]))


def _checked(image: Array, smoothness: float, dark_level: float, function: str) -> Array:
    require_array(image, function, ndims=(3,))
    require_finite(image, function)
    require_at_least(smoothness, 0, function, "smoothness")
    require_at_least(dark_level, 0, function, "dark_level")
    return image.astype(np.float32) - np.float32(dark_level)


@declare(
    contract=Contract.VOLUME,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=_SYNONYMS,
    stack_component="field",
    limits={"smoothness": (0, None), "dark_level": (0, None)},
)
@numpy_function
def correct_illumination(
    image: Array, smoothness: float = 1.0, dark_level: float = 0.0, find_dark: bool = False
) -> Array:
    """Correct uneven illumination found in all fields of a well together (BaSiC).

    The more fields and the fewer cells in each, the better; below about four use
    :func:`~napari_openhcs.functions.background.correct_flat_field`.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), the N fields of a well in one channel, any numeric dtype, finite.
    smoothness : float
        More makes the flat field smoother.
    dark_level : float
        Grey value of the camera without light, subtracted before and added back.
    find_dark : bool
        Find what the camera adds without light, too, and take it off: needs many fields of
        different brightness.

    Returns
    -------
    ndarray
        (N, Y, X), same dtype, grey values at mean illumination; integers are rounded and clipped.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    Peng et al. 2017 (doi 10.1038/ncomms14836): low rank and sparse decomposition with a flat
    field that is sparse in the cosine transform, on fields reduced to 64 px.
    """
    values = _checked(image, smoothness, dark_level, "correct_illumination")
    found = _estimate(values, smoothness, find_dark)
    result = np.empty_like(image)
    for number, field in enumerate(values):
        corrected = (field - found.dark) / found.flat + dark_level
        result[number] = round_to(corrected, image.dtype)
    return result


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="background",
    synonyms=_SYNONYMS,
    stack_component="field",
    limits={"smoothness": (0, None), "dark_level": (0, None)},
)
@numpy_function
def estimate_flat_field(image: Array, smoothness: float = 1.0, dark_level: float = 0.0) -> Array:
    """Estimate the illumination that all fields of a well have in common (BaSiC).

    Wire the result to :func:`~napari_openhcs.functions.background.divide_by_flat_field`, or look
    at it to judge the microscope.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), the N fields of a well in one channel, any numeric dtype, finite.
    smoothness : float
        More makes the flat field smoother.
    dark_level : float
        Grey value of the camera without light, subtracted before and added back.

    Returns
    -------
    ndarray
        (Y, X), same dtype: the flat field times the mean grey value, above the dark level.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.

    Notes
    -----
    As :func:`correct_illumination`.
    """
    values = _checked(image, smoothness, dark_level, "estimate_flat_field")
    flat = _estimate(values, smoothness, find_dark=False).flat
    return round_to(flat * values.mean(dtype=np.float64) + dark_level, image.dtype)
