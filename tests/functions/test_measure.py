import time

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops_table

from napari_openhcs.errors import ContractError
from napari_openhcs.functions import measure


def _scene(seed=0, shape=(80, 100)):
    random = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(random.normal(size=shape), 3) > 0.03
    labels = ndimage.label(blobs)[0].astype(np.int32)
    labels[labels == 3] = 0
    labels[0, 0] = 50
    labels[40, 50] = 60
    return random.integers(100, 4000, shape).astype(np.uint16), labels


SAME = {
    "area": "area",
    "centroid_y": "centroid-0",
    "centroid_x": "centroid-1",
    "bbox_top": "bbox-0",
    "bbox_left": "bbox-1",
    "bbox_bottom": "bbox-2",
    "bbox_right": "bbox-3",
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis_length": "axis_major_length",
    "minor_axis_length": "axis_minor_length",
    "eccentricity": "eccentricity",
    "perimeter": "perimeter",
    "extent": "extent",
    "mean_intensity": "intensity_mean",
    "median_intensity": "intensity_median",
    "min_intensity": "intensity_min",
    "max_intensity": "intensity_max",
    "std_intensity": "intensity_std",
}


@pytest.mark.parametrize("seed", range(3))
def test_as_scikit_image(seed):
    image, labels = _scene(seed)
    names = {value.split("-")[0] for value in SAME.values()}
    expected = regionprops_table(labels, image, properties=("label", *sorted(names)))
    table = measure.measure_objects(image, labels)
    assert np.array_equal(table["label"], expected["label"])
    for ours, theirs in SAME.items():
        assert np.allclose(table[ours], expected[theirs], rtol=1e-7, atol=1e-4), ours
    assert np.allclose(table["sum_intensity"], expected["area"] * expected["intensity_mean"])


def test_columns_are_declared_and_equally_long():
    image, labels = _scene()
    table = measure.measure_objects(image, labels)
    shape = measure.measure_shape(labels)
    assert tuple(shape) == measure.SHAPE_COLUMNS
    assert len({len(column) for column in table.values()}) == 1
    for name, column in shape.items():
        assert np.array_equal(column, table[name], equal_nan=column.dtype.kind == "f")
    assert table["label"].dtype == np.int32
    assert table["touches_border"].dtype == bool


def test_a_square_and_a_line_by_hand():
    labels = np.zeros((20, 30), np.int32)
    labels[5:9, 10:14] = 1
    labels[0, 3:8] = 2
    image = np.zeros((20, 30), np.uint16)
    image[5:9, 10:14] = 7
    table = measure.measure_objects(image, labels)
    assert table["area"].tolist() == [16, 5]
    assert table["centroid_y"].tolist() == [6.5, 0]
    assert table["centroid_x"].tolist() == [11.5, 5]
    assert table["touches_border"].tolist() == [False, True]
    assert table["perimeter"].tolist() == [12, 3]
    assert table["extent"].tolist() == [1, 1]
    assert table["orientation"][1] == 0
    assert table["sum_intensity"].tolist() == [16 * 7, 0]
    assert table["std_intensity"].tolist() == [0, 0]


def test_orientation_turns_with_the_object():
    y, x = np.indices((60, 60)) - 30.0
    for degrees in (-60, -20, 30, 75):
        angle = np.radians(degrees)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        labels = ((along / 20) ** 2 + (across / 6) ** 2 <= 1).astype(np.int32)
        table = measure.measure_shape(labels)
        assert abs(table["orientation"][0] - degrees) < 1
        assert abs(table["major_axis_length"][0] - 40) < 1


def test_a_disk_is_round():
    y, x = np.indices((61, 61)) - 30
    table = measure.measure_shape((np.hypot(y, x) <= 20).astype(np.int32))
    assert abs(table["form_factor"][0] - 1) < 0.1
    assert table["eccentricity"][0] < 0.05


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", "bool"])
def test_image_dtypes(dtype):
    image, labels = _scene()
    values = (image > 2000).astype(dtype) if dtype == "bool" else (image / 20).astype(dtype)
    table = measure.measure_objects(values, labels)
    first = table["label"] == 1
    assert np.isclose(table["mean_intensity"][first][0], values[labels == 1].mean(dtype=float))


def test_no_objects_and_one_object():
    empty = measure.measure_objects(np.ones((5, 5)), np.zeros((5, 5), np.int32))
    assert {len(column) for column in empty.values()} == {0}
    full = measure.measure_objects(np.ones((5, 5)), np.full((5, 5), 4, np.int32))
    assert full["label"].tolist() == [4]
    assert full["area"].tolist() == [25]
    single = np.zeros((5, 5), np.int32)
    single[2, 2] = 1
    table = measure.measure_objects(np.arange(25.0).reshape(5, 5), single)
    assert table["mean_intensity"].tolist() == [12]
    assert np.isnan(table["form_factor"][0])
    assert table["eccentricity"].tolist() == [0]


def test_nan_spoils_only_its_object():
    labels = np.zeros((6, 6), np.int32)
    labels[0, :], labels[4, :] = 1, 2
    image = np.ones((6, 6))
    image[0, 0] = np.nan
    table = measure.measure_objects(image, labels)
    for name in (column for column in table if column.endswith("_intensity")):
        assert np.isnan(table[name][0])
        assert np.isfinite(table[name][1])
    assert np.isfinite(table["area"]).all()


def test_far_apart_numbers():
    labels = np.zeros((4, 4), np.int32)
    labels[0, 0], labels[3, 3] = 1_000_000, 3
    assert measure.measure_shape(labels)["label"].tolist() == [3, 1_000_000]


def test_is_quick():
    random = np.random.default_rng(0)
    blobs = ndimage.gaussian_filter(random.normal(size=(1024, 1024)), 5) > 0.02
    labels = ndimage.label(blobs)[0].astype(np.int32)
    image = random.integers(0, 4000, labels.shape).astype(np.uint16)
    start = time.perf_counter()
    measure.measure_objects(image, labels)
    assert time.perf_counter() - start < 5


def test_count_objects():
    labels = np.zeros((10, 10), np.int32)
    labels[0:2, 0:5], labels[8, 8] = 3, 7
    table = measure.count_objects(labels)
    assert {name: column.tolist() for name, column in table.items()} == {
        "label": [0],
        "count": [2],
        "total_area": [11],
        "mean_area": [5.5],
        "coverage": [0.11],
    }
    empty = measure.count_objects(labels * 0)
    assert empty["count"].tolist() == [0]
    assert np.isnan(empty["mean_area"][0])


def test_measure_image():
    image = np.zeros((10, 10), np.uint8)
    image[0, :4] = 255
    table = measure.measure_image(image)
    assert {len(column) for column in table.values()} == {1}
    assert table["image_mean"][0] == pytest.approx(10.2)
    assert table["saturated"][0] == pytest.approx(0.04)
    assert table["image_sum"][0] == 1020
    assert table["invalid"][0] == 0
    black = measure.measure_image(image * 0)
    assert black["focus"].tolist() == [0]
    broken = image.astype(float)
    broken[5, 5], broken[6, 6] = np.nan, np.inf
    assert measure.measure_image(broken)["invalid"][0] == pytest.approx(0.02)
    assert measure.measure_image(broken)["image_max"][0] == 255
    nothing = measure.measure_image(np.full((3, 3), np.nan))
    assert np.isnan(nothing["image_mean"][0])
    assert nothing["invalid"].tolist() == [1]


def test_focus_falls_with_blur():
    image = np.random.default_rng(0).integers(0, 4000, (64, 64)).astype(np.uint16)
    blurred = ndimage.gaussian_filter(image, 2)
    assert measure.measure_image(blurred)["focus"][0] < measure.measure_image(image)["focus"][0] / 5


def test_refuses():
    image, labels = _scene()
    with pytest.raises(ContractError, match="'labels' of shape"):
        measure.measure_objects(image, labels[1:])
    with pytest.raises(ContractError, match="labels were expected"):
        measure.measure_objects(image, labels.astype(float))
    for function in (measure.measure_shape, measure.count_objects, measure.measure_image):
        with pytest.raises(ContractError, match=function.__name__):
            function(np.zeros((2, 3, 4), np.int32))
        with pytest.raises(ContractError, match="shape"):
            function(np.zeros((0, 4), np.int32))
