"""Comparing a function that inherits its contract with its twin, when it is first called.

::

    verified ─▶ call ──first time──▶ _compare   both on the trial's images
                  │                     └ a sentence where they differ: it is refused from then on
                  └──────────────────▶ the function
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.errors import FunctionUnavailableError
from napari_openhcs.functions.classify import main_trial, on_numpy, trial_call
from napari_openhcs.functions.libraries.base import adapt
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.memory_types import get_memory_type

__all__ = ["IMAGE_TOLERANCE", "PIXELS_APART", "difference", "verified"]

Function = Callable[..., Any]

IMAGE_TOLERANCE: Final = 1e-3
"""How far intensities and measurements may lie apart, as a part of their span."""

PIXELS_APART: Final = 0.005
"""Part of the pixels that may be further apart than that, or on the other side of a threshold.

Sums in another order put single pixels on the other side of a comparison.
"""

_lock = threading.RLock()
_found: dict[tuple[str, str], str] = {}
"""What differs, by (id, library version); empty where nothing does."""


def verified(spec: FunctionSpec, function: Function, twin: Callable[[], Function]) -> Function:
    """Return the function as one that is compared with its twin before its first call.

    Parameters
    ----------
    spec : FunctionSpec
        Of the function; it names its twin.
    function : callable
    twin : callable
        Gives the twin on NumPy arrays.

    Returns
    -------
    callable
        Raises :class:`~napari_openhcs.errors.FunctionUnavailableError` when it is called and
        the two differ.
    """

    def call(first: Any, *rest: Any, **parameters: Any) -> Any:
        found = _once(spec, function, twin)
        if found:
            raise FunctionUnavailableError(
                f"{spec.id} of {spec.library} {spec.library_version} does not do what {spec.twin} "
                f"does ({found}): use {spec.twin}, or install another version."
            )
        return function(first, *rest, **parameters)

    return adapt(function, call)


def _once(spec: FunctionSpec, function: Function, twin: Callable[[], Function]) -> str:
    key = (spec.id, spec.library_version)
    with _lock:
        if key not in _found:
            _found[key] = _compare(spec, function, twin())
        return _found[key]


def _compare(spec: FunctionSpec, function: Function, twin: Function) -> str:
    trial = main_trial(spec)
    first, parameters = trial_call(spec, trial)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = twin(first.copy(), **parameters)
        try:
            found = on_numpy(spec, function)(first.copy(), **parameters)
        # Anything may come out of a function that was never run; that it raised is the finding.
        except Exception as error:
            if get_memory_type(spec.memory_type_in).is_out_of_memory(error):
                raise
            return f"it raises {type(error).__name__}: {error}".split("\n")[0]
    return difference(found, expected, spec.output_kind_for(trial.kind))


def difference(found: Any, expected: Any, kind: Kind) -> str:
    """Return in words how two results of one operation differ; empty when they agree.

    Parameters
    ----------
    found, expected : ndarray or mapping of column to ndarray
    kind : Kind
        Labels agree when their objects are the same pixels, whatever their numbers.
    """
    if kind is Kind.TABLE:
        return _columns(found, expected)
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return f"shape {found.shape} instead of {expected.shape}"
    if kind is Kind.MASK:
        return _apart(found.astype(bool) != expected.astype(bool))
    if kind is Kind.LABELS:
        return _apart(~_same_objects(found, expected))
    exact = expected.astype(np.float64)
    span = float(np.ptp(exact[np.isfinite(exact)])) if np.isfinite(exact).any() else 0.0
    limit = max(IMAGE_TOLERANCE * span, 1.0 if expected.dtype.kind in "iu" else 0.0)
    near = np.isclose(found.astype(np.float64), exact, rtol=1e-6, atol=limit, equal_nan=True)
    return _apart(~near)


def _apart(differs: np.ndarray) -> str:
    part = float(differs.mean()) if differs.size else 0.0
    return f"{part:.1%} of the pixels differ" if part > PIXELS_APART else ""


def _same_objects(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return where two labellings agree, whatever their numbers; (pixels,) of bool.

    Each object has one partner, the one it shares most pixels with, and the background has
    the background: a number for two objects, or two for one, agrees for the larger only.
    """
    numbers = np.stack([found.ravel(), expected.ravel()]).astype(np.int64)
    pairs, where, counts = np.unique(numbers, axis=1, return_inverse=True, return_counts=True)
    agrees = (pairs[0] == 0) == (pairs[1] == 0)
    largest_first = np.argsort(-counts, kind="stable")
    for side in pairs:
        partner = largest_first[np.unique(side[largest_first], return_index=True)[1]]
        agrees[np.setdiff1d(np.arange(counts.size), partner)] = False
    return np.asarray(agrees[where.ravel()])


def _columns(found: Any, expected: Any) -> str:
    if set(found) != set(expected):
        return f"columns {sorted(found)} instead of {sorted(expected)}"
    for name, values in expected.items():
        exact = np.asarray(values, dtype=np.float64)
        given = np.asarray(found[name], dtype=np.float64)
        if given.shape != exact.shape:
            return f"{len(given)} rows instead of {len(exact)}"
        span = float(np.ptp(exact)) if exact.size else 0.0
        if not np.allclose(given, exact, rtol=IMAGE_TOLERANCE, atol=IMAGE_TOLERANCE * span):
            return f"column {name} differs"
    return ""
