from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from napari_openhcs.functions.registry import search, specs
from napari_openhcs.functions.search import words
from napari_openhcs.functions.spec import FunctionSpec

TYPED = [
    ("remove background", ("subtract_rolling_ball", "white_top_hat", "rolling_ball")),
    ("subtract background", ("subtract_rolling_ball", "subtract_gaussian_background")),
    ("flat field", ("correct_flat_field", "divide_by_flat_field")),
    ("uneven illumination", ("correct_flat_field", "correct_illumination")),
    ("count cells", ("count_objects", "label_components", "label")),
    ("blur", ("gaussian", "gaussian_filter")),
    ("smooth", ("gaussian", "gaussian_filter")),
    ("split touching nuclei", ("split_touching",)),
    ("separate cells", ("split_touching", "watershed")),
    ("watershed", ("watershed", "seeded_watershed")),
    ("despeckle", ("median", "median_filter")),
    ("salt and pepper", ("median", "median_filter")),
    ("remove noise", ("median", "median_filter", "denoise_nl_means")),
    ("threshold", ("threshold_otsu",)),
    ("otsu", ("threshold_otsu", "otsu_threshold")),
    ("binarize", ("threshold_otsu", "threshold_fixed", "threshold_li")),
    ("fill holes", ("fill_holes", "binary_fill_holes")),
    ("remove small objects", ("remove_small_objects", "filter_by_area", "remove_small_regions")),
    ("remove debris", ("remove_small_objects", "filter_by_area", "remove_small_regions")),
    ("remove cells at the border", ("clear_border", "clear_border_labels")),
    ("measure intensity", ("measure_objects", "regionprops_table")),
    ("cell area", ("measure_objects", "measure_shape", "regionprops_table", "filter_by_area")),
    ("maximum intensity projection", ("max_projection",)),
    ("mip", ("max_projection",)),
    ("z projection", ("max_projection", "mean_projection")),
    ("best focus", ("best_focus_projection",)),
    ("edges", ("sobel", "canny", "scharr", "prewitt")),
    ("sharpen", ("unsharp_mask",)),
    ("enhance contrast", ("equalize_adapthist", "rescale_intensity", "enhance_contrast")),
    ("clahe", ("equalize_adapthist",)),
    ("normalize", ("percentile_normalize", "min_max_normalize")),
    ("grow labels", ("expand_labels",)),
    ("cytoplasm", ("cytoplasm",)),
    ("distance map", ("distance_transform_edt",)),
    ("skeleton", ("skeletonize",)),
    ("neurites", ("frangi", "sato", "meijering", "skeletonize")),
    ("nuclei", ("split_touching", "voronoi_otsu", "cells_by_watershed", "seeds_from_blobs")),
    (
        "spots",
        (
            "detect_spots_log",
            "difference_of_gaussians",
            "gaussian_laplace",
            "white_tophat",
            "white_top_hat",
        ),
    ),
    ("detect foci", ("detect_spots_log", "detect_spots_dog")),
    ("foci per nucleus", ("count_spots_in_objects",)),
    ("colocalization", ("measure_colocalisation", "measure_object_colocalisation")),
    ("pearson", ("measure_colocalisation", "measure_object_colocalisation")),
    ("neurite length", ("measure_skeleton", "measure_object_skeleton")),
    ("blurry images", ("measure_focus",)),
    ("texture", ("measure_texture", "local_binary_pattern")),
    ("nearest neighbour", ("measure_neighbours",)),
    ("top hat", ("white_top_hat", "white_tophat")),
    ("gaus", ("gaussian", "gaussian_filter")),
    ("skimage.filters.gaussian", ("gaussian",)),
    ("regionprops", ("regionprops_table",)),
]


@pytest.mark.parametrize(("typed", "expected"), TYPED, ids=[typed for typed, _ in TYPED])
def test_finds_what_a_biologist_types_among_the_first_five(
    typed: str, expected: tuple[str, ...]
) -> None:
    found = [spec.id.rpartition(".")[2] for spec in search(typed, limit=5)]
    assert any(name in expected for name in found), found


def test_a_full_id_comes_first() -> None:
    for name in ("skimage.filters.gaussian", "scipy.ndimage.median_filter"):
        assert search(name)[0].id == name


def test_the_own_name_comes_before_longer_ones() -> None:
    assert search("sobel")[0].id.endswith(".sobel")
    assert search("median")[0].id.endswith(".median")


def test_every_function_is_found_by_its_own_name_in_words() -> None:
    def last(spec: FunctionSpec) -> str:
        return spec.id.rpartition(".")[2]

    lost = []
    for name in {last(spec) for spec in specs().values()}:
        found = search(name.replace("_", " "), limit=10_000)
        # Several libraries have a function of this name: none of them hides the others.
        others = [spec for spec in found if last(spec) != name][:5]
        before = set(found[: found.index(others[-1])] if len(others) == 5 else found)
        lost += [spec.id for spec in specs().values() if last(spec) == name and spec not in before]
    assert not lost


def test_memory_type_and_limit_narrow_the_list() -> None:
    found = search("projection", memory_type="torch")
    assert found
    assert {spec.memory_type_in for spec in found} == {"torch"}
    assert len(search("filter", limit=7)) == 7


def test_empty_text_lists_all_and_nonsense_nothing() -> None:
    assert [spec.id for spec in search("  ", limit=10_000)] == list(specs())
    assert search("xqzzy") == []


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("Remove the background", words("removing backgrounds")),
        ("normalise", words("Normalize")),
        ("split touching", words("splitting touching")),
        ("grey", words("gray")),
    ],
)
def test_words_are_reduced_to_stems(text: str, stems: list[str]) -> None:
    assert words(text) == stems


def test_nine_in_ten_phrases_of_the_benchmark_are_found() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "search_quality.py"
    benchmark = runpy.run_path(str(path))
    phrases = list(benchmark["EXPECTED"])
    lost = [phrase for phrase in phrases if benchmark["missing"](phrase, 5)]
    assert len(phrases) >= 60
    assert len(lost) <= len(phrases) // 10, lost


def test_british_and_american_spelling_find_the_same() -> None:
    for british, american in (
        ("normalise", "normalize"),
        ("neighbours", "neighbors"),
        ("co-localisation", "colocalization"),
        ("binarisation", "binarization"),
    ):
        assert {spec.id for spec in search(british)} == {spec.id for spec in search(american)}
