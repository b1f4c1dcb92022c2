"""Ranks and histograms of JAX arrays without sorting, and what is joined inside a mask.

The value of a rank is found bit by bit: how many values lie below a candidate tells whether
that bit is set.  This takes as many passes as the dtype has bits, holds no windows in memory,
and is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_openhcs.functions._jax import compiled, mirrored

if TYPE_CHECKING:
    from jax import Array

__all__ = ["histogram", "percentile", "spread_inside", "window_rank"]


def _keys(values: Array) -> Array:
    """Return unsigned integers in the order of the values."""
    import jax

    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    unsigned = np.dtype(f"uint{bits}")
    if kind in "bu":
        return values.astype(unsigned)
    sign = unsigned.type(1 << (bits - 1))
    raw = jax.lax.bitcast_convert_type(values, unsigned)
    if kind == "i":
        return raw ^ sign
    # Negative floats are ordered by magnitude: all of their bits turn round.
    return jax.numpy.where(raw & sign != 0, ~raw, raw | sign)


def _values(keys: Array, dtype: Any) -> Array:
    """Return the values of which `keys` are the keys."""
    import jax

    if dtype.kind in "bu":
        return keys.astype(dtype)
    sign = keys.dtype.type(1 << (8 * dtype.itemsize - 1))
    positive = jax.numpy.where(keys & sign != 0, keys ^ sign, ~keys)
    raw = keys ^ sign if dtype.kind == "i" else positive
    return jax.lax.bitcast_convert_type(raw, dtype)


def _select(like: Array, rank: Any, count_below: Callable[[Array], Array]) -> Array:
    """Return the largest key that has at most `rank` keys below it, for every pixel."""
    import jax
    import jax.numpy as jnp

    bits = 8 * like.dtype.itemsize

    def decide(number: Any, found: Array) -> Array:
        bit = jnp.asarray(1, like.dtype) << (bits - 1 - number).astype(like.dtype)
        candidate = found | bit
        return jnp.where(count_below(candidate) <= rank, candidate, found)

    selected: Array = jax.lax.fori_loop(0, bits, decide, jnp.zeros_like(like))
    return selected


@compiled("size")
def window_rank(image: Array, rank: Any, size: int) -> Array:
    """Return the value that `rank` others precede in a square window (a cube in volumes)."""
    import jax
    import jax.numpy as jnp

    wide = image
    for axis in range(image.ndim):
        wide = mirrored(wide, axis, size // 2)
    wide, width = _keys(wide), image.shape[-1]

    def count_below(candidate: Array) -> Array:
        def add_row(number: Any, count: Array) -> Array:
            start = (number // size, number % size)[2 - (image.ndim - 1) :]
            line = (*image.shape[:-1], wide.shape[-1])
            row = jax.lax.dynamic_slice(wide, (*start, 0), line)
            for x in range(size):
                count = count + (row[..., x : x + width] < candidate)
            return count

        none = jnp.zeros(image.shape, jnp.int32)
        counted: Array = jax.lax.fori_loop(0, size ** (image.ndim - 1), add_row, none)
        return counted

    return _values(_select(_keys(image), rank, count_below), image.dtype)


@compiled()
def _ranked(values: Array, rank: Any) -> Array:
    """Return the value that `rank` others precede along the first axis."""
    keys = _keys(values)
    return _values(_select(keys[0], rank, lambda at: (keys < at).sum(axis=0)), values.dtype)


def percentile(values: Array, percent: float) -> Array:
    """Return a percentile over the first axis, interpolated linearly as NumPy does."""
    position = (len(values) - 1) * percent / 100.0
    low = math.floor(position)
    lower = _ranked(values, low)
    if low == position:
        return lower
    return lower + (_ranked(values, low + 1) - lower) * (position - low)


def histogram(values: Array, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and centres (float64, NumPy) between smallest and largest value.

    Counted by index: whole numbers add up alike in any order.
    """
    import jax.numpy as jnp

    low, high = float(values.min()), float(values.max())
    index = ((values - low) * (n_bins / (high - low))).astype("int32").clip(0, n_bins - 1)
    counts = np.asarray(jnp.bincount(index.ravel(), length=n_bins), float)
    return counts, low + (np.arange(n_bins) + 0.5) * (high - low) / n_bins


@compiled("diagonal")
def spread_inside(seeds: Array, mask: Array, diagonal: bool = False) -> Array:
    """Return the parts of `mask` that are joined to `seeds` inside it.

    Every round goes along whole runs of each axis, so that the number of rounds is that of
    the turns on the way and not of its pixels.
    """
    import jax

    runs = [_runs(mask, axis) for axis in range(mask.ndim)]

    def spread(state: tuple[Array, Any]) -> tuple[Array, Any]:
        before = reached = state[0]
        for axis, numbers in enumerate(runs):
            reached = _fill_runs(reached, mask, numbers, axis)
        if diagonal:
            reached = _with_neighbours(reached) & mask
        return reached, (reached != before).any()

    reached: Array = jax.lax.while_loop(lambda state: state[1], spread, (seeds & mask, True))[0]
    return reached


def _runs(mask: Array, axis: int) -> Array:
    """Return a number for every pixel, the same along each run of the mask."""
    import jax.numpy as jnp

    starts = (~jnp.moveaxis(mask, axis, -1)).at[..., 0].set(True)
    return jnp.cumsum(starts.ravel()) - 1


def _fill_runs(reached: Array, mask: Array, numbers: Array, axis: int) -> Array:
    """Mark the runs along one axis of which a pixel is reached."""
    import jax.numpy as jnp

    turned = jnp.moveaxis(reached, axis, -1)
    none = jnp.zeros(numbers.size, bool)
    hit = none.at[numbers].max(turned.ravel(), indices_are_sorted=True)
    return jnp.moveaxis(hit[numbers].reshape(turned.shape), -1, axis) & mask


def _with_neighbours(mask: Array) -> Array:
    """Return the mask with all pixels that touch it, also at a corner."""
    import jax.numpy as jnp

    for axis in range(mask.ndim):
        ends = [(1, 1) if number == axis else (0, 0) for number in range(mask.ndim)]
        wide, length = jnp.moveaxis(jnp.pad(mask, ends), axis, 0), mask.shape[axis]
        mask = jnp.moveaxis(wide[:length] | wide[1:-1] | wide[2:], 0, axis)
    return mask
