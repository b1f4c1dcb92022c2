import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import projection

ALL = [
    projection.max_projection,
    projection.min_projection,
    projection.mean_projection,
    projection.median_projection,
    projection.std_projection,
    projection.sum_projection,
    projection.best_focus_projection,
]


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_gives_one_plane_and_leaves_the_input_alone(function, dtype):
    stack = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)
    before = stack.copy()
    result = function(stack)
    assert result.shape == (5, 6)
    assert np.array_equal(stack, before)


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (projection.max_projection, np.max),
        (projection.min_projection, np.min),
        (projection.mean_projection, np.mean),
        (projection.median_projection, np.median),
        (projection.std_projection, np.std),
        (projection.sum_projection, np.sum),
    ],
)
def test_values(function, reference):
    stack = np.random.default_rng(0).integers(0, 65536, (5, 7, 8)).astype(np.uint16)
    assert np.allclose(function(stack), reference(stack.astype(float), axis=0), rtol=1e-6)


def test_sum_does_not_overflow():
    stack = np.full((300, 2, 2), 65535, np.uint16)
    result = projection.sum_projection(stack)
    assert result.dtype == np.uint32
    assert (result == 300 * 65535).all()
    assert (
        projection.sum_projection(np.full((3, 2, 2), -300, np.int16)).tolist() == [[-900] * 2] * 2
    )


def test_mean_of_large_values_is_exact():
    stack = np.full((100, 2, 2), 65535, np.uint16)
    assert (projection.mean_projection(stack) == 65535).all()


@pytest.mark.parametrize("function", ALL)
def test_one_plane(function):
    plane = np.arange(12, dtype=np.uint16).reshape(3, 4)
    expected = np.zeros((3, 4)) if function is projection.std_projection else plane
    assert np.array_equal(function(plane), expected)


@pytest.mark.parametrize("function", ALL[:-1])
def test_nan_stays_at_its_pixel(function):
    stack = np.ones((3, 4, 4), np.float32)
    stack[1, 2, 2] = np.nan
    result = function(stack)
    assert np.isnan(result[2, 2])
    assert np.isnan(result).sum() == 1


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (4,), (1, 2, 3, 4)])
def test_refuses_empty_and_other_axes(function, shape):
    with pytest.raises(ContractError, match=function.__name__):
        function(np.zeros(shape))


def _focus_stack():
    y, x = np.indices((32, 32))
    sharp = ((y // 2 + x // 2) % 2 * 1000).astype(np.uint16)
    flat = np.full((32, 32), 500, np.uint16)
    return np.stack([flat, sharp, flat]), sharp


def test_best_focus_takes_the_sharp_plane():
    stack, sharp = _focus_stack()
    assert np.array_equal(projection.best_focus_projection(stack), sharp)


def test_best_focus_by_pixel_mixes_no_values():
    stack, sharp = _focus_stack()
    left, right = stack.copy(), stack.copy()
    both = np.stack(
        [np.where(np.arange(32) < 16, sharp, 500), np.where(np.arange(32) < 16, 500, sharp)]
    )
    result = projection.best_focus_projection(both.astype(np.uint16), sigma=2.0)
    assert result.dtype == np.uint16
    assert np.array_equal(result[:, :12], sharp[:, :12])
    assert np.array_equal(result[:, 20:], sharp[:, 20:])
    assert set(np.unique(result)) <= {0, 500, 1000}
    assert np.array_equal(left, right)


def test_best_focus_refuses():
    with pytest.raises(ParameterError, match="sigma"):
        projection.best_focus_projection(np.zeros((2, 4, 4)), sigma=-1)
    with pytest.raises(ContractError, match="NaN"):
        projection.best_focus_projection(np.full((2, 4, 4), np.nan))
