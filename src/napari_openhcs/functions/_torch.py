"""What our functions on torch tensors share: dtypes, borders, windows, histograms.

Axes are (Y, X) or (Z, Y, X).  Every border is mirrored with the edge pixel repeated, scipy's
mode ``reflect``; for the largest or smallest value in a disk that means that what lies outside
does not count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from napari_openhcs.errors import ContractError, ParameterError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "as_float",
    "blur",
    "closed",
    "correlate_axis",
    "disk_extreme",
    "full_scale",
    "gaussian_weights",
    "histogram",
    "like",
    "line_extreme",
    "neighbours",
    "opened",
    "percentile",
    "require_at_least",
    "require_same_shape",
    "require_stack",
    "second_differences",
    "spread_inside",
    "widened",
    "windows",
    "windows_along",
]

_CHUNK = 1 << 24
"""Values of all windows that are held at once."""

_LONG = 64
"""Weights along one axis up to which each is added by itself."""

_MATRIX_SIDE = 4096
"""Pixels along an axis whose matrix of weights is small beside the image."""


def as_float(image: Tensor) -> Tensor:
    """Return float32, which every device computes in, or float64 as it came."""
    import torch

    return image if image.dtype in (torch.float32, torch.float64) else image.float()


def like(result: Tensor, image: Tensor) -> Tensor:
    """Return `result` in the dtype of `image`: rounded and clipped for integers."""
    import torch

    if image.is_floating_point():
        return result.to(image.dtype)
    limits = torch.iinfo(image.dtype)
    if limits.bits > 16:
        # float32 rounds the largest value up, out of the range.
        result = result.double()
        top = float(limits.max) if limits.bits == 32 else float(limits.max - 1023)
        return result.round().clamp(float(limits.min), top).to(image.dtype)
    return result.round().clamp(limits.min, limits.max).to(image.dtype)


def widened(image: Tensor) -> Tensor:
    """Return floats as they came and integers in a dtype that torch compares and sorts."""
    import torch

    if image.is_floating_point() or image.dtype == torch.bool:
        return image
    small = torch.iinfo(image.dtype).max <= torch.iinfo(torch.int32).max
    return image.int() if small else image.long()


def full_scale(image: Tensor) -> float:
    """Return the value that stands for full brightness: 1 for floats, the dtype's maximum."""
    import torch

    return 1.0 if image.is_floating_point() else float(torch.iinfo(image.dtype).max)


def require_stack(image: Tensor, function: str) -> Tensor:
    """Refuse what is no stack (N, Y, X)."""
    if image.ndim != 3 or image.shape[0] == 0:
        raise ContractError(
            f"{function} got an array of shape {tuple(image.shape)}: expected a stack (N, Y, X) "
            "of at least one plane."
        )
    return image


def require_same_shape(first: Tensor, second: Tensor, function: str, name: str) -> None:
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


def _mirrored(image: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Return the image with so many mirrored pixels more at both ends of an axis."""
    import torch

    length = image.shape[axis]
    # Index arithmetic mirrors any number of times, so that a window may exceed the image.
    index = torch.arange(-before, length + after, device=image.device) % (2 * length)
    return image.index_select(axis, torch.where(index < length, index, 2 * length - 1 - index))


def correlate_axis(image: Tensor, weights: Sequence[float] | Tensor, axis: int) -> Tensor:
    """Return the sum of neighbours along one axis, weighted by an odd number of weights."""
    import torch

    radius, length = len(weights) // 2, image.shape[axis]
    if len(weights) > _LONG and length <= _MATRIX_SIDE and 32 * len(weights) > length:
        return _times_matrix(image, weights, axis)
    padded = _mirrored(image, axis, radius, radius)
    result = torch.zeros_like(image)
    for offset, weight in enumerate(weights):
        result += weight * padded.narrow(axis, offset, length)
    return result


def _times_matrix(image: Tensor, weights: Sequence[float] | Tensor, axis: int) -> Tensor:
    """Return the weighted sum by one product with a matrix: quicker where kernels are long."""
    import torch

    radius, length = len(weights) // 2, image.shape[axis]
    rows = torch.arange(length, device=image.device)
    sources = _mirrored(rows, 0, radius, radius)
    matrix = image.new_zeros((length, length))
    for offset, weight in enumerate(weights):
        # Every row comes once for each offset, so that no two additions meet.
        matrix[rows, sources.narrow(0, offset, length)] += weight
    turned = image.movedim(axis, 0)
    return (matrix @ turned.flatten(1)).reshape(turned.shape).movedim(0, axis)


def gaussian_weights(sigma: float, truncate: float, order: int = 0) -> Tensor:
    """Return a Gaussian kernel that adds up to 1, or its first derivative."""
    import torch

    radius = int(truncate * sigma + 0.5)
    positions = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (positions / max(sigma, 1e-12)) ** 2)
    weights = weights / weights.sum()
    return weights * positions / sigma**2 if order else weights


def blur(image: Tensor, sigma: float, truncate: float = 4.0) -> Tensor:
    """Return a float tensor blurred along all axes; equal to scipy's ``gaussian_filter``."""
    result = as_float(image)
    weights = gaussian_weights(sigma, truncate)
    for axis in range(image.ndim if len(weights) > 1 else 0):
        result = correlate_axis(result, weights.to(result), axis)
    return result


def disk_extreme(image: Tensor, radius: float, largest: bool) -> Tensor:
    """Return the largest (or smallest) value within a disk, in 3D a ball, around every pixel."""
    # The square stays exact where a root of a root would fall just short of a pixel.
    return _within(image, int(radius**2 + 1e-9), largest, image.ndim)


def _within(image: Tensor, square: int, largest: bool, n_axes: int) -> Tensor:
    """Return the extreme over pixels at most so far, squared, along the last axes."""
    import torch

    reach, axis = math.isqrt(square), -n_axes
    if n_axes == 1:
        return line_extreme(image, 2 * reach + 1, axis, largest)
    pick, length = torch.maximum if largest else torch.minimum, image.shape[axis]
    result = None
    for offset in range(reach + 1):
        part = _within(image, square - offset**2, largest, n_axes - 1)
        mirrored = _mirrored(part, axis, reach, reach)
        for side in {-offset, offset}:
            shifted = mirrored.narrow(axis, reach + side, length)
            result = shifted.clone() if result is None else pick(result, shifted)
    assert result is not None
    return result


def line_extreme(image: Tensor, size: int, axis: int, largest: bool) -> Tensor:
    """Return the largest (or smallest) of the `size` values around every pixel along an axis."""
    import torch

    pick = torch.maximum if largest else torch.minimum
    result, covered = _mirrored(image, axis, size // 2, size - size // 2 - 1), 1
    # Two runs side by side make one of twice the length.
    while covered < size:
        step = min(covered, size - covered)
        length = result.shape[axis] - step
        result = pick(result.narrow(axis, 0, length), result.narrow(axis, step, length))
        covered += step
    return result


def opened(image: Tensor, radius: float) -> Tensor:
    """Return the largest of the smallest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=False), radius, largest=True)


def closed(image: Tensor, radius: float) -> Tensor:
    """Return the smallest of the largest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=True), radius, largest=False)


def windows(image: Tensor, size: int, summarise: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `summarise` makes of the values (…, size^d) in a window around every pixel."""
    import torch

    padded = image
    for axis in range(image.ndim):
        padded = _mirrored(padded, axis, size // 2, size - size // 2 - 1)
    # Values in one row of windows.
    row = int(image.shape[-1]) * size**image.ndim
    rows, height = max(1, _CHUNK // row), image.shape[-2]
    slabs = [padded] if image.ndim == 2 else [padded.narrow(0, z, size) for z in range(len(image))]
    planes = []
    for slab in slabs:
        parts = []
        for start in range(0, height, rows):
            part = slab.narrow(-2, start, min(rows, height - start) + size - 1)
            for axis in range(image.ndim):
                part = part.unfold(axis, size, 1)
            parts.append(summarise(part.flatten(image.ndim)))
        planes.append(torch.cat(parts, -2))
    return torch.cat(planes) if image.ndim == 3 else planes[0]


def percentile(values: Tensor, percent: float) -> Tensor:
    """Return a percentile over the last axis, interpolated linearly as NumPy does."""
    import torch

    ordered = values.sort(dim=-1).values
    position = (ordered.shape[-1] - 1) * percent / 100.0
    low = math.floor(position)
    high = min(low + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., low], ordered[..., high], position - low)


def histogram(values: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Return counts and centres (float64, on the CPU) between smallest and largest value.

    Counted on the device by index: ``torch.histc`` adds floats in no fixed order on a GPU.
    """
    import torch

    low, high = float(values.min()), float(values.max())
    index = ((values - low) * (n_bins / (high - low))).long().clamp(0, n_bins - 1)
    counts = torch.bincount(index.flatten(), minlength=n_bins).double().cpu()
    centres = low + (torch.arange(n_bins, dtype=torch.float64) + 0.5) * (high - low) / n_bins
    return counts, centres


def spread_inside(seeds: Tensor, mask: Tensor, diagonal: bool = False) -> Tensor:
    """Return the parts of `mask` that are joined to `seeds` inside it."""
    import torch

    runs, parents = _joined_runs(mask, diagonal)
    hit = torch.zeros(len(parents), dtype=torch.bool, device=mask.device)
    hit[parents[runs[seeds & mask]]] = True
    return hit[parents[runs]] & mask


def _joined_runs(mask: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
    """Return the run along x of every pixel, and for every run the first run joined to it.

    Runs join their neighbours' roots, and paths to roots are halved, until nothing changes:
    the number of rounds grows with the logarithm of the longest way.
    """
    import torch

    starts = mask.clone()
    starts[..., 1:] &= ~mask[..., :-1]
    # Outside the mask a pixel has the number of the run before it, which nothing reads.
    runs = starts.flatten().cumsum(0).reshape(mask.shape).sub(1).clamp(min=0)
    parents = torch.arange(max(int(starts.sum()), 1), device=mask.device)
    ends = _edges(runs, mask, diagonal)
    while True:
        roots = parents[ends]
        apart = roots[0] != roots[1]
        if not bool(apart.any()):
            return runs, parents
        ends, roots = ends[:, apart], roots[:, apart]
        parents = parents.scatter_reduce(0, roots.amax(0), roots.amin(0), "amin")
        while not bool((parents == parents[parents]).all()):
            parents = parents[parents]


def _edges(runs: Tensor, mask: Tensor, diagonal: bool) -> Tensor:
    """Return the pairs (2, N) of runs that touch."""
    import torch

    pairs = []
    for step in itertools.product((-1, 0, 1), repeat=mask.ndim):
        n_steps = sum(map(abs, step))
        ahead = next((part for part in step if part), 0) > 0
        if not ahead or not any(step[:-1]) or (n_steps > 1 and not diagonal):
            continue
        one, other = (
            tuple(
                slice(max(sign * part, 0), size + min(sign * part, 0))
                for part, size in zip(step, mask.shape, strict=True)
            )
            for sign in (-1, 1)
        )
        both = mask[one] & mask[other]
        pairs.append(torch.stack([runs[one][both], runs[other][both]]))
    return torch.cat(pairs, 1) if pairs else runs.new_zeros((2, 0))


def windows_along(image: Tensor, size: int, axis: int) -> Tensor:
    """Return a view of the `size` values around every pixel along one axis, as last axis."""
    return _mirrored(image, axis, size // 2, size - size // 2 - 1).unfold(axis, size, 1)


def second_differences(values: Tensor) -> Tensor:
    """Return the sum of the second differences along all axes."""
    import torch

    result = torch.zeros_like(values)
    for axis in range(values.ndim):
        result += correlate_axis(values, (1.0, -2.0, 1.0), axis)
    return result


def neighbours(image: Tensor, radius: int) -> Iterator[tuple[float, Tensor]]:
    """Iterate over (distance in px, image shifted so far) of a plane's square window."""
    height, width = image.shape
    padded = _mirrored(_mirrored(image, 0, radius, radius), 1, radius, radius)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            yield (
                math.hypot(dy, dx),
                padded.narrow(0, radius + dy, height).narrow(1, radius + dx, width),
            )
