"""What our functions on torch tensors share: dtypes, borders, windows, histograms.

Axes are (Y, X) or (Z, Y, X).  Every border is mirrored with the edge pixel repeated, scipy's
mode ``reflect``; for the largest or smallest value in a disk that means that what lies outside
does not count.
"""

from __future__ import annotations

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
    padded = _mirrored(image, axis, radius, radius)
    result = torch.zeros_like(image)
    for offset, weight in enumerate(weights):
        result += weight * padded.narrow(axis, offset, length)
    return result


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
    return _within(image, int(radius**2 + 1e-9), largest)


def _within(image: Tensor, square: int, largest: bool) -> Tensor:
    """Return the extreme over all pixels whose squared distance is at most `square`."""
    import torch

    reach, length = math.isqrt(square), image.shape[0]
    if image.ndim == 1:
        runs = windows_along(image, 2 * reach + 1, 0)
        return runs.amax(-1) if largest else runs.amin(-1)
    pick = torch.maximum if largest else torch.minimum
    result = None
    for offset in range(reach + 1):
        part = _rows(image, square - offset**2, largest)
        mirrored = _mirrored(part, 0, reach, reach)
        for side in {-offset, offset}:
            shifted = mirrored.narrow(0, reach + side, length)
            result = shifted.clone() if result is None else pick(result, shifted)
    assert result is not None
    return result


def opened(image: Tensor, radius: float) -> Tensor:
    """Return the largest of the smallest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=False), radius, largest=True)


def closed(image: Tensor, radius: float) -> Tensor:
    """Return the smallest of the largest values within a disk."""
    return disk_extreme(disk_extreme(image, radius, largest=True), radius, largest=False)


def _rows(image: Tensor, square: int, largest: bool) -> Tensor:
    """Return the extreme over all but the first axis."""
    import torch

    if image.ndim == 2:
        runs = windows_along(image, 2 * math.isqrt(square) + 1, 1)
        return runs.amax(-1) if largest else runs.amin(-1)
    return torch.stack([_within(plane, square, largest) for plane in image])


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
    """Return the parts of `mask` that are joined to `seeds` inside it.

    Every round goes along whole runs of each axis, so that the number of rounds is that of
    the turns on the way and not of its pixels.
    """
    runs = [_runs(mask, axis) for axis in range(mask.ndim)]
    reached = seeds & mask
    while True:
        before = reached
        for axis, numbers in enumerate(runs):
            reached = _fill_runs(reached, mask, numbers, axis)
        if diagonal:
            reached = _within(reached, mask.ndim, largest=True) & mask
        if bool((reached == before).all()):
            return reached


def _runs(mask: Tensor, axis: int) -> Tensor:
    """Return a number for every pixel, the same along each run of the mask."""
    starts = ~mask.movedim(axis, -1)
    starts[..., 0] = True
    return starts.flatten().cumsum(0) - 1


def _fill_runs(reached: Tensor, mask: Tensor, numbers: Tensor, axis: int) -> Tensor:
    import torch

    turned = reached.movedim(axis, -1)
    hit = torch.zeros(int(numbers.numel()), dtype=torch.bool, device=mask.device)
    hit[numbers[turned.flatten()]] = True
    return hit[numbers].reshape(turned.shape).movedim(-1, axis) & mask


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
