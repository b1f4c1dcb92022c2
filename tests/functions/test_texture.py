from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import graycomatrix, graycoprops

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import texture


@pytest.mark.parametrize("distance", [1, 3])
def test_as_scikit_image_on_a_rectangle(distance: int) -> None:
    random = np.random.default_rng(0)
    grey = random.integers(0, 16, (30, 40))
    grey[0, 0], grey[0, 1] = 0, 15
    image = np.pad(grey * 10 + 5, 4).astype(np.uint16)
    labels = np.pad(np.full(grey.shape, 7, np.int32), 4)
    table = texture.measure_texture(image, labels, distance, 16)
    pooled = np.zeros((16, 16))
    # scikit-image's diagonals are d·√2 long, ours d rows and d columns.
    for length, angles in ((distance, (0, np.pi / 2)), (distance * np.sqrt(2), (1, 3))):
        turned = angles if length == distance else [np.pi / 4 * item for item in angles]
        counts = graycomatrix(grey.astype(np.uint8), [length], turned, 16, symmetric=True)
        pooled += counts.sum(axis=(2, 3))
    share = (pooled / pooled.sum())[:, :, np.newaxis, np.newaxis]
    for name in ("contrast", "dissimilarity", "homogeneity", "energy", "correlation"):
        expected = graycoprops(share, name)[0, 0]
        assert table[f"texture_{name}"][0] == pytest.approx(expected), name
    filled = share[share > 0]
    assert table["texture_entropy"][0] == pytest.approx(-(filled * np.log2(filled)).sum())


def test_objects_do_not_mix() -> None:
    random = np.random.default_rng(1)
    image = np.full((40, 60), 500, np.uint16)
    labels = np.zeros(image.shape, np.int32)
    labels[5:30, 5:25], labels[5:30, 25:45], labels[35, 50] = 3, 4, 8
    image[5:30, 5:25] = random.integers(0, 1000, (25, 20))
    table = texture.measure_texture(image, labels)
    assert table["label"].tolist() == [3, 4, 8]
    flat = {name: column[1] for name, column in table.items()}
    assert flat["texture_contrast"] == flat["texture_entropy"] == 0
    assert flat["texture_homogeneity"] == flat["texture_energy"] == 1
    assert flat["texture_correlation"] == 1
    assert table["texture_contrast"][0] > 10
    assert all(np.isnan(table[name][2]) for name in texture.COLUMNS)
    empty = texture.measure_texture(image, labels * 0)
    assert {len(column) for column in empty.values()} == {0}


def test_a_distance_beyond_the_image() -> None:
    table = texture.measure_texture(np.ones((4, 5)), np.ones((4, 5), np.int32), distance=9)
    assert np.isnan(table["texture_contrast"][0])


def test_rings_of_a_disk() -> None:
    y, x = np.indices((81, 81)) - 40
    away = np.hypot(y, x)
    labels = (away < 32).astype(np.int32) * 5
    image = np.where(away > 24, 900, 100).astype(np.uint16)
    table = texture.measure_radial_distribution(image, labels, 4)
    means = [table[f"ring_{number}_mean"][0] for number in (1, 2, 3, 4)]
    assert means[0] > 850
    assert means[2:] == [100, 100]
    shares = sum(table[f"ring_{number}_share"][0] for number in (1, 2, 3, 4))
    assert shares == pytest.approx(1)
    even = texture.measure_radial_distribution(np.ones_like(image), labels, 4)
    # Rings of equal width hold 7, 5, 3 and 1 sixteenths of a disk.
    for number, sixteenths in zip((1, 2, 3, 4), (7, 5, 3, 1), strict=True):
        assert even[f"ring_{number}_share"][0] == pytest.approx(sixteenths / 16, abs=0.03)


def test_rings_of_touching_objects() -> None:
    labels = np.zeros((24, 44), np.int32)
    labels[2:22, 2:22], labels[2:22, 22:42] = 1, 2
    image = np.ones(labels.shape)
    table = texture.measure_radial_distribution(image, labels, 2)
    assert table["ring_1_share"] == pytest.approx([0.75, 0.75], abs=0.06)
    single = np.zeros((5, 5), np.int32)
    single[2, 2] = 1
    alone = texture.measure_radial_distribution(np.zeros((5, 5)), single)
    assert np.isnan(alone["ring_1_share"][0])
    empty = texture.measure_radial_distribution(np.zeros((5, 5)), single * 0)
    assert {len(column) for column in empty.values()} == {0}


@pytest.mark.parametrize("ndim", [2, 3])
def test_local_deviation_as_by_definition(ndim: int) -> None:
    image = np.random.default_rng(0).normal(30000, 50, (12, 30, 34)[-ndim:])
    found = texture.local_deviation(image, 2.0)
    mean = ndimage.gaussian_filter(image, 2.0)
    square = ndimage.gaussian_filter((image - 30000) ** 2, 2.0)
    assert np.allclose(found, np.sqrt(square - (mean - 30000) ** 2), rtol=1e-5)
    assert texture.local_deviation(image.astype(np.uint16)).dtype == np.float32
    assert not texture.local_deviation(np.full((9, 9), 7, np.uint8)).any()


def test_refuses() -> None:
    image, labels = np.ones((6, 6)), np.ones((6, 6), np.int32)
    with pytest.raises(ParameterError, match="'levels' is 1"):
        texture.measure_texture(image, labels, levels=1)
    with pytest.raises(ParameterError, match="'rings' is 1"):
        texture.measure_radial_distribution(image, labels, 1)
    with pytest.raises(ContractError, match="'labels' of shape"):
        texture.measure_texture(image, labels[1:])
    with pytest.raises(ParameterError, match="'sigma'"):
        texture.local_deviation(image, 0)
