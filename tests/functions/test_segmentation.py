import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import segmentation


def disks(centres, radius=8, shape=(64, 80)):
    y, x = np.indices(shape)
    return np.logical_or.reduce([np.hypot(y - cy, x - cx) <= radius for cy, cx in centres])


def check_labels(labels, count):
    assert labels.dtype == np.int32
    assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, count + 1))


def test_label_components():
    mask = np.zeros((6, 8), bool)
    mask[0, 0] = mask[1, 1] = True
    mask[4:6, 5:8] = True
    check_labels(segmentation.label_components(mask), 2)
    check_labels(segmentation.label_components(mask, diagonal=False), 3)
    check_labels(segmentation.label_components(mask, min_area=3), 1)
    check_labels(segmentation.label_components(np.zeros((3, 3), bool)), 0)
    check_labels(segmentation.label_components(np.ones((3, 3), bool)), 1)
    check_labels(segmentation.label_components(np.ones((2, 3, 3), bool)), 1)


def test_split_parts_touching_disks_along_the_neck():
    mask = disks([(20, 20), (20, 33), (45, 60)])
    labels = segmentation.split_touching(mask)
    check_labels(labels, 3)
    assert np.array_equal(labels > 0, mask)
    assert labels[20, 20] != labels[20, 33]
    left = labels[20, 20]
    assert abs((labels == left).sum() - (mask & (np.indices(mask.shape)[1] <= 26)).sum()) < 25


def test_split_leaves_single_and_elongated_objects_whole():
    y, x = np.indices((40, 80))
    ellipse = ((y - 20) / 8) ** 2 + ((x - 40) / 20) ** 2 <= 1
    check_labels(segmentation.split_touching(ellipse), 1)
    check_labels(segmentation.split_touching(disks([(30, 30)])), 1)


def test_every_region_gets_a_label_however_small():
    mask = np.zeros((20, 20), bool)
    mask[5, 5] = True
    mask[10, 10:14] = True
    labels = segmentation.split_touching(mask, smoothing=2, min_depth=3)
    check_labels(labels, 2)
    check_labels(segmentation.split_touching(mask, min_area=2), 1)


@pytest.mark.parametrize("parameters", [{}, {"min_depth": 0}, {"smoothing": 0}])
def test_split_of_empty_and_full_masks(parameters):
    check_labels(segmentation.split_touching(np.zeros((9, 9), bool), **parameters), 0)
    check_labels(segmentation.split_touching(np.ones((9, 9), bool), **parameters), 1)


def test_depth_and_smoothing_reduce_the_parts():
    mask = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(100, 100)), 3) > 0
    counts = [segmentation.split_touching(mask, min_depth=h).max() for h in (0.25, 1, 3)]
    assert counts[0] > counts[1] >= counts[2]
    assert (
        segmentation.split_touching(mask, smoothing=3).max()
        <= segmentation.split_touching(mask, smoothing=0).max()
    )


def test_split_with_intensity_follows_a_dark_line():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:50] = True
    image = np.full((40, 60), 100, np.uint16)
    image[10:30, 10:50] = 1000
    image[:, 29:31] = 350
    check_labels(segmentation.split_touching(mask), 1)
    labels = segmentation.split_touching(mask, intensity=image, intensity_weight=1.0)
    check_labels(labels, 2)
    boundary = np.flatnonzero(np.diff(labels[20, 10:50])) + 10
    assert abs(int(boundary[0]) - 29) <= 2
    brighter = segmentation.split_touching(mask, intensity=image * 4.0, intensity_weight=1.0)
    assert np.array_equal(brighter, labels)
    assert np.array_equal(
        segmentation.split_touching(mask, intensity=image, intensity_weight=0),
        segmentation.split_touching(mask),
    )


def test_split_in_a_volume():
    z, y, x = np.indices((20, 24, 40))
    balls = [(z - 10) ** 2 + (y - 12) ** 2 + (x - cx) ** 2 <= 64 for cx in (12, 26)]
    check_labels(segmentation.split_touching(balls[0] | balls[1]), 2)


def test_split_by_intensity():
    y, x = np.indices((50, 80))
    image = 100.0 + 900 * np.exp(-((y - 25) ** 2 + (x - 18) ** 2) / 120)
    image += 9000 * np.exp(-((y - 25) ** 2 + (x - 55) ** 2) / 120)
    mask = image > 130
    labels = segmentation.split_by_intensity(image, mask)
    check_labels(labels, 2)
    assert np.array_equal(labels > 0, mask)
    check_labels(segmentation.split_by_intensity(image, mask, min_contrast=0.98), 1)
    check_labels(segmentation.split_by_intensity(image, np.zeros_like(mask)), 0)
    flat = np.full(image.shape, 7.0)
    check_labels(
        segmentation.split_by_intensity(flat, disks([(20, 20), (45, 60)], shape=flat.shape)), 2
    )
    check_labels(segmentation.split_by_intensity(flat, np.ones(flat.shape, bool)), 1)


def test_refuses():
    mask = np.ones((5, 6), bool)
    for function in (segmentation.label_components, segmentation.split_touching):
        with pytest.raises(ContractError, match="expected a mask"):
            function(np.arange(12).reshape(3, 4))
        with pytest.raises(ContractError, match="shape"):
            function(np.zeros((0, 4), bool))
        with pytest.raises(ParameterError, match="min_area"):
            function(mask, min_area=-1)
    for name in ("smoothing", "min_depth", "intensity_weight"):
        with pytest.raises(ParameterError, match=name):
            segmentation.split_touching(mask, **{name: -1})
    with pytest.raises(ContractError, match="intensity"):
        segmentation.split_touching(mask, intensity=np.ones((5, 5)))
    with pytest.raises(ContractError, match="NaN"):
        segmentation.split_touching(mask, intensity=np.full((5, 6), np.nan))
    with pytest.raises(ContractError, match="'mask'"):
        segmentation.split_by_intensity(np.ones((5, 5)), mask)
    with pytest.raises(ParameterError, match="min_contrast"):
        segmentation.split_by_intensity(np.ones((5, 6)), mask, min_contrast=1)
