from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions import background, composite, jax_arithmetic
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")


def pair(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(trial_array(Kind.IMAGE, 2, dtype, second=side) for side in (False, True))


def close(found, expected: np.ndarray, dtype: str) -> None:
    assert str(found.dtype) == dtype
    np.testing.assert_allclose(found, expected, atol=2e-6 if dtype[0] == "f" else 1.01)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_equal_to_our_numpy_functions(dtype: str) -> None:
    one, two = pair(dtype)
    first, second = jnp.asarray(one), jnp.asarray(two)
    ours = jax_arithmetic
    expected = background.subtract_gaussian_background(one, 10.0)
    close(ours.subtract_gaussian_background(first, 10.0), expected, dtype)
    expected = background.subtract_constant_background(one, 30.0)
    close(ours.subtract_constant_background(first, 30.0), expected, dtype)
    expected = background.divide_by_flat_field(one, two)
    close(ours.divide_by_flat_field(first, second), expected, dtype)
    close(
        ours.subtract_channel(first, second, 0.4), composite.subtract_channel(one, two, 0.4), dtype
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_two_images_by_definition(dtype: str) -> None:
    one, two = pair(dtype)
    first, second = jnp.asarray(one), jnp.asarray(two)
    a, b = one.astype(float), two.astype(float)
    ours = jax_arithmetic
    close(ours.mean_of_images(first, second, 0.25), a * 0.75 + b * 0.25, dtype)
    close(ours.max_of_images(first, second), np.maximum(a, b), dtype)
    close(ours.min_of_images(first, second), np.minimum(a, b), dtype)
    close(ours.absolute_difference(first, second), np.abs(a - b), dtype)
    mask = trial_array(Kind.MASK, 2, "bool")
    found = ours.apply_mask(first, jnp.asarray(mask), 1.0)
    close(found, np.where(mask, a, 1.0), dtype)
    ratio = ours.ratio_of_images(first, second, 0.01)
    np.testing.assert_allclose(ratio, (a - 0.01) / (b - 0.01), rtol=1e-4)
    assert not ours.ratio_of_images(first, jnp.zeros_like(second)).any()


@pytest.mark.parametrize("name", ["subtract_channel", "apply_mask", "ratio_of_images"])
def test_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match=f"{name} got '(other|mask)' of shape"):
        getattr(jax_arithmetic, name)(jnp.zeros((4, 4)), jnp.zeros((4, 5)))
