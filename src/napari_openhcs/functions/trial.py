"""Trying a function on one input: what came back, or why it is no use."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_openhcs.axes import Kind

__all__ = ["Observation", "Trial", "try_function"]

_LOSSY = ("precision loss", "lossy conversion", "Possible sign loss")


@dataclass(frozen=True)
class Trial:
    """One input: the kind, dimensions and pixel type of the first array."""

    kind: Kind
    ndim: int
    dtype: str


@dataclass(frozen=True)
class Observation:
    """What one trial gave.

    `problem` is empty when the result is of use; `result` is then an array or a table
    (columns by name).
    """

    trial: Trial
    problem: str = ""
    result: Any = None
    shape_in: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def is_table(self) -> bool:
        """Whether the result is a table."""
        return isinstance(self.result, dict)

    @property
    def dtype_out(self) -> str:
        """Pixel type of the result; empty for a table."""
        return "" if self.is_table or self.result is None else str(self.result.dtype)

    @property
    def reduced(self) -> bool:
        """Whether N planes became one."""
        return (
            not self.is_table
            and self.result is not None
            and len(self.shape_in) == 3
            and self.result.shape == self.shape_in[1:]
        )


def try_function(
    function: Callable[..., Any],
    trial: Trial,
    first: np.ndarray,
    parameters: Mapping[str, Any],
    *,
    shape: tuple[int, ...] | None = None,
) -> Observation:
    """Call a function twice on the same input and judge the result.

    The result is of use when it is an array of the input's shape (or of one of its planes)
    or a table of equally long columns, is the same both times, leaves the input alone and
    comes without a warning that the function goes away or that values were lost.  With
    `shape` the array must have that one, which the function declares.
    """
    results = []
    for _ in range(2):
        array = first.copy()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = time.perf_counter()
            try:
                results.append(function(array, **parameters))
            # Anything may come out of a foreign function; that it raised is the finding.
            except Exception as error:  # noqa: BLE001
                return Observation(trial, f"{type(error).__name__}: {error}".split("\n")[0][:200])
            seconds = time.perf_counter() - start
        problem = _warned(caught) or ("changes its input" if _changed(array, first) else "")
        if problem:
            return Observation(trial, problem)
    problem = _useless(results[0], first, shape) or (
        "" if _same(*results) else "gives another result every time"
    )
    result = None if problem else results[0]
    return Observation(trial, problem, result, first.shape, seconds)


def _warned(caught: list[warnings.WarningMessage]) -> str:
    for warning in caught:
        text = str(warning.message).split("\n")[0]
        if issubclass(warning.category, FutureWarning | DeprecationWarning):
            return f"goes away: {text}"
        if any(word in text for word in _LOSSY):
            return f"loses values: {text}"
    return ""


def _changed(array: np.ndarray, before: np.ndarray) -> bool:
    return not np.array_equal(array, before)


def _useless(result: Any, first: np.ndarray, shape: tuple[int, ...] | None) -> str:
    if isinstance(result, dict):
        lengths = {np.shape(column)[:1] for column in result.values()}
        return "" if len(lengths) == 1 and lengths != {()} else "gives a dictionary, no table"
    if not isinstance(result, np.ndarray):
        return f"gives {type(result).__name__}, no array"
    wanted = (first.shape, first.shape[1:]) if shape is None else (shape,)
    if result.shape not in wanted or result.ndim < 2:
        return f"gives shape {result.shape} for {first.shape}"
    if result.dtype.kind not in "biuf":
        return f"gives {result.dtype}"
    if result.dtype.kind == "f" and not np.isfinite(result).any():
        return "gives no finite value"
    return ""


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _same(np.asarray(one[key]), np.asarray(other[key])) for key in one
        )
    if one.dtype == object:
        return all(np.array_equal(a, b) for a, b in zip(one.flat, other.flat, strict=True))
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
