import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import disk

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import mask as masks

MORPHOLOGY = [masks.erode_mask, masks.dilate_mask, masks.open_mask, masks.close_mask]
ALONE = [
    *MORPHOLOGY,
    masks.fill_holes,
    masks.remove_small_regions,
    masks.clear_mask_border,
    masks.invert_mask,
]


def _random(seed=0, shape=(40, 50)):
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2) > 0.05


@pytest.mark.parametrize("function", ALONE)
@pytest.mark.parametrize("shape", [(40, 50), (6, 20, 22)])
def test_gives_bool_of_the_same_shape_and_leaves_the_input(function, shape):
    mask = _random(shape=shape)
    before = mask.copy()
    result = function(mask)
    assert result.dtype == bool
    assert result.shape == shape
    assert np.array_equal(mask, before)
    assert not np.shares_memory(result, mask)


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (masks.erode_mask, ndimage.binary_erosion),
        (masks.dilate_mask, ndimage.binary_dilation),
        (masks.open_mask, ndimage.binary_opening),
        (masks.close_mask, ndimage.binary_closing),
    ],
)
def test_morphology_with_a_disk(function, reference, radius):
    mask = np.zeros((60, 70), bool)
    mask[12:-12, 12:-12] = _random()[:36, :46]
    assert np.array_equal(function(mask, radius), reference(mask, disk(radius)))


@pytest.mark.parametrize("function", MORPHOLOGY)
def test_radius_zero_full_and_empty_masks_stay(function):
    for mask in (_random(), np.zeros((5, 6), bool), np.ones((5, 6), bool)):
        assert np.array_equal(function(mask, 0), mask)
    assert not function(np.zeros((5, 6), bool), 2).any()
    assert function(np.ones((5, 6), bool), 2).all()


def test_opening_does_not_eat_at_the_border_of_the_image():
    mask = np.zeros((20, 20), bool)
    mask[:2, 5:15] = True
    mask[10, 10] = True
    opened = masks.open_mask(mask, 1)
    assert opened[:2, 6:14].all()
    assert not opened[10, 10]


def test_fill_holes_up_to_a_size():
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[4, 4] = False
    mask[8:12, 8:12] = False
    mask[2:5, 14] = False
    filled = masks.fill_holes(mask)
    assert filled[4, 4]
    assert filled[8:12, 8:12].all()
    assert not filled[3, 14]
    small = masks.fill_holes(mask, max_area=1)
    assert small[4, 4]
    assert not small[8:12, 8:12].any()
    assert np.array_equal(masks.fill_holes(mask, max_area=0), mask)


def test_remove_small_regions_counts_diagonals():
    mask = np.zeros((10, 10), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True
    mask[8, 8] = True
    kept = masks.remove_small_regions(mask, 3)
    assert kept.sum() == 3
    assert not kept[8, 8]


def test_clear_border_with_a_margin():
    mask = np.zeros((20, 20), bool)
    mask[0, 5] = mask[2, 10] = mask[10, 10] = True
    assert masks.clear_mask_border(mask).sum() == 2
    assert np.flatnonzero(masks.clear_mask_border(mask, margin=2)).tolist() == [210]
    assert not masks.clear_mask_border(mask, margin=50).any()
    volume = np.zeros((3, 9, 9), bool)
    volume[:, 4, 4] = True
    assert masks.clear_mask_border(volume).all() == volume.all()


def test_combine():
    first = np.array([[True, True, False, False]])
    second = np.array([[True, False, True, False]])
    for operation, expected in {
        "and": [True, False, False, False],
        "or": [True, True, True, False],
        "xor": [False, True, True, False],
        "without": [False, True, False, False],
    }.items():
        assert masks.combine_masks(first, second, operation).tolist() == [expected]
    with pytest.raises(ParameterError, match="operation"):
        masks.combine_masks(first, second, "nand")
    with pytest.raises(ContractError, match="other"):
        masks.combine_masks(first, np.ones((2, 4), bool))


@pytest.mark.parametrize("function", ALONE)
def test_a_mask_of_zeros_and_one_value_will_do(function):
    mask = _random()
    expected = function(mask)
    assert np.array_equal(function(mask.astype(np.uint8) * 255), expected)


@pytest.mark.parametrize("function", ALONE)
def test_refuses_what_is_no_mask(function):
    with pytest.raises(ContractError, match="expected a mask"):
        function(np.arange(12).reshape(3, 4))
    with pytest.raises(ContractError, match="shape"):
        function(np.zeros((0, 4), bool))
    with pytest.raises(ContractError, match="object"):
        function(np.zeros((2, 2), object))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        *((function, "radius") for function in MORPHOLOGY),
        (masks.fill_holes, "max_area"),
        (masks.remove_small_regions, "min_area"),
        (masks.clear_mask_border, "margin"),
    ],
)
def test_refuses_negative_sizes(function, name):
    with pytest.raises(ParameterError, match=name):
        function(np.ones((4, 4), bool), **{name: -1})
