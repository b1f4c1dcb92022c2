"""kornia's functions that work on one-channel images: what each does, checked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.libraries._kornia_entry import BORDERS, Entry
from napari_openhcs.functions.libraries._kornia_entry import entry_hints as _hints

__all__ = ["ENTRIES", "EXCLUDED"]

IMAGE, MASK, LABELS = Kind.IMAGE, Kind.MASK, Kind.LABELS

EXCLUDED: Final = (
    (r"\.adjust_brightness_accumulative$", "does what adjust_contrast does"),
    (r"\.get_|_kernel[123]d$|filters\.(gaussian|laplacian_1d)$", "makes a kernel"),
    (r"\.(filter|convolve|correlate)\w*$|\.fft_conv$", "needs a kernel"),
    (r"rgb|hue|saturation|color|\.jpeg_", "works on colour images"),
    (r"_pool2d$|pyr|\.re(size|scale|map)|crop|upscale", "changes the shape"),
    (r"\.(affine|warp_|homography|elastic|rotate3d)", "takes a transform"),
    (r"laf|LAF|\.match_|descriptor|patches|ellipse", "works on local features, not on images"),
    (r"metrics\.", "gives a number"),
    (r"spatial_gradient|dog_response$", "gives several images"),
    (r"connected_components$", "splits objects wider than its steps; the union-find does not"),
    (r"histogram2?d?$|zca_|linear_transform|\.interp$", "works on numbers, not on images"),
    (r"diamond_square", "makes a random image"),
)
"""Patterns of ids that are not listed, and why; others are helpers."""

_WINDOW: Final = {"hidden": ("separable",)}
_SIGMA_HELP: Final = {"kernel_size": "Side of the window, odd; about six times sigma."}

FILTERS: Final = {
    "box_blur": Entry(
        summary="Take the mean in a square window.",
        hints=_hints("filter", "mean filter", "average", "smooth",
                     required={"kernel_size": 3}, **_WINDOW,
                     help={"kernel_size": "Side of the window."}),
    ),
    "gaussian_blur2d": Entry(
        summary="Blur with a Gaussian.",
        hints=_hints("filter", "blur", "smooth", "gaussian blur", "reduce noise",
                     required={"kernel_size": 13, "sigma": 2.0}, **_WINDOW, help=_SIGMA_HELP),
        pairs=("sigma",),
    ),
    "median_blur": Entry(
        summary="Take the median in a square window: removes single bright or dark pixels.",
        hints=_hints("filter", "despeckle", "remove noise", "denoise", "salt and pepper noise",
                     required={"kernel_size": 3}),
    ),
    "bilateral_blur": Entry(
        summary="Smooth inside regions and keep edges: neighbours of other brightness count less.",
        hints=_hints("filter", "edge preserving smoothing", "denoise", "reduce noise",
                     required={"kernel_size": 7, "sigma_color": 300.0, "sigma_space": 1.5},
                     hidden=("color_distance_type",), units={"sigma_space": "px"},
                     limits={"sigma_color": (0, None), "sigma_space": (0.01, None)},
                     help={"sigma_color": "Standard deviation of the difference in grey values.",
                           "sigma_space": "Standard deviation of the distance."}),
        pairs=("sigma_space",),
    ),
    "joint_bilateral_blur": Entry(
        summary="Smooth an image along the edges of another one (joint bilateral filter).",
        hints=_hints("filter", "edge preserving smoothing", "denoise", "cross bilateral filter",
                     required={"kernel_size": 7, "sigma_color": 300.0, "sigma_space": 1.5},
                     arrays={"guidance": IMAGE},
                     hidden=("color_distance_type",), units={"sigma_space": "px"},
                     limits={"sigma_color": (0, None), "sigma_space": (0.01, None)},
                     help={"sigma_color": "Standard deviation of the difference in grey values "
                                          "of the other image.",
                           "sigma_space": "Standard deviation of the distance.",
                           "guidance": "Image whose edges are kept; wired."}),
        pairs=("sigma_space",),
    ),
    "guided_blur": Entry(
        summary="Smooth a wired image along the edges of this one (guided filter).",
        hints=_hints("filter", "edge preserving smoothing", "denoise", "guided filter",
                     required={"kernel_size": 7, "eps": 10000.0}, arrays={"input": IMAGE},
                     hidden=("separable", "subsample"), limits={"eps": (0, None)},
                     help={"eps": "Variance of grey values, their square, up to which is smoothed.",
                           "input": "Image that is smoothed; wired."}),
    ),
    "edge_aware_blur_pool2d": Entry(
        summary="Blur everything but strong edges, which stay as they are.",
        hints=_hints("filter", "edge preserving smoothing", "denoise",
                     required={"kernel_size": 5}, hidden=("epsilon",),
                     units={"edge_dilation_kernel_size": "px"},
                     limits={"edge_threshold": (1, None), "edge_dilation_kernel_size": (1, None)},
                     help={"edge_threshold": "An edge is where brightness changes by this factor "
                                             "over 4 px.",
                           "edge_dilation_kernel_size": "Side of the square by which edges are "
                                                        "widened."}),
    ),
    "motion_blur": Entry(
        summary="Blur along one direction, as a moving stage does.",
        hints=_hints("filter", "directional blur", "streak",
                     required={"kernel_size": 9, "angle": 0.0, "direction": 0.0},
                     limits={"kernel_size": (3, None)},
                     choices={"mode": ("nearest", "bilinear")},
                     help={"kernel_size": "Length of the movement, odd.",
                           "mode": "How the line of movement is drawn."}),
    ),
    "motion_blur3d": Entry(
        summary="Blur a volume along one direction.",
        hints=_hints("filter", "directional blur", "streak",
                     ndims=(3,), contract=Contract.VOLUME,
                     required={"kernel_size": 3, "angle": (0.0, 0.0, 0.0), "direction": 0.0},
                     limits={"kernel_size": (3, None)},
                     choices={"mode": ("nearest", "bilinear")},
                     help={"angle": "Rotation vector about x, y and z; 0, 0, 0 blurs along x.",
                           "kernel_size": "Length of the movement, odd.",
                           "mode": "How the line of movement is drawn."}),
    ),
    "unsharp_mask": Entry(
        summary="Sharpen: add what a Gaussian blur takes away.",
        hints=_hints("filter", "sharpen", "sharpening", "deblur", "enhance edges",
                     required={"kernel_size": 13, "sigma": 2.0}, help=_SIGMA_HELP),
        pairs=("sigma",),
    ),
    "laplacian": Entry(
        summary="Show fine detail: the second derivative, over the kernel's absolute sum.",
        hints=_hints("filter", "edges", "second derivative", "focus",
                     required={"kernel_size": 3}, limits={"kernel_size": (3, None)},
                     help={"normalized": "Divide by the absolute sum of the kernel."}),
    ),
    "sobel": Entry(
        summary="Show edges: strength of the slope by Sobel's operator, grey values a px.",
        hints=_hints("filter", "edges", "edge detection", "gradient", hidden=("eps",),
                     help={"normalized": "Divide by the sum of the kernel: grey values a px."}),
    ),
    "canny": Entry(
        summary="Mark edges as lines one pixel wide (Canny), in an image of values from 0 to 1.",
        hints=_hints("filter", "edges", "edge detection", "outlines",
                     output_kind=MASK, dtypes=("float32",), part=1,
                     required={"kernel_size": 5, "sigma": 1.0}, hidden=("hysteresis", "eps"),
                     limits={"low_threshold": (0, None), "high_threshold": (0, None)},
                     help={"low_threshold": "Slope above which a line goes on.",
                           "high_threshold": "Slope above which a line begins."}),
        pairs=("sigma",),
        gives_mask=True,
    ),
    "otsu_threshold": Entry(
        summary="Mark what is brighter than Otsu's threshold.",
        hints=_hints("threshold", "threshold", "binarize", "segment", "mask", "otsu",
                     output_kind=MASK, fixed={"return_mask": True}, part=0,
                     hidden=("slow_and_differentiable",), limits={"nbins": (2, 65536)},
                     help={"nbins": "Bins of the histogram between the smallest and the largest "
                                    "value."}),
    ),
    "in_range": Entry(
        summary="Mark what lies between two grey values.",
        hints=_hints("threshold", "threshold", "binarize", "mask", "band", "between",
                     output_kind=MASK, fixed={"return_mask": True},
                     required={"lower": 500.0, "upper": 4000.0},
                     help={"lower": "Smallest grey value that is marked.",
                           "upper": "Largest grey value that is marked."}),
        singles=("lower", "upper"),
        gives_mask=True,
    ),
}  # fmt: skip


def _morphology(summary: str, *synonyms: str) -> Entry:
    hints = _hints(
        "morphology",
        *synonyms,
        input_kinds=(IMAGE, MASK),
        output_kind=None,
        required={"kernel": ("disk", 3)},
        types={"kernel": "footprint"},
        hidden=("structuring_element", "max_val", "engine"),
        choices={"border_type": ("geodesic", *BORDERS)},
        help={
            "border_type": "What lies outside: it does not count (geodesic), mirrored, the edge "
            "pixel, the other side, or border_value."
        },
    )
    return Entry(summary=summary, hints=hints, keeps_mask=True)


MORPHOLOGY: Final = {
    "dilation": _morphology("Grow what is bright.", "dilate", "grow", "thicken", "expand mask"),
    "erosion": _morphology("Shrink what is bright.", "erode", "shrink", "shrink mask"),
    "opening": _morphology(
        "Remove what is bright and smaller than the neighbourhood.",
        *("open", "remove small bright spots", "break thin bridges"),
    ),
    "closing": _morphology(
        "Fill what is dark and smaller than the neighbourhood.",
        *("close", "fill small gaps", "close gaps"),
    ),
    "gradient": _morphology(
        "Show edges: the largest minus the smallest value of the neighbourhood.",
        *("edges", "edge detection", "outlines"),
    ),
    "top_hat": _morphology(
        "Keep what is bright and smaller than the neighbourhood: remove the background.",
        *("remove background", "white top hat", "enhance spots", "background subtraction"),
    ),
    "bottom_hat": _morphology(
        "Keep what is dark and smaller than the neighbourhood.",
        *("black top hat", "dark spots", "fill dark holes"),
    ),
    "reconstruction": Entry(
        summary="Grow an image under another one until nothing changes (reconstruction).",
        hints=_hints("morphology", "morphological reconstruction", "fill", "remove background",
                     arrays={"mask": IMAGE},
                     hidden=("kernel", "num_iters", "check_every", "engine"),
                     choices={"method": ("dilation", "erosion")},
                     help={"mask": "Image that limits the growth; wired.",
                           "method": "Grow bright parts below the limit, or dark ones above it."}),
    ),
}  # fmt: skip


def _unit(summary: str, *synonyms: str, tensors: tuple[str, ...] = (), **known: Any) -> Entry:
    """Return the entry of a function for values from 0 to 1."""
    hints = _hints("intensity", *synonyms, dtypes=("float32",), **known)
    return Entry(summary=f"{summary}, in an image of values from 0 to 1.", hints=hints,
                 tensors=tensors)  # fmt: skip


ENHANCE: Final = {
    "adjust_brightness": _unit(
        "Add a constant", "brighten", "darken",
        required={"factor": 0.1}, help={"factor": "What is added."}),
    "adjust_contrast": _unit(
        "Stretch grey values by a factor", "contrast", "brightness",
        required={"factor": 1.5}, limits={"factor": (0, None)},
        help={"factor": "1 changes nothing."}),
    "adjust_contrast_with_mean_subtraction": _unit(
        "Stretch grey values around their mean", "contrast", "enhance contrast",
        required={"factor": 1.5}, limits={"factor": (0, None)},
        help={"factor": "0 gives an even grey, 1 changes nothing."}),
    "adjust_gamma": _unit(
        "Brighten or darken dark parts by a power law", "gamma", "gamma correction", "brightness",
        required={"gamma": 0.7}, limits={"gamma": (0, None), "gain": (0, None)},
        help={"gamma": "Exponent; below 1 brightens dark parts.", "gain": "Factor."}),
    "adjust_log": _unit(
        "Brighten dark parts by a logarithm", "logarithm", "brightness", "contrast",
        help={"gain": "Factor."}, types={"gain": "float"}),
    "adjust_sigmoid": _unit(
        "Raise the contrast around a middle grey value", "contrast", "S curve",
        types={"gain": "float"},
        help={"cutoff": "Grey value that becomes one half.", "gain": "Steepness of the curve."}),
    "equalize": _unit(
        "Give every grey value the same share", "histogram equalization", "enhance contrast"),
    "equalize3d": _unit(
        "Give every grey value of a volume the same share", "histogram equalization",
        ndims=(3,), contract=Contract.VOLUME),
    "equalize_clahe": _unit(
        "Raise the local contrast (CLAHE)", "CLAHE", "adaptive histogram equalization",
        "local contrast", hidden=("slow_and_differentiable",), limits={"clip_limit": (0, None)},
        help={"clip_limit": "Limit of the contrast; 0: none.",
              "grid_size": "Tiles along y and x."}),
    "invert": _unit(
        "Swap bright and dark", "negative", "complement", hidden=("max_val",)),
    "posterize": _unit(
        "Keep few grey levels", "reduce levels", "quantize",
        required={"bits": 3}, limits={"bits": (0, 8)},
        help={"bits": "Two to the power of this are the levels that stay."}),
    "sharpness": _unit(
        "Sharpen or smooth", "sharpen", "sharpening",
        required={"factor": 2.0}, help={"factor": "0 smooths, 1 changes nothing, above sharpens."}),
    "solarize": _unit(
        "Invert what is bright", "solarise", hidden=("additions",),
        limits={"thresholds": (0, 1)}, help={"thresholds": "Grey value from which is inverted."}),
    "normalize_min_max": Entry(
        summary="Map the smallest and the largest value to 0 and 1.",
        hints=_hints("intensity", "normalize", "contrast", "full range", "rescale",
                     hidden=("eps",),
                     help={"min_val": "What the smallest value becomes.",
                           "max_val": "What the largest value becomes."}),
    ),
    "normalize": Entry(
        summary="Subtract a mean and divide by a standard deviation that are given.",
        hints=_hints("intensity", "standardize", "whiten",
                     required={"mean": 500.0, "std": 200.0}, limits={"std": (0, None)},
                     help={"mean": "Grey value that becomes 0.",
                           "std": "Grey values that become 1."}),
        tensors=("mean", "std"),
    ),
    "denormalize": Entry(
        summary="Multiply by a standard deviation and add a mean that are given.",
        hints=_hints("intensity", "undo normalization", "linear scale",
                     required={"mean": 0.0, "std": 2.0},
                     help={"mean": "What is added.", "std": "Factor."}),
        tensors=("mean", "std"),
    ),
    "add_weighted": Entry(
        summary="Add two images, each times a weight.",
        hints=_hints("intensity", "blend", "merge channels", "average images", "combine images",
                     arrays={"src2": IMAGE},
                     required={"alpha": 0.5, "beta": 0.5, "gamma": 0.0},
                     help={"src2": "Second image; wired.", "alpha": "Weight of the first image.",
                           "beta": "Weight of the second image.", "gamma": "What is added."}),
    ),
    "integral_image": Entry(
        summary="Add up all grey values above and left of every pixel.",
        hints=_hints("measure", "summed area table", "cumulative sum"),
    ),
    "threshold": Entry(
        summary="Mark what is brighter than a fixed grey value.",
        hints=_hints("threshold", "threshold", "binarize", "segment", "mask",
                     output_kind=MASK, required={"thresh": 500.0}, hidden=("maxval", "type"),
                     help={"thresh": "Grey value; pixels above it are marked."}),
        gives_mask=True,
    ),
}  # fmt: skip

_SIMILARITY: Final = {
    "dtypes": ("float32",),
    "hidden": ("eps",),
    "required": {"window_size": 5},
    "fixed": {"padding": "same"},
    "limits": {"max_val": (0, None), "window_size": (1, None)},
    "help": {"window_size": "Side of the window, odd.", "max_val": "Range of grey values.",
             "img2": "Image it is compared with; wired."},
    "arrays": {"img2": IMAGE},
}  # fmt: skip

OTHERS: Final = {
    "feature.harris_response": Entry(
        summary="Show corners (Harris): positive at corners, negative at edges.",
        hints=_hints("feature", "corners", "interest points", hidden=("sigmas",),
                     choices={"grads_mode": ("sobel", "diff")},
                     help={"k": "Weight of the edges, about 0.04 to 0.06."}),
    ),
    "feature.gftt_response": Entry(
        summary="Show corners (Shi and Tomasi): bright at corners, about 0 at edges.",
        hints=_hints("feature", "corners", "interest points", "good features to track",
                     hidden=("sigmas",), choices={"grads_mode": ("sobel", "diff")}),
    ),
    "feature.hessian_response": Entry(
        summary="Show blobs: determinant of the second derivatives.",
        hints=_hints("feature", "DoH", "blobs", "spot enhancement", hidden=("sigmas",),
                     choices={"grads_mode": ("sobel", "diff")}),
    ),
    "feature.dog_response_single": Entry(
        summary="Show structures between two sizes: a strong blur minus a weak one.",
        hints=_hints("feature", "DoG", "band pass", "dark spots",
                     units={"sigma1": "px", "sigma2": "px"},
                     limits={"sigma1": (0.01, None), "sigma2": (0.01, None)},
                     help={"sigma1": "Standard deviation of the weak blur.",
                           "sigma2": "Standard deviation of the strong blur."}),
    ),
    "contrib.connected_components_union_find": Entry(
        summary="Number the connected regions of a mask; numbers are not consecutive.",
        hints=_hints("segment", "connected components", "label", "count cells", "number objects",
                     input_kinds=(MASK,), output_kind=LABELS, contract=Contract.LABELS),
    ),
    "contrib.distance_transform": Entry(
        summary="Show about how far every pixel is from the mask, px.",
        hints=_hints("morphology", "distance map", "distance to objects", "euclidean distance",
                     input_kinds=(MASK,), ndims=(2, 3), contract=Contract.FLEXIBLE,
                     required={"kernel_size": 3}, limits={"kernel_size": (3, None), "h": (0, 0.5)},
                     help={"kernel_size": "Side of the window of one step, odd; larger is more "
                                          "exact and slower.",
                           "h": "Softness of the minimum."}),
    ),
    "contrib.histogram_matching": Entry(
        summary="Give an image the histogram of another one.",
        hints=_hints("intensity", "match brightness", "normalize to a reference",
                     "harmonize staining", arrays={"template": IMAGE},
                     help={"template": "Image with the wanted histogram; wired."}),
    ),
    "metrics.ssim": Entry(
        summary="Show where two images of values from 0 to 1 are alike (SSIM).",
        hints=_hints("measure", "similarity", "compare images", **_SIMILARITY),
    ),
    "metrics.ssim3d": Entry(
        summary="Show where two volumes of values from 0 to 1 are alike (SSIM).",
        hints=_hints("measure", "similarity", "compare images", ndims=(3,),
                     contract=Contract.VOLUME, **_SIMILARITY),
    ),
    "geometry.subpix.nms2d": Entry(
        summary="Mark pixels that are brighter than all others in a window.",
        hints=_hints("feature", "peaks", "find maxima", "local maxima", "seeds", "find spots",
                     output_kind=MASK, fixed={"mask_only": True}, required={"kernel_size": 5}),
        pairs=("kernel_size",),
        gives_mask=True,
    ),
}  # fmt: skip


def _warp(summary: str, *synonyms: str, **known: Any) -> Entry:
    tensors = tuple(known["required"])
    known["hidden"] = ("align_corners", "center")
    known["choices"] = {
        "mode": ("bilinear", "nearest"),
        "padding_mode": ("zeros", "border", "reflection"),
    }
    return Entry(summary=summary, hints=_hints("transform", *synonyms, **known), tensors=tensors)


def _turn(summary: str, *synonyms: str) -> Entry:
    hints = _hints("transform", *synonyms, input_kinds=(IMAGE, MASK, LABELS), output_kind=None)
    return Entry(summary=summary, hints=hints, exact=True)


TRANSFORM: Final = {
    "hflip": _turn("Swap left and right.", "flip", "mirror"),
    "vflip": _turn("Swap top and bottom.", "flip", "mirror"),
    "rot180": _turn("Turn by 180°.", "rotate", "turn upside down"),
    "rotate": _warp("Rotate about the centre; the shape stays.", "turn",
                    required={"angle": 10.0}),
    "translate": _warp("Move by so many px in x and y.", "shift", "move", "offset",
                       required={"translation": (5.0, 0.0)}, units={"translation": "px"},
                       help={"translation": "To the right and downwards."}),
    "scale": _warp("Magnify about the centre; the shape stays.", "zoom", "enlarge", "shrink",
                   required={"scale_factor": 1.5}, limits={"scale_factor": (0.01, None)},
                   help={"scale_factor": "1 changes nothing."}),
    "shear": _warp("Shift rows and columns in proportion to their position.", "skew", "slant",
                   required={"shear": (0.1, 0.0)},
                   help={"shear": "px a row to the right, px a column downwards."}),
}  # fmt: skip

ENTRIES: Final[Mapping[str, Entry]] = FrozenMapping(
    {
        f"kornia.{group}{name}": entry
        for group, entries in (
            ("filters.", FILTERS),
            ("morphology.", MORPHOLOGY),
            ("enhance.", ENHANCE),
            ("", OTHERS),
            ("geometry.transform.", TRANSFORM),
        )
        for name, entry in entries.items()
    }
)
"""By public dotted name."""
