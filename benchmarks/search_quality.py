"""Whether the search finds what a biologist types: ``python benchmarks/search_quality.py``.

Sixty phrases, each with the operations a specialist would expect among the first five
functions.  An operation is a set of names: it does not matter which library's function
is found.  A phrase is found when each of its operations is.  The last line is one JSON
object of all figures.
"""

from __future__ import annotations

import argparse
import json
import time

from napari_openhcs.functions.registry import search, specs

GAUSSIAN = "gaussian gaussian_filter gaussian_blur gaussian_blur2d"
MEDIAN = "median median_filter median_blur"
ROLLING_BALL = "rolling_ball subtract_rolling_ball"
TOP_HAT = "white_tophat white_top_hat top_hat"
THRESHOLD = (
    "threshold_otsu threshold_li threshold_triangle threshold_yen threshold_isodata "
    "threshold_fixed threshold_percentile otsu_threshold"
)
OTSU = "threshold_otsu otsu_threshold"
LOCAL_THRESHOLD = "threshold_local threshold_niblack threshold_sauvola"
LABEL = "label label_components connected_components connected_component_labeling"
SPLIT = "split_touching split_by_intensity watershed seeded_watershed voronoi_otsu"
NUCLEI = "voronoi_otsu voronoi_otsu_labeling split_touching seeds_from_blobs gauss_otsu_labeling"
FLAT_FIELD = "correct_flat_field divide_by_flat_field correct_illumination"
CELLS = "cells_by_watershed"
SHAPE = "measure_shape measure_objects regionprops_table"
INTENSITY = "measure_objects regionprops_table"
SPOTS = (
    "detect_spots_log detect_spots_dog enhance_spots_log enhance_spots_dog count_spots spot_mask"
)
COUNT_SPOTS = "count_spots count_spots_in_objects"
NEURITES = "trace_neurites label_neurites enhance_neurites measure_skeleton measure_object_skeleton"
RIDGE = "frangi sato meijering hessian enhance_neurites tubeness sato_filter"
SKELETON = "skeletonize skeletonise_mask thin"
HOLES = "fill_holes binary_fill_holes remove_small_holes"
SMALL = "remove_small_objects remove_small_regions filter_by_area remove_small_labels area_opening"
BORDER = "clear_border clear_border_labels clear_mask_border remove_labels_on_edges"
DILATE = "dilate_mask expand_labels binary_dilation dilation isotropic_dilation dilate_labels"
ERODE = "erode_mask shrink_labels binary_erosion erosion isotropic_erosion erode_labels"
CYTOPLASM = "cytoplasm"
MAX_PROJECTION = "max_projection maximum_z_projection maximum_projection"
BEST_FOCUS = "best_focus_projection extended_depth_of_field focus_map extended_depth_of_focus"
FOCUS = "measure_focus focus_map measure_image blur_effect"
COLOC = (
    "measure_colocalisation measure_object_colocalisation pearson_corr_coeff "
    "manders_coloc_coeff manders_overlap_coeff"
)
EDGES = "sobel canny prewitt scharr farid roberts gaussian_gradient_magnitude"
PERCENTILE = "percentile_normalize rescale_intensity min_max_normalize rescale normalize"
CLAHE = "equalize_adapthist equalize_hist equalize_clahe clahe equalize"
DENOISE = (
    "denoise_nl_means denoise_bilateral denoise_tv_chambolle denoise_tv_bregman denoise_wavelet "
    f"{MEDIAN} {GAUSSIAN} bilateral_blur"
)
TEXTURE = "measure_texture local_binary_pattern entropy"
NEIGHBOURS = "measure_neighbours measure_distance_to_objects touching_neighbor_count_map"
STITCH = "stitch_fields stitch_grid"
SHARPEN = "unsharp_mask"
DISTANCE = "distance_transform_edt distance_transform distance_transform_cdt"
WATERSHED = "watershed seeded_watershed cells_by_watershed split_touching watershed_ift"
INVERT = "invert invert_mask"
GAMMA = "gamma adjust_gamma gamma_correction"
MATCH = "match_histograms"
DECONVOLVE = "richardson_lucy wiener unsupervised_wiener"
RADIAL = "measure_radial_distribution"

EXPECTED: dict[str, tuple[str, ...]] = {
    "remove background": (ROLLING_BALL, TOP_HAT),
    "subtract background": (ROLLING_BALL,),
    "rolling ball": (ROLLING_BALL,),
    "top hat": (TOP_HAT,),
    "uneven illumination": (FLAT_FIELD,),
    "flat field": (FLAT_FIELD,),
    "shading correction": (FLAT_FIELD,),
    "blur": (GAUSSIAN,),
    "smooth image": (GAUSSIAN,),
    "despeckle": (MEDIAN,),
    "remove noise": (DENOISE,),
    "denoise": (DENOISE,),
    "salt and pepper": (MEDIAN,),
    "sharpen": (SHARPEN,),
    "deconvolution": (DECONVOLVE,),
    "threshold": (THRESHOLD,),
    "otsu": (OTSU,),
    "adaptive threshold": (LOCAL_THRESHOLD,),
    "binarize": (THRESHOLD,),
    "make a mask": (THRESHOLD,),
    "count cells": ("count_objects", LABEL),
    "count nuclei": ("count_objects",),
    "nuclei": (NUCLEI,),
    "segment nuclei": (NUCLEI,),
    "find nuclei": (NUCLEI,),
    "split touching nuclei": (SPLIT,),
    "separate touching cells": (SPLIT,),
    "declump": (SPLIT,),
    "watershed": (WATERSHED,),
    "segment cells": (CELLS,),
    "cell body": (CELLS,),
    "cytoplasm": (CYTOPLASM,),
    "ring around nucleus": (CYTOPLASM,),
    "connected components": (LABEL,),
    "label objects": (LABEL,),
    "fill holes": (HOLES,),
    "remove small objects": (SMALL,),
    "remove debris": (SMALL,),
    "objects touching the border": (BORDER,),
    "filter by size": (SMALL,),
    "grow objects": (DILATE,),
    "erode": (ERODE,),
    "measure area": (SHAPE,),
    "mean intensity per cell": (INTENSITY,),
    "cell shape": (SHAPE,),
    "texture": (TEXTURE,),
    "number of neighbours": (NEIGHBOURS,),
    "find spots": (SPOTS,),
    "count foci": (COUNT_SPOTS,),
    "puncta per cell": ("count_spots_in_objects",),
    "neurite length": (NEURITES,),
    "tubes and vessels": (RIDGE,),
    "skeleton": (SKELETON,),
    "maximum projection": (MAX_PROJECTION,),
    "mip": (MAX_PROJECTION,),
    "best focus": (BEST_FOCUS,),
    "is it in focus": (FOCUS,),
    "colocalization": (COLOC,),
    "edge detection": (EDGES,),
    "normalize intensity": (PERCENTILE,),
    "contrast": (CLAHE,),
    "stitch tiles": (STITCH,),
    "distance map": (DISTANCE,),
    "invert": (INVERT,),
    "gamma": (GAMMA,),
    "radial distribution": (RADIAL,),
}
"""Operations expected among the first five, by what was typed."""


def missing(phrase: str, first: int) -> list[str]:
    """Return the operations of a phrase that are not among the first functions found."""
    found = {spec.id.rpartition(".")[2] for spec in search(phrase, limit=first)}
    return [names for names in EXPECTED[phrase] if found.isdisjoint(names.split())]


def main() -> None:
    """Print what is missed, and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=5, help="how many functions count")
    options = parser.parse_args()
    search("warm up")
    found, milliseconds = 0, []
    for phrase in EXPECTED:
        start = time.perf_counter()
        search(phrase)
        milliseconds.append((time.perf_counter() - start) * 1e3)
        lacking = missing(phrase, options.first)
        found += not lacking
        for names in lacking:
            first = ", ".join(spec.id for spec in search(phrase, limit=options.first))
            print(f"'{phrase}' lacks one of {names.split()[:3]}: {first}")
    figures = {
        "functions": len(specs()),
        "phrases": len(EXPECTED),
        "found": found,
        "found_percent": round(100 * found / len(EXPECTED), 1),
        "milliseconds_median": round(sorted(milliseconds)[len(milliseconds) // 2], 2),
        "milliseconds_worst": round(max(milliseconds), 2),
    }
    print(f"{found} of {len(EXPECTED)} phrases found among the first {options.first}.")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
