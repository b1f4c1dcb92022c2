import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import background

SUBTRACT = [
    background.subtract_gaussian_background,
    background.subtract_rolling_ball,
    background.white_top_hat,
    background.subtract_constant_background,
]


def _field(slope=2.0, dtype=np.uint16):
    """Disks of height 500 and radius 5 on a ramp that starts at 200."""
    y, x = np.indices((96, 120)).astype(float)
    image = 200 + slope * x
    inside = np.zeros(image.shape, bool)
    for cy in (20, 50, 75):
        for cx in (20, 60, 100):
            inside |= (y - cy) ** 2 + (x - cx) ** 2 <= 25
    image[inside] += 500
    return image.astype(dtype), inside


@pytest.mark.parametrize("function", SUBTRACT)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_keeps_shape_and_dtype_and_input(function, dtype):
    image = (_field()[0] / 4).astype(dtype)
    before = image.copy()
    result = function(image)
    assert result.dtype == dtype
    assert result.shape == image.shape
    assert result.min() >= 0
    assert np.array_equal(image, before)


@pytest.mark.parametrize("function", [background.subtract_rolling_ball, background.white_top_hat])
def test_ramp_goes_and_objects_keep_their_height(function):
    image, inside = _field()
    result = function(image, radius=20)
    assert np.percentile(result[~inside], 99) < 60
    assert abs(np.median(result[inside]) - 500) < 60


@pytest.mark.parametrize("radius", [5.0, 12.0, 50.0, 200.0])
def test_rolling_ball_of_any_size_on_a_plane_that_is_flat(radius):
    image = np.full((50, 61), 300, np.uint16)
    assert background.subtract_rolling_ball(image, radius=radius).max() == 0


def test_rolling_ball_on_a_gentle_ramp_keeps_the_objects_only():
    image, inside = _field(slope=0.5, dtype=np.float32)
    result = background.subtract_rolling_ball(image, radius=50)
    assert np.percentile(result[~inside], 95) < 15
    assert abs(np.median(result[inside]) - 500) < 25


@pytest.mark.parametrize("function", SUBTRACT)
@pytest.mark.parametrize("value", [0, 300])
def test_constant_image_becomes_black(function, value):
    assert function(np.full((40, 40), value, np.uint16)).max() == 0


def test_gaussian_subtracts_the_blurred_image():
    from scipy import ndimage

    image = _field()[0].astype(np.float32)
    expected = np.maximum(image - ndimage.gaussian_filter(image, 7), 0)
    result = background.subtract_gaussian_background(image, sigma=7)
    assert np.array_equal(result, expected)


def test_constant_value_and_percentile():
    image = np.array([[10, 20], [30, 40]], np.uint8)
    assert background.subtract_constant_background(image, value=25).tolist() == [[0, 0], [5, 15]]
    assert background.subtract_constant_background(image, percentile=0).tolist() == [
        [0, 10],
        [20, 30],
    ]


@pytest.mark.parametrize("estimate", ["median", "mean"])
def test_flat_field_evens_out(estimate):
    y, x = np.indices((128, 128))
    flat = 1 - ((y - 64) ** 2 + (x - 64) ** 2) / 20000
    image = (1000 * flat).astype(np.uint16)
    result = background.correct_flat_field(image, sigma=15, estimate=estimate)
    assert result.std() < image.std() / 2
    assert abs(result.mean() - image.mean()) < 20


def test_flat_field_that_is_wired():
    flat = np.linspace(50, 150, 100).reshape(1, -1).repeat(20, axis=0) + 100
    image = ((flat - 100) / 100 * 2000 + 100).astype(np.float64)
    result = background.divide_by_flat_field(image, flat, dark_level=100)
    assert np.allclose(result, 2100, rtol=1e-6)


def test_flat_field_that_is_black_changes_nothing():
    image = np.full((8, 8), 7, np.uint16)
    assert np.array_equal(background.divide_by_flat_field(image, np.zeros((8, 8))), image)
    assert np.array_equal(background.correct_flat_field(np.zeros((8, 8), np.uint16)), image * 0)


def test_top_hat_equals_the_definition():
    from skimage.morphology import disk, white_tophat

    image = _field()[0]
    result = background.white_top_hat(image, radius=4)
    assert np.array_equal(result, white_tophat(image, disk(4)))


@pytest.mark.parametrize("function", [*SUBTRACT, background.correct_flat_field])
def test_refuses_nan_empty_and_lines(function):
    image = np.ones((8, 8), np.float32)
    image[2, 2] = np.nan
    with pytest.raises(ContractError, match="1 pixels that are NaN"):
        function(image)
    with pytest.raises(ContractError, match="shape"):
        function(np.zeros((0, 8)))
    with pytest.raises(ContractError, match="shape"):
        function(np.zeros(8))


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (background.subtract_gaussian_background, {"sigma": 0}),
        (background.subtract_rolling_ball, {"radius": 0}),
        (background.subtract_rolling_ball, {"smoothing": -1}),
        (background.white_top_hat, {"radius": 0}),
        (background.subtract_constant_background, {"percentile": 101}),
        (background.correct_flat_field, {"sigma": float("nan")}),
        (background.correct_flat_field, {"estimate": "mode"}),
    ],
)
def test_refuses_parameters_by_name(function, parameters):
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        function(np.ones((8, 8)), **parameters)


def test_refuses_a_flat_field_of_another_shape():
    with pytest.raises(ContractError, match="flat_field"):
        background.divide_by_flat_field(np.ones((8, 8)), np.ones((8, 9)))
