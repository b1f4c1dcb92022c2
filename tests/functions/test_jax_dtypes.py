"""What holds for every function of ours on JAX arrays: precision, whole numbers, programs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.libraries.base import signature_text
from napari_openhcs.functions.registry import get_function, specs
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.functions.trial import Trial

jax = pytest.importorskip("jax")
jnp = jax.numpy

OURS = [spec for spec in specs().values() if spec.library == "jax"]
IMAGES = [spec for spec in OURS if spec.input_kinds == (Kind.IMAGE,)]
RELATIVE = (
    *("percentile_normalize", "min_max_normalize", "rescale", "gamma", "invert"),
    *("log_transform", "sigmoid_contrast", "equalize_histogram"),
)
"""What goes by the range of the dtype."""


def last(spec: FunctionSpec) -> str:
    return spec.id.rpartition(".")[2]


def trial(spec: FunctionSpec, dtype: str) -> tuple[np.ndarray, dict[str, Any]]:
    kind = spec.input_kinds[0]
    first, given = trial_call(spec, Trial(kind, max(spec.ndims), "uint16"))
    if kind is Kind.IMAGE:
        cast = {k: v if v.dtype == bool else v.astype(dtype) for k, v in given.items()}
        return first.astype(dtype), cast
    return first, given


def called(spec: FunctionSpec, dtype: str) -> np.ndarray:
    first, given = trial(spec, dtype)
    arrays = {name: jnp.asarray(value) for name, value in given.items()}
    return np.asarray(get_function(spec.id)(jnp.asarray(first), **arrays))


@pytest.mark.parametrize("spec", OURS, ids=last)
def test_the_torch_twin_takes_and_gives_the_same(spec: FunctionSpec) -> None:
    torch = pytest.importorskip("torch")
    twin = specs().get(spec.id.replace(".jax_", ".torch_"))
    if twin is None:
        pytest.skip("torch has no twin of it")
    function = get_function(twin.id)
    assert signature_text(function) == signature_text(get_function(spec.id))
    assert (twin.contract, twin.category) == (spec.contract, spec.category)
    dtype = "float32" if spec.input_kinds == (Kind.IMAGE,) else "bool"
    first, given = trial(spec, dtype)
    tensors = {name: torch.from_numpy(value) for name, value in given.items()}
    expected = function(torch.from_numpy(first), **tensors).numpy()
    found = called(spec, dtype)
    assert found.dtype == expected.dtype
    if spec.output_kind is Kind.MASK:
        assert (found != expected).mean() < (0.002 if dtype == "float32" else 1e-9)
        return
    apart = np.abs(found - expected) > 2e-5 * max(np.abs(expected).max(), 1.0)
    # A pixel taken from another plane where two are equally sharp.
    assert apart.mean() < (0.002 if "focus" in spec.id else 1e-9)


@pytest.mark.parametrize("spec", [spec for spec in IMAGES if last(spec) not in RELATIVE], ids=last)
def test_integers_give_the_rounded_result_of_their_values(spec: FunctionSpec) -> None:
    whole, exact = called(spec, "uint16"), called(spec, "float32")
    if spec.output_kind is Kind.MASK:
        assert (whole != exact).mean() < 0.005
    elif whole.dtype.kind == "f":
        assert whole.dtype == np.float32
        np.testing.assert_array_equal(whole, exact)
    else:
        assert whole.dtype == np.uint16
        expected = exact.round().clip(0, 65535)
        np.testing.assert_allclose(whole.astype(float), expected, atol=1)


@pytest.mark.parametrize("spec", IMAGES, ids=last)
def test_half_precision_is_not_computed_with(spec: FunctionSpec) -> None:
    # Values of half precision that are exact, so that only the arithmetic could lose digits.
    first, given = trial_call(spec, Trial(Kind.IMAGE, max(spec.ndims), "uint8"))
    function = get_function(spec.id)
    found, expected = (
        function(
            jnp.asarray(first.astype(dtype)),
            **{k: jnp.asarray(v if v.dtype == bool else v.astype(dtype)) for k, v in given.items()},
        )
        for dtype in ("float16", "float32")
    )
    if spec.output_kind is Kind.MASK:
        assert (found != expected).mean() < 0.002
    else:
        span = max(float(jnp.abs(expected).max()), 1.0)
        np.testing.assert_allclose(found.astype("float32"), expected, atol=1e-3 * span)


def test_large_integers_are_exact_where_values_are_selected() -> None:
    from napari_openhcs.functions import jax_arithmetic, jax_filters

    large = jnp.array([[2**30 + 1, 2**30 + 3]], dtype=jnp.int32)
    assert jnp.array_equal(jax_arithmetic.max_of_images(large, jnp.zeros_like(large)), large)
    assert jnp.array_equal(jax_filters.max_filter(large, 1), large)
    assert jnp.array_equal(jax_filters.median_filter(large, 1), large)
    everywhere = jnp.ones(large.shape, bool)
    assert jnp.array_equal(jax_arithmetic.apply_mask(large, everywhere), large)


@pytest.fixture
def programs() -> Iterator[list[str]]:
    """Give a list to which every compilation is added."""
    seen: list[str] = []

    def listen(event: str, seconds: float, **more: Any) -> None:
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


def other_values(spec: FunctionSpec) -> dict[str, Any]:
    """Return other values of all parameters that are measured, not counted."""
    floats = [item for item in spec.form_parameters if item.type == "float" and item.default]
    return {item.name: item.default * 1.25 for item in floats}


@pytest.mark.parametrize("spec", OURS, ids=last)
def test_another_value_is_no_other_program(spec: FunctionSpec, programs: list[str]) -> None:
    first, given = trial(spec, "uint16")
    image = jnp.asarray(first)
    arrays = {name: jnp.asarray(value) for name, value in given.items()}
    function = get_function(spec.id)
    function(image, **arrays)
    programs.clear()
    for _ in range(3):
        function(image, **arrays).block_until_ready()
    assert not programs
    function(image, **arrays, **other_values(spec))
    # Two blurs along two axes, where their borders grow past a power of two.
    assert len(programs) <= 4


def test_calls_leave_no_arrays_behind() -> None:
    from napari_openhcs.functions import jax_filters, jax_mask

    image = jnp.asarray(np.random.default_rng(0).integers(0, 4000, (40, 41)).astype("uint16"))
    for sigma in (1.0, 1.1):
        jax_mask.fill_holes(jax_filters.gaussian_blur(image, sigma) > 2000)
    gc.collect()
    before = len(jax.live_arrays())
    for number in range(20):
        jax_mask.fill_holes(jax_filters.gaussian_blur(image, 1 + number / 20) > 2000)
    gc.collect()
    assert len(jax.live_arrays()) <= before
