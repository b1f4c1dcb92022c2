"""What running pyclesperanto's functions cannot tell, checked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.libraries.base import Hints

__all__ = ["BUFFERS", "EXCLUDED", "HINTS", "SHAPES", "WORDS"]

IMAGE, MASK, LABELS = Kind.IMAGE, Kind.MASK, Kind.LABELS

EXCLUDED: Final = (
    # The same under another name: one of them is listed.
    (r"^grayscale_(dilate|erode)$", "is maximum_filter or minimum_filter under another name"),
    (r"^exclude_(labels|labels_on_edges|small_labels|large_labels|labels_outside_size_range)$",
     "is a function remove_… or filter_label_by_size under another name"),
    # No operation on one image.
    (r"matrix|pointlist|_distances?$|_distance_touching|_(nearest|farthest)_neighbors$",
     "works on a matrix of distances or on a list of points"),
    (r"_of_touching_neighbors$|^count_touching_neighbors$|^proximal_neighbor_count$|_touch_portion$",
     "works on a list of values, one an object"),
    (r"_of_all_pixels$|_of_masked_pixels$|^(jaccard_index|mean_squared_error|array_equal)$",
     "gives one number"),
    (r"^(bounding_box|label_bounding_box|center_of_mass|(maximum|minimum)_position|percentile)$",
     "gives numbers of the whole image"),
    (r"^(centroids_of_labels|histogram|flag_existing_labels)$", "gives a list of numbers"),
    (r"^(remove_labels|replace_values|parametric_map|read_map_values)$", "takes a list of values"),
    (r"_values_(from|to)_positions$", "takes a list of positions"),
    (r"^(copy|set|set_ramp_[xyz]|set_where_.*|artificial_tissue)$", "makes no use of the image"),
    (r"^(block_enumerate|sum_reduction_x|nonzero_\w+|onlyzero_\w+)$", "a helper"),
    (r"^set_nonzero_pixels_to_pixelindex$", "a helper"),
    (r"^local_cross_correlation$", "needs a small image to look for"),
    (r"^z_position_projection$", "needs an image of positions"),
    (r"^hessian_eigenvalues$", "gives what (large|small)_hessian_eigenvalue give one by one"),
    (r"^clahe$", "ends the process on images of 256 px and more"),
    (r"^mode(_of_touching_neighbors_map)?$",
     "counts values below 256 only and ends the process on others"),
    (r"^labels_neighbors_statistics$", "prints"),
    # Another shape.
    (r"^copy_(horizontal_|vertical_)?slice$", "gives memory to which nothing was written"),
    (r"^(concatenate.*|crop|crop_border|pad|unpad|gather|scatter|paste|sub_stack)$",
     "changes the shape"),
    (r"^(reduce_stack|transpose_\w+|make_\w*isotropic|deskew_[xy])$", "changes the shape"),
    (r"_[xy]_projection$", "looks at a stack from its side"),
)  # fmt: skip
"""Patterns of names that are never listed, and why."""

BUFFERS: Final = ("output_image", "output_labels", "device", "resize", "keep_dims", "blocksize")
"""Output buffers, the device, and what changes the shape: the engine's business."""

SHAPES: Final = ("box", "sphere")
"""Values of ``connectivity``: the shape of a neighbourhood."""

FLOATS: Final = ("float32",)
"""For what leaves nothing of an image once rounded to whole numbers: sines, ratios, logarithms."""

SECOND: Final = {"input_image1": IMAGE}
FILTER: Final = Hints(input_kinds=(IMAGE,), category="filter")
ARITHMETIC: Final = Hints(input_kinds=(IMAGE,), category="intensity")
REAL: Final = replace(ARITHMETIC, dtypes=FLOATS)
COMBINE: Final = replace(ARITHMETIC, arrays=SECOND)
TO_MASK: Final = Hints(input_kinds=(IMAGE,), output_kind=MASK, category="threshold")
ON_MASK: Final = Hints(input_kinds=(MASK,), output_kind=MASK, category="morphology")
ON_LABELS: Final = Hints(input_kinds=(LABELS,), output_kind=LABELS, category="segment")
MAKES_LABELS: Final = Hints(input_kinds=(IMAGE,), output_kind=LABELS, category="segment")
LABELS_MASK: Final = Hints(input_kinds=(MASK,), output_kind=LABELS, category="segment")
MAP: Final = Hints(
    input_kinds=(LABELS,), output_kind=IMAGE, contract=Contract.FLEXIBLE, category="measure"
)
INTENSITY_MAP: Final = replace(MAP, input_kinds=(IMAGE,), arrays={"labels": LABELS})
PROJECTION: Final = Hints(
    input_kinds=(IMAGE,), contract=Contract.REDUCE, ndims=(3,), category="projection"
)
TRANSFORM: Final = Hints(input_kinds=(IMAGE,), contract=Contract.FLEXIBLE, category="transform")
EDIT: Final = Hints(input_kinds=(IMAGE,), category="transform")

SHAPE_COLUMNS: Final = tuple(
    """label bbox_min_x bbox_min_y bbox_min_z bbox_max_x bbox_max_y bbox_max_z bbox_width
    bbox_height bbox_depth area sum_x sum_y sum_z centroid_x centroid_y centroid_z
    mean_distance_to_centroid max_distance_to_centroid sum_distance_to_centroid
    mean_max_distance_to_centroid_ratio""".split()  # noqa: SIM905 (a table is easier to read)
)
"""Columns of ``labels_statistics`` that do not depend on intensities."""

HINTS: Final[tuple[tuple[str, Hints], ...]] = (
    # Arithmetic of one image.
    (r"^(absolute|a?(sin|cos|tan)h?|exponential(2|10)?|logarithm(2|10)?|(cubic|square)_root|square|"
     r"reciprocal|sign|ceil|floor|round|truncate|invert|undefined_to_zero|nan_to_num|"
     r"degrees_to_radians|radians_to_degrees|normalize|clip|power|gamma_correction|replace_value|"
     r"cumulative_\w+|multiply_image_and_position|\w+_image_and_scalar|subtract_image_from_scalar|"
     r"divide_scalar_by_image)$", ARITHMETIC),
    (r"^(a?(sin|cos|tan)h?|exponential(2|10)?|logarithm(2|10)?|reciprocal|invert|"
     r"degrees_to_radians)$", REAL),
    (r"^cumulative_", replace(ARITHMETIC, limits={"axis": (0, 1)})),
    (r"^cumulative_product$", replace(REAL, limits={"axis": (0, 1)})),
    (r"^multiply_image_and_position$", replace(ARITHMETIC, limits={"dimension": (0, 1)})),
    (r"^(multiply|add)_image_and_scalar$", replace(ARITHMETIC, required={"scalar": 2.0})),
    (r"^(maximum|minimum)_image_and_scalar$", replace(ARITHMETIC, required={"scalar": 500.0})),
    (r"^subtract_image_from_scalar$", replace(ARITHMETIC, required={"scalar": 65535.0})),
    (r"^divide_scalar_by_image$", replace(REAL, required={"scalar": 1000.0})),
    (r"^power$", replace(ARITHMETIC, required={"scalar": 2.0})),
    (r"^gamma_correction$",
     replace(ARITHMETIC, required={"gamma": 0.7}, limits={"gamma": (0.01, 10)})),
    # NaN, the default, stands for "as in the image"; a form has no such number.
    (r"^clip$", replace(ARITHMETIC, required={"min_intensity": 100.0, "max_intensity": 1000.0})),
    # From 0 to 1 whatever the scale of the image: a share of full scale.
    (r"^normalize$", replace(ARITHMETIC, required={"low_percentile": 1.0, "high_percentile": 99.8},
                             unit_scaled=True,
                             limits={"low_percentile": (0, 100), "high_percentile": (0, 100)})),
    # Arithmetic of two images.
    (r"^(absolute_difference|squared_difference|add_images(_weighted)?|(divide|maximum|minimum|modulo|"
     r"multiply|power|subtract)_images)$", COMBINE),
    (r"^(divide|power)_images$", replace(COMBINE, dtypes=FLOATS)),
    (r"^(equal|not_equal|greater|greater_or_equal|smaller|smaller_or_equal)$",
     replace(TO_MASK, arrays=SECOND)),
    # Filters: the library's sigma of 0 changes nothing.
    (r"^gaussian_blur$",
     replace(FILTER, required={"sigma_x": 2.0, "sigma_y": 2.0, "sigma_z": 1.0})),
    (r"^gaussian_derivative$",
     replace(FILTER, required={"sigma_x": 2.0, "sigma_y": 2.0, "sigma_z": 1.0, "order_x": 1},
             limits={f"order_{axis}": (0, 4) for axis in "xyz"})),
    (r"^difference_of_gaussian$",
     replace(FILTER, required={"sigma1_x": 1.0, "sigma1_y": 1.0, "sigma1_z": 1.0,
                               "sigma2_x": 4.0, "sigma2_y": 4.0, "sigma2_z": 4.0})),
    (r"^(subtract|divide_by)_gaussian_background$",
     replace(FILTER, category="background",
             required={"sigma_x": 10.0, "sigma_y": 10.0, "sigma_z": 10.0})),
    (r"^divide_by_gaussian_background$",
     replace(FILTER, category="background", dtypes=FLOATS,
             required={"sigma_x": 10.0, "sigma_y": 10.0, "sigma_z": 10.0})),
    (r"^gradient_z$", replace(FILTER, contract=Contract.VOLUME, ndims=(3,))),
    (r"^hessian_gaussian_eigenvalues$",
     replace(FILTER, part=-1,
             hidden=("small_eigenvalue", "middle_eigenvalue", "large_eigenvalue"))),
    (r"^convolve$",
     replace(FILTER, dtypes=FLOATS, types={"input_image1": "footprint"},
             required={"input_image1": ("disk", 3)},
             help={"input_image1": "Neighbourhood whose pixels are added up."})),
    (r"^(top|bottom)_hat$",
     replace(FILTER, category="background",
             required={"radius_x": 5.0, "radius_y": 5.0, "radius_z": 1.0})),
    (r"^(kuwahara_filter|gradient_[xy]|laplace|(mean|maximum|minimum|variance)_filter|sobel|"
     r"standard_deviation|(large|small)_hessian_eigenvalue|tubeness|sato_filter)$", FILTER),
    # It sorts a neighbourhood in the stack of a thread: a larger one ends the process in PoCL.
    (r"^median$", replace(FILTER, limits={f"radius_{axis}": (0, 3) for axis in "xyz"})),
    (r"^grayscale_(opening|closing)$", replace(FILTER, category="morphology")),
    (r"^(dilation|erosion|opening|closing)$",
     Hints(input_kinds=(IMAGE,), category="morphology", types={"footprint": "footprint"})),
    # Masks.
    (r"^(greater|greater_or_equal|smaller|smaller_or_equal|equal|not_equal)_constant$",
     replace(TO_MASK, required={"scalar": 500.0})),
    (r"^threshold_", TO_MASK),
    (r"^detect_(maxima|minima)$",
     replace(TO_MASK, category="feature",
             required={"radius_x": 1.0, "radius_y": 1.0, "radius_z": 1.0})),
    (r"^morphological_chan_vese$", replace(TO_MASK, category="segment")),
    (r"^binary_|^skeletonize$", ON_MASK),
    (r"^binary_(and|or|subtract|xor)$", replace(ON_MASK, arrays={"input_image1": MASK})),
    (r"^mask$", Hints(input_kinds=(IMAGE,), arrays={"mask": MASK}, category="intensity")),
    (r"^mask_label$",
     Hints(input_kinds=(IMAGE,), arrays={"input_image1": LABELS}, types={"label": "int"},
           category="intensity")),
    (r"^detect_label_edges$", replace(ON_LABELS, output_kind=MASK)),
    # Labels.
    (r"^(connected_component_labeling|label_spots|voronoi_labeling)$", LABELS_MASK),
    (r"^masked_voronoi_labeling$", replace(LABELS_MASK, arrays={"mask": MASK})),
    (r"_otsu_labeling$", MAKES_LABELS),
    (r"^gauss_otsu_labeling$", replace(MAKES_LABELS, required={"outline_sigma": 2.0})),
    (r"^(reduce_labels_to_\w+|extend_labeling_via_voronoi|remove_\w*labels\w*|filter_label_by_size|"
     r"relabel_sequential|(dilate|erode)_labels|erode_connected_labels|merge_touching_labels|mode)$",
     ON_LABELS),
    (r"^(opening_labels|closing_labels|smooth_labels|smooth_connected_labels)$",
     replace(ON_LABELS, required={"radius": 2})),
    (r"^filter_label_by_size$",
     replace(ON_LABELS, required={"minimum_size": 50.0, "maximum_size": 5000.0})),
    (r"^remove_small_labels$", replace(ON_LABELS, required={"minimum_size": 50.0})),
    (r"^remove_large_labels$", replace(ON_LABELS, required={"maximum_size": 5000.0})),
    (r"^remove_labels_with_map_values_", replace(ON_LABELS, arrays={"values": IMAGE})),
    (r"^combine_labels$", replace(ON_LABELS, arrays={"input_image1": LABELS})),
    # Measurements.
    (r"^(pixel_count|(\w+_)?extension(_ratio)?|(touching|proximal)_neighbor_count)_map$", MAP),
    (r"^(mean|minimum|maximum|standard_deviation)_intensity_map$", INTENSITY_MAP),
    (r"_of_touching_neighbors_map$", replace(INTENSITY_MAP, limits={"radius": (1, None)})),
    (r"^proximal_neighbor_count_map$",
     replace(MAP, required={"min_distance": 0.0, "max_distance": 50.0})),
    (r"^labels_statistics$",
     # Without intensities it measures the numbers of the labels.
     Hints(input_kinds=(LABELS,), output_kind=Kind.TABLE, contract=Contract.TABLE,
           category="measure", arrays={"intensity": IMAGE}, required={"intensity": None},
           shared_columns=SHAPE_COLUMNS, hidden=("include_background",))),
    # Projections and transforms.
    (r"_projection$", PROJECTION),
    (r"^product_z_projection$", replace(PROJECTION, dtypes=FLOATS)),
    (r"^(flip|rigid_transform|rotate|scale|translate)$", TRANSFORM),
    (r"^set_(column|row|image_borders)$",
     replace(EDIT, limits={"column_index": (0, None), "row_index": (0, None)})),
    (r"^set_plane$", replace(EDIT, contract=Contract.VOLUME, ndims=(3,),
                             limits={"plane_index": (0, None)})),
    (r"^circular_shift$", replace(TRANSFORM, required={"shift_x": 5, "shift_y": 0, "shift_z": 0})),
    (r"^rotate$", replace(TRANSFORM, required={"angle_z": 10.0})),
    (r"^rigid_transform$", replace(TRANSFORM, required={"translate_x": 5.0, "angle_z": 10.0})),
    (r"^scale$", replace(TRANSFORM, required={"factor_x": 1.5, "factor_y": 1.5})),
    (r"^translate$", replace(TRANSFORM, required={"translate_x": 5.0, "translate_y": 0.0})),
)  # fmt: skip
"""Hints by pattern of the name; the last that matches counts."""

WORDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (r"^gaussian_blur$", ("blur", "smooth", "reduce noise")),
    (r"^mean_filter$", ("mean filter", "box blur", "average", "smooth")),
    (r"^median$", ("despeckle", "remove noise", "denoise", "salt and pepper noise")),
    (r"^kuwahara_filter$", ("edge preserving smoothing", "denoise")),
    (r"^top_hat$", ("remove background", "enhance spots", "background subtraction")),
    (r"^bottom_hat$", ("dark spots", "fill dark holes")),
    (r"_gaussian_background$", ("remove background", "subtract background", "flat field")),
    (r"^difference_of_gaussian$", ("DoG", "band pass", "enhance spots", "spot enhancement")),
    (r"^(tubeness|sato_filter)$", ("ridges", "vessels", "neurites", "tubes", "fibres")),
    (r"^voronoi_otsu_labeling$", ("nuclei", "segment nuclei", "split touching nuclei",
                                  "count cells", "separate cells")),
    (r"^(eroded_otsu|gauss_otsu)_labeling$", ("nuclei", "segment nuclei", "count cells")),
    (r"^connected_component_labeling$", ("count cells", "connected components", "count objects",
                                         "number objects")),
    (r"voronoi_labeling$|^extend_labeling", ("grow nuclei", "cell territories", "voronoi")),
    (r"^dilate_labels$", ("grow labels", "expand labels", "cytoplasm ring")),
    (r"^remove_labels_on_edges$", ("remove border objects", "remove cells at the edge")),
    (r"^(remove_(small|large)_labels|filter_label_by_size)$", ("size filter", "remove debris")),
    (r"^labels_statistics$", ("measure", "measure cells", "object features", "area and shape",
                              "measure intensity")),
    (r"^maximum_z_projection$", ("maximum intensity projection", "MIP", "flatten stack")),
    (r"^extended_depth_of_focus_", ("focus stacking", "best focus", "all in focus")),
    (r"^detect_maxima$", ("peaks", "find maxima", "seeds", "find spots")),
    (r"^pixel_count_map$", ("area map", "size map")),
    (r"^touching_neighbor_count_map$", ("neighbours", "number of neighbours")),
)  # fmt: skip
"""Everyday words by pattern of the name; the first that matches counts."""
