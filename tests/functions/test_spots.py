from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import spots


def _scene(ndim: int = 2, n: int = 25, height: float = 400.0):
    """Return Gaussian spots of known places on a slope with noise, and the places."""
    random = np.random.default_rng(5)
    side = 120 if ndim == 2 else 40
    shape = (side, side + 10) if ndim == 2 else (20, side, side + 10)
    axes = np.indices(shape).astype(float)
    image = 200 + axes[-1] * 2.0
    places: list[np.ndarray] = []
    while len(places) < n:
        place = np.array([random.uniform(6, length - 7) for length in shape])
        if all(np.linalg.norm(place - other) > 9 for other in places):
            places.append(place)
            squared = sum((axis - at) ** 2 for axis, at in zip(axes, place, strict=True))
            image += height * np.exp(-squared / (2 * 1.4**2))
    return random.poisson(image).astype(np.uint16), np.array(places)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("detect", [spots.detect_spots_log, spots.detect_spots_dog])
def test_finds_every_spot_and_nothing_else(detect, ndim: int) -> None:
    image, places = _scene(ndim, 25 if ndim == 2 else 10)
    labels = detect(image, radius=2.0)
    assert labels.dtype == np.int32
    assert labels.max() == len(places)
    at = labels[tuple(np.rint(places).astype(int).T)]
    assert sorted(at) == list(range(1, len(places) + 1))


def test_touching_spots_are_parted() -> None:
    y, x = np.indices((40, 40)).astype(float)
    pair = sum(np.exp(-((y - 20) ** 2 + (x - at) ** 2) / 4.5) for at in (17, 23))
    assert spots.detect_spots_log(pair * 1000, 2.0).max() == 2


def test_nothing_in_noise_and_in_constant_images() -> None:
    noise = np.random.default_rng(0).poisson(300, (100, 100)).astype(np.uint16)
    for image in (noise, np.full((30, 30), 700, np.uint16), np.zeros((30, 30), np.float32)):
        assert spots.detect_spots_log(image).max() == 0
        assert spots.detect_spots_dog(image).max() == 0
        assert not spots.spot_mask(image).any()
        table = spots.count_spots(image)
        assert table["spot_count"].tolist() == [0]
        assert np.isnan(table["spot_intensity"][0])


@pytest.mark.parametrize("enhance", [spots.enhance_spots_log, spots.enhance_spots_dog])
def test_enhancing_removes_the_slope_and_keeps_dtype(enhance) -> None:
    image, places = _scene()
    answer = enhance(image, 2.0)
    assert answer.dtype == np.uint16
    on = answer[tuple(np.rint(places).astype(int).T)]
    assert on.min() > 5 * np.median(answer)
    slope = np.tile(np.arange(80.0), (60, 1))
    assert abs(enhance(slope, 2.0)[20:-20, 20:-20]).max() < 1e-3
    assert enhance(slope.astype(np.float32)).dtype == np.float32


def test_the_laplacian_answers_with_about_the_height() -> None:
    y, x = np.indices((61, 61)) - 30.0
    # A Gaussian blob answers best at its own size, with half its height.
    blob = 100 * np.exp(-(y**2 + x**2) / (2 * 2.0**2))
    answers = {radius: spots.enhance_spots_log(blob, radius)[30, 30] for radius in (1, 2.83, 8)}
    assert max(answers, key=answers.get) == 2.83
    assert answers[2.83] == pytest.approx(50, rel=0.05)


def test_count_and_mask_agree_with_the_labels() -> None:
    image, places = _scene()
    labels = spots.detect_spots_log(image)
    table = spots.count_spots(image)
    assert table["spot_count"].tolist() == [len(places)]
    assert table["spot_area"].tolist() == [(labels > 0).sum()]
    assert table["spot_density"][0] == pytest.approx(len(places) / image.size)
    assert table["spot_intensity"][0] == pytest.approx(image[labels > 0].mean())
    assert spots.spot_mask(image)[labels > 0].all()


def test_spots_of_every_object() -> None:
    objects, dots = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    objects[2:10, 2:12], objects[2:10, 12:20], objects[14:18, 2:8] = 4, 7, 9
    dots[3:5, 3:5] = 11
    dots[6:8, 10:13] = 3  # two thirds of it in 4
    dots[3, 15] = 5
    dots[8:12, 18] = 6  # half of it in 7, half on background: shared equally goes to background
    dots[12, 28] = 8
    table = spots.count_spots_in_objects(dots, objects)
    assert {name: column.tolist() for name, column in table.items()} == {
        "label": [4, 7, 9],
        "area": [80, 64, 24],
        "spot_count": [2, 1, 0],
        "spot_area": [10, 1, 0],
        "spot_fraction": [8 / 80, 5 / 64, 0],
    }
    for first, second in ((dots * 0, objects), (dots, objects * 0)):
        empty = spots.count_spots_in_objects(first, second)
        assert empty["spot_count"].sum() == 0
        assert len({len(column) for column in empty.values()}) == 1


def test_refuses() -> None:
    image, _ = _scene()
    with pytest.raises(ParameterError, match="detect_spots_log: 'radius'"):
        spots.detect_spots_log(image, 0.1)
    with pytest.raises(ParameterError, match="'ratio' is 1"):
        spots.enhance_spots_dog(image, ratio=1)
    with pytest.raises(ContractError, match="NaN"):
        spots.spot_mask(np.full((9, 9), np.nan))
    with pytest.raises(ContractError, match="'objects' of shape"):
        spots.count_spots_in_objects(np.zeros((4, 4), int), np.zeros((4, 5), int))
