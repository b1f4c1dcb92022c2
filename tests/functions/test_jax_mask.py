from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions import jax_mask
from napari_openhcs.functions import mask as twins
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")


def mask(ndim: int) -> np.ndarray:
    return trial_array(Kind.MASK, ndim, "bool")


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("radius", [0, 1, 1.5, 3])
@pytest.mark.parametrize("name", ["dilate_mask", "erode_mask", "open_mask", "close_mask"])
def test_disks_are_those_of_our_numpy_functions(name: str, radius: float, ndim: int) -> None:
    given = mask(ndim)
    found = getattr(jax_mask, name)(jnp.asarray(given), radius)
    np.testing.assert_array_equal(found, getattr(twins, name)(given, radius))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_holes_and_borders(ndim: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(9, 50, 60)[-ndim:])
    given = ndimage.gaussian_filter(noise, 1.5) > 0
    array = jnp.asarray(given)
    filled = jax_mask.fill_holes(array)
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(given))
    cleared = jax_mask.clear_mask_border(array)
    np.testing.assert_array_equal(cleared, twins.clear_mask_border(given))


def test_a_spiral_is_followed_to_its_end() -> None:
    y, x = np.indices((81, 81)) - 40
    turn = (np.hypot(y, x) - 3 * np.arctan2(y, x) * 2 / np.pi) % 12
    spiral = (turn < 6) & (np.hypot(y, x) < 38)
    marks = np.zeros(spiral.shape, bool)
    marks[tuple(np.argwhere(spiral)[0])] = True
    found = jax_mask.keep_marked_regions(jnp.asarray(spiral), jnp.asarray(marks))
    labels = ndimage.label(spiral, np.ones((3, 3)))[0]
    np.testing.assert_array_equal(found, labels == labels[marks])


def test_outline_lies_inside() -> None:
    given = mask(2)
    found = jax_mask.mask_outline(jnp.asarray(given))
    np.testing.assert_array_equal(found, given & ~twins.erode_mask(given, 1))


def test_two_masks() -> None:
    one, two = mask(2), np.roll(mask(2), 4)
    arrays = jnp.asarray(one), jnp.asarray(two)
    np.testing.assert_array_equal(jax_mask.union_masks(*arrays), one | two)
    np.testing.assert_array_equal(jax_mask.intersect_masks(*arrays), one & two)
    np.testing.assert_array_equal(jax_mask.subtract_mask(*arrays), one & ~two)
    np.testing.assert_array_equal(jax_mask.invert_mask(arrays[0]), ~one)
    with pytest.raises(ContractError, match="'other' of shape"):
        jax_mask.union_masks(arrays[0], arrays[1][1:])


@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full_masks(value: bool) -> None:
    given = jnp.full((6, 7), value)
    for name in ("dilate_mask", "erode_mask", "open_mask", "close_mask", "fill_holes"):
        assert jnp.array_equal(getattr(jax_mask, name)(given), given)
    assert not jax_mask.clear_mask_border(given).any()
