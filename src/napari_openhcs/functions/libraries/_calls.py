"""What is called in place of a function that gives numbers, positions or a threshold.

Each maker takes a library's function and returns one that gives a table, a mask or an image
from the same call; the first line of its help says what is done with the result.  Whole
images are rows with the label 0, as in our own tables.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_openhcs.functions.libraries.base import Function, Maker, adapt, first_sentence

__all__ = [
    "ON_ANY_ARRAY",
    "above",
    "along_axes",
    "from_a_fresh_start",
    "gaussian_psf",
    "measured",
    "positions",
    "signature_of",
    "through_fourier",
    "with_gaussian_psf",
]

Table = dict[str, Any]

AXES = "zyx"


def signature_of(function: Function, *without: str) -> inspect.Signature:
    """Return the signature of `function` without some parameters."""
    signature = inspect.signature(function)
    kept = [item for name, item in signature.parameters.items() if name not in without]
    return signature.replace(parameters=kept)


def along_axes(name: str, values: Any, ndim: int) -> Table:
    """Return the columns ``<name>_y, <name>_x`` (and ``_z``) of an (N, ndim) array."""
    columns = np.asarray(values).reshape(-1, ndim).T
    return {f"{name}_{axis}": column for axis, column in zip(AXES[-ndim:], columns, strict=True)}


def measured(*columns: str) -> Maker:
    """Make a row of what a function measures on a whole image.

    Parameters
    ----------
    *columns : str
        One for each number the function gives; ``shift_*`` for an array of one number an
        axis.
    """

    def make(function: Function) -> Function:
        def call(first: Any, **parameters: Any) -> Table:
            result = function(first, **parameters)
            values: Sequence[Any] = result if len(columns) > 1 else (result,)
            row: Table = {"label": np.zeros(1, np.int32)}
            for column, value in zip(columns, values, strict=True):
                if column.endswith("_*"):
                    row |= along_axes(column[:-2], value, first.ndim)
                else:
                    row[column] = np.asarray(value).reshape(1)
            return row

        return adapt(function, call, summary=f"{first_sentence(function)} (one row an image)")

    return make


def positions(*columns: str) -> Maker:
    """Make a table of a function's (N, axes + columns) array: a row a position, from label 1."""

    def make(function: Function) -> Function:
        def call(first: Any, **parameters: Any) -> Table:
            found = np.asarray(function(first, **parameters))
            ndim = first.ndim
            found = found.reshape(len(found), ndim + len(columns))
            table = {
                "label": np.arange(1, len(found) + 1, dtype=np.int32),
                **along_axes("centroid", found[:, :ndim], ndim),
            }
            return table | {name: found[:, ndim + n] for n, name in enumerate(columns)}

        return adapt(function, call, summary=f"{first_sentence(function)} (one row a position)")

    return make


def above(function: Function) -> Function:
    """Make a mask of a threshold: what is above it."""

    def call(first: Any, **parameters: Any) -> Any:
        return first > function(first, **parameters)

    name = function.__name__
    summary = f"{first_sentence(function)} (mask: image > {name}(image))"
    return adapt(function, call, summary=summary)


def through_fourier(function: Function) -> Function:
    """Make a filter of images of a filter of Fourier transforms."""

    def call(first: Any, **parameters: Any) -> Any:
        return np.fft.ifftn(function(np.fft.fftn(first), **parameters)).real

    name = function.__name__
    summary = f"{first_sentence(function)} (image: ifftn({name}(fftn(image), …)).real)"
    return adapt(function, call, summary=summary, signature=signature_of(function, "n", "axis"))


def gaussian_psf(sigma: float, ndim: int) -> np.ndarray:
    """Return a Gaussian point spread function.

    Parameters
    ----------
    sigma : float
        Standard deviation in px, along every axis.
    ndim : int

    Returns
    -------
    ndarray
        float64, odd sides that reach 4 `sigma` from the middle (at least 1 px), with sum 1.
    """
    reach = max(1, int(np.ceil(4 * sigma)))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    psf = line / line.sum()
    line = psf
    for _ in range(ndim - 1):
        psf = np.multiply.outer(psf, line)
    return np.asarray(psf)


def with_gaussian_psf(function: Function) -> Function:
    """Make the width of a Gaussian the parameter in place of a point spread function."""

    def call(first: Any, psf_sigma: float, **parameters: Any) -> Any:
        psf = np.asarray(gaussian_psf(psf_sigma, first.ndim), like=first)
        return function(first, psf=psf, **parameters)

    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    sigma = inspect.Parameter("psf_sigma", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    changed = [sigma if item.name == "psf" else item for item in parameters]
    summary = f"{first_sentence(function)} (psf: a Gaussian)"
    return adapt(function, call, summary=summary, signature=signature.replace(parameters=changed))


def from_a_fresh_start(function: Function) -> Function:
    """Make a call independent of those before it.

    The two smoothing operators of the morphological snakes take turns over all calls of a
    process (scikit-image 0.26, ``segmentation.morphsnakes._curvop``): after an odd number of
    smoothings the next call would begin with the other one.
    """

    def call(first: Any, num_iter: int, **parameters: Any) -> Any:
        result = function(first, num_iter=num_iter, **parameters)
        if num_iter * parameters.get("smoothing", 1) % 2:
            function(first[(slice(3),) * first.ndim], num_iter=1, smoothing=1)
        return result

    return adapt(function, call)


ON_ANY_ARRAY: tuple[Maker, ...] = (
    above,
    from_a_fresh_start,
    through_fourier,
    with_gaussian_psf,
)
"""What works on the arrays of every library that follows NumPy; the others need NumPy's."""
