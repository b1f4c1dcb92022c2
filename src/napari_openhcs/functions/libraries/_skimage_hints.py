"""What running scikit-image's functions cannot tell, checked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.libraries.base import Hints

__all__ = ["EXCLUDED", "HINTS", "SHAPE_COLUMNS"]

IMAGE, MASK, LABELS = Kind.IMAGE, Kind.MASK, Kind.LABELS

EXCLUDED: Final = (
    (r"\.rank\.majority$", "is rank.modal under another name"),
    (r"\.try_all_threshold$|\.plot_|\.montage$|\.lookfor$", "plots or prints"),
    (r"\.util\.(img_as_|dtype_limits|view_as_|crop|map_array|regular_|unique_rows)", "a helper"),
    (r"\.util\.(apply_parallel|slice_along_axes|label_points)$", "a helper"),
    (r"\.util\.random_noise$", "adds noise, another one every time"),
    (r"\.(integral_image|window|gabor_kernel|correlate_sparse)$", "a helper"),
    (r"\.(disk|ball|star|octagon|octahedron|diamond|ellipse|footprint_\w+)$", "makes a footprint"),
    (r"\.(pad|mirror)_footprint$|\.(ball|ellipsoid)_kernel$|_level_set$", "makes a footprint"),
    (r"\.(filter_forward|filter_inverse)$", "takes a function as parameter"),
    (r"\.threshold_minimum$", "takes a minute for the histogram of 16 bits"),
    (r"\.(cumulative_distribution|histogram)$", "gives a histogram, no image"),
    (r"\.(max_tree|corner_foerstner|rank_order)$", "gives several arrays of which none is enough"),
    (r"\.manders_overlap_coeff$", "squares integers, which overflow; use measure_colocalisation"),
    (r"filters\.wiener$", "takes a function; skimage.restoration.wiener is listed"),
    (r"\.(calibrate_denoiser|denoise_invariant|cycle_spin)$", "takes a function as parameter"),
    (r"\.(quickshift|mark_boundaries)$", "works on colour images"),
    (r"\.(resize|resize_local_mean|rescale|downscale_local_mean)$", "changes the shape"),
    (r"\.(pyramid_\w+|warp_polar|radon|iradon|iradon_sart|block_reduce)$", "changes the shape"),
    (r"\.(warp|warp_coords|matrix_transform|estimate_transform)$", "takes a transform"),
    (r"\.(frt2|ifrt2|hough_\w+|probabilistic_hough_line)$", "gives a transform, no image"),
    (r"\.measure\.(moments|inertia_tensor)", "gives moments, no image"),
    (r"\.measure\.regionprops$", "gives objects of Python; regionprops_table is listed"),
    (r"\.(find_contours|marching_cubes|profile_line)$", "gives a line or a surface, no image"),
    (r"\.\w+_poly(gon)?$|\.(mesh_surface_area|ransac)$", "works on points, not on an image"),
    (r"\.(contingency_table|hausdorff_pair)$", "gives no row an image"),
    (r"\.optical_flow_\w+$", "gives a vector at each pixel, no image"),
    (r"\.active_contour$", "takes a line that was drawn by hand"),
    (r"\.match_template$", "needs a template that is smaller than the image"),
    (r"\.corner_(peaks|subpix|orientations)$", "works on corners; peak_local_max is listed"),
    (r"\.(hessian_matrix|structure_tensor)(_eig\w+)?$", "gives several images"),
    (
        r"\.(draw_|gray?co|haar_like|multiblock_lbp|fisher_vector|learn_gmm|match_desc)",
        "works on features, not on an image",
    ),
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

ROW: Final = Hints(
    input_kinds=(IMAGE,),
    output_kind=Kind.TABLE,
    contract=Contract.TABLE,
    category="measure",
    shared_columns=("label",),
)
PSF: Final = Hints(
    input_kinds=(IMAGE,),
    fixed={"clip": False},
    hidden=("reg", "user_params", "is_real"),
    required={"psf_sigma": 2.0},
    units={"psf_sigma": "px"},
    limits={"psf_sigma": (0, None), "balance": (0, None)},
    help={
        "psf_sigma": "Standard deviation of the point spread function, a Gaussian that reaches "
        "4 standard deviations and has the sum 1."
    },
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
    (r"filters\.threshold_(isodata|li|mean|otsu|triangle|yen)$",
     replace(TO_MASK, category="threshold", hidden=("hist", "return_all"))),
    (r"filters\.threshold_multiotsu$",
     replace(TO_LABELS, category="threshold", hidden=("hist",), limits={"classes": (2, 5)},
             contract=Contract.FLEXIBLE)),
    (r"filters\.threshold_local$",
     replace(ON_IMAGE, category="threshold", required={"block_size": 35}, hidden=("param",),
             choices={"method": ("gaussian", "mean", "median")})),
    (r"filters\.rank\.",
     replace(ON_IMAGE, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"))),
    (r"filters\.rank\.threshold$",
     replace(TO_MASK, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"),
             category="threshold")),
    # By default these keep everything: all grey values, or what is brighter than the darkest.
    (r"filters\.rank\.\w+_percentile$",
     replace(ON_IMAGE, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"),
             required={"p0": 0.1, "p1": 0.9}, limits={"p0": (0, 1), "p1": (0, 1)})),
    (r"filters\.rank\.percentile$",
     replace(ON_IMAGE, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"),
             required={"p0": 0.5}, limits={"p0": (0, 1)})),
    (r"filters\.rank\.threshold_percentile$",
     replace(TO_MASK, arrays={"mask": MASK}, hidden=("shift_x", "shift_y", "shift_z"),
             category="threshold", required={"p0": 0.5}, limits={"p0": (0, 1)})),
    (r"filters\.gabor$",
     # The other result is the imaginary part.
     replace(ON_IMAGE, required={"frequency": 0.1}, part=0, units={"frequency": "1/px"},
             limits={"frequency": (0, None)}, choices={"mode": MODES})),
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
    # Pixels are taken in random order.
    (r"morphology\.medial_axis$",
     replace(ON_MASK, arrays={"mask": MASK}, fixed={"rng": 0}, ndims=(2,))),
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
     # The default solves the image anew for every seed: minutes for a plane of nuclei.
     replace(TO_LABELS, arrays={"labels": LABELS}, hidden=("spacing", "prob_tol", "copy"),
             required={"mode": "bf"}, ndims=(2,))),
    (r"segmentation\.felzenszwalb$",
     replace(TO_LABELS, ndims=(2,), units={"min_size": "px"})),
    (r"segmentation\.chan_vese$",
     replace(TO_MASK, ndims=(2,), hidden=("extended_output",),
             choices={"init_level_set": ("checkerboard", "disk", "small disk")})),
    (r"segmentation\.morphological_(chan_vese|geodesic_active_contour)$",
     replace(TO_MASK, arrays={"init_level_set": MASK}, types={"threshold": "literal"},
             help={"init_level_set": "A mask to begin with; by default a checkerboard for "
                   "morphological_chan_vese and a disk in the middle for the other."})),
    (r"segmentation\.slic$",
     # Scales the image to 0-1 before.
     replace(TO_LABELS, arrays={"mask": MASK}, fixed={"channel_axis": None},
             hidden=("spacing", "convert2lab"), required={"compactness": 0.1},
             limits={"n_segments": (1, None), "compactness": (0, None)})),
    (r"segmentation\.relabel_sequential$",
     replace(ON_LABELS, part=0, limits={"offset": (1, None)})),
    (r"segmentation\.flood(_fill)?$",
     replace(ON_IMAGE, required={"seed_point": (0, 0), "tolerance": 100.0, "new_value": 0},
             hidden=("in_place",), units={"seed_point": "px"}, ndims=(2,), category="segment",
             help={"seed_point": "Row and column of the pixel at which the fill starts."})),
    (r"segmentation\.flood$",
     replace(TO_MASK, required={"seed_point": (0, 0), "tolerance": 100.0}, ndims=(2,),
             units={"seed_point": "px"},
             help={"seed_point": "Row and column of the pixel at which the fill starts."})),
    # Measures of an image: one row.
    (r"measure\.(blur_effect|centroid)$", replace(ROW, hidden=("reduce_func", "spacing"))),
    (r"exposure\.is_low_contrast$|measure\.shannon_entropy$", replace(ROW, hidden=("method",))),
    (r"restoration\.estimate_sigma$", replace(ROW, hidden=("average_sigmas",))),
    (r"measure\.(euler_number|perimeter|perimeter_crofton)$", replace(ROW, input_kinds=(MASK,))),
    (r"measure\.perimeter(_crofton)?$", replace(ROW, input_kinds=(MASK,), ndims=(2,))),
    (r"measure\.pearson_corr_coeff$",
     replace(ROW, arrays={"image1": IMAGE, "mask": MASK})),
    (r"measure\.manders_coloc_coeff$", replace(ROW, arrays={"image1_mask": MASK, "mask": MASK})),
    (r"measure\.intersection_coeff$",
     replace(ROW, input_kinds=(MASK,), arrays={"image1_mask": MASK, "mask": MASK})),
    (r"metrics\.(mean_squared_error|normalized_mutual_information)$",
     replace(ROW, arrays={"image1": IMAGE})),
    (r"metrics\.(normalized_root_mse|peak_signal_noise_ratio)$",
     replace(ROW, arrays={"image_test": IMAGE}, required={"data_range": 65535.0})),
    (r"metrics\.structural_similarity$",
     replace(ROW, arrays={"im2": IMAGE}, hidden=("gradient", "full"),
             required={"data_range": 65535.0})),
    (r"metrics\.hausdorff_distance$",
     replace(ROW, input_kinds=(MASK,), arrays={"image1": MASK},
             choices={"method": ("standard", "modified")})),
    (r"metrics\.variation_of_information$",
     replace(ROW, input_kinds=(LABELS,), arrays={"image1": LABELS}, required={"image1": None},
             hidden=("table",))),
    (r"metrics\.adapted_rand_error$",
     replace(ROW, input_kinds=(LABELS,), arrays={"image_test": LABELS},
             required={"image_test": None}, hidden=("table",))),
    (r"registration\.phase_cross_correlation$",
     replace(ROW, arrays={"moving_image": IMAGE}, category="transform",
             hidden=("space", "reference_mask", "moving_mask", "overlap_ratio"),
             choices={"normalization": ("phase",)}, limits={"upsample_factor": (1, None)})),
    # Positions: one row each.
    (r"feature\.blob_(dog|doh|log)$",
     # A share of the brightest response fits every bit depth; a fixed threshold fits none.
     replace(ROW, fixed={"threshold": None}, required={"threshold_rel": 0.2, "max_sigma": 10.0},
             category="feature", shared_columns=(),
             units={"min_sigma": "px", "max_sigma": "px"},
             limits={"threshold_rel": (0, 1), "num_sigma": (1, None), "overlap": (0, 1)})),
    (r"feature\.blob_doh$",
     replace(ROW, fixed={"threshold": None}, required={"threshold_rel": 0.2, "max_sigma": 10.0},
             category="feature", ndims=(2,), shared_columns=(),
             units={"min_sigma": "px", "max_sigma": "px"},
             limits={"threshold_rel": (0, 1), "num_sigma": (1, None), "overlap": (0, 1)})),
    (r"feature\.peak_local_max$",
     replace(ROW, arrays={"labels": LABELS}, required={"min_distance": 5},
             category="feature", shared_columns=())),
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
    # Shares of the pixels fit every bit depth; the default, a part of the pixel type's range,
    # finds nothing in a camera's 12 bits.
    (r"feature\.canny$",
     replace(TO_MASK, arrays={"mask": MASK},
             types={"low_threshold": "float", "high_threshold": "float"},
             required={"use_quantiles": True, "low_threshold": 0.9, "high_threshold": 0.97})),
    (r"feature\.corner_fast$", replace(ON_IMAGE, required={"threshold": 0.005}, ndims=(2,))),
    (r"exposure\.adjust_gamma$",
     # The default leaves the image as it is.
     replace(ON_IMAGE, required={"gamma": 0.7}, limits={"gamma": (0, None)})),
    # A volume takes minutes with the default window.
    (r"restoration\.denoise_nl_means$", replace(ON_IMAGE, ndims=(2,), units={"sigma": ""})),
    (r"restoration\.denoise_wavelet$",
     replace(ON_IMAGE, units={"sigma": ""}, hidden=("convert2ycbcr",))),
    (r"restoration\.denoise_bilateral$", replace(ON_IMAGE, ndims=(2,), unit_scaled=True)),
    # In three dimensions the last axis would be taken for colours.
    (r"restoration\.denoise_tv_bregman$", replace(ON_IMAGE, ndims=(2,))),
    # Values stay as they are; clipping would cut intensities above 1.
    (r"restoration\.(richardson_lucy|wiener)$",
     replace(PSF, required={"psf_sigma": 2.0, "balance": 0.1})),
    (r"restoration\.richardson_lucy$",
     replace(PSF, required={"psf_sigma": 2.0, "num_iter": 10}, limits={"num_iter": (1, None)})),
    (r"restoration\.unsupervised_wiener$",
     replace(PSF, fixed={"clip": False, "rng": 0}, part=0)),
    (r"restoration\.unwrap_phase$",
     # Phases are in radians; integers hold none.
     replace(ON_IMAGE, fixed={"rng": 0}, dtypes=("float32",), contract=Contract.FLEXIBLE,
             types={"wrap_around": "literal"})),
    (r"restoration\.rolling_ball$",
     replace(ON_IMAGE, hidden=("kernel", "nansafe"), category="background", ndims=(2,))),
    (r"transform\.rotate$", replace(WARP, hidden=("resize",), units={"angle": "°"})),
    (r"transform\.swirl$", replace(WARP, hidden=("output_shape",))),
)  # fmt: skip
"""Hints by pattern of the id; the last that matches counts."""
