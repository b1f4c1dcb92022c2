from __future__ import annotations

import numpy as np
import pytest
from skimage import filters

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ParameterError
from napari_openhcs.functions import jax_threshold, jax_threshold_level
from napari_openhcs.functions.trial_images import trial_array

jnp = pytest.importorskip("jax.numpy")

HISTOGRAM = ("otsu", "isodata", "triangle", "yen", "li")


def skewed(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    image = random.gamma(2.0, 100.0, (60, 70))
    image[20:35, 20:50] += random.normal(900, 150, (15, 30))
    return image.astype(np.float32)


@pytest.mark.parametrize("name", HISTOGRAM)
@pytest.mark.parametrize("seed", range(4))
def test_thresholds_are_those_of_scikit_image(name: str, seed: int) -> None:
    for image in (
        skewed(seed),
        2000 - skewed(seed),
        trial_array(Kind.IMAGE, 2 + seed % 2, "float32"),
    ):
        level = getattr(filters, f"threshold_{name}")(image)
        found = getattr(jax_threshold, f"{name}_threshold")(jnp.asarray(image))
        # A value on the edge of a bin may be counted in the next one.
        bin_width = np.ptp(image) / 256
        assert image[found].min() > level - 1.5 * bin_width
        assert image[~found].max() <= level + 1.5 * bin_width


@pytest.mark.parametrize("name", HISTOGRAM)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_objects_are_found_in_every_dtype_and_none_in_a_constant(name: str, dtype: str) -> None:
    threshold = getattr(jax_threshold, f"{name}_threshold")
    given = trial_array(Kind.IMAGE, 2, dtype)
    found = threshold(jnp.asarray(given))
    truth = trial_array(Kind.LABELS, 2, "int32") > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.45
    stricter = threshold(jnp.asarray(given), correction=1.2)
    assert not (stricter & ~found).any()
    for value in (0, 9):
        assert not threshold(jnp.full((4, 4), value, dtype)).any()


def test_one_bin_is_refused() -> None:
    with pytest.raises(ParameterError, match="otsu_threshold: 'n_bins'"):
        jax_threshold.otsu_threshold(jnp.eye(4), n_bins=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_levels_by_definition(dtype: str) -> None:
    given = trial_array(Kind.IMAGE, 2, dtype)
    array, values = jnp.asarray(given), given.astype(float)
    low, high = np.percentile(values, [40, 90])
    level = jax_threshold_level
    for found, expected in (
        (level.threshold_value(array, low), values > low),
        (level.threshold_range(array, low, high), (values >= low) & (values <= high)),
        (level.threshold_percentile(array, 90.0), values > high),
        (level.threshold_mean(array, 1.1), values > values.mean() * 1.1),
        (level.threshold_deviations(array, 1.0), values > values.mean() + values.std()),
        (
            level.threshold_local(array, 5.0),
            values > filters.gaussian(values, 5.0, mode="reflect"),
        ),
        (
            level.hysteresis_threshold(array, low, high),
            filters.apply_hysteresis_threshold(given, low, high),
        ),
    ):
        # Values equal to the threshold within float32.
        assert (found != expected).mean() < 0.002
