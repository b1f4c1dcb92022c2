import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import seeds

CENTRES = ((16, 16), (16, 40), (44, 20), (44, 60))


def _nuclei(noise=10.0, seed=0, dtype=np.uint16):
    y, x = np.indices((64, 80))
    image = np.random.default_rng(seed).normal(200, noise, y.shape)
    labels = np.zeros(y.shape, np.int32)
    for number, (cy, cx) in enumerate(CENTRES, start=1):
        inside = np.hypot(y - cy, x - cx) <= 7
        image[inside] += 800
        labels[inside] = number
    return image.astype(dtype), labels


def test_blobs_of_the_right_size():
    image, labels = _nuclei()
    found = seeds.seeds_from_blobs(image, radius=7)
    assert found.dtype == np.int32
    assert found.max() == 4
    assert sorted(labels[found > 0].tolist()) == [1, 2, 3, 4]


def test_no_blobs_without_signal():
    for image in (np.zeros((40, 40), np.uint16), np.full((40, 40), 500.0)):
        assert not seeds.seeds_from_blobs(image).any()
    noise = np.random.default_rng(1).normal(200, 10, (100, 100))
    assert not seeds.seeds_from_blobs(noise).any()


def test_voronoi_otsu():
    image, labels = _nuclei()
    found = seeds.voronoi_otsu(image)
    assert found.dtype == np.int32
    assert found.max() == 4
    for number in range(1, 5):
        inside = labels == number
        value = np.bincount(found[inside]).argmax()
        assert value > 0
        assert (inside & (found == value)).sum() > 0.9 * inside.sum()
    touching = _nuclei()[0]
    touching[16, 22:34] = 900
    assert seeds.voronoi_otsu(touching).max() == 4


@pytest.mark.parametrize("seed", range(3))
def test_voronoi_otsu_without_objects(seed):
    noise = np.random.default_rng(seed).normal(200, 10, (100, 100)).astype(np.uint16)
    assert not seeds.voronoi_otsu(noise).any()
    assert not seeds.voronoi_otsu(np.full((20, 20), 5.0)).any()


def test_seeded_watershed_keeps_numbers_and_stays_in_the_mask():
    image, labels = _nuclei()
    markers = np.zeros_like(labels)
    markers[16, 16], markers[44, 60] = 9, 4
    grown = seeds.seeded_watershed(image, markers, labels > 0)
    assert set(np.unique(grown)) == {0, 4, 9}
    assert np.array_equal(grown == 9, labels == 1)
    everywhere = seeds.seeded_watershed(image, markers)
    assert everywhere.all()
    assert not seeds.seeded_watershed(image, markers, labels < 0).any()
    assert not seeds.seeded_watershed(image, markers * 0).any()


def test_seeded_watershed_along_membranes():
    image = np.zeros((20, 30), np.uint16)
    image[:, 12] = 500
    markers = np.zeros((20, 30), np.int32)
    markers[10, 2], markers[10, 28] = 1, 2
    grown = seeds.seeded_watershed(image, markers, objects="dark")
    assert (grown[:, :12] == 1).all()
    assert (grown[:, 13:] == 2).all()


def test_cells_have_the_numbers_of_their_nuclei_and_hold_them():
    _, nuclei = _nuclei()
    y, x = np.indices(nuclei.shape)
    cells_image = np.random.default_rng(2).normal(100, 5, nuclei.shape)
    for cy, cx in CENTRES:
        cells_image += 400 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 100)
    cells = seeds.cells_by_watershed(cells_image, nuclei)
    assert cells.dtype == np.int32
    assert np.array_equal(np.unique(cells), np.arange(5))
    assert (cells[nuclei > 0] == nuclei[nuclei > 0]).all()
    assert (cells > 0).sum() > 1.5 * (nuclei > 0).sum()
    near = seeds.cells_by_watershed(cells_image, nuclei, max_distance=2)
    assert (nuclei > 0).sum() < (near > 0).sum() < (cells > 0).sum()
    whole = seeds.cells_by_watershed(cells_image, nuclei, np.ones(nuclei.shape, bool))
    assert whole.all()
    assert not seeds.cells_by_watershed(cells_image, nuclei * 0).any()


def test_cells_in_a_black_image_are_the_nuclei():
    _, nuclei = _nuclei()
    assert np.array_equal(seeds.cells_by_watershed(np.zeros(nuclei.shape), nuclei), nuclei)


def test_refuses():
    image, labels = _nuclei()
    for function in (seeds.seeded_watershed, seeds.cells_by_watershed):
        with pytest.raises(ContractError, match="same shape"):
            function(image, labels[1:])
        with pytest.raises(ContractError, match="labels were expected"):
            function(image, labels.astype(float))
        with pytest.raises(ContractError, match="'mask'"):
            function(image, labels, labels[1:] > 0)
        with pytest.raises(ContractError, match="NaN"):
            function(np.full(image.shape, np.nan), labels)
    with pytest.raises(ParameterError, match="objects"):
        seeds.seeded_watershed(image, labels, objects="grey")
    with pytest.raises(ParameterError, match="max_distance"):
        seeds.cells_by_watershed(image, labels, max_distance=-1)
    for function in (seeds.seeds_from_blobs, seeds.voronoi_otsu):
        with pytest.raises(ContractError, match="NaN"):
            function(np.full((4, 4), np.nan))
        with pytest.raises(ContractError, match="shape"):
            function(np.zeros((0, 4)))
    with pytest.raises(ParameterError, match="radius"):
        seeds.seeds_from_blobs(image, radius=0)
    with pytest.raises(ParameterError, match="spot_sigma"):
        seeds.voronoi_otsu(image, spot_sigma=-1)
