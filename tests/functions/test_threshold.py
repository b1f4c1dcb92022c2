import numpy as np
import pytest
from skimage import filters

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import threshold

ALL = [getattr(threshold, name) for name in sorted(threshold.__all__)]


def _noise(shape=(128, 128), seed=0):
    return np.random.default_rng(seed).normal(200, 10, shape)


def _field(seed=0):
    """Noise around 200 with squares of 1000 on a tenth of the image."""
    image = _noise(seed=seed)
    inside = np.zeros(image.shape, bool)
    inside[20:60, 30:70] = True
    image[inside] += 800
    return image, inside


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_finds_bright_objects(function, dtype):
    image, inside = _field()
    scaled = (image / 5).astype(dtype)
    before = scaled.copy()
    mask = function(scaled)
    assert mask.dtype == bool
    assert mask.shape == scaled.shape
    assert mask[inside].all()
    assert np.array_equal(scaled, before)


@pytest.mark.parametrize("function", ALL)
def test_same_threshold_as_scikit_image(function):
    image = _field()[0].astype(np.uint16)
    found = getattr(filters, function.__name__)(image)
    assert np.array_equal(function(image, min_separation=0), image > found)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_noise_alone_gives_no_objects(function, seed, dtype):
    image = _noise(seed=seed).astype(dtype)
    assert not function(image).any()


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("value", [0, 200])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("log", [False, True])
def test_constant_image_has_no_objects(function, value, dtype, log):
    assert not function(np.full((16, 16), value, dtype), log=log).any()


@pytest.mark.parametrize("function", ALL)
def test_nan_is_never_foreground(function):
    image, inside = _field()
    image[25, 35] = np.nan
    image[0, 0] = np.inf
    mask = function(image)
    assert not mask[25, 35]
    assert not mask[0, 0]
    assert mask[inside].sum() == inside.sum() - 1
    assert not function(np.full((4, 4), np.nan)).any()


@pytest.mark.parametrize("function", ALL)
def test_bounds_and_correction(function):
    image = _field()[0]
    assert np.array_equal(function(image, lower=900), image > 900) or function(image).sum() < 1600
    assert np.array_equal(function(image, lower=1010, upper=1010), image > 1010)
    assert function(image, correction=1.2).sum() <= function(image).sum()
    with pytest.raises(ParameterError, match="'lower' is 9 and 'upper' 3"):
        function(image, lower=9, upper=3)
    with pytest.raises(ParameterError, match="correction"):
        function(image, correction=-1)
    with pytest.raises(ParameterError, match="min_separation"):
        function(image, min_separation=float("nan"))


def test_an_upper_bound_counts_without_two_classes():
    image = np.full((4, 4), 500, np.uint16)
    assert threshold.threshold_otsu(image, upper=300).all()


def test_log_finds_dim_objects_beside_a_very_bright_one():
    image, inside = _field()
    image[90:120, 90:120] = 60000
    image = image.astype(np.uint16)
    assert threshold.threshold_otsu(image)[inside].mean() < 0.01
    assert threshold.threshold_otsu(image, log=True)[inside].all()


@pytest.mark.parametrize("function", ALL)
def test_a_stack_shares_one_threshold(function):
    stack = np.stack([_field()[0], _noise(seed=1)])
    mask = function(stack)
    assert mask.shape == stack.shape
    assert mask[1].sum() < mask[0].sum()


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(0, 4), (4,), (1, 2, 3, 4)])
def test_refuses_empty_and_other_axes(function, shape):
    with pytest.raises(ContractError, match=function.__name__):
        function(np.zeros(shape))
