from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions import torch_filters
from napari_openhcs.functions.trial_images import trial_array

torch = pytest.importorskip("torch")


def image(ndim: int, dtype: str) -> np.ndarray:
    return trial_array(Kind.IMAGE, ndim, dtype)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.0, 30.0])
def test_blur_equals_that_of_scipy(ndim: int, sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    given = image(ndim, "float32")
    found = torch_filters.gaussian_blur(torch.from_numpy(given), sigma).numpy()
    np.testing.assert_allclose(found, gaussian_filter(given, sigma), atol=2e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_blur_keeps_dtype_mean_and_input(dtype: str) -> None:
    given = torch.from_numpy(image(2, dtype))
    before = given.clone()
    found = torch_filters.gaussian_blur(given, 1.5)
    assert found.dtype == given.dtype
    assert abs(float(found.float().mean()) - float(given.float().mean())) < 0.6
    assert torch.equal(given.int(), before.int())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_projections_equal_those_of_numpy(dtype: str) -> None:
    stack = image(3, dtype)
    tensor = torch.from_numpy(stack)
    highest = torch_filters.max_projection(tensor).numpy()
    np.testing.assert_array_equal(highest, stack.max(axis=0))
    assert highest.dtype == stack.dtype
    mean = torch_filters.mean_projection(tensor).numpy()
    tolerance = 1e-6 if dtype == "float32" else 0.51
    np.testing.assert_allclose(mean, stack.mean(axis=0, dtype=float), atol=tolerance)
    assert mean.dtype == stack.dtype


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 4)])
@pytest.mark.parametrize("name", ["max_projection", "mean_projection"])
def test_a_projection_needs_a_stack(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match=name):
        getattr(torch_filters, name)(torch.zeros(shape))


@pytest.mark.parametrize(("dtype", "full"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_percentiles_become_the_ends_of_the_range(dtype: str, full: float) -> None:
    given = image(2, dtype)
    found = torch_filters.percentile_normalize(torch.from_numpy(given), 2.0, 98.0).numpy()
    low, high = np.percentile(given.astype(float), [2, 98])
    expected = np.clip((given.astype(float) - low) / (high - low), 0, 1) * full
    np.testing.assert_allclose(found, expected, atol=1e-4 if full == 1 else 1.0)
    assert (found.min(), found.max()) == (0, full)


def test_a_flat_image_normalizes_to_zero_and_has_no_foreground() -> None:
    flat = torch.full((5, 6), 7.0)
    assert not torch_filters.percentile_normalize(flat).any()
    assert not torch_filters.otsu_threshold(flat).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_otsu_agrees_with_scikit_image(dtype: str) -> None:
    from skimage.filters import threshold_otsu

    given = image(2, dtype)
    found = torch_filters.otsu_threshold(torch.from_numpy(given)).numpy()
    expected = given > threshold_otsu(given.astype(float), nbins=256)
    assert (found != expected).mean() < 0.002
    assert found.dtype == bool


def test_a_fixed_threshold_marks_what_is_above() -> None:
    given: Any = torch.tensor([[499, 500, 501]], dtype=torch.int32)
    assert torch_filters.threshold_value(given, 500).tolist() == [[False, False, True]]
