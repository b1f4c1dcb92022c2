"""What running scikit-image's functions cannot tell, checked by hand."""

from __future__ import annotations

from dataclasses import replace
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

MODES: Final = ("reflect", "constant", "nearest", "mirror", "wrap")
"""Border modes of what is computed by scipy.ndimage."""

WARP_MODES: Final = ("constant", "edge", "symmetric", "reflect", "wrap")

ON_IMAGE: Final = Hints(input_kinds=(IMAGE,))
ON_MASK: Final = Hints(input_kinds=(MASK,), output_kind=MASK)
ON_LABELS: Final = Hints(input_kinds=(LABELS,), output_kind=LABELS)
TO_MASK: Final = Hints(input_kinds=(IMAGE,), output_kind=MASK)
TO_LABELS: Final = Hints(input_kinds=(IMAGE,), output_kind=LABELS)
WARP: Final = Hints(
    # In three dimensions the last axis would be taken for colours.
    ndims=(2,),
    types={"order": "int"},
    limits={"order": (0, 5)},
    choices={"mode": WARP_MODES},
)

HINTS: Final[tuple[tuple[str, Hints], ...]] = (
    (r"\.(feature|restoration|exposure)\.", ON_IMAGE),
    # Filters.
    (r"filters\.(sobel|prewitt|scharr|farid|roberts)",
     Hints(input_kinds=(IMAGE,), arrays={"mask": MASK}, choices={"mode": MODES},
           types={"axis": "int"})),
    (r"filters\.(frangi|hessian|sato|meijering)$",
     Hints(input_kinds=(IMAGE,), hidden=("scale_range", "scale_step"), units={"sigmas": "px"})),
    (r"filters\.apply_hysteresis_threshold$",
     replace(TO_MASK, category="threshold", required={"low": 500.0, "high": 1000.0},
             contract=Contract.FLEXIBLE)),
    (r"filters\.threshold_", replace(ON_IMAGE, category="threshold")),
    (r"filters\.threshold_local$",
     replace(ON_IMAGE, category="threshold", required={"block_size": 35}, hidden=("param",),
             choices={"method": ("gaussian", "mean", "median")})),
    (r"filters\.rank\.",
     replace(ON_IMAGE, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"))),
    (r"filters\.rank\.(threshold|threshold_percentile)$",
     replace(TO_MASK, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"),
             category="threshold")),
    # Morphology.
    (r"morphology\.(dilation|erosion|opening|closing|white_tophat|black_tophat)$",
     Hints(choices={"mode": (*MODES, "max", "min", "ignore")})),
    (r"morphology\.(h_maxima|h_minima|local_maxima|local_minima)$", TO_MASK),
    (r"morphology\.max_tree_local_maxima$",
     replace(TO_LABELS, hidden=("parent", "tree_traverser"))),
    (r"morphology\.(area|diameter)_(opening|closing)$",
     Hints(hidden=("parent", "tree_traverser"), units={"area_threshold": "px"})),
    (r"morphology\.reconstruction$",
     replace(ON_IMAGE, arrays={"mask": IMAGE}, hidden=("offset",),
             choices={"method": ("dilation", "erosion")})),
    (r"morphology\.(thin|skeletonize|convex_hull_\w+)$", ON_MASK),
    (r"morphology\.thin$", replace(ON_MASK, types={"max_num_iter": "int"})),
    (r"morphology\.isotropic_", replace(ON_MASK, hidden=("spacing",))),
    (r"morphology\.medial_axis$", replace(ON_MASK, arrays={"mask": MASK})),
    (r"morphology\.remove_small_holes$",
     replace(ON_MASK, hidden=("area_threshold",), units={"max_size": "px"})),
    (r"morphology\.remove_small_objects$",
     Hints(input_kinds=(LABELS, MASK), output_kind=LABELS, hidden=("min_size",),
           contract=Contract.FLEXIBLE, units={"max_size": "px"}, category="segment")),
    (r"morphology\.remove_objects_by_distance$",
     replace(ON_LABELS, required={"min_distance": 10.0},
             hidden=("priority", "p_norm", "spacing"), category="segment")),
    # Segmentation and labels.
    (r"measure\.label$",
     Hints(input_kinds=(MASK, LABELS), output_kind=LABELS, contract=Contract.LABELS,
           category="segment")),
    (r"measure\.regionprops_table$",
     Hints(input_kinds=(LABELS,), output_kind=Kind.TABLE, contract=Contract.TABLE,
           arrays={"intensity_image": IMAGE}, hidden=("separator",),
           shared_columns=SHAPE_COLUMNS)),
    (r"segmentation\.clear_border$",
     Hints(input_kinds=(LABELS, MASK), output_kind=LABELS, arrays={"mask": MASK},
           contract=Contract.FLEXIBLE, types={"bgval": "int"})),
    (r"segmentation\.expand_labels$", replace(ON_LABELS, hidden=("spacing",))),
    (r"segmentation\.find_boundaries$",
     # Subpixel boundaries have twice the shape.
     Hints(input_kinds=(LABELS, MASK), output_kind=MASK, contract=Contract.FLEXIBLE,
           choices={"mode": ("thick", "inner", "outer")})),
    (r"segmentation\.join_segmentations$", replace(ON_LABELS, arrays={"s2": LABELS})),
    (r"segmentation\.watershed$",
     replace(TO_LABELS, arrays={"markers": LABELS, "mask": MASK})),
    (r"segmentation\.random_walker$",
     replace(TO_LABELS, arrays={"labels": LABELS}, hidden=("spacing", "prob_tol", "copy"))),
    (r"segmentation\.felzenszwalb$",
     replace(TO_LABELS, ndims=(2,), units={"min_size": "px"})),
    (r"segmentation\.chan_vese$",
     replace(TO_MASK, ndims=(2,), hidden=("extended_output",),
             choices={"init_level_set": ("checkerboard", "disk", "small disk")})),
    (r"segmentation\.morphological_(chan_vese|geodesic_active_contour)$",
     replace(TO_MASK, hidden=("init_level_set",), types={"threshold": "literal"})),
    # Several images.
    (r"exposure\.match_histograms$", replace(ON_IMAGE, arrays={"reference": IMAGE})),
    (r"util\.compare_images$",
     replace(ON_IMAGE, arrays={"image1": IMAGE}, hidden=("n_tiles",), ndims=(2,))),
    (r"restoration\.inpaint_biharmonic$", replace(ON_IMAGE, arrays={"mask": MASK})),
    # Intensities.
    (r"exposure\.equalize_hist$",
     # Gives the rank as a share of 1 whatever the scale of the image: a share of full scale.
     replace(ON_IMAGE, arrays={"mask": MASK}, unit_scaled=True)),
    (r"exposure\.equalize_adapthist$", replace(ON_IMAGE, unit_scaled=True)),
    (r"exposure\.rescale_intensity$",
     replace(ON_IMAGE, types={"in_range": "literal", "out_range": "literal"})),
    (r"util\.invert$", Hints(category="intensity")),
    # Features and restoration.
    (r"feature\.local_binary_pattern$",
     replace(ON_IMAGE, required={"P": 8, "R": 1.0}, ndims=(2,))),
    (r"feature\.canny$", replace(TO_MASK, arrays={"mask": MASK})),
    # A volume takes minutes with the default window.
    (r"restoration\.denoise_nl_means$", replace(ON_IMAGE, ndims=(2,), units={"sigma": ""})),
    (r"restoration\.denoise_bilateral$", replace(ON_IMAGE, ndims=(2,), unit_scaled=True)),
    # In three dimensions the last axis would be taken for colours.
    (r"restoration\.denoise_tv_bregman$", replace(ON_IMAGE, ndims=(2,))),
    (r"restoration\.rolling_ball$",
     replace(ON_IMAGE, hidden=("kernel", "nansafe"), category="background", ndims=(2,))),
    (r"transform\.rotate$", replace(WARP, hidden=("resize",), units={"angle": "°"})),
    (r"transform\.swirl$", replace(WARP, hidden=("output_shape",))),
)  # fmt: skip
"""Hints by pattern of the id; the last that matches counts."""
