import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import composite

REDUCE = [composite.mean_composite, composite.max_composite]


def _channels(dtype="uint16"):
    return np.stack([np.full((4, 5), value) for value in (100, 200, 600)]).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("function", REDUCE)
def test_one_plane_of_the_same_dtype(function, dtype):
    stack = _channels("uint16") // 4
    result = function(stack.astype(dtype))
    assert result.shape == (4, 5)
    assert result.dtype == dtype


def test_values():
    stack = _channels()
    assert (composite.mean_composite(stack) == 300).all()
    assert (composite.mean_composite(stack, weights=(1, 1, 0)) == 150).all()
    assert (composite.mean_composite(stack, weights=(3, 0, 1)) == 225).all()
    assert (composite.max_composite(stack) == 600).all()
    assert (composite.max_composite(stack, weights=(1, 1, 0.25)) == 200).all()
    assert (composite.max_composite(stack, weights=(2, 1, 0)) == 100).all()


def test_mean_rounds_and_does_not_overflow():
    stack = np.full((3, 2, 2), 65535, np.uint16)
    assert (composite.mean_composite(stack) == 65535).all()
    assert (composite.mean_composite(np.array([[[1]], [[2]]], np.uint8)) == 2).all()


@pytest.mark.parametrize("function", REDUCE)
def test_one_channel_and_a_channel_left_out(function):
    plane = _channels()[0]
    assert np.array_equal(function(plane), plane)
    stack = _channels("float32")
    stack[2] = np.nan
    assert np.isfinite(function(stack, weights=(1, 1, 0))).all()
    assert np.isnan(function(stack)).all()


@pytest.mark.parametrize("function", REDUCE)
@pytest.mark.parametrize("weights", [(1, 2), (1, 2, -1), (1, 2, float("nan")), (0, 0, 0), ()])
def test_refuses_weights(function, weights):
    with pytest.raises(ParameterError, match="weights"):
        function(_channels(), weights=weights)


def test_subtract_channel():
    image, other = np.full((3, 3), 300, np.uint16), np.full((3, 3), 1100, np.uint16)
    assert (composite.subtract_channel(image, other, 0.2, 100) == 100).all()
    assert (composite.subtract_channel(image, other, 1.0) == 0).all()
    assert composite.subtract_channel(image, other).dtype == np.uint16
    with pytest.raises(ParameterError, match="factor"):
        composite.subtract_channel(image, other, -1)
    with pytest.raises(ContractError, match="other"):
        composite.subtract_channel(image, other[1:])


@pytest.mark.parametrize("function", REDUCE)
def test_refuses_empty_and_other_axes(function):
    for shape in ((0, 4, 4), (4,)):
        with pytest.raises(ContractError, match="shape"):
            function(np.zeros(shape))
