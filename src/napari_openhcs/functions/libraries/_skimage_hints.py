"""What running scikit-image's functions cannot tell, checked by hand."""

from __future__ import annotations

from typing import Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.libraries.base import Hints

__all__ = ["EXCLUDED", "HINTS", "SHAPE_COLUMNS"]

IMAGE, MASK, LABELS = Kind.IMAGE, Kind.MASK, Kind.LABELS

EXCLUDED: Final = (
    (r"\.try_all_threshold$|\.plot_|\.montage$|\.lookfor$", "plots or prints"),
    (r"\.util\.(img_as_|dtype_limits|view_as_|crop|map_array|regular_|unique_rows)", "a helper"),
    (r"\.util\.(apply_parallel|slice_along_axes|label_points)$", "a helper"),
    (r"\.util\.random_noise$", "adds noise, another one every time"),
    (r"\.(integral_image|window|gabor_kernel|correlate_sparse)$", "a helper"),
    (r"\.(disk|ball|star|octagon|octahedron|diamond|ellipse|footprint_\w+)$", "makes a footprint"),
    (r"\.(pad|mirror)_footprint$|\.(ball|ellipsoid)_kernel$|_level_set$", "makes a footprint"),
    (r"\.flood(_fill)?$", "needs a pixel that was picked by hand"),
    (r"\.(unwrap_phase)$", "works on phases, not on intensities"),
    (r"\.(filter_forward|filter_inverse)$", "takes a function as parameter"),
    (r"\.(wiener|unsupervised_wiener|richardson_lucy)$", "needs a point spread function"),
    (r"\.(calibrate_denoiser|denoise_invariant|cycle_spin)$", "takes a function as parameter"),
    (r"\.(slic|quickshift|mark_boundaries)$", "works on colour images"),
    (r"\.(resize|resize_local_mean|rescale|downscale_local_mean)$", "changes the shape"),
    (r"\.(pyramid_\w+|warp_polar|radon|iradon|iradon_sart|block_reduce)$", "changes the shape"),
    (r"\.(warp|warp_coords|matrix_transform|estimate_transform)$", "takes a transform"),
    (r"\.(frt2|ifrt2|hough_\w+|probabilistic_hough_line)$", "gives a transform, no image"),
    (r"\.measure\.moments", "gives moments, no image"),
    (r"\.(windowed_histogram|daisy|hog|multiscale_basic_features)$", "gives features of pixels"),
)
"""Patterns of ids that are never listed, and why."""

_SHAPE = """label area area_bbox area_convex area_filled axis_major_length axis_minor_length
eccentricity equivalent_diameter_area euler_number extent feret_diameter_max num_pixels
orientation perimeter perimeter_crofton solidity slice image image_convex image_filled coords
coords_scaled""".split()  # noqa: SIM905 (a table is easier to read)

SHAPE_COLUMNS: Final = tuple(_SHAPE) + tuple(
    f"{name}-{index}"
    for name, number in (("bbox", 6), ("centroid", 3), ("centroid_local", 3),
                         ("inertia_tensor_eigvals", 3), ("moments_hu", 7))
    for index in range(number)
)  # fmt: skip
"""Columns of ``regionprops_table`` that do not depend on intensities."""

ON_MASK: Final = Hints(input_kinds=(MASK,), output_kind=MASK)

HINTS: Final[tuple[tuple[str, Hints], ...]] = (
    # Local minima and maxima, and what else gives 0 and 1.
    (r"morphology\.(h_maxima|h_minima|local_maxima|local_minima)$",
     Hints(input_kinds=(IMAGE,), output_kind=MASK)),
    (r"morphology\.max_tree_local_maxima$",
     Hints(input_kinds=(IMAGE,), output_kind=LABELS, hidden=("parent", "tree_traverser"))),
    (r"morphology\.(area|diameter)_(opening|closing)$",
     Hints(hidden=("parent", "tree_traverser"), units={"area_threshold": "px"})),
    (r"filters\.apply_hysteresis_threshold$",
     Hints(input_kinds=(IMAGE,), output_kind=MASK, category="threshold",
           required={"low": 500.0, "high": 1000.0})),
    (r"filters\.threshold_", Hints(input_kinds=(IMAGE,), category="threshold",
                                   required={})),
    (r"filters\.threshold_local$", Hints(input_kinds=(IMAGE,), category="threshold",
                                         required={"block_size": 35}, hidden=("param",))),
    (r"filters\.(sobel|prewitt|scharr|farid|roberts)", Hints(arrays={"mask": MASK})),
    (r"filters\.difference_of_gaussians$", Hints(input_kinds=(IMAGE,))),
    (r"filters\.rank\.", Hints(input_kinds=(IMAGE,), arrays={"mask": MASK})),
    (r"filters\.rank\.(threshold|threshold_percentile)$",
     Hints(input_kinds=(IMAGE,), output_kind=MASK, arrays={"mask": MASK}, category="threshold")),
    # Masks.
    (r"morphology\.(isotropic_\w+|thin|skeletonize|medial_axis|convex_hull_\w+)$", ON_MASK),
    (r"morphology\.isotropic_", Hints(input_kinds=(MASK,), output_kind=MASK,
                                      hidden=("spacing",))),
    (r"morphology\.medial_axis$", Hints(input_kinds=(MASK,), output_kind=MASK,
                                        arrays={"mask": MASK})),
    (r"morphology\.remove_small_holes$",
     Hints(input_kinds=(MASK,), output_kind=MASK, hidden=("area_threshold",),
           units={"max_size": "px"})),
    (r"morphology\.remove_small_objects$",
     Hints(input_kinds=(LABELS, MASK), output_kind=LABELS, hidden=("min_size",),
           contract=Contract.FLEXIBLE, units={"max_size": "px"}, category="segment")),
    # Labels.
    (r"measure\.label$", Hints(input_kinds=(MASK, LABELS), output_kind=LABELS,
                               contract=Contract.LABELS, category="segment")),
    (r"segmentation\.clear_border$",
     Hints(input_kinds=(LABELS, MASK), output_kind=LABELS, arrays={"mask": MASK},
           contract=Contract.FLEXIBLE)),
    (r"segmentation\.expand_labels$",
     Hints(input_kinds=(LABELS,), output_kind=LABELS, hidden=("spacing",))),
    (r"morphology\.remove_objects_by_distance$",
     Hints(input_kinds=(LABELS,), output_kind=LABELS, required={"min_distance": 10.0},
           hidden=("priority", "p_norm", "spacing"), category="segment")),
    (r"segmentation\.find_boundaries$",
     Hints(input_kinds=(LABELS, MASK), output_kind=MASK, contract=Contract.FLEXIBLE)),
    (r"segmentation\.join_segmentations$",
     Hints(input_kinds=(LABELS,), output_kind=LABELS, arrays={"s2": LABELS})),
    (r"segmentation\.watershed$",
     Hints(input_kinds=(IMAGE,), output_kind=LABELS,
           arrays={"markers": LABELS, "mask": MASK})),
    (r"segmentation\.random_walker$",
     Hints(input_kinds=(IMAGE,), output_kind=LABELS, arrays={"labels": LABELS},
           hidden=("spacing", "prob_tol", "copy"))),
    (r"segmentation\.felzenszwalb$",
     Hints(input_kinds=(IMAGE,), output_kind=LABELS, ndims=(2,), units={"min_size": "px"})),
    (r"segmentation\.chan_vese$",
     Hints(input_kinds=(IMAGE,), output_kind=MASK, ndims=(2,), hidden=("extended_output",))),
    (r"segmentation\.morphological_(chan_vese|geodesic_active_contour)$",
     Hints(input_kinds=(IMAGE,), output_kind=MASK, hidden=("init_level_set",))),
    (r"measure\.regionprops_table$",
     Hints(input_kinds=(LABELS,), output_kind=Kind.TABLE, contract=Contract.TABLE,
           arrays={"intensity_image": IMAGE}, hidden=("separator",),
           shared_columns=SHAPE_COLUMNS)),
    # Several arrays.
    (r"morphology\.reconstruction$",
     Hints(input_kinds=(IMAGE,), arrays={"mask": IMAGE}, hidden=("offset",))),
    (r"exposure\.match_histograms$", Hints(input_kinds=(IMAGE,), arrays={"reference": IMAGE})),
    (r"util\.compare_images$", Hints(input_kinds=(IMAGE,), arrays={"image1": IMAGE},
                                     hidden=("n_tiles",))),
    (r"restoration\.inpaint_biharmonic$", Hints(input_kinds=(IMAGE,), arrays={"mask": MASK})),
    (r"exposure\.equalize_hist$",
     # Gives the rank as a share of 1 whatever the scale of the image: a share of full scale.
     Hints(input_kinds=(IMAGE,), arrays={"mask": MASK}, unit_scaled=True)),
    (r"exposure\.equalize_adapthist$", Hints(input_kinds=(IMAGE,), unit_scaled=True)),
    (r"exposure\.(adjust_\w+|rescale_intensity)$", Hints(input_kinds=(IMAGE,))),
    (r"feature\.local_binary_pattern$",
     Hints(input_kinds=(IMAGE,), required={"P": 8, "R": 1.0}, ndims=(2,))),
    (r"feature\.canny$", Hints(input_kinds=(IMAGE,), output_kind=MASK,
                               arrays={"mask": MASK})),
    (r"feature\.", Hints(input_kinds=(IMAGE,))),
    (r"restoration\.", Hints(input_kinds=(IMAGE,))),
    # A volume takes minutes with the default window.
    (r"restoration\.denoise_(bilateral|nl_means)$", Hints(input_kinds=(IMAGE,), ndims=(2,))),
    (r"restoration\.denoise_tv_bregman$", Hints(input_kinds=(IMAGE,))),
    (r"restoration\.rolling_ball$",
     Hints(input_kinds=(IMAGE,), hidden=("kernel", "nansafe"), category="background", ndims=(2,))),
    (r"transform\.rotate$", Hints(hidden=("resize",), units={"angle": "°"})),
    (r"transform\.swirl$", Hints(hidden=("output_shape",), units={"radius": "px"})),
    (r"util\.invert$", Hints(category="intensity")),
)  # fmt: skip
"""Hints by pattern of the id; the longest pattern that matches counts."""
