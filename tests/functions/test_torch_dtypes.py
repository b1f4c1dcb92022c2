"""What holds for every function of ours on tensors: precision, whole numbers, devices' dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.registry import get_function, specs
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.functions.trial import Trial

torch = pytest.importorskip("torch")

IMAGES = [
    spec
    for spec in specs().values()
    if spec.library == "torch" and spec.input_kinds == (Kind.IMAGE,)
]
RELATIVE = (
    *("percentile_normalize", "min_max_normalize", "rescale", "gamma", "invert"),
    *("log_transform", "sigmoid_contrast", "equalize_histogram"),
)
"""What goes by the range of the dtype."""


def last(spec: FunctionSpec) -> str:
    return spec.id.rpartition(".")[2]


def called(spec: FunctionSpec, dtype: str) -> Any:
    ndim = max(spec.ndims)
    first, given = trial_call(spec, Trial(Kind.IMAGE, ndim, "uint16"))
    tensors = {
        name: torch.from_numpy(value if value.dtype == bool else value.astype(dtype))
        for name, value in given.items()
    }
    return get_function(spec.id)(torch.from_numpy(first.astype(dtype)), **tensors)


@pytest.mark.parametrize("spec", IMAGES, ids=last)
def test_float64_stays_and_is_what_float32_gives(spec: FunctionSpec) -> None:
    exact, found = called(spec, "float64"), called(spec, "float32")
    if spec.output_kind is Kind.MASK:
        assert exact.dtype == found.dtype == torch.bool
        assert float((exact != found).float().mean()) < 0.002
        return
    assert (exact.dtype, found.dtype) == (torch.float64, torch.float32)
    span = max(float(exact.abs().max()), 1.0)
    apart = (found.double() - exact).abs() > 2e-5 * span
    # A pixel taken from another plane where two are equally sharp.
    assert float(apart.double().mean()) < (0.002 if "focus" in spec.id else 1e-9)


@pytest.mark.parametrize("spec", [spec for spec in IMAGES if last(spec) not in RELATIVE], ids=last)
def test_integers_give_the_rounded_result_of_their_values(spec: FunctionSpec) -> None:
    whole, exact = called(spec, "uint16"), called(spec, "float64")
    if spec.output_kind is Kind.MASK:
        assert float((whole != exact).float().mean()) < 0.005
    elif whole.is_floating_point():
        assert whole.dtype == torch.float32
        span = max(float(exact.abs().max()), 1.0)
        np.testing.assert_allclose(whole.numpy(), exact.numpy(), atol=2e-5 * span)
    else:
        assert whole.dtype == torch.uint16
        expected = exact.round().clamp(0, 65535).numpy()
        np.testing.assert_allclose(whole.numpy().astype(float), expected, atol=1)


@pytest.mark.parametrize("spec", IMAGES, ids=last)
def test_half_precision_is_not_computed_with(spec: FunctionSpec) -> None:
    # Values of half precision that are exact, so that only the arithmetic could lose digits.
    first, given = trial_call(spec, Trial(Kind.IMAGE, max(spec.ndims), "uint8"))
    given = {name: torch.from_numpy(value) for name, value in given.items()}
    halved = {k: v if v.dtype == torch.bool else v.half() for k, v in given.items()}
    function = get_function(spec.id)
    found = function(torch.from_numpy(first).half(), **halved)
    single = {k: v.float() if v.dtype == torch.float16 else v for k, v in halved.items()}
    expected = function(torch.from_numpy(first).float(), **single)
    if spec.output_kind is Kind.MASK:
        assert float((found != expected).float().mean()) < 0.002
    else:
        span = max(float(expected.abs().max()), 1.0)
        np.testing.assert_allclose(found.float(), expected, atol=1e-3 * span)


@pytest.mark.parametrize("name", ["median_filter", "percentile_filter"])
def test_windows_are_the_same_piece_by_piece(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_openhcs.functions import _torch, torch_filters

    function = getattr(torch_filters, name)
    random = torch.from_numpy(np.random.default_rng(3).integers(0, 999, (5, 17, 13)))
    for given in (random, random[0]):
        whole = function(given, 4)
        monkeypatch.setattr(_torch, "_CHUNK", 1000)
        assert torch.equal(function(given, 4), whole)
        monkeypatch.undo()


def test_large_integers_are_exact_where_values_are_selected() -> None:
    from napari_openhcs.functions import torch_arithmetic, torch_filters

    large = torch.tensor([[2**30 + 1, 2**30 + 3]], dtype=torch.int32)
    small = torch.zeros_like(large)
    assert torch.equal(torch_arithmetic.max_of_images(large, small), large)
    assert torch.equal(torch_filters.max_filter(large, 1), large)
