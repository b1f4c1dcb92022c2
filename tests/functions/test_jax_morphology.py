from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import jax_morphology
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")

SAME = {
    "grey_dilation": ndimage.grey_dilation,
    "grey_erosion": ndimage.grey_erosion,
    "grey_opening": ndimage.grey_opening,
    "grey_closing": ndimage.grey_closing,
    "white_top_hat": ndimage.white_tophat,
    "black_top_hat": ndimage.black_tophat,
}


def disk(radius: float, ndim: int) -> np.ndarray:
    reach = int(radius)
    axes = np.indices((2 * reach + 1,) * ndim) - reach
    return (axes**2).sum(axis=0) <= radius**2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("radius", [0, 1, 1.5, 4])
@pytest.mark.parametrize("name", SAME)
def test_equal_to_scipy_with_a_disk(name: str, radius: float, dtype: str) -> None:
    for ndim in (2, 3):
        given = trial_array(Kind.IMAGE, ndim, dtype)
        found = getattr(jax_morphology, name)(jnp.asarray(given), radius)
        assert found.dtype == given.dtype
        expected = SAME[name](given, footprint=disk(radius, ndim), mode="reflect")
        np.testing.assert_array_equal(found, expected)


def test_gradient_is_dilation_minus_erosion() -> None:
    given = trial_array(Kind.IMAGE, 2, "uint16")
    found = jax_morphology.morphological_gradient(jnp.asarray(given), 2)
    sides = (
        reference(given, footprint=disk(2, 2))
        for reference in (ndimage.grey_dilation, ndimage.grey_erosion)
    )
    np.testing.assert_array_equal(found, np.subtract(*sides))


@pytest.mark.parametrize("name", [*SAME, "morphological_gradient"])
def test_a_negative_radius_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name}: 'radius'"):
        getattr(jax_morphology, name)(jnp.zeros((5, 5)), -1)
