from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import jax_filters
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")


def image(ndim: int, dtype: str) -> np.ndarray:
    return trial_array(Kind.IMAGE, ndim, dtype)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.0, 30.0])
def test_blur_equals_that_of_scipy(ndim: int, sigma: float) -> None:
    given = image(ndim, "float32")
    found = jax_filters.gaussian_blur(jnp.asarray(given), sigma)
    np.testing.assert_allclose(found, ndimage.gaussian_filter(given, sigma), atol=2e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_blur_keeps_dtype_and_mean(dtype: str) -> None:
    given = jnp.asarray(image(2, dtype))
    found = jax_filters.gaussian_blur(given, 1.5)
    assert found.dtype == given.dtype
    assert abs(np.asarray(found).mean() - np.asarray(given).mean()) < 0.6


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
        found = getattr(jax_filters, name)(jnp.asarray(given), size, **more)
        assert found.dtype == given.dtype
        renamed = {"percentile": more["percent"]} if more else {}
        if name == "mean_filter":
            expected = reference(given.astype(float), size)
            tolerance = 1e-6 if dtype == "float32" else 0.51
            np.testing.assert_allclose(found, expected, atol=tolerance)
        else:
            np.testing.assert_array_equal(found, reference(given, size=size, **renamed))


@pytest.mark.parametrize("size", [1, 5])
def test_ranks_of_numbers_below_zero_and_infinities(size: int) -> None:
    random = np.random.default_rng(4)
    for given in (
        random.normal(0, 1e5, (19, 23)).astype(np.float32),
        random.integers(-(2**31), 2**31 - 1, (19, 23), np.int32),
        random.integers(-128, 127, (19, 23), np.int8),
    ):
        if given.dtype.kind == "f":
            given[3, 3:5] = -np.inf, np.inf
        found = jax_filters.median_filter(jnp.asarray(given), size)
        np.testing.assert_array_equal(found, ndimage.median_filter(given, size))


def test_range_is_maximum_minus_minimum() -> None:
    given = image(2, "uint16")
    found = jax_filters.range_filter(jnp.asarray(given), 5)
    expected = ndimage.maximum_filter(given, 5) - ndimage.minimum_filter(given, 5)
    np.testing.assert_array_equal(found, expected)


def test_difference_of_gaussians_and_unsharp_mask() -> None:
    given = image(2, "float32")
    weak, strong = (ndimage.gaussian_filter(given, sigma) for sigma in (1.0, 4.0))
    array = jnp.asarray(given)
    found = jax_filters.difference_of_gaussians(array)
    np.testing.assert_allclose(found, weak - strong, atol=1e-6)
    sharp = jax_filters.unsharp_mask(array, 4.0, 1.5)
    np.testing.assert_allclose(sharp, given + 1.5 * (given - strong), atol=1e-5)
    with pytest.raises(ParameterError, match="'high_sigma'"):
        jax_filters.difference_of_gaussians(array, 3.0, 1.0)


def test_bilateral_filter_by_definition() -> None:
    given = image(2, "float32")[:20, :24]
    sigma, grey, radius = 1.5, 0.1, 3
    padded = np.pad(given, radius, mode="symmetric")
    top, bottom = np.zeros_like(given), np.zeros_like(given)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            other = padded[radius + dy :, radius + dx :][: given.shape[0], : given.shape[1]]
            weight = np.exp(-(dy**2 + dx**2) / (2 * sigma**2))
            weight = weight * np.exp(-((other - given) ** 2) / (2 * grey**2))
            top, bottom = top + weight * other, bottom + weight
    found = jax_filters.bilateral_filter(jnp.asarray(given), sigma, grey)
    np.testing.assert_allclose(found, top / bottom, rtol=2e-5)
    flat = jnp.full((9, 9), 7, dtype=jnp.uint16)
    assert jnp.array_equal(jax_filters.bilateral_filter(flat), flat)


def test_integers_of_32_bits_are_clipped_and_not_wrapped() -> None:
    top = jnp.full((8, 8), 2**31 - 1, dtype=jnp.int32)
    assert int(jax_filters.gaussian_blur(top).min()) > 2**31 - 300


@pytest.mark.parametrize(
    "call",
    [
        lambda array: jax_filters.mean_filter(array, 0),
        lambda array: jax_filters.median_filter(array, 0),
        lambda array: jax_filters.percentile_filter(array, percent=-1),
        lambda array: jax_filters.bilateral_filter(array, 0),
    ],
)
def test_a_parameter_out_of_its_limits_is_refused(call) -> None:
    with pytest.raises(ParameterError, match="expected at least"):
        call(jnp.zeros((4, 4)))
