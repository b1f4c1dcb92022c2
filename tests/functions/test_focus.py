from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import focus
from napari_openhcs.functions.trial_images import Kind, trial_array

MEASURES = (
    "focus_laplacian",
    "focus_tenengrad",
    "focus_brenner",
    "focus_variance",
    "focus_power",
)


def test_every_measure_falls_with_blur() -> None:
    image = trial_array(Kind.IMAGE, 2, "float32") * 4000
    tables = [focus.measure_focus(ndimage.gaussian_filter(image, sigma)) for sigma in (0, 1, 2, 4)]
    for name in MEASURES:
        values = [table[name][0] for table in tables]
        assert values == sorted(values, reverse=True), name
        assert values[-1] < values[0] / 1.5, name


def test_measures_by_hand() -> None:
    ramp = np.tile(np.arange(0, 60, 3, dtype=np.uint16), (10, 1))
    table = focus.measure_focus(ramp)
    assert table["focus_brenner"].tolist() == [36]
    # Inside the ramp the slope is 3; the mirrored edges have half of it.
    assert table["focus_tenengrad"][0] == pytest.approx((18 * 9 + 2 * 2.25) / 20)
    assert table["focus_variance"][0] == pytest.approx(ramp.var() / ramp.mean())
    assert table["label"].tolist() == [0]


def test_power_of_waves() -> None:
    x = np.arange(64)
    fine, coarse = (np.tile(np.cos(2 * np.pi * f * x), (32, 1)) for f in (0.375, 0.125))
    assert focus.measure_focus(fine)["focus_power"][0] == pytest.approx(1, abs=1e-3)
    assert focus.measure_focus(coarse)["focus_power"][0] == pytest.approx(0, abs=1e-3)
    assert focus.measure_focus(fine + coarse)["focus_power"][0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (5, 7)])
def test_flat_and_tiny_images(shape) -> None:
    for value in (0, 9):
        table = focus.measure_focus(np.full(shape, value, np.uint16))
        assert all(table[name].tolist() == [0] for name in MEASURES)


def test_the_map_is_bright_where_it_is_sharp() -> None:
    noise = np.random.default_rng(0).normal(100, 20, (60, 120))
    half = np.where(np.arange(120) < 60, noise, ndimage.gaussian_filter(noise, 3))
    found = focus.focus_map(half.astype(np.float32))
    assert found.dtype == np.float32
    assert found[:, :45].min() > 3 * found[:, 75:].max()
    assert not focus.focus_map(np.full((9, 9), 5, np.uint8)).any()


def test_merging_a_stack_takes_each_part_from_its_sharp_plane() -> None:
    truth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(60, 120)), 1)
    truth = 3000 + 400 * truth / truth.std()
    blurred = ndimage.gaussian_filter(truth, 4)
    left = np.arange(120) < 60
    stack = np.stack([np.where(left, truth, blurred), np.where(left, blurred, truth)])
    stack = stack.astype(np.uint16)
    merged = focus.extended_depth_of_field(stack)
    assert merged.dtype == np.uint16
    error = np.abs(merged.astype(float) - truth)
    assert np.sqrt((error**2).mean()) < 0.15 * np.sqrt(((stack[0] - truth) ** 2).mean())
    assert np.array_equal(focus.extended_depth_of_field(stack[0]), stack[0])
    flat = np.stack([np.full((5, 5), 10, np.uint8), np.full((5, 5), 20, np.uint8)])
    assert (focus.extended_depth_of_field(flat) == 15).all()


def test_refuses() -> None:
    with pytest.raises(ContractError, match="measure_focus"):
        focus.measure_focus(np.zeros((2, 3, 4)))
    with pytest.raises(ContractError, match="NaN"):
        focus.focus_map(np.full((4, 4), np.nan))
    with pytest.raises(ParameterError, match="'sharpness' is 0"):
        focus.extended_depth_of_field(np.zeros((2, 4, 4)), sharpness=0)
