"""What our functions on JAX arrays share: dtypes, borders, windows, ranks, histograms.

Axes are (Y, X) or (Z, Y, X).  Every border is mirrored with the edge pixel repeated, scipy's
mode ``reflect``; for the largest or smallest value in a disk that means that what lies outside
does not count.  Computed is in float32, which JAX has everywhere.

JAX compiles a program for every shape it meets.  Sizes of kernels and windows therefore come
in as numbers and the borders in powers of two (:func:`_bucket`): another sigma or radius is
no other program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from napari_openhcs.errors import ContractError, ParameterError

if TYPE_CHECKING:
    from jax import Array

__all__ = [
    "as_float",
    "bilateral",
    "blur",
    "closed",
    "compiled",
    "correlate_axis",
    "disk_extreme",
    "full_scale",
    "gaussian_weights",
    "is_float",
    "like",
    "mirrored",
    "opened",
    "require_at_least",
    "require_same_shape",
    "require_stack",
    "second_differences",
    "window_extreme",
    "window_mean",
]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*static: str) -> Callable[[F], F]:
    """Return a decorator that compiles a function with ``jax.jit`` when it is first called.

    Parameters
    ----------
    *static : str
        Parameters whose every value is a program of its own.
    """

    def decorate(function: F) -> F:
        @cache
        def program() -> Callable[..., Any]:
            import jax

            return cast("Callable[..., Any]", jax.jit(function, static_argnames=static))

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return program()(*arguments, **named)

        return cast("F", call)

    return decorate


def is_float(image: Array) -> bool:
    """Whether an array holds floating-point numbers."""
    return bool(image.dtype.kind == "f")


def as_float(image: Array) -> Array:
    """Return float32, or float64 as it came where JAX has it switched on."""
    return image if str(image.dtype) in ("float32", "float64") else image.astype("float32")


def like(result: Array, image: Array) -> Array:
    """Return `result` in the dtype of `image`: rounded and clipped for integers."""
    if is_float(image) or result.dtype == image.dtype:
        return result.astype(image.dtype)
    result, limits = as_float(result), np.iinfo(image.dtype)
    low, high = float(limits.min), float(limits.max)
    if limits.bits > 16:
        # float32 rounds the largest value up, out of the range.
        high = float(np.nextafter(result.dtype.type(high), result.dtype.type(0)))
    return result.round().clip(low, high).astype(image.dtype)


def full_scale(image: Array) -> float:
    """Return the value that stands for full brightness: 1 for floats, the dtype's maximum."""
    return 1.0 if is_float(image) else float(np.iinfo(image.dtype).max)


def require_stack(image: Array, function: str) -> Array:
    """Refuse what is no stack (N, Y, X)."""
    if image.ndim != 3 or image.shape[0] == 0:
        raise ContractError(
            f"{function} got an array of shape {tuple(image.shape)}: expected a stack (N, Y, X) "
            "of at least one plane."
        )
    return image


def require_same_shape(first: Array, second: Array, function: str, name: str) -> None:
    """Refuse a wired array whose shape is not that of the first one."""
    if first.shape != second.shape:
        raise ContractError(
            f"{function} got '{name}' of shape {tuple(second.shape)} for an array of shape "
            f"{tuple(first.shape)}: expected the same shape; wire '{name}' to a step of the same "
            "field."
        )


def require_at_least(value: float, minimum: float, function: str, name: str) -> None:
    """Refuse a parameter below its minimum, and NaN."""
    if not value >= minimum:
        raise ParameterError(f"{function}: '{name}' is {value}, expected at least {minimum:g}.")


def _bucket(radius: int) -> int:
    """Return the next power of two, at least 4: how many border pixels a program has."""
    return max(4, 1 << (radius - 1).bit_length()) if radius else 4


def mirrored(image: Array, axis: int, border: int) -> Array:
    """Return the image with so many mirrored pixels more at both ends of an axis."""
    import jax.numpy as jnp

    length = image.shape[axis]
    # Index arithmetic mirrors any number of times, so that a window may exceed the image.
    index = np.arange(-border, length + border) % (2 * length)
    return jnp.take(image, np.where(index < length, index, 2 * length - 1 - index), axis=axis)


def correlate_axis(image: Array, weights: Sequence[float] | np.ndarray, axis: int) -> Array:
    """Return the sum of neighbours along one axis, weighted by an odd number of weights."""
    radius = len(weights) // 2
    border = _bucket(radius)
    padded = np.zeros(2 * border + 1, image.dtype)
    padded[: len(weights)] = weights
    return _correlated(image, padded, radius, axis=axis)


@compiled("axis")
def _correlated(image: Array, weights: Array, radius: Any, axis: int) -> Array:
    """Add the `2 * radius + 1` first weights' shares; the others fill the program's size."""
    import jax
    import jax.numpy as jnp

    length, border = image.shape[axis], len(weights) // 2
    wide = mirrored(image, axis, border)

    def add(number: Any, total: Array) -> Array:
        start = border - radius + number
        part = jax.lax.dynamic_slice_in_dim(wide, start, length, axis)
        return total + weights[number] * part

    total: Array = jax.lax.fori_loop(0, 2 * radius + 1, add, jnp.zeros_like(image))
    return total


def gaussian_weights(sigma: float, truncate: float = 4.0, order: int = 0) -> np.ndarray:
    """Return a Gaussian kernel that adds up to 1, or its first derivative."""
    radius = int(truncate * sigma + 0.5)
    positions = np.arange(-radius, radius + 1, dtype=float)
    weights = np.exp(-0.5 * (positions / max(sigma, 1e-12)) ** 2)
    weights /= weights.sum()
    return weights * positions / sigma**2 if order else weights


def blur(image: Array, sigma: float, truncate: float = 4.0) -> Array:
    """Return a float image blurred along all axes; equal to scipy's ``gaussian_filter``."""
    result = as_float(image)
    weights = gaussian_weights(sigma, truncate)
    for axis in range(image.ndim if len(weights) > 1 else 0):
        result = correlate_axis(result, weights, axis)
    return result


def second_differences(values: Array) -> Array:
    """Return the sum of the second differences along all axes."""
    return sum(
        (correlate_axis(values, (1.0, -2.0, 1.0), axis) for axis in range(values.ndim)),
        start=0 * values,
    )


def window_mean(image: Array, size: int) -> Array:
    """Return the mean of a float image in a square window (a cube in volumes)."""
    weights = np.full(size | 1, 1.0 / size)
    # A window of even size reaches one pixel less far to the right.
    weights[size:] = 0
    for axis in range(image.ndim):
        image = correlate_axis(image, weights, axis)
    return image


def window_extreme(image: Array, size: int, largest: bool) -> Array:
    """Return the largest (or smallest) value in a square window (a cube in volumes)."""
    before, after = size // 2, size - size // 2 - 1
    for axis in range(image.ndim):
        image = _run_extreme(
            image, before, after, border=_bucket(before), axis=axis, largest=largest
        )
    return image


def _neutral(image: Array, largest: bool) -> Any:
    """Return the value that is never the largest (or smallest)."""
    if is_float(image):
        return image.dtype.type(-math.inf if largest else math.inf)
    if image.dtype.kind == "b":
        return not largest
    limits = np.iinfo(image.dtype)
    return image.dtype.type(limits.min if largest else limits.max)


def _padded(image: Array, axis: int, border: int, largest: bool) -> Array:
    import jax.numpy as jnp

    ends = [(border, border) if number == axis else (0, 0) for number in range(image.ndim)]
    return jnp.pad(image, ends, constant_values=_neutral(image, largest))


@compiled("border", "axis", "largest")
def _run_extreme(
    image: Array, before: Any, after: Any, border: int, axis: int, largest: bool
) -> Array:
    import jax
    import jax.numpy as jnp

    pick = jnp.maximum if largest else jnp.minimum
    wide, length = _padded(image, axis, border, largest), image.shape[axis]

    def add(offset: Any, best: Array) -> Array:
        return pick(best, jax.lax.dynamic_slice_in_dim(wide, border + offset, length, axis))

    best: Array = jax.lax.fori_loop(-before, after + 1, add, image)
    return best


def disk_extreme(image: Array, radius: float, largest: bool) -> Array:
    """Return the largest (or smallest) value within a disk, in 3D a ball, around every pixel."""
    # The square stays exact where a root of a root would fall just short of a pixel.
    square = int(radius**2 + 1e-9)
    reach = math.isqrt(square)
    border = _bucket(reach)
    # Half the width of the disk at every distance along Y from its centre, for each along Z.
    depth = border + 1 if image.ndim == 3 else 1
    widths = np.full((depth, border + 1), -1, np.int32)
    for z in range(min(depth, reach + 1)):
        rest = square - z**2
        for y in range(math.isqrt(rest) + 1):
            widths[z, y] = math.isqrt(rest - y**2)
    deepest = reach if image.ndim == 3 else 0
    return _ball_extreme(image, widths, deepest, border=border, largest=largest)


@compiled("border", "largest")
def _ball_extreme(image: Array, widths: Array, deepest: Any, border: int, largest: bool) -> Array:
    import jax
    import jax.numpy as jnp

    pick = jnp.maximum if largest else jnp.minimum
    wide = _padded(image, image.ndim - 1, border, largest)

    def join(z: Any, best: Array) -> Array:
        disk = _disk(image, wide, widths[z], border, largest)
        return _both_sides(best, disk, z, 0, border, largest) if image.ndim == 3 else disk

    if image.ndim == 2:
        return join(0, image)
    best: Array = jax.lax.fori_loop(0, deepest + 1, join, image)
    return pick(best, image)


def _disk(image: Array, wide: Array, widths: Array, border: int, largest: bool) -> Array:
    """Join runs along X, from the narrow ones at the disk's top to the widest at its centre."""
    import jax
    import jax.numpy as jnp

    pick = jnp.maximum if largest else jnp.minimum
    length = image.shape[-1]
    reach = (widths >= 0).sum() - 1

    def at(offset: Any) -> Array:
        return jax.lax.dynamic_slice_in_dim(wide, border + offset, length, image.ndim - 1)

    def widen(state: tuple[Any, Array]) -> tuple[Any, Array]:
        half, run = state
        return half + 1, pick(run, pick(at(half + 1), at(-half - 1)))

    def step(number: Any, state: tuple[Any, Array, Array]) -> tuple[Any, Array, Array]:
        half, run, best = state
        y = reach - number
        half, run = jax.lax.while_loop(lambda now: now[0] < widths[y], widen, (half, run))
        return half, run, _both_sides(best, run, y, image.ndim - 2, border, largest)

    start = (jnp.int32(0), image, image)
    best: Array = jax.lax.fori_loop(0, reach + 1, step, start)[2]
    return best


def _both_sides(
    best: Array, part: Array, offset: Any, axis: int, border: int, largest: bool
) -> Array:
    """Join an image shifted by `offset` to both sides along an axis."""
    import jax
    import jax.numpy as jnp

    pick = jnp.maximum if largest else jnp.minimum
    padded, length = _padded(part, axis, border, largest), part.shape[axis]
    for side in (offset, -offset):
        best = pick(best, jax.lax.dynamic_slice_in_dim(padded, border + side, length, axis))
    return best


def opened(image: Array, radius: float) -> Array:
    """Return the largest of the smallest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=False), radius, largest=True)


def closed(image: Array, radius: float) -> Array:
    """Return the smallest of the largest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=True), radius, largest=False)


def bilateral(values: Array, sigma: float, spread: float) -> Array:
    """Return a float plane's means, weighted by distance (px) and difference in grey values."""
    radius = int(2 * sigma + 0.5)
    return _bilateral(values, sigma, spread, radius, border=_bucket(radius))


@compiled("border")
def _bilateral(values: Array, sigma: Any, spread: Any, radius: Any, border: int) -> Array:
    import jax
    import jax.numpy as jnp

    wide = mirrored(mirrored(values, 0, border), 1, border)
    size = 2 * radius + 1

    def add(number: Any, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        y, x = number // size - radius, number % size - radius
        other = jax.lax.dynamic_slice(wide, (border + y, border + x), values.shape)
        distance = (y**2 + x**2) / sigma**2 + ((other - values) / spread) ** 2
        weight = jnp.exp(-0.5 * distance)
        return sums[0] + weight * other, sums[1] + weight

    none = jnp.zeros_like(values)
    total, weights = jax.lax.fori_loop(0, size**2, add, (none, none))
    return total / weights
