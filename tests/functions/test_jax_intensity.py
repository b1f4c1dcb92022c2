from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import exposure

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import jax_intensity, normalize
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")

DTYPES = [("uint8", 255), ("uint16", 65535), ("float32", 1)]


def image(dtype: str) -> np.ndarray:
    return trial_array(Kind.IMAGE, 2, dtype)


@pytest.mark.parametrize(("dtype", "full"), DTYPES)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("percentile_normalize", (2.0, 98.0)),
        ("min_max_normalize", ()),
        ("gamma", (0.6,)),
        ("invert", ()),
        ("rescale", (0.2, 0.7)),
    ],
)
def test_equal_to_our_numpy_functions(name, parameters, dtype: str, full: float) -> None:
    given = image(dtype)
    if name == "rescale":
        parameters = tuple(float(given.max()) * share for share in parameters)
    found = getattr(jax_intensity, name)(jnp.asarray(given), *parameters)
    expected = getattr(normalize, name)(given, *parameters)
    assert found.dtype == given.dtype
    np.testing.assert_allclose(found.astype(float), expected, atol=2e-6 if full == 1 else 1.01)


def test_an_image_without_contrast_becomes_black() -> None:
    flat = jnp.full((4, 4), 7, "uint8")
    assert not jax_intensity.percentile_normalize(flat).any()
    assert not jax_intensity.min_max_normalize(flat).any()
    assert not jax_intensity.z_score(flat).any()
    assert not jax_intensity.normalize_local_contrast(flat).any()
    assert jnp.array_equal(jax_intensity.equalize_histogram(flat), flat)


@pytest.mark.parametrize(("dtype", "full"), DTYPES)
def test_curves_by_definition(dtype: str, full: float) -> None:
    given = image(dtype)
    array, values = jnp.asarray(given), given.astype(float)
    half = float(values.max()) / 2
    for found, expected in (
        (jax_intensity.clip_values(array, half / 2, half), np.clip(values, half / 2, half)),
        (jax_intensity.multiply_add(array, 0.5, half), values * 0.5 + half),
        (
            jax_intensity.log_transform(array, 50.0),
            np.log1p(values / full * 50) / np.log(51) * full,
        ),
        (
            jax_intensity.sigmoid_contrast(array, 0.4, 8.0),
            exposure.adjust_sigmoid(values / full, 0.4, 8.0) * full,
        ),
    ):
        assert found.dtype == array.dtype
        np.testing.assert_allclose(found, expected, atol=2e-6 if full == 1 else 0.55)


def test_statistics_as_by_definition() -> None:
    given = image("uint16")
    array, values = jnp.asarray(given), given.astype(float)
    found = jax_intensity.z_score(array)
    np.testing.assert_allclose(found, (values - values.mean()) / values.std(), atol=1e-5)
    mean = ndimage.gaussian_filter(values, 8)
    spread = np.sqrt(ndimage.gaussian_filter(values**2, 8) - mean**2)
    found = jax_intensity.normalize_local_contrast(array, 8.0)
    np.testing.assert_allclose(found, (values - mean) / spread, atol=1e-3)


def test_equalised_as_scikit_image() -> None:
    given = image("float32")
    found = jax_intensity.equalize_histogram(jnp.asarray(given))
    np.testing.assert_allclose(found, exposure.equalize_hist(given), atol=2e-3)
    whole = jax_intensity.equalize_histogram(jnp.asarray(image("uint16")))
    assert whole.dtype == np.uint16
    assert abs(whole.mean() / 65535 - 0.5) < 0.02


def test_refuses() -> None:
    with pytest.raises(ParameterError, match="rescale: 'low' is 5"):
        jax_intensity.rescale(jnp.eye(4), 5.0, 5.0)
    with pytest.raises(ParameterError, match="gamma: 'exponent'"):
        jax_intensity.gamma(jnp.eye(4), 0.0)
