from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.classify import NotEstablished, establish_function
from napari_openhcs.functions.libraries.base import FunctionLibrary, Hints
from napari_openhcs.functions.spec import FunctionSpec


class OneFunction(FunctionLibrary):
    """A library whose hints are given by the test."""

    given = Hints()

    def hints(self, name: str) -> Hints:
        return self.given


def establish(
    function: Callable[..., Any], memory_type: str = "numpy", **hints: Any
) -> FunctionSpec:
    library = OneFunction(
        name="fake",
        title="Fake",
        memory_type=memory_type,
        module="numpy",
        distribution="numpy",
        install="",
    )
    type(library).given = Hints(**hints)
    return establish_function(library, f"fake.{function.__name__}", function)


def pointwise(image):
    return image // 2


def neighbours(image):
    from scipy.ndimage import uniform_filter

    return uniform_filter(image, 3)


def largest(image):
    if image.ndim != 3:
        raise ValueError("a stack is needed")
    return image.max(axis=0)


def volume_only(image):
    if image.ndim != 3:
        raise ValueError("a volume is needed")
    return image[::-1]


def bright(image):
    return image > image.mean()


def rows(labels):
    if labels.dtype != np.int32:
        raise TypeError("labels are needed")
    numbers = np.unique(labels[labels > 0])
    return {"label": numbers, "area": np.bincount(labels.ravel())[numbers]}


@pytest.mark.parametrize(
    ("function", "contract", "output_kind", "input_kinds", "ndims"),
    [
        (neighbours, "flexible", "image", (Kind.IMAGE, Kind.MASK), (2, 3)),
        (largest, "reduce", "image", (Kind.IMAGE, Kind.MASK), (3,)),
        (volume_only, "volume", "image", (Kind.IMAGE, Kind.MASK), (3,)),
        (bright, "flexible", "mask", (Kind.IMAGE,), (2, 3)),
        (pointwise, "plane", "image", (Kind.IMAGE,), (2,)),
        (rows, "table", "table", (Kind.LABELS,), (2, 3)),
    ],
)
def test_contract_and_kinds_are_found_by_running(
    function: Callable[..., Any],
    contract: str,
    output_kind: str,
    input_kinds: tuple[Kind, ...],
    ndims: tuple[int, ...],
) -> None:
    spec = establish(function)
    assert spec.contract == Contract(contract)
    assert spec.output_kind == Kind(output_kind)
    assert spec.input_kinds == input_kinds
    assert spec.ndims == ndims
    assert spec.seconds_per_megapixel is not None


def test_a_function_that_keeps_masks_and_labels_says_so() -> None:
    spec = establish(neighbours)
    assert spec.output_kind_for(Kind.MASK) is Kind.MASK
    assert spec.output_kind_for(Kind.IMAGE) is Kind.IMAGE
    # A kind it does not take changes nothing.
    assert spec.output_kind_for(Kind.LABELS) is Kind.IMAGE


def unit(image):
    scale = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0
    return image / scale


def ranks(image):
    return np.argsort(np.argsort(image, axis=None)).reshape(image.shape) / image.size


def test_division_by_the_dtype_maximum_is_found() -> None:
    spec = establish(unit)
    assert spec.unit_scaled
    assert spec.dtypes == {"float32": "float32", "uint16": "float64", "uint8": "float64"}


def test_what_does_not_depend_on_the_scale_is_not_scaled_back() -> None:
    assert not establish(ranks).unit_scaled
    assert not establish(neighbours).unit_scaled


def preserve(image, preserve_range=False):
    return image.astype(float) if preserve_range else unit(image)


def test_preserve_range_switches_the_scaling_off() -> None:
    spec = establish(preserve)
    assert spec.is_unit_scaled({})
    assert not spec.is_unit_scaled({"preserve_range": True})


def in_place(image):
    image[...] = 0
    return image + 1


def scalar(image):
    return float(image.mean())


def turned(image):
    return image.T


def noisy(image):
    return image + np.random.default_rng().normal(size=image.shape)


def going_away(image):
    warnings.warn("use another", FutureWarning, stacklevel=2)
    return image


def failing(image):
    raise RuntimeError("not today")


def pairs(image):
    return image, image


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (in_place, "changes its input"),
        (scalar, "gives float"),
        (turned, "gives shape"),
        (noisy, "another result every time"),
        (going_away, "goes away: use another"),
        (failing, "RuntimeError: not today"),
        (pairs, "gives tuple"),
    ],
)
def test_what_is_no_use_is_left_out_with_the_reason(
    function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(NotEstablished, match=reason):
        establish(function)


def edges(image):
    """Overflow as scipy.ndimage.laplace does on unsigned integers."""
    return np.roll(image, 1, axis=-1) - image


def inverted(image):
    return np.iinfo(image.dtype).max - image if image.dtype.kind == "u" else 1 - image


def test_integers_that_overflow_are_refused_and_an_inversion_is_not() -> None:
    spec = establish(edges, input_kinds=(Kind.IMAGE,))
    assert dict(spec.dtypes) == {"float32": "float32"}
    assert spec.refuses("uint16")
    assert not spec.refuses("float32")
    assert not spec.refuses("int16")
    assert not establish(inverted, input_kinds=(Kind.IMAGE,)).refuses("uint16")


def multiplied(image):
    """Overflow above the range: NumPy's product has the dtype of the image."""
    return image * image.dtype.type(60)


def test_integers_that_overflow_above_their_range_are_refused() -> None:
    assert dict(establish(multiplied, input_kinds=(Kind.IMAGE,)).dtypes) == {"float32": "float32"}


def jax_edges(image):
    import jax.numpy as jnp

    return jnp.roll(image, 1, axis=-1) - image


def jax_unit(image):
    return image.astype("float32") / np.iinfo(image.dtype).max if image.dtype.kind == "u" else image


def test_overflow_and_unit_scale_are_seen_where_a_memory_type_has_no_64_bit_floats() -> None:
    pytest.importorskip("jax")
    spec = establish(jax_edges, "jax", input_kinds=(Kind.IMAGE,))
    assert dict(spec.dtypes) == {"float32": "float32"}
    assert establish(jax_unit, "jax", input_kinds=(Kind.IMAGE,)).unit_scaled


def masked(image, mask=None, weights=None):
    """Do.

    Parameters
    ----------
    mask : ndarray of bool
        Where.
    weights : ndarray
        Never right.
    """
    if weights is not None:
        raise ValueError("no")
    return image if mask is None else image * mask


def test_only_optional_arrays_that_work_are_listed() -> None:
    spec = establish(masked, arrays={"mask": Kind.MASK, "weights": Kind.IMAGE})
    assert [item.name for item in spec.array_parameters] == ["mask"]


def test_a_value_nobody_knows_leaves_a_function_out() -> None:
    def needs(image, snake):
        return image

    with pytest.raises(NotEstablished, match="no value is known for snake"):
        establish(needs)
