"""Focus: how sharp a plane is, where it is sharp, and one sharp plane of a stack."""

from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions._arrays import (
    Array,
    float_type,
    require_array,
    require_at_least,
    require_finite,
    round_to,
)
from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function

__all__ = ["extended_depth_of_field", "focus_map", "measure_focus"]

Table = dict[str, Array]


def _tenengrad(values: Array) -> Array:
    """Return the squared gradient by Sobel's operator, (grey values a px)²."""
    from scipy import ndimage

    # Sobel's weights add up to 8 times the slope.
    return np.asarray(sum((ndimage.sobel(values, axis) / 8) ** 2 for axis in (0, 1)))


def _high_frequencies(values: Array) -> float:
    """Return the share of the power above half of the largest frequency; 0 for a constant."""
    # Without a window the jump between opposite borders would count as fine detail.
    window = np.outer(*(np.hanning(side) for side in values.shape))
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2
    # All but the first column (and the last, when even) stand for two frequencies.
    power[:, 1 : (values.shape[1] + 1) // 2] *= 2
    y, x = np.fft.fftfreq(values.shape[0]), np.fft.rfftfreq(values.shape[1])
    total = power.sum()
    return float(power[np.hypot(y[:, np.newaxis], x) > 0.25].sum() / total) if total else 0.0


@declare(
    contract=Contract.TABLE,
    output_kind=Kind.TABLE,
    category="measure",
    ndims=(2,),
    synonyms=(
        "focus measure",
        "focus score",
        "sharpness",
        "out of focus",
        "blurry images",
        "variance of Laplacian",
        "Tenengrad",
        "quality control",
    ),
    shared_columns=("label",),
)
@numpy_function
def measure_focus(image: Array) -> Table:
    """Measure how sharp an image is, in five ways.

    All are larger for sharper images of the same scene; images of different content or
    staining are best compared by the normalised ones.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.

    Returns
    -------
    dict of str to ndarray
        One row: ``label`` (0, the whole image), ``focus_laplacian`` (variance of the
        Laplacian, grey values²), ``focus_tenengrad`` (mean squared gradient, grey values²),
        ``focus_brenner`` (mean squared difference to the second next pixel along x, grey
        values²), ``focus_variance`` (variance over mean, grey values; 0 for a black image),
        ``focus_power`` (share of the spatial power above half the largest frequency, 0
        to 1).

    Raises
    ------
    ContractError
        The array is not (Y, X) or not finite.

    Notes
    -----
    Pech-Pacheco et al. 2000, doi 10.1109/ICPR.2000.903548 (Laplacian); Groen, Young and
    Ligthart 1985, doi 10.1002/cyto.990060202 (normalised variance, Tenengrad, Brenner).
    """
    from scipy import ndimage

    require_array(image, "measure_focus", ndims=(2,))
    require_finite(image, "measure_focus")
    values = image.astype(np.float64)
    mean = float(values.mean())
    steps = values[:, 2:] - values[:, :-2]
    row = {
        "focus_laplacian": ndimage.laplace(values).var(),
        "focus_tenengrad": _tenengrad(values).mean(),
        "focus_brenner": (steps**2).mean() if steps.size else 0.0,
        "focus_variance": values.var() / mean if mean else 0.0,
        "focus_power": _high_frequencies(values),
    }
    columns = {name: np.array([value], np.float64) for name, value in row.items()}
    return {"label": np.zeros(1, np.int32), **columns}


@declare(
    contract=Contract.PLANE,
    output_kind=Kind.IMAGE,
    category="filter",
    synonyms=("local sharpness", "where is it in focus", "local focus", "detail map"),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None)},
)
@numpy_function
def focus_map(image: Array, sigma: float = 5.0) -> Array:
    """Show where an image is sharp: the local strength of its gradients.

    Parameters
    ----------
    image : ndarray
        (Y, X), any numeric dtype, finite.
    sigma : float
        Standard deviation of the neighbourhood, px.

    Returns
    -------
    ndarray
        Same shape; float32 (float64 for large integers and float64): root mean square of the
        gradient in the neighbourhood, grey values a px.

    Raises
    ------
    ContractError
        The array is not (Y, X) or not finite.
    ParameterError
        `sigma` is below 0.5.
    """
    from scipy import ndimage

    function = "focus_map"
    require_array(image, function, ndims=(2,))
    require_finite(image, function)
    require_at_least(sigma, 0.5, function, "sigma")
    energy = ndimage.gaussian_filter(_tenengrad(image.astype(np.float64)), sigma)
    return np.asarray(np.sqrt(np.maximum(energy, 0)).astype(float_type(image.dtype)))


@declare(
    contract=Contract.REDUCE,
    output_kind=Kind.IMAGE,
    category="projection",
    ndims=(2, 3),
    synonyms=("extended focus", "EDF", "focus stacking", "all in focus", "z projection"),
    units={"sigma": "px"},
    limits={"sigma": (0.5, None), "sharpness": (1, None)},
)
@numpy_function
def extended_depth_of_field(image: Array, sigma: float = 3.0, sharpness: float = 4.0) -> Array:
    """Merge a stack into one plane in which everything is in focus.

    Each pixel is the mean over the planes, weighted by how sharp each plane is in its
    neighbourhood: without the seams of taking every pixel from one plane.

    Parameters
    ----------
    image : ndarray
        (N, Y, X), any numeric dtype, finite; (Y, X) counts as one plane.
    sigma : float
        Standard deviation of the neighbourhood, px.
    sharpness : float
        Power of the weights: 1 mixes all planes, large values take the sharpest alone.

    Returns
    -------
    ndarray
        (Y, X), the dtype of `image`; integers are rounded.

    Raises
    ------
    ContractError
        The array is empty, has other axes or is not finite.
    ParameterError
        A parameter is out of its limits.
    """
    from scipy import ndimage

    function = "extended_depth_of_field"
    require_array(image, function)
    require_finite(image, function)
    require_at_least(sigma, 0.5, function, "sigma")
    require_at_least(sharpness, 1, function, "sharpness")
    stack = image[np.newaxis] if image.ndim == 2 else image
    values = stack.astype(np.float64)
    energy = np.stack(
        [np.maximum(ndimage.gaussian_filter(_tenengrad(plane), sigma), 0) for plane in values]
    )
    peak = energy.max(axis=0)
    # Where no plane has any structure all count alike.
    relative = np.divide(energy, peak, out=np.ones_like(energy), where=peak > 0)
    weights = relative**sharpness
    merged = (weights * values).sum(axis=0) / weights.sum(axis=0)
    dtype = np.dtype(np.float32) if image.dtype == bool else image.dtype
    return round_to(merged, dtype)
