"""Spots whose places are known, counted and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions.positions import count_positions, draw_positions, locate_spots
from napari_openhcs.functions.spots import detect_spots_log


def spots(shape, places, sigma=2.0):
    axes = np.indices(shape)
    image = np.random.default_rng(0).normal(100, 2, shape)
    for place in places:
        squared = sum((axis - at) ** 2 for axis, at in zip(axes, place, strict=True))
        image += 500 * np.exp(-squared / (2 * sigma**2))
    return image.astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 70), (24, 40, 44)])
def test_every_spot_is_found_to_a_fraction_of_a_px(shape):
    planes = [8.0, 15.3, 12.6]
    places = [(12.25, 20.5), (30.0, 9.75), (25.4, 33.3)]
    if len(shape) == 3:
        places = [(plane, *place) for plane, place in zip(planes, places, strict=True)]
    labels, positions = locate_spots(spots(shape, places), radius=3.0)
    assert labels.dtype == np.int32
    assert positions.shape == (3, len(shape))
    for place in places:
        nearest = np.linalg.norm(positions - place, axis=1).min()
        assert nearest < 0.2
    for number, position in enumerate(positions, start=1):
        assert labels[tuple(np.rint(position).astype(int))] == number


def test_labels_are_those_of_the_detection_and_nothing_gives_nothing():
    image = spots((50, 50), [(10, 10)])
    assert np.array_equal(locate_spots(image)[0], detect_spots_log(image))
    labels, positions = locate_spots(np.full((20, 20), 7, np.uint16))
    assert not labels.any()
    assert positions.shape == (0, 2)


def test_an_even_spot_has_its_middle():
    image = np.zeros((31, 31), np.uint8)
    image[10:13, 20:23] = 200
    labels, positions = locate_spots(image, radius=1.5)
    assert labels.max() == 1
    np.testing.assert_allclose(positions, [(11.0, 21.0)], atol=0.5)


def test_discs_are_drawn_at_the_nearest_position():
    image = np.zeros((30, 40), np.uint8)
    positions = np.array([(10.0, 10.0), (10.0, 14.0), (0.2, 39.0), (-20.0, 5.0), (99.0, 99.0)])
    labels = draw_positions(image, positions, radius=3.0)
    rows, columns = np.indices(image.shape)
    distance = np.hypot(rows[..., None] - positions[:, 0], columns[..., None] - positions[:, 1])
    expected = np.where(distance.min(axis=2) <= 3, distance.argmin(axis=2) + 1, 0)
    assert np.array_equal(labels, expected)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_a_radius_of_nothing_marks_single_pixels():
    image = np.zeros((9, 9), np.uint8)
    labels = draw_positions(image, np.array([(2.3, 4.4), (8.0, 8.0)]), radius=0)
    assert np.argwhere(labels).tolist() == [[2, 4], [8, 8]]
    assert not draw_positions(image, np.empty((0, 2))).any()


def test_positions_are_counted_where_they_lie():
    labels = np.zeros((20, 20), np.int32)
    labels[2:6, 2:6] = 3
    labels[10:20, 10:20] = 7
    positions = np.array(
        [(3.4, 3.4), (2.0, 2.0), (15.0, 15.0), (8.0, 8.0), (19.4, 19.4), (20.0, 3.0)]
    )
    table = count_positions(labels, positions)
    assert table["label"].tolist() == [3, 7]
    assert table["position_count"].tolist() == [2, 2]
    assert table["area"].tolist() == [16, 100]
    assert table["position_density"].tolist() == [2 / 16, 2 / 100]
    assert count_positions(labels, np.empty((0, 2)))["position_count"].tolist() == [0, 0]
    assert count_positions(np.zeros((5, 5), np.int32), positions)["label"].size == 0


def test_counting_agrees_with_a_lookup():
    rng = np.random.default_rng(3)
    labels = ndimage.label(ndimage.gaussian_filter(rng.random((90, 80)), 3) > 0.5)[0]
    positions = rng.uniform(-3, 95, (300, 2))
    table = count_positions(labels, positions)
    for label, count in zip(table["label"], table["position_count"], strict=True):
        inside = [
            labels[round(y), round(x)] == label
            for y, x in positions
            if 0 <= round(y) < 90 and 0 <= round(x) < 80
        ]
        assert sum(inside) == count


def test_positions_of_a_stack_are_refused_in_a_plane():
    with pytest.raises(ContractError, match=r"expected \(N, 2\), rows and columns"):
        count_positions(np.zeros((5, 5), np.int32), np.zeros((2, 3)))
    with pytest.raises(ContractError, match=r"expected \(N, 2\)"):
        draw_positions(np.zeros((5, 5)), np.zeros((2, 3)))
    with pytest.raises(ParameterError, match="radius"):
        draw_positions(np.zeros((5, 5)), np.zeros((2, 2)), radius=-1)
