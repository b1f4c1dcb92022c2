import numpy as np
import pytest
from skimage import segmentation as reference

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import labels as native

ALONE = [
    native.filter_by_area,
    native.clear_border_labels,
    native.expand_labels,
    native.shrink_labels,
    native.relabel,
]


def _labels():
    """Objects 2 (12 px, at the border), 5 (25 px), 9 (1 px); 5 and 9 touch."""
    labels = np.zeros((20, 24), np.int32)
    labels[0:3, 2:6] = 2
    labels[8:13, 8:13] = 5
    labels[10, 13] = 9
    return labels


@pytest.mark.parametrize("function", ALONE)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_gives_int32_and_leaves_the_input(function, dtype):
    labels = _labels().astype(dtype)
    before = labels.copy()
    result = function(labels)
    assert result.dtype == np.int32
    assert result.shape == labels.shape
    assert np.array_equal(labels, before)
    assert not np.shares_memory(result, labels)


@pytest.mark.parametrize("function", ALONE)
def test_nothing_stays_nothing(function):
    assert not function(np.zeros((5, 6), np.int32)).any()


@pytest.mark.parametrize("function", ALONE)
def test_works_on_volumes(function):
    volume = np.stack([_labels()] * 3)
    assert function(volume).shape == volume.shape


def _present(labels):
    return np.unique(labels[labels > 0]).tolist()


def test_filter_by_area():
    labels = _labels()
    assert _present(native.filter_by_area(labels, 12)) == [2, 5]
    assert _present(native.filter_by_area(labels, 2, 24)) == [2]
    assert _present(native.filter_by_area(labels, 12, renumber=True)) == [1, 2]
    assert _present(native.filter_by_area(labels, 0)) == [2, 5, 9]
    with pytest.raises(ParameterError, match="max_area"):
        native.filter_by_area(labels, 5, 4)


def test_filter_by_intensity():
    labels = _labels()
    image = np.zeros(labels.shape, np.uint16)
    image[labels == 2], image[labels == 5] = 100, 65535
    assert _present(native.filter_by_intensity(labels, image, min_mean=50)) == [2, 5]
    assert _present(native.filter_by_intensity(labels, image, max_mean=100)) == [2, 9]
    assert _present(native.filter_by_intensity(labels, image, 50, 200, renumber=True)) == [1]
    assert np.array_equal(native.filter_by_intensity(labels, image), labels)
    with pytest.raises(ContractError, match="NaN"):
        native.filter_by_intensity(labels, np.full(labels.shape, np.nan))
    with pytest.raises(ContractError, match="intensity"):
        native.filter_by_intensity(labels, image[1:])


def test_clear_border():
    labels = _labels()
    assert _present(native.clear_border_labels(labels)) == [5, 9]
    assert _present(native.clear_border_labels(labels, margin=8)) == [9]
    assert _present(native.clear_border_labels(labels, margin=99)) == []
    assert _present(native.clear_border_labels(labels, renumber=True)) == [1, 2]
    assert np.array_equal(native.clear_border_labels(labels), reference.clear_border(labels))


@pytest.mark.parametrize("distance", [0, 1, 2.5, 100])
def test_expand_as_scikit_image(distance):
    labels = _labels()
    result = native.expand_labels(labels, distance)
    assert np.array_equal(result > 0, reference.expand_labels(labels, distance) > 0)
    assert (result[labels > 0] == labels[labels > 0]).all()


def test_shrink_parts_touching_objects():
    result = native.shrink_labels(_labels(), 1)
    assert _present(result) == [2, 5]
    assert (result == 5).sum() == 9
    assert result[0, 3] == 2
    assert np.array_equal(native.shrink_labels(_labels(), 0), _labels())
    assert (native.shrink_labels(np.full((4, 4), 3), 2) == 3).all()


def test_relabel():
    result = native.relabel(_labels())
    assert _present(result) == [1, 2, 3]
    assert np.array_equal(result > 0, _labels() > 0)
    assert result[10, 13] == 3


def test_cytoplasm():
    cells = native.expand_labels(_labels(), 2)
    ring = native.cytoplasm(cells, _labels())
    assert ring.dtype == np.int32
    assert np.array_equal(ring > 0, (cells > 0) & (_labels() == 0))
    assert (ring[ring > 0] == cells[ring > 0]).all()
    assert (native.cytoplasm(cells, _labels(), gap=1) > 0).sum() < (ring > 0).sum()
    assert not native.cytoplasm(_labels(), _labels()).any()
    assert np.array_equal(native.cytoplasm(cells, np.zeros_like(cells), gap=3), cells)
    with pytest.raises(ContractError, match="nuclei"):
        native.cytoplasm(cells, _labels()[1:])


def test_match_labels():
    spots = np.zeros((6, 8), np.int32)
    spots[0, 0:4] = 1
    spots[2, 0:2] = 2
    spots[5, 5] = 3
    cells = np.zeros((6, 8), np.int32)
    cells[:, 0], cells[:, 1:4] = 7, 4
    result = native.match_labels(spots, cells)
    assert result[0, :4].tolist() == [4] * 4
    assert result[2, :2].tolist() == [4, 4]
    assert result[5, 5] == 0
    assert not native.match_labels(spots * 0, cells).any()
    assert not native.match_labels(spots, cells * 0).any()


def test_labels_to_mask():
    mask = native.labels_to_mask(_labels())
    assert mask.dtype == bool
    assert np.array_equal(mask, _labels() > 0)


@pytest.mark.parametrize("function", [*ALONE, native.labels_to_mask])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((3, 3)), "labels were expected"),
        (np.full((3, 3), -1), "from -1"),
        (np.full((3, 3), 2**40), "relabel"),
        (np.zeros((0, 3), np.int32), "shape"),
        (np.zeros(3, np.int32), "shape"),
    ],
)
def test_refuses_what_is_no_label_image(function, labels, words):
    with pytest.raises(ContractError, match=words):
        function(labels)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (native.filter_by_area, "min_area"),
        (native.clear_border_labels, "margin"),
        (native.expand_labels, "distance"),
        (native.shrink_labels, "distance"),
    ],
)
def test_refuses_negative_sizes(function, name):
    with pytest.raises(ParameterError, match=name):
        function(_labels(), **{name: -1})
