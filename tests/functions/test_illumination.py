"""Shading of known shape on fields of cells and noise."""

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions.illumination import correct_illumination, estimate_flat_field

SHAPE = (192, 220)


def shading():
    """Vignetting off the centre and a slope: 0.55 to 1.15 of the mean."""
    y, x = np.indices(SHAPE)
    y, x = y / SHAPE[0] - 0.5, x / SHAPE[1] - 0.45
    flat = 1 - 0.9 * (x * x + y * y) + 0.15 * x
    return flat / flat.mean()


def fields(count, *, offset=0.0, spread=0.3, seed=0, flat=None):
    """Return (fields with shading and noise, the same without either)."""
    rng = np.random.default_rng(seed)
    clean = []
    for _ in range(count):
        points = np.zeros(SHAPE)
        here = rng.random(SHAPE) < 1 / 3000
        points[here] = rng.uniform(1e5, 3e5, here.sum())
        brightness = 300 * np.exp(rng.normal(0, spread))
        clean.append(brightness + ndimage.gaussian_filter(points, 6))
    light = shading() if flat is None else flat
    return rng.poisson(np.array(clean) * light + offset).astype(np.uint16), np.array(clean)


def off(found, true):
    return float(np.sqrt(((found / true - 1) ** 2).mean()))


@pytest.mark.parametrize(("count", "least"), [(4, 0.025), (9, 0.02), (25, 0.02)])
def test_finds_a_known_flat_field(count, least):
    true = shading()
    assert off(np.ones(SHAPE), true) > 0.12
    found = estimate_flat_field(fields(count)[0]).astype(float)
    assert off(found / found.mean(), true) < least


def test_corrects_to_what_an_even_light_would_give():
    seen, clean = fields(9)
    result = correct_illumination(seen)
    assert result.dtype == np.uint16
    assert result.shape == seen.shape
    before, after = (np.abs(image / clean - 1).mean() for image in (seen, result))
    assert after < 0.5 * before
    assert abs(result.mean() / clean.mean() - 1) < 0.02


def test_an_even_light_stays_even():
    seen, _ = fields(9, flat=np.ones(SHAPE))
    assert np.abs(correct_illumination(seen).astype(float) / seen - 1).max() < 0.03


def test_dark_level_is_kept_out_of_it_and_added_back():
    seen, clean = fields(9, offset=120)
    known = correct_illumination(seen, dark_level=120)
    assert abs(known.mean() - 120 - clean.mean()) < 0.02 * clean.mean()
    unknown = correct_illumination(seen)
    expected = clean + 120
    assert np.abs(known / expected - 1).mean() < np.abs(unknown / expected - 1).mean()


def test_finds_a_dark_level():
    seen, clean = fields(25, offset=120, spread=0.6)
    found = correct_illumination(seen, find_dark=True)
    added = seen.mean() - found.mean()
    assert 90 < added < 150
    # What is left of the shading, in the worst corner against the middle.
    slope = found.mean(axis=0) / clean.mean(axis=0)
    assert abs(slope[-30:, -30:].mean() / slope[80:110, 80:120].mean() - 1) < 0.1
    assert abs(shading()[-30:, -30:].mean() / shading()[80:110, 80:120].mean() - 1) > 0.2


def test_is_the_same_for_scaled_intensities_and_every_time():
    seen = fields(5)[0].astype(np.float32)
    one = correct_illumination(seen)
    assert np.array_equal(one, correct_illumination(seen))
    assert np.allclose(correct_illumination(seen * 8) / 8, one, rtol=1e-3)


def test_black_and_single_fields_stay_as_they_are():
    black = np.zeros((3, 20, 30), np.uint8)
    assert np.array_equal(correct_illumination(black), black)
    assert not estimate_flat_field(black).any()
    assert correct_illumination(fields(1)[0]).shape == (1, *SHAPE)


def test_small_fields():
    tiny = np.arange(2 * 3 * 5, dtype=np.uint16).reshape(2, 3, 5) + 100
    assert correct_illumination(tiny).shape == tiny.shape
    line = np.full((4, 1, 9), 50, np.uint16)
    assert np.array_equal(correct_illumination(line), line)


@pytest.mark.parametrize("function", [correct_illumination, estimate_flat_field])
def test_refuses(function):
    with pytest.raises(ContractError, match="shape"):
        function(np.ones((8, 8)))
    with pytest.raises(ContractError, match="NaN"):
        function(np.full((2, 8, 8), np.nan))
    for name in ("smoothness", "dark_level"):
        with pytest.raises(ParameterError, match=name):
            function(np.ones((2, 8, 8)), **{name: -1})
