from __future__ import annotations

import numpy as np
import pytest
from skimage import (
    feature,
    filters,
    measure,
    metrics,
    registration,
    restoration,
    segmentation,
)

from napari_openhcs.axes import Kind
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries._calls import gaussian_psf
from napari_openhcs.functions.registry import get_function, get_spec, specs
from napari_openhcs.functions.trial import Trial
from napari_openhcs.functions.trial_images import trial_array
from napari_openhcs.testing.libraries import LibraryTests


class TestScikitImage(LibraryTests):
    library = "skimage"


def test_denoising_keeps_the_scale_of_integers() -> None:
    denoisers = [
        spec
        for name, spec in specs().items()
        if name.startswith("skimage.restoration.denoise_") and not spec.refuses("uint16")
    ]
    assert denoisers
    for spec in denoisers:
        image, parameters = trial_call(spec, Trial(Kind.IMAGE, 2, "uint16"))
        result = get_function(spec.id)(image, **parameters)
        scale = 65535 if spec.unit_scaled else 1
        assert np.isclose(result.mean() * scale, image.mean(), rtol=0.05), spec.id


IMAGE = trial_array(Kind.IMAGE, 2, "uint16")
OTHER = trial_array(Kind.IMAGE, 2, "uint16", second=True)
MASK = trial_array(Kind.MASK, 2, "bool")
LABELS = trial_array(Kind.LABELS, 2, "int32")


@pytest.mark.parametrize("method", ["isodata", "li", "mean", "otsu", "triangle", "yen"])
def test_a_threshold_gives_what_is_above_it(method: str) -> None:
    name = f"skimage.filters.threshold_{method}"
    level = getattr(filters, f"threshold_{method}")(IMAGE)
    np.testing.assert_array_equal(get_function(name)(IMAGE), level < IMAGE)
    assert get_spec(name).output_kind is Kind.MASK
    assert "mask: image >" in get_spec(name).summary


def test_several_thresholds_give_classes() -> None:
    # As bytes: over all levels of 16 bits it takes half a minute.
    image = (IMAGE // 16).astype("uint8")
    found = get_function("skimage.filters.threshold_multiotsu")(image, classes=4)
    levels = filters.threshold_multiotsu(image, classes=4)
    np.testing.assert_array_equal(found, np.digitize(image, bins=levels))
    assert set(np.unique(found)) == {0, 1, 2, 3}


def row(name: str, first: np.ndarray, **parameters: object) -> dict[str, float]:
    table = get_function(f"skimage.{name}")(first, **parameters)
    assert {len(column) for column in table.values()} == {1}
    return {column: values[0] for column, values in table.items()}


def test_a_measure_of_an_image_is_one_row() -> None:
    assert row("measure.shannon_entropy", IMAGE) == {
        "label": 0,
        "shannon_entropy": measure.shannon_entropy(IMAGE),
    }
    y, x = measure.centroid(IMAGE)
    assert row("measure.centroid", IMAGE) == {"label": 0, "centroid_y": y, "centroid_x": x}
    volume = trial_array(Kind.IMAGE, 3, "uint16")
    assert list(row("measure.centroid", volume)) == [
        "label",
        "centroid_z",
        "centroid_y",
        "centroid_x",
    ]


def test_two_images_are_compared_in_one_row() -> None:
    correlation, p_value = measure.pearson_corr_coeff(IMAGE, OTHER)
    found = row("measure.pearson_corr_coeff", IMAGE, image1=OTHER)
    assert found == {"label": 0, "pearson_corr_coeff": correlation, "p_value": p_value}
    shift, error, phase = registration.phase_cross_correlation(IMAGE, np.roll(IMAGE, (2, -3)))
    found = row("registration.phase_cross_correlation", IMAGE, moving_image=np.roll(IMAGE, (2, -3)))
    assert (found["shift_y"], found["shift_x"]) == tuple(shift)
    assert (found["error"], found["phase_difference"]) == (error, phase)


def test_two_segmentations_are_compared_by_splits_and_merges() -> None:
    split = LABELS.copy()
    split[(LABELS == 1) & (np.indices(LABELS.shape)[0] % 2 == 0)] = LABELS.max() + 1
    found = row("metrics.variation_of_information", LABELS, image1=split)
    splits, merges = metrics.variation_of_information(LABELS, split)
    assert (found["false_splits"], found["false_merges"]) == (splits, merges)
    assert splits > 0
    assert merges == pytest.approx(0, abs=1e-12)


def test_spots_and_peaks_are_rows_that_the_results_browser_can_go_to() -> None:
    table = get_function("skimage.feature.blob_log")(IMAGE, max_sigma=8.0, threshold_rel=0.2)
    expected = feature.blob_log(IMAGE, max_sigma=8.0, threshold=None, threshold_rel=0.2)
    assert len(expected)
    found = np.stack([table[name] for name in ("centroid_y", "centroid_x", "sigma")], axis=1)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(table["label"], np.arange(1, len(expected) + 1))
    peaks = get_function("skimage.feature.peak_local_max")(IMAGE, min_distance=4, labels=LABELS)
    expected = feature.peak_local_max(IMAGE, min_distance=4, labels=LABELS)
    np.testing.assert_array_equal(
        np.stack([peaks["centroid_y"], peaks["centroid_x"]], axis=1), expected
    )
    nothing = get_function("skimage.feature.peak_local_max")(np.zeros_like(IMAGE), min_distance=4)
    assert [len(column) for column in nothing.values()] == [0, 0, 0]


def test_deconvolution_with_a_gaussian_keeps_intensities_and_sharpens() -> None:
    psf = gaussian_psf(2.0, 2)
    assert psf.sum() == pytest.approx(1)
    assert psf.shape == (17, 17)
    blurred = filters.gaussian(IMAGE, 2.0, preserve_range=True).astype(np.uint16)
    found = get_function("skimage.restoration.richardson_lucy")(blurred, psf_sigma=2.0, num_iter=20)
    expected = restoration.richardson_lucy(blurred, psf, num_iter=20, clip=False)
    np.testing.assert_array_equal(found, expected)
    assert found.max() > 1.2 * blurred.max()
    assert found.mean() == pytest.approx(blurred.mean(), rel=0.1)


def test_segmentation_from_a_mask_to_begin_with() -> None:
    name = "skimage.segmentation.morphological_chan_vese"
    spec = get_spec(name)
    begin = spec.parameter("init_level_set")
    assert begin is not None
    assert (begin.type, begin.kind, begin.required) == ("array", Kind.MASK, False)
    found = get_function(name)(IMAGE, num_iter=4, init_level_set=MASK)
    expected = segmentation.morphological_chan_vese(IMAGE, 4, init_level_set=MASK)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("snake", ["chan_vese", "geodesic_active_contour"])
def test_a_snake_does_not_depend_on_the_calls_before(snake: str) -> None:
    function = get_function(f"skimage.segmentation.morphological_{snake}")
    image = IMAGE.astype(np.float32)
    first = function(image, num_iter=3)
    np.testing.assert_array_equal(function(image, num_iter=3), first)
    assert not np.array_equal(function(image, num_iter=5), first)
    np.testing.assert_array_equal(function(image, num_iter=3), first)


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("segmentation.watershed", {"markers", "mask"}),
        ("segmentation.random_walker", {"labels"}),
        ("segmentation.join_segmentations", {"s2"}),
        ("segmentation.slic", {"mask"}),
        ("measure.regionprops_table", {"intensity_image"}),
        ("measure.manders_coloc_coeff", {"image1_mask", "mask"}),
        ("measure.pearson_corr_coeff", {"image1", "mask"}),
        ("measure.intersection_coeff", {"image1_mask", "mask"}),
        ("metrics.adapted_rand_error", {"image_test"}),
        ("metrics.structural_similarity", {"im2"}),
        ("morphology.reconstruction", {"mask"}),
        ("exposure.match_histograms", {"reference"}),
        ("feature.peak_local_max", {"labels"}),
        ("restoration.inpaint_biharmonic", {"mask"}),
    ],
)
def test_further_arrays_are_to_be_wired(name: str, arrays: set[str]) -> None:
    assert {item.name for item in get_spec(f"skimage.{name}").array_parameters} == arrays


def test_what_is_fixed_is_said_for_every_function() -> None:
    fixed = [
        (spec, LIBRARIES["skimage"].hints(name))
        for name, spec in specs().items()
        if name.startswith("skimage.") and LIBRARIES["skimage"].hints(name).fixed
    ]
    assert len(fixed) >= 8
    for spec, hints in fixed:
        for name, value in hints.fixed.items():
            assert f"{name}={value!r}" in spec.summary
            assert spec.parameter(name) is None
