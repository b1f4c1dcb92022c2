from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage import filters

from napari_openhcs import api
from napari_openhcs.functions.registry import get_function, get_spec
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.libraries import LibraryTests


class TestScipyNdimage(LibraryTests):
    library = "scipy_ndimage"
    # The weights shown first are symmetric.
    alike = frozenset(
        f"scipy.ndimage.{name}" for name in ("convolve", "correlate", "convolve1d", "correlate1d")
    )


@pytest.mark.parametrize(
    "name",
    ["laplace", "sobel", "prewitt", "gaussian_laplace", "gaussian_gradient_magnitude"],
)
def test_what_overflows_on_integers_is_for_floats(name: str) -> None:
    spec = get_spec(f"scipy.ndimage.{name}")
    assert spec.refuses("uint16")
    assert not spec.refuses("float32")


IMAGE = np.random.default_rng(3).integers(0, 4000, (3, 20, 24), dtype=np.uint16)
LABELS = np.zeros(IMAGE.shape, np.int32)
LABELS[:, 2:8, 3:9] = 5
LABELS[1:, 10:18, 12:20] = 2
NUMBERS = ("sum_labels", "mean", "median", "variance", "standard_deviation", "minimum", "maximum")


# SciPy divides by the size of labels that are not there, and does not use what it gets.
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("at", [1, slice(None)])
def test_a_measure_of_objects_is_a_row_for_each_label(name: str, at: Any) -> None:
    table = get_function(f"scipy.ndimage.{name}")(IMAGE[at], labels=LABELS[at])
    expected = getattr(ndimage, name)(IMAGE[at], LABELS[at], [2, 5])
    assert list(table) == ["label", name]
    np.testing.assert_array_equal(table["label"], [2, 5])
    np.testing.assert_array_equal(table[name], expected)


@pytest.mark.parametrize(
    "name", [*NUMBERS, "center_of_mass", "minimum_position", "extrema", "histogram"]
)
def test_an_image_without_objects_has_no_rows(name: str) -> None:
    spec = get_spec(f"scipy.ndimage.{name}")
    given = {item.name: item.suggested for item in spec.form_parameters if item.required}
    table = get_function(spec.id)(IMAGE[0], labels=np.zeros_like(LABELS[0]), **given)
    assert {len(column) for column in table.values()} == {0}


def test_positions_of_objects_have_a_column_an_axis() -> None:
    table = get_function("scipy.ndimage.center_of_mass")(IMAGE, labels=LABELS)
    expected = ndimage.center_of_mass(IMAGE, LABELS, [2, 5])
    columns = [table[f"center_of_mass_{axis}"] for axis in "zyx"]
    np.testing.assert_array_equal(np.stack(columns, axis=1), expected)


def test_extrema_of_objects_are_those_of_the_single_measures() -> None:
    table = get_function("scipy.ndimage.extrema")(IMAGE[0], labels=LABELS[0])
    (low,), (high,), (darkest,), (brightest,) = ndimage.extrema(IMAGE[0], LABELS[0], [5])
    assert {name: column[0] for name, column in table.items()} == {
        "label": 5,
        "minimum": low,
        "maximum": high,
        "minimum_position_y": darkest[0],
        "minimum_position_x": darkest[1],
        "maximum_position_y": brightest[0],
        "maximum_position_x": brightest[1],
    }


def test_a_histogram_of_objects_has_a_column_a_bin() -> None:
    table = get_function("scipy.ndimage.histogram")(IMAGE, labels=LABELS, min=0, max=4000, bins=4)
    expected = ndimage.histogram(IMAGE, 0, 4000, 4, LABELS, [2, 5])
    for row, counts in enumerate(expected):
        assert [table[f"bin_{n}"][row] for n in range(4)] == list(counts)


def test_boxes_of_objects_leave_out_numbers_that_are_missing() -> None:
    table = get_function("scipy.ndimage.find_objects")(LABELS)
    np.testing.assert_array_equal(table["label"], [2, 5])
    box = ndimage.find_objects(LABELS)[4]
    for axis, side in zip("zyx", box, strict=True):
        assert table[f"bbox_start_{axis}"][1] == side.start
        assert table[f"bbox_stop_{axis}"][1] == side.stop
    nothing = get_function("scipy.ndimage.find_objects")(np.zeros_like(LABELS))
    assert {len(column) for column in nothing.values()} == {0}
    assert len(nothing) == 7


def test_a_fourier_filter_works_on_the_transform_of_the_image() -> None:
    found = get_function("scipy.ndimage.fourier_gaussian")(IMAGE[0], sigma=2.0)
    filtered = ndimage.fourier_gaussian(np.fft.fftn(IMAGE[0]), sigma=2.0)
    np.testing.assert_array_equal(found, np.fft.ifftn(filtered).real)
    assert found.mean() == pytest.approx(IMAGE[0].mean())


def test_what_is_fixed_or_chosen_is_said() -> None:
    assert get_spec("scipy.ndimage.rotate").summary.endswith("(called with reshape=False)")
    np.testing.assert_array_equal(
        get_function("scipy.ndimage.rotate")(IMAGE[0], angle=30.0),
        ndimage.rotate(IMAGE[0], 30.0, reshape=False),
    )
    np.testing.assert_array_equal(
        get_function("scipy.ndimage.label")(LABELS > 0), ndimage.label(LABELS > 0)[0]
    )


PIPELINE = Pipeline(
    (
        FunctionStep("skimage.filters.threshold_otsu", name="Nuclei", select={"channel": "DAPI"}),
        FunctionStep("scipy.ndimage.label", name="Objects"),
        FunctionStep(
            "scipy.ndimage.mean",
            name="Brightness",
            input_source="plate",
            inputs={"labels": "Objects"},
        ),
    )
)


def test_objects_found_and_measured_by_libraries_become_a_table(tmp_path: Path) -> None:
    text = export_script(PIPELINE)
    assert "from scipy.ndimage import label, mean" in text
    assert import_script(text) == PIPELINE
    sample = write_sample_plate(tmp_path / "plate", wells=1, fields=1, z=1, size=96)
    output = tmp_path / "output"
    status = api.run(PIPELINE, sample.path, output, workers=1, timeout=120)
    assert status.state == "done", status
    (source,) = Path(sample.path).rglob("*_w1.TIF")
    raw = tifffile.imread(source)
    labels, number = ndimage.label(raw > filters.threshold_otsu(raw))
    results = open_results(output)
    table = results.table(results.table_names[0])
    np.testing.assert_array_equal(table["label"], np.arange(1, number + 1))
    means = ndimage.mean(raw, labels, np.arange(1, number + 1))
    np.testing.assert_array_equal(table["mean_DAPI"], means)
