from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from napari_openhcs.axes import Kind
from napari_openhcs.functions import focus, skeleton, texture, torch_edges
from napari_openhcs.functions.trial_images import trial_array

torch = pytest.importorskip("torch")


def close(found, expected: np.ndarray, share: float = 2e-6) -> None:
    np.testing.assert_allclose(found.numpy(), expected, atol=share * np.abs(expected).max())


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
def test_slopes_equal_those_of_scikit_image(name: str, ndim: int) -> None:
    given = trial_array(Kind.IMAGE, ndim, "float32")
    expected = getattr(filters, name)(given)
    close(getattr(torch_edges, name)(torch.from_numpy(given)), expected)
    whole = trial_array(Kind.IMAGE, ndim, "uint16")
    found = getattr(torch_edges, name)(torch.from_numpy(whole)).numpy()
    assert found.dtype == np.uint16
    assert np.abs(found - getattr(filters, name)(whole.astype(float))).max() < 0.51


@pytest.mark.parametrize("ndim", [2, 3])
def test_second_differences_equal_those_of_scipy(ndim: int) -> None:
    given = trial_array(Kind.IMAGE, ndim, "float32").astype(np.float64)
    tensor = torch.from_numpy(given)
    close(torch_edges.laplace(tensor), ndimage.laplace(given), 1e-12)
    expected = -4 * ndimage.laplace(ndimage.gaussian_filter(given, 2))
    close(torch_edges.laplacian_of_gaussian(tensor, 2.0), expected, 1e-12)
    expected = ndimage.gaussian_gradient_magnitude(given, 1.5)
    close(torch_edges.gaussian_gradient_magnitude(tensor, 1.5), expected, 1e-12)


def test_unsigned_images_have_negative_second_differences() -> None:
    given = torch.from_numpy(trial_array(Kind.IMAGE, 2, "uint16"))
    found = torch_edges.laplace(given)
    assert found.dtype == torch.float32
    assert float(found.min()) < 0


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_twins_of_our_numpy_functions(dtype: str) -> None:
    given = trial_array(Kind.IMAGE, 2, "uint16").astype(dtype)
    tensor = torch.from_numpy(given)
    ridges = skeleton.enhance_neurites(given, 2.0).astype(float)
    found = torch_edges.enhance_ridges(tensor, 2.0).numpy().astype(float)
    np.testing.assert_allclose(found, ridges, atol=1.01 if dtype == "uint16" else 0.01)
    close(torch_edges.local_deviation(tensor, 3.0), texture.local_deviation(given, 3.0), 1e-4)
    close(torch_edges.focus_map(tensor, 4.0), focus.focus_map(given, 4.0), 1e-5)
