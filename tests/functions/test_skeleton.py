from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import skeleton as lines


def _tee(side: int = 41) -> np.ndarray:
    """Return a T: 31 px across, 20 px down from its middle."""
    mask = np.zeros((side, side), bool)
    mask[10, 5:36] = True
    mask[10:31, 20] = True
    return mask


def test_a_tee_by_hand() -> None:
    table = lines.measure_skeleton(_tee())
    assert {name: column.tolist() for name, column in table.items()} == {
        "label": [0],
        "skeleton_length": [50],
        "skeleton_pixels": [51],
        "branch_points": [1],
        "end_points": [3],
        "pieces": [1],
    }


@pytest.mark.parametrize("degrees", [0, 17, 45, 90])
def test_length_of_a_straight_line(degrees: int) -> None:
    angle = np.radians(degrees)
    y, x = np.indices((121, 121)) - 60.0
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    bar = (np.abs(along) < 45) & (np.abs(across) < 1.6)
    table = lines.measure_skeleton(bar)
    # Steps of 1 and √2 measure a slanted line up to 8 % too long.
    assert 0.94 * 88 < table["skeleton_length"][0] < 1.09 * 90
    assert table["end_points"].tolist() == [2]
    assert table["branch_points"].tolist() == [0]


def test_a_diagonal_and_a_ring() -> None:
    diagonal = lines.measure_skeleton(np.eye(12, dtype=bool))
    assert diagonal["skeleton_length"][0] == pytest.approx(11 * np.sqrt(2))
    y, x = np.indices((81, 81)) - 40
    ring = lines.measure_skeleton(np.abs(np.hypot(y, x) - 30) < 1.5)
    assert ring["end_points"].tolist() == [0]
    assert ring["branch_points"].tolist() == [0]
    assert ring["skeleton_length"][0] == pytest.approx(2 * np.pi * 30, rel=0.08)


def test_objects_count_what_lies_inside() -> None:
    mask = _tee()
    labels = np.zeros(mask.shape, np.int32)
    labels[:, :20], labels[:, 20:] = 3, 7
    table = lines.measure_object_skeleton(mask, labels)
    assert table["label"].tolist() == [3, 7]
    assert table["skeleton_length"].tolist() == [14, 35]
    assert table["skeleton_pixels"].tolist() == [15, 36]
    assert table["branch_points"].tolist() == [0, 0]
    whole = lines.measure_object_skeleton(mask, np.ones(mask.shape, np.int32))
    assert whole["branch_points"].tolist() == [1]
    assert {len(column) for column in lines.measure_object_skeleton(mask, labels * 0).values()} == {
        0
    }


def test_short_side_branches_go_and_the_rest_stays() -> None:
    mask = np.zeros((30, 60), bool)
    mask[15, 5:55] = True
    mask[12:15, 30] = True
    mask[4:15, 42] = True
    mask[25, 5:8] = True
    pruned = lines.skeletonise_mask(mask, 5)
    expected = mask.copy()
    expected[12:15, 30] = False
    assert np.array_equal(pruned, expected)
    assert np.array_equal(lines.skeletonise_mask(mask, 0), skeletonize(mask))
    assert not lines.skeletonise_mask(np.zeros((9, 9), bool)).any()


def test_a_thick_skeleton_stays_inside_and_thin() -> None:
    blobs = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(80, 90)), 4) > 0
    found = lines.skeletonise_mask(blobs, 6)
    assert found.any()
    assert not (found & ~blobs).any()
    assert np.array_equal(skeletonize(found), found)


def _neurites() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    truth = np.zeros((100, 120), bool)
    for x in range(10, 110):
        truth[round(30 + 12 * np.sin(x / 15)), x] = True
    truth[70, 20:100] = True
    image = 200 + 3000 * ndimage.gaussian_filter(truth.astype(float), 1.5)
    return random.poisson(image).astype(np.uint16), truth


def test_traces_lie_on_the_lines() -> None:
    image, truth = _neurites()
    found = lines.trace_neurites(image, 2.0)
    near_truth = ndimage.distance_transform_edt(~truth)
    near_found = ndimage.distance_transform_edt(~found)
    assert near_truth[found].max() <= 3
    assert (near_found[truth] <= 2).mean() > 0.95
    length = lines.measure_skeleton(found)["skeleton_length"][0]
    assert length == pytest.approx(lines.measure_skeleton(truth)["skeleton_length"][0], rel=0.1)
    noise = np.random.default_rng(0).poisson(300, (100, 100)).astype(np.uint16)
    assert not lines.trace_neurites(noise).any()
    assert not lines.trace_neurites(np.full((30, 30), 9, np.uint16)).any()


def test_enhancing_lines_keeps_dtype_and_removes_slopes() -> None:
    image, truth = _neurites()
    found = lines.enhance_neurites(image)
    assert found.dtype == np.uint16
    assert found[truth].mean() > 20 * found[~ndimage.binary_dilation(truth, iterations=6)].mean()
    slope = np.tile(np.arange(80.0), (60, 1))
    assert lines.enhance_neurites(slope)[10:-10, 10:-10].max() < 1e-6
    # A blob answers along its worst direction, a dark line not at all.
    assert not lines.enhance_neurites(slope * 0).any()


def test_neurites_get_the_number_of_their_cell() -> None:
    cells = np.zeros((30, 60), np.int32)
    cells[10:20, 2:10], cells[10:20, 50:58] = 4, 9
    mask = np.zeros(cells.shape, bool)
    mask[15, 5:40] = True
    mask[12, 45:55] = True
    mask[25, 5:15] = True
    found = lines.label_neurites(mask, cells)
    assert (found[15, 10:40] == 4).all()
    assert (found[12, 45:50] == 9).all()
    assert not found[25].any()
    assert not found[cells > 0].any()
    joined = mask.copy()
    joined[15, 5:55] = True
    found = lines.label_neurites(joined, cells)
    assert (found[15, 10:29] == 4).all()
    assert (found[15, 31:50] == 9).all()


def test_refuses() -> None:
    with pytest.raises(ContractError, match="measure_skeleton"):
        lines.measure_skeleton(np.zeros((2, 3, 4), bool))
    with pytest.raises(ContractError, match="'cells' of shape"):
        lines.label_neurites(np.zeros((4, 4), bool), np.zeros((4, 5), int))
    with pytest.raises(ParameterError, match="'min_branch'"):
        lines.skeletonise_mask(_tee(), -1)
    with pytest.raises(ParameterError, match="'radius'"):
        lines.trace_neurites(np.zeros((9, 9)), 0.1)
