"""Everyday words for functions that several libraries have under similar names."""

from __future__ import annotations

import re

__all__ = ["synonyms_of"]

_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^gaussian(_filter)?$", ("blur", "smooth", "gaussian blur", "reduce noise")),
    (r"^median(_filter)?$", ("despeckle", "remove noise", "denoise", "salt and pepper noise")),
    (r"uniform_filter$|^mean$", ("mean filter", "box blur", "average", "smooth")),
    (r"^denoise_", ("denoise", "reduce noise", "remove noise", "smooth")),
    (r"bilateral|tv_|nl_means", ("edge preserving smoothing",)),
    (r"rolling_ball", ("remove background", "subtract background", "background subtraction")),
    (r"white_tophat", ("remove background", "top hat", "enhance spots", "background subtraction")),
    (r"black_tophat", ("bottom hat", "dark spots", "fill dark holes")),
    (r"^difference_of_gaussians$", ("DoG", "band pass", "enhance spots", "spot enhancement")),
    (r"gaussian_laplace", ("LoG", "spot enhancement", "enhance spots", "blob enhancement")),
    (r"laplace$", ("edges", "second derivative", "focus")),
    (r"^(sobel|prewitt|scharr|farid|roberts)", ("edges", "edge detection", "gradient")),
    (r"gradient", ("edges", "edge detection")),
    (r"^canny$", ("edges", "edge detection", "outlines")),
    (r"unsharp_mask", ("sharpen", "sharpening", "deblur", "enhance edges")),
    (r"^(frangi|sato|meijering|hessian)$", ("ridges", "vessels", "neurites", "tubes", "fibres")),
    (r"equalize|autolevel|enhance_contrast", ("contrast", "enhance contrast", "local contrast")),
    (r"equalize_adapthist", ("CLAHE", "adaptive histogram equalization")),
    (r"rescale_intensity", ("contrast", "stretch contrast", "normalize", "brightness")),
    (r"adjust_gamma", ("gamma", "brightness", "gamma correction")),
    (r"adjust_log|adjust_sigmoid", ("brightness", "contrast")),
    (r"match_histograms", ("match brightness", "normalize to a reference", "harmonize staining")),
    (r"^invert$", ("negative", "complement", "swap black and white")),
    (r"threshold|otsu$", ("threshold", "binarize")),
    (r"threshold_(local|niblack|sauvola)$|^otsu$", ("local threshold", "adaptive threshold")),
    (r"hysteresis", ("threshold", "two thresholds", "segment", "double threshold")),
    (r"^label$", ("count cells", "connected components", "number objects", "count objects")),
    (
        r"^watershed(_ift)?$",
        ("split touching", "separate cells", "touching cells", "segment"),
    ),
    (r"random_walker", ("segment from seeds", "seeded segmentation")),
    (r"chan_vese|active_contour", ("active contour", "snake", "segment", "level set")),
    (r"felzenszwalb", ("superpixels", "segment")),
    (r"expand_labels", ("grow labels", "dilate labels", "grow nuclei", "cytoplasm ring")),
    (r"clear_border", ("remove border objects", "remove cells at the edge", "exclude edges")),
    (r"find_boundaries", ("outlines", "contours", "borders of cells")),
    (r"remove_small_objects", ("remove small objects", "remove debris", "size filter")),
    (r"remove_small_holes|fill_holes", ("fill holes", "close holes")),
    (r"remove_objects_by_distance", ("remove close neighbours", "thin out objects")),
    (r"join_segmentations", ("combine labels", "intersect labels")),
    (r"(^|_)dilation$", ("dilate", "grow", "thicken", "expand mask")),
    (r"(^|_)erosion$", ("erode", "shrink", "shrink mask")),
    (r"(^|_)opening$", ("open", "remove small bright spots", "break thin bridges")),
    (r"(^|_)closing$", ("close", "fill small gaps", "close gaps")),
    (r"skeletonize|^thin$|medial_axis", ("skeleton", "centre line", "thinning", "trace neurites")),
    (r"distance_transform", ("distance map", "distance to background", "euclidean distance")),
    (r"local_max|h_maxima", ("peaks", "find maxima", "seeds", "find spots")),
    (r"local_min|h_minima", ("find minima", "valleys")),
    (r"convex_hull", ("convex hull", "envelope")),
    (r"reconstruction", ("morphological reconstruction", "fill", "remove background")),
    (
        r"^regionprops_table$",
        ("measure", "measure cells", "object features", "area and shape", "measure intensity"),
    ),
    (r"inpaint", ("repair pixels", "fill missing pixels", "hot pixels")),
    (r"^(rotate)$", ("turn",)),
    (r"^(shift)$", ("translate", "move", "register", "offset")),
    (r"entropy|local_binary_pattern", ("texture",)),
    (r"corner", ("corners", "interest points")),
    (r"hessian_matrix_det", ("DoH", "blobs", "spot enhancement")),
    (r"^maximum(_filter)?$", ("max filter", "grow bright", "dilate")),
    (r"^minimum(_filter)?$", ("min filter", "shrink bright", "erode")),
    (r"percentile", ("percentile filter", "background estimate")),
    (r"butterworth", ("low pass", "high pass", "frequency filter")),
    (r"richardson_lucy|wiener", ("deconvolution", "deblur", "sharpen")),
    (r"^flood(_fill)?$", ("magic wand", "region growing", "fill a region")),
    (r"^slic$", ("superpixels", "segment")),
    (r"^blob_|^peak_local_max$", ("find spots", "count spots", "puncta", "detect spots")),
    (
        r"pearson_corr|manders|intersection_coeff",
        ("colocalisation", "colocalization", "overlap of channels", "correlation"),
    ),
    (r"structural_similarity|_mse$|squared_error|signal_noise", ("compare images", "quality")),
    (r"mutual_information", ("compare images", "similarity")),
    (
        r"phase_cross_correlation",
        ("registration", "drift", "align channels", "shift between images"),
    ),
    (
        r"adapted_rand|variation_of_information|hausdorff",
        ("compare segmentations", "ground truth", "segmentation quality"),
    ),
    (r"^blur_effect$", ("focus", "sharpness", "quality control", "out of focus")),
    (r"^is_low_contrast$", ("quality control", "empty image")),
    (r"^estimate_sigma$", ("noise level", "quality control")),
    (r"^unwrap_phase$", ("phase imaging", "holography", "quantitative phase")),
    (r"^gabor$", ("texture", "stripes", "oriented filter")),
    (r"^fourier_(gaussian|uniform|ellipsoid)$", ("low pass", "frequency filter", "blur")),
    (r"^fourier_shift$", ("translate", "move", "subpixel shift")),
    (r"center_of_mass|^centroid$", ("position", "centre", "centroid")),
    (r"^find_objects$", ("bounding box", "boxes around objects")),
    (r"^relabel_sequential$", ("renumber labels", "consecutive labels")),
    (r"^perimeter", ("outline length", "circumference")),
    (r"compare_images", ("difference of images", "subtract images", "checkerboard")),
)


def synonyms_of(name: str) -> tuple[str, ...]:
    """Return everyday words for a library function by the last part of its name."""
    found: dict[str, None] = {}
    for pattern, synonyms in _WORDS:
        if re.search(pattern, name):
            found.update(dict.fromkeys(synonyms))
    return tuple(found)
