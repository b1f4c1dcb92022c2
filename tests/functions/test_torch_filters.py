from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import _torch, torch_filters
from napari_openhcs.functions.trial_images import trial_array

torch = pytest.importorskip("torch")


def image(ndim: int, dtype: str) -> np.ndarray:
    return trial_array(Kind.IMAGE, ndim, dtype)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.0, 30.0])
def test_blur_equals_that_of_scipy(ndim: int, sigma: float) -> None:
    given = image(ndim, "float32")
    found = torch_filters.gaussian_blur(torch.from_numpy(given), sigma).numpy()
    np.testing.assert_allclose(found, ndimage.gaussian_filter(given, sigma), atol=2e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_blur_keeps_dtype_mean_and_input(dtype: str) -> None:
    given = torch.from_numpy(image(2, dtype))
    before = given.clone()
    found = torch_filters.gaussian_blur(given, 1.5)
    assert found.dtype == given.dtype
    assert abs(float(found.float().mean()) - float(given.float().mean())) < 0.6
    assert torch.equal(given.int(), before.int())


SAME = [
    ("median_filter", ndimage.median_filter, {}),
    ("max_filter", ndimage.maximum_filter, {}),
    ("min_filter", ndimage.minimum_filter, {}),
    ("percentile_filter", ndimage.percentile_filter, {"percent": 70.0}),
    ("mean_filter", ndimage.uniform_filter, {}),
]


@pytest.mark.parametrize("size", [1, 3, 4, 9])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize(("name", "reference", "more"), SAME, ids=[item[0] for item in SAME])
def test_windows_equal_those_of_scipy(name, reference, more, dtype: str, size: int) -> None:
    for ndim in (2, 3) if size < 9 else (2,):
        given = image(ndim, dtype)
        found = getattr(torch_filters, name)(torch.from_numpy(given), size, **more).numpy()
        assert found.dtype == given.dtype
        renamed = {"percentile": more["percent"]} if more else {}
        if name == "mean_filter":
            expected = reference(given.astype(float), size)
            tolerance = 1e-6 if dtype == "float32" else 0.51
            np.testing.assert_allclose(found, expected, atol=tolerance)
        else:
            np.testing.assert_array_equal(found, reference(given, size=size, **renamed))


def test_windows_in_small_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = torch.from_numpy(image(2, "uint16"))
    whole = torch_filters.median_filter(given, 5)
    monkeypatch.setattr(_torch, "_CHUNK", 1000)
    assert torch.equal(torch_filters.median_filter(given, 5).int(), whole.int())


def test_range_is_maximum_minus_minimum() -> None:
    given = image(2, "uint16")
    found = torch_filters.range_filter(torch.from_numpy(given), 5).numpy()
    expected = ndimage.maximum_filter(given, 5) - ndimage.minimum_filter(given, 5)
    np.testing.assert_array_equal(found, expected)


def test_difference_of_gaussians_and_unsharp_mask() -> None:
    given = image(2, "float32")
    weak, strong = (ndimage.gaussian_filter(given, sigma) for sigma in (1.0, 4.0))
    tensor = torch.from_numpy(given)
    found = torch_filters.difference_of_gaussians(tensor).numpy()
    np.testing.assert_allclose(found, weak - strong, atol=1e-6)
    sharp = torch_filters.unsharp_mask(tensor, 4.0, 1.5).numpy()
    np.testing.assert_allclose(sharp, given + 1.5 * (given - strong), atol=1e-5)
    with pytest.raises(ParameterError, match="'high_sigma'"):
        torch_filters.difference_of_gaussians(tensor, 3.0, 1.0)


def test_bilateral_filter_by_definition() -> None:
    given = image(2, "float32").astype(np.float64)[:20, :24]
    sigma, grey, radius = 1.5, 0.1, 3
    padded = np.pad(given, radius, mode="symmetric")
    top, bottom = np.zeros_like(given), np.zeros_like(given)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            other = padded[radius + dy :, radius + dx :][: given.shape[0], : given.shape[1]]
            weight = np.exp(-(dy**2 + dx**2) / (2 * sigma**2))
            weight = weight * np.exp(-((other - given) ** 2) / (2 * grey**2))
            top, bottom = top + weight * other, bottom + weight
    found = torch_filters.bilateral_filter(torch.from_numpy(given), sigma, grey).numpy()
    np.testing.assert_allclose(found, top / bottom, rtol=1e-9)
    flat = torch.full((9, 9), 7, dtype=torch.uint16)
    assert torch.equal(torch_filters.bilateral_filter(flat).int(), flat.int())


def test_integers_of_32_bits_are_clipped_and_not_wrapped() -> None:
    top = torch.full((8, 8), 2**31 - 1, dtype=torch.int32)
    assert int(torch_filters.gaussian_blur(top).min()) > 2**31 - 300


@pytest.mark.parametrize(
    "call",
    [
        lambda tensor: torch_filters.mean_filter(tensor, 0),
        lambda tensor: torch_filters.median_filter(tensor, 0),
        lambda tensor: torch_filters.percentile_filter(tensor, percent=-1),
        lambda tensor: torch_filters.bilateral_filter(tensor, 0),
    ],
)
def test_a_parameter_out_of_its_limits_is_refused(call) -> None:
    with pytest.raises(ParameterError, match="expected at least"):
        call(torch.zeros(4, 4))
