from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import exposure

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import normalize, torch_intensity
from napari_openhcs.functions.trial_images import trial_array

torch = pytest.importorskip("torch")

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
    found = getattr(torch_intensity, name)(torch.from_numpy(given), *parameters).numpy()
    expected = getattr(normalize, name)(given, *parameters)
    assert found.dtype == given.dtype
    np.testing.assert_allclose(found.astype(float), expected, atol=2e-6 if full == 1 else 1.01)


def test_an_image_without_contrast_becomes_black() -> None:
    flat = torch.full((4, 4), 7, dtype=torch.uint8)
    assert not torch_intensity.percentile_normalize(flat).any()
    assert not torch_intensity.min_max_normalize(flat).any()
    assert not torch_intensity.z_score(flat).any()
    assert not torch_intensity.normalize_local_contrast(flat).any()
    assert torch.equal(torch_intensity.equalize_histogram(flat), flat)


@pytest.mark.parametrize(("dtype", "full"), DTYPES)
def test_curves_by_definition(dtype: str, full: float) -> None:
    given = image(dtype)
    tensor, values = torch.from_numpy(given), given.astype(float)
    half = float(values.max()) / 2
    for found, expected in (
        (torch_intensity.clip_values(tensor, half / 2, half), np.clip(values, half / 2, half)),
        (torch_intensity.multiply_add(tensor, 0.5, half), values * 0.5 + half),
        (
            torch_intensity.log_transform(tensor, 50.0),
            np.log1p(values / full * 50) / np.log(51) * full,
        ),
        (
            torch_intensity.sigmoid_contrast(tensor, 0.4, 8.0),
            exposure.adjust_sigmoid(values / full, 0.4, 8.0) * full,
        ),
    ):
        assert found.dtype == tensor.dtype
        np.testing.assert_allclose(found.numpy(), expected, atol=2e-6 if full == 1 else 0.55)


def test_statistics_as_by_definition() -> None:
    given = image("uint16")
    tensor, values = torch.from_numpy(given), given.astype(float)
    found = torch_intensity.z_score(tensor).numpy()
    np.testing.assert_allclose(found, (values - values.mean()) / values.std(), atol=1e-5)
    mean = ndimage.gaussian_filter(values, 8)
    spread = np.sqrt(ndimage.gaussian_filter(values**2, 8) - mean**2)
    found = torch_intensity.normalize_local_contrast(tensor, 8.0).numpy()
    np.testing.assert_allclose(found, (values - mean) / spread, atol=1e-3)


def test_equalised_as_scikit_image() -> None:
    given = image("float32")
    found = torch_intensity.equalize_histogram(torch.from_numpy(given)).numpy()
    np.testing.assert_allclose(found, exposure.equalize_hist(given), atol=2e-3)
    whole = torch_intensity.equalize_histogram(torch.from_numpy(image("uint16"))).numpy()
    assert whole.dtype == np.uint16
    assert abs(whole.mean() / 65535 - 0.5) < 0.02


def test_refuses() -> None:
    with pytest.raises(ParameterError, match="rescale: 'low' is 5"):
        torch_intensity.rescale(torch.eye(4), 5.0, 5.0)
    with pytest.raises(ParameterError, match="gamma: 'exponent'"):
        torch_intensity.gamma(torch.eye(4), 0.0)
