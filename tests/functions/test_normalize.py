import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import normalize

ALL = [
    normalize.percentile_normalize,
    normalize.min_max_normalize,
    normalize.z_score,
    normalize.gamma,
    normalize.invert,
    lambda image: normalize.rescale(image, 0, 100),
]


def _image(dtype="uint16"):
    return np.random.default_rng(0).integers(20, 120, (40, 50)).astype(dtype)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        ("int16", "int16"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("bool", "float32"),
    ],
)
def test_dtype_shape_and_input(function, dtype, expected):
    image = _image(dtype)
    before = image.copy()
    result = function(image)
    assert result.dtype == expected
    assert result.shape == image.shape
    assert np.array_equal(image, before)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("value", [0, 1])
def test_constant_image_stays_constant_and_finite(function, dtype, value):
    result = function(np.full((8, 9), value, dtype))
    assert np.isfinite(result).all()
    assert len(np.unique(result)) == 1


@pytest.mark.parametrize("function", ALL)
def test_nan_stays_and_does_not_spread(function):
    image = _image("float32")
    expected = function(image)
    image[3, 4] = np.nan
    result = function(image)
    assert np.isnan(result[3, 4])
    assert np.isnan(result).sum() == 1
    rest = ~np.isnan(result)
    assert np.allclose(result[rest], expected[rest], atol=0.01)
    assert np.isnan(function(np.full((3, 3), np.nan))).all()


def test_percentiles_reach_the_ends():
    image = np.arange(10001, dtype=np.float64).reshape(73, 137)
    result = normalize.percentile_normalize(image, 10, 90)
    assert result.min() == 0
    assert result.max() == 1
    assert np.isclose(result.ravel()[5000], 0.5)
    free = normalize.percentile_normalize(image, 10, 90, clip=False)
    assert np.isclose(free.max(), 1.125)
    whole = normalize.percentile_normalize(image.astype(np.uint16), 10, 90)
    assert (whole.min(), whole.max()) == (0, 65535)
    assert abs(int(whole.ravel()[5000]) - 32768) <= 1


def test_a_speck_does_not_change_percentiles_much():
    image = _image("float64")
    before = normalize.percentile_normalize(image, 1, 99)
    image[0, 0] = 1e6
    after = normalize.percentile_normalize(image, 1, 99)
    assert np.abs(after - before).ravel()[1:].max() < 0.02


def test_planes_or_stack():
    stack = np.stack([_image("float64"), _image("float64") * 3])
    together = normalize.min_max_normalize(stack)
    alone = np.stack([normalize.min_max_normalize(plane) for plane in stack])
    assert together.max() == 1
    assert together[0].max() < 0.5
    assert alone[0].max() == alone[1].max() == 1


def test_min_max():
    assert normalize.min_max_normalize(np.array([[2, 4, 6]], np.uint8)).tolist() == [[0, 128, 255]]
    assert normalize.min_max_normalize(np.array([[2.0, 4, 6]])).tolist() == [[0, 0.5, 1]]


def test_z_score():
    result = normalize.z_score(_image("float64"))
    assert abs(result.mean()) < 1e-12
    assert abs(result.std() - 1) < 1e-12
    whole = normalize.z_score(_image("uint16"))
    assert abs(whole.mean() - 32767.5) < 2
    assert abs(whole.std() - 4096) < 2
    given = normalize.z_score(_image("uint16"), mean=1000, deviation=100)
    assert abs(given.mean() - 1000) < 1
    assert (normalize.z_score(np.full((4, 4), 0.1, np.float32)) == 0).all()
    with pytest.raises(ParameterError, match="deviation"):
        normalize.z_score(_image(), deviation=-1)


def test_gamma_keeps_the_ends():
    image = np.array([[0, 16383.75, 65535]]).astype(np.uint16)
    result = normalize.gamma(image, 0.5)
    assert result[0, 0] == 0
    assert result[0, 2] == 65535
    assert abs(int(result[0, 1]) - 32767) <= 1
    assert np.array_equal(normalize.gamma(image, 1.0), image)
    assert normalize.gamma(np.array([[4095]], np.uint16), 0.5, maximum=4095)[0, 0] == 4095
    assert normalize.gamma(np.array([[-1.0]]), 0.5)[0, 0] == 0
    for parameters in ({"exponent": 0}, {"maximum": 0}):
        with pytest.raises(ParameterError, match=next(iter(parameters))):
            normalize.gamma(image, **parameters)


def test_invert_twice_is_the_same():
    for dtype in ("uint8", "uint16", "float64"):
        image = _image(dtype)
        assert np.allclose(normalize.invert(normalize.invert(image)), image)
    assert normalize.invert(np.array([[0, 4095]], np.uint16), 4095).tolist() == [[4095, 0]]


def test_rescale():
    image = np.array([[0, 100, 200, 300]], np.uint16)
    assert normalize.rescale(image, 100, 200).tolist() == [[0, 0, 65535, 65535]]
    assert normalize.rescale(image, 0, 300, 0, 3).tolist() == [[0, 1, 2, 3]]
    assert normalize.rescale(image, 0, 300, 3, 0).tolist() == [[3, 2, 1, 0]]
    floats = image.astype(float)
    assert normalize.rescale(floats, 100, 200, clip=False).tolist() == [[-1, 0, 1, 2]]
    with pytest.raises(ParameterError, match="in_low"):
        normalize.rescale(image, 5, 5)


def test_refuses():
    for low, high in ((-1, 50), (50, 50), (60, 40), (0, 101)):
        with pytest.raises(ParameterError, match="percentile_normalize"):
            normalize.percentile_normalize(_image(), low, high)
    for function in ALL:
        with pytest.raises(ContractError, match="shape"):
            function(np.zeros((0, 3)))
        with pytest.raises(ContractError, match="complex"):
            function(np.zeros((2, 3), complex))
