from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import metrics, restoration

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import jax_restoration
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")


def richardson_lucy(image: np.ndarray, sigma: float, iterations: int) -> np.ndarray:
    found = ndimage.gaussian_filter(image, sigma)
    for _ in range(iterations):
        ratio = image / ndimage.gaussian_filter(found, sigma)
        found = found * ndimage.gaussian_filter(ratio, sigma)
    return found


@pytest.mark.parametrize("ndim", [2, 3])
def test_deblurred_by_definition_and_nearer_to_the_truth(ndim: int) -> None:
    truth = trial_array(Kind.IMAGE, ndim, "uint16").astype(float)
    truth = ndimage.gaussian_filter(truth, 1.0)
    blurred = ndimage.gaussian_filter(truth, 1.5)
    found = jax_restoration.deblur_gaussian(jnp.asarray(blurred.astype("float32")), 1.5, 8)
    expected = richardson_lucy(blurred, 1.5, 8)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert np.abs(found - truth).mean() < 0.6 * np.abs(blurred - truth).mean()
    whole = jax_restoration.deblur_gaussian(jnp.asarray(blurred.round().astype("uint16")), 1.5, 8)
    assert whole.dtype == np.uint16
    assert np.abs(np.asarray(whole, float) - expected).max() < 25
    assert not jax_restoration.deblur_gaussian(jnp.zeros((9, 9))).any()


@pytest.mark.parametrize("ndim", [2, 3])
def test_total_variation_as_scikit_image(ndim: int) -> None:
    clean = ndimage.gaussian_filter(trial_array(Kind.LABELS, ndim, "int32") > 0, 0.5, output=float)
    noisy = (clean + np.random.default_rng(2).normal(0, 0.2, clean.shape)).astype("float32")
    noise = np.abs(np.diff(noisy, axis=-1)).mean()
    found = np.asarray(jax_restoration.denoise_tv(jnp.asarray(noisy), 1.0, 300))
    expected = restoration.denoise_tv_chambolle(
        noisy.astype(float), noise, eps=1e-9, max_num_iter=300
    )
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert metrics.mean_squared_error(found.astype(float), clean) < 0.3 * 0.04
    assert not np.diff(np.asarray(jax_restoration.denoise_tv(jnp.ones((5, 5))))).any()


@pytest.mark.parametrize("by", [(0.0, 0.0), (1.0, -2.0), (0.3, 4.7), (-30.5, 2.0)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_shifted_as_scipy(by: tuple[float, float], dtype: str) -> None:
    image = trial_array(Kind.IMAGE, 2, dtype)
    found = jax_restoration.shift_image(jnp.asarray(image), *by)
    expected = ndimage.shift(image.astype(float), by, order=1, mode="reflect")
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype == "float32" else 0.51)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.9999])
def test_distances_equal_those_of_scipy(ndim: int, share: float) -> None:
    shape = (9, 60, 71)[-ndim:]
    mask = np.random.default_rng(5).random(shape) < share
    mask[(0,) * ndim] = False
    found = jax_restoration.distance_to_background(jnp.asarray(mask))
    np.testing.assert_allclose(found, ndimage.distance_transform_edt(mask), rtol=1e-6)


def test_without_background_every_distance_is_infinite() -> None:
    assert np.isinf(jax_restoration.distance_to_background(jnp.ones((5, 6), bool))).all()
    assert not jax_restoration.distance_to_background(jnp.zeros((5, 6), bool)).any()


def test_parameters_out_of_their_limits_are_refused() -> None:
    for call in (
        lambda: jax_restoration.deblur_gaussian(jnp.ones((4, 4)), 0.0),
        lambda: jax_restoration.deblur_gaussian(jnp.ones((4, 4)), 1.0, 0),
        lambda: jax_restoration.denoise_tv(jnp.ones((4, 4)), -1.0),
    ):
        with pytest.raises(ParameterError, match="expected at least"):
            call()
