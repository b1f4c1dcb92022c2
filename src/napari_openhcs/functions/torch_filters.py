"""Filters on torch tensors, for the CPU or a GPU.

Axes are (Y, X) or (Z, Y, X); tensors stay on their device.  torch is imported inside the
functions: listing them loads nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import torch as torch_function

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "gaussian_blur",
    "max_projection",
    "mean_projection",
    "otsu_threshold",
    "percentile_normalize",
    "threshold_value",
]


def _as_float(image: Tensor) -> Tensor:
    """Return float32, which every device computes in, or float64 as it came."""
    return image if image.is_floating_point() else image.float()


def _like(result: Tensor, image: Tensor) -> Tensor:
    """Return `result` in the dtype of `image`: rounded and clipped for integers."""
    import torch

    if image.is_floating_point():
        return result.to(image.dtype)
    limits = torch.iinfo(image.dtype)
    return result.round().clamp(limits.min, limits.max).to(image.dtype)


def _require_stack(image: Tensor, name: str) -> None:
    if image.ndim != 3 or image.shape[0] == 0:
        raise ContractError(
            f"{name} got an array of shape {tuple(image.shape)}: expected a stack (N, Y, X) of at "
            "least one plane."
        )


def _blur_axis(image: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Convolve along one axis; the border is mirrored with the edge pixel repeated."""
    import torch

    radius = len(weights) // 2
    length = image.shape[axis]
    # Index arithmetic mirrors any number of times, so that a kernel may exceed the image.
    index = torch.arange(-radius, length + radius, device=image.device) % (2 * length)
    index = torch.where(index < length, index, 2 * length - 1 - index)
    padded = image.index_select(axis, index)
    result = torch.zeros_like(image)
    for offset, weight in enumerate(weights):
        result += weight * padded.narrow(axis, offset, length)
    return result


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("blur", "smooth", "gaussian blur", "reduce noise"),
    units={"sigma": "px"},
    limits={"sigma": (0, None), "truncate": (0.5, 10)},
)
@torch_function
def gaussian_blur(image: Tensor, sigma: float = 2.0, truncate: float = 4.0) -> Tensor:
    """Blur with a Gaussian.

    Equal to ``scipy.ndimage.gaussian_filter`` within float32 precision, also at the border
    (mode ``reflect``).

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype; its dtype is kept, integers are rounded.
    sigma : float
        Standard deviation along every axis; 0 changes nothing.
    truncate : float
        The kernel reaches so many standard deviations far.

    Returns
    -------
    Tensor
        Same shape, dtype and device; a new tensor.
    """
    import torch

    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return image.clone()
    positions = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (positions / sigma) ** 2)
    result = _as_float(image)
    weights = (weights / weights.sum()).to(result)
    for axis in range(image.ndim):
        result = _blur_axis(result, weights, axis)
    return _like(result, image)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=("maximum intensity projection", "MIP", "z projection"),
)
@torch_function
def max_projection(image: Tensor) -> Tensor:
    """Take the brightest value over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype.

    Raises
    ------
    ContractError
        `image` is no stack.
    """
    _require_stack(image, "max_projection")
    # torch has no maximum of uint16; the sign-free values fit int32.
    wide = image if image.is_floating_point() else image.int()
    return wide.amax(dim=0).to(image.dtype)


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    synonyms=("average projection", "z projection"),
)
@torch_function
def mean_projection(image: Tensor) -> Tensor:
    """Take the mean over the stack at every pixel.

    Parameters
    ----------
    image : Tensor
        (N, Y, X), any real dtype.

    Returns
    -------
    Tensor
        (Y, X), same dtype; integers are rounded.

    Raises
    ------
    ContractError
        `image` is no stack.
    """
    _require_stack(image, "mean_projection")
    return _like(_as_float(image).mean(dim=0), image)


def _percentile(values: Tensor, percent: float) -> Tensor:
    """Return a percentile, interpolated linearly as NumPy does."""
    import torch

    ordered = values.flatten().sort().values
    position = (len(ordered) - 1) * percent / 100.0
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return torch.lerp(ordered[low], ordered[high], position - low)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.IMAGE,
    category="intensity",
    synonyms=("normalize", "contrast", "stretch contrast", "rescale"),
    units={"low": "%", "high": "%"},
    limits={"low": (0, 100), "high": (0, 100)},
)
@torch_function
def percentile_normalize(image: Tensor, low: float = 1.0, high: float = 99.8) -> Tensor:
    """Map a low and a high percentile to the ends of the range.

    Values outside are clipped.  Every plane (or volume) is measured for itself: planes are
    not comparable afterwards.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    low, high : float
        Percentiles that become the smallest and largest value.

    Returns
    -------
    Tensor
        Same shape and dtype: over the whole range of an integer dtype, 0 to 1 for floats.
        0 everywhere where both percentiles are equal.
    """
    import torch

    values = _as_float(image)
    bottom, top = _percentile(values, low), _percentile(values, high)
    span = top - bottom
    unit = torch.where(span > 0, (values - bottom) / span, torch.zeros_like(values)).clamp(0, 1)
    full = 1.0 if image.is_floating_point() else float(torch.iinfo(image.dtype).max)
    return _like(unit * full, image)


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("threshold", "binarize", "segment", "mask"),
)
@torch_function
def threshold_value(image: Tensor, threshold: float = 500.0) -> Tensor:
    """Mark what is brighter than a fixed grey value.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    threshold : float
        Grey value; pixels above it are marked.

    Returns
    -------
    Tensor
        bool, same shape.
    """
    return _as_float(image) > threshold


@declare(
    contract=Contract.FLEXIBLE,
    output_kind=Kind.MASK,
    category="threshold",
    synonyms=("threshold", "binarize", "segment", "mask", "otsu"),
    limits={"n_bins": (2, 65536), "correction": (0, None)},
)
@torch_function
def otsu_threshold(image: Tensor, n_bins: int = 256, correction: float = 1.0) -> Tensor:
    """Mark what is brighter than Otsu's threshold.

    Otsu 1979 (doi 10.1109/TSMC.1979.4310076): the threshold that best separates the
    histogram into two classes.

    Parameters
    ----------
    image : Tensor
        (Y, X) or (Z, Y, X), any real dtype.
    n_bins : int
        Bins of the histogram between the smallest and the largest value.
    correction : float
        The threshold found is multiplied by this; above 1 is stricter.

    Returns
    -------
    Tensor
        bool, same shape; False everywhere in a constant image.
    """
    import torch

    values = _as_float(image)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return torch.zeros_like(values, dtype=torch.bool)
    # Counted on the device by index: torch.histc adds floats in no fixed order on a GPU.
    index = ((values - low) * (n_bins / (high - low))).long().clamp(max=n_bins - 1)
    counts = torch.bincount(index.flatten(), minlength=n_bins).double().cpu()
    centres = low + (torch.arange(n_bins, dtype=torch.float64) + 0.5) * (high - low) / n_bins
    below, above = counts.cumsum(0), counts.flip(0).cumsum(0).flip(0)
    sums = counts * centres
    mean_below = sums.cumsum(0) / below.clamp(min=1)
    mean_above = sums.flip(0).cumsum(0).flip(0) / above.clamp(min=1)
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return values > float(centres[int(between.argmax())]) * correction
