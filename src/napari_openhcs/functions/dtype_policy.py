"""The dtype policy: what pixel type a result has, so that intensities keep their meaning.

No result is ever stretched between its minimum and maximum: planes of one well would come
out on different scales.  The only scaling undone is a fixed one, that of scikit-image's
``img_as_float``, which depends on the input's dtype alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError

__all__ = ["LABELS_DTYPE", "MASK_DTYPE", "apply_dtype_policy", "kind_of", "unit_scale"]

MASK_DTYPE = np.dtype(bool)
LABELS_DTYPE = np.dtype(np.int32)


def unit_scale(dtype: Any) -> float:
    """Return the factor that undoes scikit-image's ``img_as_float`` of an integer dtype.

    It divides by the largest value of the dtype, for signed dtypes too; for all others the
    factor is 1.  See ``skimage.util.dtype`` (scikit-image 0.26), which follows the
    conversion rules of DirectX.
    """
    kind = np.dtype(dtype)
    return float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0


def kind_of(dtype: Any) -> Kind:
    """Return the kind of data that has this dtype in memory: masks are bool, labels int32."""
    found = np.dtype(dtype)
    if found == MASK_DTYPE:
        return Kind.MASK
    return Kind.LABELS if found == LABELS_DTYPE else Kind.IMAGE


def apply_dtype_policy(
    result: np.ndarray,
    given: Any,
    *,
    policy: str,
    output_kind: Kind,
    input_kind: Kind = Kind.IMAGE,
    unit_scaled: bool = False,
    function: str = "the function",
) -> np.ndarray:
    """Bring a function's result to the dtype that the step promises.

    Parameters
    ----------
    result : ndarray
        Of any shape; not changed.
    given : dtype
        Of the function's input.
    policy : str
        For images: ``preserve`` rounds and clips to an integer `given`, and casts to a
        float `given`; ``native`` leaves the result as it is, bit for bit; a dtype name rounds,
        clips and casts to it.  All but ``native`` first undo the unit scale of an integer
        input.  An image made from a mask or labels has no input scale to keep: under
        ``preserve`` it stays as the library gave it.
    output_kind : Kind
        Masks always become bool and labels int32, never scaled.
    input_kind : Kind
    unit_scaled : bool
        The function divides integer input by its dtype's maximum.
    function : str
        Its id, for messages.

    Returns
    -------
    ndarray
        `result` itself where nothing had to be changed.

    Raises
    ------
    ContractError
        There is no such value in the dtype: NaN in an integer, fractions or too large
        numbers in labels, complex numbers.
    """
    if output_kind is Kind.MASK:
        return _mask(result, function)
    if output_kind is Kind.LABELS:
        return _labels(result, function)
    derived = input_kind is not Kind.IMAGE
    if policy == "native" or (policy == "preserve" and derived):
        return result
    target = np.dtype(given if policy == "preserve" else policy)
    if result.dtype.kind not in "biuf":
        raise ContractError(
            f"{function} gave {result.dtype} numbers, which have no place in {target}: use the "
            "dtype 'native', or a function that gives real numbers."
        )
    scale = unit_scale(given) if unit_scaled and not derived else 1.0
    return _cast(result, target, scale if result.dtype.kind == "f" else 1.0, function)


def _mask(result: np.ndarray, function: str) -> np.ndarray:
    if result.dtype == MASK_DTYPE:
        return result
    _refuse_nan(result, MASK_DTYPE, function)
    nonzero: np.ndarray = result != 0
    return nonzero


def _labels(result: np.ndarray, function: str) -> np.ndarray:
    if result.dtype == LABELS_DTYPE:
        return result
    if result.dtype.kind not in "biuf":
        raise ContractError(f"{function} gave {result.dtype} for labels: expected whole numbers.")
    _refuse_nan(result, LABELS_DTYPE, function)
    info = np.iinfo(LABELS_DTYPE)
    if result.size and (result.max() > info.max or result.min() < info.min):
        raise ContractError(
            f"{function} gave labels from {result.min()} to {result.max()}: expected at most "
            f"{info.max}; relabel them from 1."
        )
    labels = result.astype(LABELS_DTYPE)
    if result.dtype.kind == "f" and not np.array_equal(labels, result):
        raise ContractError(
            f"{function} gave labels that are no whole numbers: expected one whole number an "
            "object; round them in the function."
        )
    return labels


def _cast(result: np.ndarray, target: np.dtype[Any], scale: float, function: str) -> np.ndarray:
    if target == MASK_DTYPE:
        return _mask(result, function)
    if target.kind == "f":
        scaled = result if scale == 1.0 else result * result.dtype.type(scale)
        return scaled.astype(target, copy=False)
    info = np.iinfo(target)
    if result.dtype.kind in "biu":
        if result.dtype == target:
            return result
        have = np.iinfo(result.dtype if result.dtype.kind != "b" else np.uint8)
        whole = result.astype(np.uint8) if result.dtype.kind == "b" else result
        whole = np.clip(whole, max(info.min, have.min), min(info.max, have.max))
        return np.asarray(whole, target)
    _refuse_nan(result, target, function)
    return _rounded(result, target, scale)


def _rounded(result: np.ndarray, target: np.dtype[Any], scale: float) -> np.ndarray:
    # A float of 32 bits holds every whole number of 16 bits, one of 64 bits those of 32.
    enough = np.dtype(np.float32 if target.itemsize <= 2 else np.float64)
    values = np.multiply(result, scale, dtype=np.promote_types(result.dtype, enough))
    np.rint(values, out=values)
    info = np.iinfo(target)
    low, high = float(info.min), float(info.max)
    if int(high) > info.max:
        high = float(np.nextafter(high, 0))
    np.clip(values, low, high, out=values)
    return np.asarray(values.astype(target))


def _refuse_nan(result: np.ndarray, target: np.dtype[Any], function: str) -> None:
    if result.dtype.kind != "f" or not result.size or not np.isnan(result.min()):
        return
    count = int(np.isnan(result).sum())
    raise ContractError(
        f"{function} gave {count} pixels that are not a number (NaN), which {target} cannot hold: "
        "use a float dtype for the step, or change its parameters."
    )
