from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import neighbours


def _labels(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(random.normal(size=(70, 90)), 3) > 0.02
    return ndimage.label(blobs)[0].astype(np.int32) * 3


@pytest.mark.parametrize("distance", [1.0, 1.5, 4.0, 9.5])
def test_as_distances_of_all_pairs(distance: float) -> None:
    labels = _labels()
    table = neighbours.measure_neighbours(labels, distance)
    values = np.unique(labels)[1:]
    assert table["label"].tolist() == values.tolist()
    pixels = [np.argwhere(labels == value) for value in values]
    centres = np.array([found.mean(axis=0) for found in pixels])
    between = cdist(centres, centres)
    np.fill_diagonal(between, np.inf)
    ordered = np.sort(between, axis=1)
    assert np.allclose(table["nearest_distance"], ordered[:, 0])
    assert np.allclose(table["second_nearest_distance"], ordered[:, 1])
    assert np.allclose(table["mean_distance_5"], ordered[:, :5].mean(axis=1))
    assert np.array_equal(table["nearest_label"], values[between.argmin(axis=1)])
    near = [
        sum(cdist(one, two).min() <= distance for two in pixels if two is not one) for one in pixels
    ]
    assert table["neighbour_count"].tolist() == near


def test_touching_squares_by_hand() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[2:6, 2:6], labels[2:6, 6:10], labels[12:16, 12:16] = 1, 2, 5
    table = neighbours.measure_neighbours(labels)
    assert table["neighbour_count"].tolist() == [1, 1, 0]
    assert table["nearest_label"].tolist() == [2, 1, 2]
    assert table["nearest_distance"][:2].tolist() == [4, 4]
    assert table["touching_fraction"].tolist() == [4 / 12, 4 / 12, 0]


def test_few_objects() -> None:
    empty = neighbours.measure_neighbours(np.zeros((5, 5), np.int32))
    assert {len(column) for column in empty.values()} == {0}
    labels = np.zeros((5, 5), np.int32)
    labels[1, 1] = 7
    single = neighbours.measure_neighbours(labels)
    assert single["neighbour_count"].tolist() == [0]
    assert single["nearest_label"].tolist() == [0]
    assert np.isnan(single["nearest_distance"][0])
    assert np.isnan(single["mean_distance_5"][0])
    labels[1, 4] = 8
    pair = neighbours.measure_neighbours(labels)
    assert pair["mean_distance_5"].tolist() == [3, 3]
    assert np.isnan(pair["second_nearest_distance"]).all()


def test_objects_with_one_centre() -> None:
    y, x = np.indices((41, 41)) - 20
    away = np.hypot(y, x)
    labels = np.select([away < 4, (away > 10) & (away < 13)], [1, 2]).astype(np.int32)
    table = neighbours.measure_neighbours(labels)
    assert np.allclose(table["nearest_distance"], 0)
    assert table["nearest_label"].tolist() == [2, 1]


def test_distance_to_other_objects() -> None:
    labels, others = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.int32)
    labels[5:8, 5:8], labels[10, 30], labels[3, 20] = 2, 4, 9
    others[6, 12], others[8:13, 28:33] = 3, 6
    table = neighbours.measure_distance_to_objects(labels, others)
    assert table["label"].tolist() == [2, 4, 9]
    assert table["distance_min"].tolist() == [5, 0, pytest.approx(np.hypot(3, 8))]
    assert table["distance_centre"].tolist() == [6, 0, pytest.approx(np.hypot(3, 8))]
    assert table["other_label"].tolist() == [3, 6, 3]
    away = ndimage.distance_transform_edt(others == 0)
    assert table["distance_mean"][0] == pytest.approx(away[labels == 2].mean())
    none = neighbours.measure_distance_to_objects(labels, others * 0)
    assert np.isnan(none["distance_min"]).all()
    assert none["other_label"].tolist() == [0, 0, 0]
    nothing = neighbours.measure_distance_to_objects(labels * 0, others)
    assert {len(column) for column in nothing.values()} == {0}


def test_refuses() -> None:
    with pytest.raises(ContractError, match="measure_neighbours"):
        neighbours.measure_neighbours(np.zeros((2, 3, 4), np.int32))
    with pytest.raises(ParameterError, match="'distance' is 0"):
        neighbours.measure_neighbours(_labels(), 0)
    with pytest.raises(ContractError, match="'others' of shape"):
        neighbours.measure_distance_to_objects(_labels(), _labels()[1:])
