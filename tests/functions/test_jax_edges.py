from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from napari_openhcs.axes import Kind
from napari_openhcs.functions import focus, jax_edges, skeleton, texture
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")


def close(found, expected: np.ndarray, share: float = 2e-6) -> None:
    np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max())


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
def test_slopes_equal_those_of_scikit_image(name: str, ndim: int) -> None:
    given = trial_array(Kind.IMAGE, ndim, "float32")
    expected = getattr(filters, name)(given)
    close(getattr(jax_edges, name)(jnp.asarray(given)), expected)
    whole = trial_array(Kind.IMAGE, ndim, "uint16")
    found = getattr(jax_edges, name)(jnp.asarray(whole))
    assert found.dtype == np.uint16
    assert np.abs(found - getattr(filters, name)(whole.astype(float))).max() < 0.51


@pytest.mark.parametrize("ndim", [2, 3])
def test_second_differences_equal_those_of_scipy(ndim: int) -> None:
    given = trial_array(Kind.IMAGE, ndim, "float32")
    exact = given.astype(float)
    array = jnp.asarray(given)
    close(jax_edges.laplace(array), ndimage.laplace(exact))
    expected = -4 * ndimage.laplace(ndimage.gaussian_filter(exact, 2))
    close(jax_edges.laplacian_of_gaussian(array, 2.0), expected, 2e-5)
    expected = ndimage.gaussian_gradient_magnitude(exact, 1.5)
    close(jax_edges.gaussian_gradient_magnitude(array, 1.5), expected)


def test_unsigned_images_have_negative_second_differences() -> None:
    given = jnp.asarray(trial_array(Kind.IMAGE, 2, "uint16"))
    found = jax_edges.laplace(given)
    assert found.dtype == jnp.float32
    assert float(found.min()) < 0


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_twins_of_our_numpy_functions(dtype: str) -> None:
    given = trial_array(Kind.IMAGE, 2, "uint16").astype(dtype)
    array = jnp.asarray(given)
    ridges = skeleton.enhance_neurites(given, 2.0).astype(float)
    found = jax_edges.enhance_ridges(array, 2.0).astype(float)
    np.testing.assert_allclose(found, ridges, atol=1.01 if dtype == "uint16" else 0.01)
    close(jax_edges.local_deviation(array, 3.0), texture.local_deviation(given, 3.0), 1e-4)
    close(jax_edges.focus_map(array, 4.0), focus.focus_map(given, 4.0), 1e-5)
