"""What is called for functions of scipy.ndimage that measure objects: tables of all of them.

``scipy.ndimage.mean(image, labels, index)`` gives numbers for the labels asked for; in a
pipeline it is asked for all labels of the image and gives a row for each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_openhcs.functions.libraries._calls import (
    along_axes,
    signature_of,
    through_fourier,
)
from napari_openhcs.functions.libraries.base import Function, Maker, adapt, first_sentence

__all__ = ["CALLS"]

Table = dict[str, Any]
Columns = Callable[[str, Any, int], Table]


def _value(name: str, result: Any, ndim: int) -> Table:
    return {name: np.asarray(result)}


def _extrema(name: str, result: Any, ndim: int) -> Table:
    minimum, maximum, darkest, brightest = result
    return {
        "minimum": np.asarray(minimum),
        "maximum": np.asarray(maximum),
        **along_axes("minimum_position", darkest, ndim),
        **along_axes("maximum_position", brightest, ndim),
    }


def _of_objects(columns: Columns) -> Maker:
    """Make a table of all objects of a function that takes ``labels`` and ``index``."""

    def make(function: Function) -> Function:
        name = function.__name__

        def call(first: Any, labels: Any, **parameters: Any) -> Table:
            index = np.unique(labels[labels > 0])
            result = function(first, labels=labels, index=index, **parameters)
            return {"label": index, **columns(name, result, first.ndim)}

        signature = signature_of(function, "index")
        required = [
            item.replace(default=inspect.Parameter.empty) if item.name == "labels" else item
            for item in signature.parameters.values()
        ]
        return adapt(
            function,
            call,
            summary=f"{first_sentence(function)} (one row an object)",
            signature=signature.replace(parameters=required),
        )

    return make


def _histogram(function: Function) -> Function:
    """Make a table of the histograms of all objects, a column a bin."""

    def counts(first: Any, labels: Any, index: Any, **parameters: Any) -> Any:
        if not len(index):
            # SciPy refuses to look for no object.
            return np.zeros((0, parameters["bins"]), np.int64)
        return np.stack(list(function(first, labels=labels, index=index, **parameters)))

    def columns(name: str, result: Any, ndim: int) -> Table:
        return {f"bin_{number}": column for number, column in enumerate(result.T)}

    return _of_objects(columns)(adapt(function, counts))


def _boxes(function: Function) -> Function:
    """Make a table of the boxes around objects, with the names of our own tables."""

    def call(first: Any) -> Table:
        found = [(n, box) for n, box in enumerate(function(first), 1) if box is not None]
        starts = [[side.start for side in box] for _, box in found]
        stops = [[side.stop for side in box] for _, box in found]
        return {
            "label": np.array([number for number, _ in found], np.int32),
            **along_axes("bbox_start", np.array(starts, np.int64), first.ndim),
            **along_axes("bbox_stop", np.array(stops, np.int64), first.ndim),
        }

    summary = "Measure the box around every label (one row an object; stop is one px behind)"
    return adapt(function, call, summary=summary, signature=signature_of(function, "max_label"))


_NUMBERS = ("sum_labels", "mean", "median", "variance", "standard_deviation", "minimum", "maximum")
_POSITIONS = ("center_of_mass", "minimum_position", "maximum_position")
_FOURIER = ("fourier_ellipsoid", "fourier_gaussian", "fourier_shift", "fourier_uniform")

CALLS: dict[str, Maker] = {
    f"scipy.ndimage.{name}": make
    for name, make in (
        *((name, _of_objects(_value)) for name in _NUMBERS),
        *((name, _of_objects(along_axes)) for name in _POSITIONS),
        ("extrema", _of_objects(_extrema)),
        ("histogram", _histogram),
        ("find_objects", _boxes),
        *((name, through_fourier) for name in _FOURIER),
    )
}
"""What makes, of a function of SciPy, the one that is called in a pipeline."""
