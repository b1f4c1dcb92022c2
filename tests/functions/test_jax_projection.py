from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions import jax_projection, projection
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")

DTYPES = ("uint8", "uint16", "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["max", "min", "mean", "median", "std", "sum"])
def test_equal_to_our_numpy_functions(name: str, dtype: str) -> None:
    stack = trial_array(Kind.IMAGE, 3, dtype)
    found = getattr(jax_projection, f"{name}_projection")(jnp.asarray(stack))
    expected = getattr(projection, f"{name}_projection")(stack).astype(float)
    rounded = found.dtype.kind in "iu" and name in ("mean", "median")
    tolerance = 0.51 if rounded else 2e-6 * max(expected.max(), 1)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert found.dtype == (np.float32 if name in ("std", "sum") else stack.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_percentile_and_range(dtype: str) -> None:
    stack = trial_array(Kind.IMAGE, 3, dtype)
    array = jnp.asarray(stack)
    found = jax_projection.percentile_projection(array, 30.0)
    expected = np.percentile(stack.astype(float), 30, axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6 if dtype == "float32" else 0.51)
    found = jax_projection.range_projection(array)
    np.testing.assert_array_equal(found, np.ptp(stack, axis=0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sigma", [0.0, 2.0])
def test_best_focus_is_that_of_our_numpy_function(sigma: float, dtype: str) -> None:
    stack = trial_array(Kind.IMAGE, 3, dtype)
    found = jax_projection.best_focus_projection(jnp.asarray(stack), sigma)
    expected = projection.best_focus_projection(stack, sigma)
    # Where two planes are about equally sharp rounding decides.
    assert (found != expected).mean() < 0.002
    assert found.dtype == stack.dtype


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 4)])
@pytest.mark.parametrize("name", jax_projection.__all__)
def test_a_projection_needs_a_stack(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match=name):
        getattr(jax_projection, name)(jnp.zeros(shape))
