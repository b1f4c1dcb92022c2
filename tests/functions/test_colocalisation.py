from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats
from skimage.filters import threshold_otsu
from skimage.measure import (
    manders_coloc_coeff,
    manders_overlap_coeff,
    pearson_corr_coeff,
)

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import colocalisation as coloc


def _pair(shared: float = 0.5, seed: int = 0):
    random = np.random.default_rng(seed)
    one, two, both = (ndimage.gaussian_filter(random.normal(size=(90, 110)), 3) for _ in range(3))
    first, second = (np.maximum(a * (1 - shared) + both * shared, 0) for a in (one, two))
    return tuple((200 + 9000 * image).astype(np.uint16) for image in (first, second))


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_as_scikit_image_and_scipy(shared: float) -> None:
    one, two = _pair(shared)
    table = coloc.measure_colocalisation(one, two)
    above_one, above_two = (image > threshold_otsu(image.astype(int)) for image in (one, two))
    flat = one.ravel().astype(float), two.ravel().astype(float)
    expected = {
        "pearson": pearson_corr_coeff(one, two)[0],
        "spearman": stats.spearmanr(*flat).statistic,
        "manders_m1": manders_coloc_coeff(one * above_one, above_two),
        "manders_m2": manders_coloc_coeff(two * above_two, above_one),
        "overlap": manders_overlap_coeff(one.astype(float), two.astype(float)),
    }
    for name, value in expected.items():
        assert table[name][0] == pytest.approx(value, abs=1e-6), name
    assert table["overlap"][0] ** 2 == pytest.approx(table["k1"][0] * table["k2"][0])
    assert table["both_area"].tolist() == [(above_one & above_two).sum()]
    mask = coloc.colocalisation_mask(one, two)
    assert np.array_equal(mask, above_one & above_two)


def test_objects_are_images_of_their_own() -> None:
    one, two = _pair()
    labels = np.zeros(one.shape, np.int32)
    labels[5:40, 5:50], labels[50:80, 20:100], labels[2, 2] = 3, 8, 20
    table = coloc.measure_object_colocalisation(one, two, labels, "fixed", 300, 350)
    assert table["label"].tolist() == [3, 8, 20]
    for row, box in enumerate((np.s_[5:40, 5:50], np.s_[50:80, 20:100])):
        alone = coloc.measure_colocalisation(one[box], two[box], "fixed", 300, 350)
        for name in coloc.COLUMNS:
            assert table[name][row] == pytest.approx(alone[name][0]), name
    assert np.isnan(table["pearson"][2])
    none = coloc.measure_object_colocalisation(one, two, labels * 0)
    assert {len(column) for column in none.values()} == {0}


def test_a_linear_copy_is_perfect_and_a_negative_one_opposite() -> None:
    one, _ = _pair()
    copy = coloc.measure_colocalisation(one, one * 2 + 7)
    assert [copy[name][0] for name in ("pearson", "spearman")] == pytest.approx([1, 1])
    negative = coloc.measure_colocalisation(one, 60000 - one)
    assert [negative[name][0] for name in ("pearson", "spearman")] == pytest.approx([-1, -1])
    constant = coloc.measure_colocalisation(one, np.full_like(one, 5))
    assert np.isnan(constant["pearson"][0])
    assert np.isinf(constant["threshold_2"][0])


def test_costes_separates_the_correlated_from_the_noise() -> None:
    random = np.random.default_rng(3)
    signal = np.zeros((100, 100))
    signal[30:60, 30:60] = random.uniform(300, 1000, (30, 30))
    one = random.normal(100, 20, signal.shape) + signal
    two = random.normal(100, 20, signal.shape) + signal * 0.8
    table = coloc.measure_colocalisation(one, two, "costes")
    below = (one < table["threshold_1"][0]) | (two < table["threshold_2"][0])
    assert abs(np.corrcoef(one[below], two[below])[0, 1]) < 0.1
    assert 100 < table["threshold_1"][0] < 400
    mask = coloc.colocalisation_mask(one, two, "costes")
    assert mask[signal > 0].mean() > 0.95
    apart = coloc.measure_colocalisation(one, -one, "costes")
    assert apart["both_area"].tolist() == [0]


def test_refuses() -> None:
    one, two = _pair()
    with pytest.raises(ContractError, match="'second' of shape"):
        coloc.measure_colocalisation(one, two[1:])
    with pytest.raises(ContractError, match="NaN"):
        coloc.colocalisation_mask(one, np.full(one.shape, np.nan))
    with pytest.raises(ParameterError, match="'thresholds' is 'li'"):
        coloc.measure_colocalisation(one, two, "li")
