"""Where overlapping fields really lie: their shifts against the stage, measured on the pixels.

::

    registered_corners
      measure_shift      of every pair that overlaps, by the correlation of the overlap
      _solve             one displacement a field that fits all shifts, by least squares
                         a shift that contradicts the others is left out, the worst first
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_openhcs.functions._arrays import Array

__all__ = ["Shift", "measure_shift", "registered_corners"]

_SMALLEST_AREA = 64
_SMALLEST_PART = 0.25
"""Overlaps of fewer px, or of less than this part of the nominal one, say nothing."""

_CONTRADICTION = 1.5
"""A shift further from what all others say, px, is a wrong one."""

_STAGE_WEIGHT = 0.001
"""Weight of the stage where pixels say nothing, far below that of any shift."""


@dataclass(frozen=True)
class Shift:
    """How far `second` lies from where the stage has it, seen from `first`.

    Attributes
    ----------
    first, second : int
        Numbers of the fields.
    by : (int, int)
        Rows and columns, px.
    correlation : float
        Pearson's coefficient of the overlap at this shift; -1 where it cannot be told.
    overlap : float
        Area of the overlap by the stage, as a part of a field.
    """

    first: int
    second: int
    by: tuple[int, int]
    correlation: float
    overlap: float

    @property
    def weight(self) -> float:
        """How much it counts: the error falls with the root of the number of pixels."""
        return self.correlation * math.sqrt(self.overlap)


def _overlap(offset: Array, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the part of two planes of `shape` that overlaps, the second lying at `offset`."""
    first, second = [], []
    for d, length in zip(offset.tolist(), shape, strict=True):
        size = max(0, length - abs(d))
        first.append(slice(max(0, d), max(0, d) + size))
        second.append(slice(max(0, -d), max(0, -d) + size))
    return tuple(first), tuple(second)


def _area(part: tuple[slice, ...]) -> int:
    return math.prod(item.stop - item.start for item in part)


def _without_shading(values: Array) -> Array:
    """Subtract the parabola that fits a plane best, which is its mean and its shading."""
    y, x = (np.linspace(-1, 1, length) for length in values.shape)

    def terms(rows: Array, columns: Array) -> list[Array]:
        y, x = np.meshgrid(rows, columns, indexing="ij", sparse=True)
        return [1 + 0 * y * x, y + 0 * x, x + 0 * y, y * y + 0 * x, x * x + 0 * y, y * x]

    steps = [max(1, length // 64) for length in values.shape]
    known = terms(y[:: steps[0]], x[:: steps[1]])
    sample = values[:: steps[0], :: steps[1]]
    flat = np.stack([term.ravel() for term in known], axis=1)
    weights = np.linalg.lstsq(flat, sample.ravel(), rcond=None)[0]
    fitted = np.zeros_like(values)
    for weight, term in zip(weights, terms(y, x), strict=True):
        fitted += weight * term
    return np.asarray(values - fitted)


def _correlation_of_details(first: Array, second: Array) -> float:
    """Return Pearson's coefficient of two planes of one shape, shading apart."""
    one, other = (_without_shading(plane.astype(np.float64)) for plane in (first, second))
    power = float((one**2).sum() * (other**2).sum())
    # What rounding leaves of a flat plane is nothing.
    level = float(np.abs(first).max()) * float(np.abs(second).max()) * one.size
    return float((one * other).sum()) / math.sqrt(power) if power > (1e-9 * level) ** 2 else -1.0


class _Strip:
    """A part of a plane: its pixels without their mean, and sums over rectangles of it."""

    def __init__(self, plane: Array, part: tuple[slice, ...]) -> None:
        self.begin = np.array([item.start for item in part])
        values = plane[part].astype(np.float64)
        self.values = values - values.mean()
        self.shape = np.array(values.shape)
        self._sums = [
            np.pad(power, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
            for power in (self.values, self.values**2)
        ]

    def sums(self, rows: tuple[Array, Array], columns: tuple[Array, Array]) -> tuple[Array, Array]:
        """Return sum and sum of squares over [rows) × [columns), one for each pair of them."""
        (top, bottom), (left, right) = rows, columns
        one, two = (
            table[np.ix_(bottom, right)]
            - table[np.ix_(top, right)]
            - table[np.ix_(bottom, left)]
            + table[np.ix_(top, left)]
            for table in self._sums
        )
        return one, two


def _correlations(first: _Strip, second: _Strip, places: Sequence[Array]) -> tuple[Array, Array]:
    """Return Pearson's coefficient of the overlap of two strips, and its px.

    Parameters
    ----------
    places : rows and columns
        Of the corner of `second` seen from that of `first`; every combination is looked at.
    """
    from scipy import fft

    lengths = [
        fft.next_fast_len(int(a + b), real=True)
        for a, b in zip(first.shape, second.shape, strict=True)
    ]
    cross = fft.rfft2(first.values, lengths) * np.conj(fft.rfft2(second.values, lengths))
    products = fft.irfft2(cross, lengths)[
        np.ix_(*(place % length for place, length in zip(places, lengths, strict=True)))
    ]
    inside, outside = [], []
    for place, here, there in zip(places, first.shape, second.shape, strict=True):
        low = np.clip(place, 0, here)
        high = np.maximum(low, np.clip(place + there, 0, here))
        inside.append((low, high))
        outside.append((np.clip(low - place, 0, there), np.clip(high - place, 0, there)))
    pixels = np.multiply.outer(*(high - low for low, high in inside)).astype(np.float64)
    count = np.maximum(pixels, 1)
    (sum_1, square_1), (sum_2, square_2) = first.sums(*inside), second.sums(*outside)
    power = (square_1 - sum_1**2 / count) * (square_2 - sum_2**2 / count)
    # A flat overlap has no correlation; what rounding leaves of its power is no power.
    least = (1e-9 * square_1.max() * square_2.max()) or 1.0
    values = (products - sum_1 * sum_2 / count) / np.sqrt(np.maximum(power, least))
    return np.where(power > least, values, -1.0), pixels


def measure_shift(
    first: Array, second: Array, offset: tuple[int, int], max_shift: int
) -> tuple[tuple[int, int], float]:
    """Return how far `second` lies from `offset`, its place seen from `first`.

    Parameters
    ----------
    first, second : ndarray
        (Y, X) of the same shape, finite.
    offset : (int, int)
        Rows and columns from the corner of `first` to that of `second` by the stage, px.
    max_shift : int
        Shifts below so many px along each axis are found.

    Returns
    -------
    (int, int), float
        The shift and Pearson's coefficient of the overlap at it, shading apart; -1 where no
        shift is better than those around it.

    Notes
    -----
    Every shift is judged by the normalised cross-correlation of just the pixels that
    overlap at it (Padfield 2012, doi 10.1109/TIP.2011.2181402), which is what scikit-image's
    ``phase_cross_correlation`` computes with masks: in a narrow overlap the peak of the plain
    phase correlation drowns in what only one of the fields shows.
    """
    from scipy import ndimage

    nominal = np.array(offset)
    parts = _overlap(nominal, first.shape)
    area = _area(parts[0])
    if not area:
        return (0, 0), -1.0
    one, other = (
        _Strip(
            plane,
            tuple(
                slice(max(0, item.start - max_shift), min(length, item.stop + max_shift))
                for item, length in zip(part, plane.shape, strict=True)
            ),
        )
        for plane, part in zip((first, second), parts, strict=True)
    )
    window = np.arange(-max_shift, max_shift + 1)
    places = [centre + window for centre in nominal - one.begin + other.begin]
    values, pixels = _correlations(one, other, places)
    values[pixels < max(_SMALLEST_AREA, _SMALLEST_PART * area)] = -1.0
    # Shading correlates the better the narrower the overlap: only a true peak counts.
    inner = ndimage.binary_erosion(values > -1.0, np.ones((3, 3)))
    peaks = np.where(inner & (values == ndimage.maximum_filter(values, 3)), values, -1.0)
    best = int(peaks.argmax())
    if peaks.flat[best] == -1.0:
        return (0, 0), -1.0
    down, right = (int(window[place]) for place in np.unravel_index(best, peaks.shape))
    here, there = _overlap(nominal + np.array((down, right)), first.shape)
    return (down, right), _correlation_of_details(first[here], second[there])


def registered_corners(
    stack: Array, corners: Array, max_shift: int, min_correlation: float
) -> Array:
    """Return where the fields lie so that their overlaps fit, px.

    Parameters
    ----------
    stack : ndarray
        (N, Y, X), finite.
    corners : ndarray
        (N, 2) whole px, where the stage has the fields.
    max_shift : int
        Furthest shift of two neighbours against each other, px.
    min_correlation : float
        Overlaps that fit less well say nothing: their fields keep the stage's distance.

    Returns
    -------
    ndarray
        (N, 2) whole px.  The mean displacement of connected fields is 0 within half a px.
    """
    shifts = list(_measured(stack, corners, max_shift))
    trusted = [item for item in shifts if item.correlation >= min_correlation]
    pairs = [(item.first, item.second) for item in shifts]
    while True:
        found = _solve(len(stack), pairs, trusted)
        off = [
            float(np.abs(found[item.second] - found[item.first] - item.by).max())
            for item in trusted
        ]
        if not off or max(off) <= _CONTRADICTION:
            return corners + _whole(found, pairs)
        del trusted[int(np.argmax(off))]


def _measured(stack: Array, corners: Array, max_shift: int) -> Iterator[Shift]:
    for first in range(len(stack)):
        for second in range(first + 1, len(stack)):
            offset = corners[second] - corners[first]
            area = _area(_overlap(offset, stack.shape[1:])[0])
            if area:
                at = (int(offset[0]), int(offset[1]))
                found = measure_shift(stack[first], stack[second], at, max_shift)
                yield Shift(first, second, *found, overlap=area / stack[0].size)


def _solve(count: int, pairs: list[tuple[int, int]], trusted: list[Shift]) -> Array:
    """Return the displacement of every field, (count, 2) px, by weighted least squares."""
    known = {(item.first, item.second): item for item in trusted}
    rows = np.zeros((len(pairs), count))
    wanted = np.zeros((len(pairs), 2))
    for number, pair in enumerate(pairs):
        shift = known.get(pair)
        weight = _STAGE_WEIGHT if shift is None else shift.weight
        rows[number, pair[0]], rows[number, pair[1]] = -weight, weight
        if shift is not None:
            wanted[number] = np.array(shift.by) * weight
    # What no pair fixes, the place of connected fields as a whole, stays as small as possible.
    return np.asarray(np.linalg.lstsq(rows, wanted, rcond=1e-9)[0])


def _whole(displacements: Array, pairs: list[tuple[int, int]]) -> Array:
    """Round displacements so that those of connected fields keep their whole distances."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(displacements)
    ends = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    result = np.zeros((count, 2), int)
    for group in np.unique(groups):
        members = groups == group
        own = displacements[members]
        whole = np.rint(own - own[0]).astype(int)
        result[members] = whole - np.rint(whole.mean(axis=0)).astype(int)
    return result
