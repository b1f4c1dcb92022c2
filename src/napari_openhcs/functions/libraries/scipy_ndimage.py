"""scipy.ndimage: filters, morphology and distance maps of any number of dimensions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.libraries._words import synonyms_of
from napari_openhcs.functions.libraries.base import FunctionLibrary, Hints

__all__ = ["EXPORT", "ScipyNdimage"]

EXCLUDED: Final = (
    (r"^generic_|^geometric_transform$|^vectorized_filter$", "takes a function as parameter"),
    (r"^zoom$", "changes the shape of the image"),
    (r"^(generate_binary_structure|iterate_structure)$", "makes a footprint"),
    (r"^sum$", "another name of sum_labels"),
    (r"^map_coordinates$", "takes coordinates"),
    (r"^grey_dilation$", "is maximum_filter as long as the size says it all"),
    (r"^grey_erosion$", "is minimum_filter as long as the size says it all"),
    (r"^(value_indices|labeled_comprehension)$", "gives no image and no table of objects"),
)
"""Patterns of names that are never listed, and why."""

MASKS: Final = Hints(
    input_kinds=(Kind.MASK,),
    output_kind=Kind.MASK,
    category="morphology",
    arrays={"mask": Kind.MASK},
    hidden=("brute_force",),
)

SIZED: Final = Hints(required={"size": 3}, hidden=("footprint", "structure"))
"""The size is one number a user understands; a footprint beside it would silence it."""

WEIGHTS_2D: Final = ((0.0, 0.125, 0.0), (0.125, 0.5, 0.125), (0.0, 0.125, 0.0))

MODES: Final = ("reflect", "constant", "nearest", "mirror", "wrap")

INTERPOLATED: Final = Hints(
    input_kinds=(Kind.IMAGE,), category="transform", limits={"order": (0, 5)}
)

OBJECTS: Final = Hints(
    input_kinds=(Kind.IMAGE,),
    output_kind=Kind.TABLE,
    contract=Contract.TABLE,
    arrays={"labels": Kind.LABELS},
    category="measure",
    synonyms=("intensity of objects", "per object", "per cell"),
)
"""Measures of the intensities of every object."""

BOXES: Final = tuple(f"bbox_{end}_{axis}" for end in ("start", "stop") for axis in "zyx")

HINTS: Final[tuple[tuple[str, Hints], ...]] = (
    # On a mask these would give a mask in which every fraction is lost.
    (
        r"^(gaussian|laplace|sobel|prewitt|uniform|convolve|correlate)",
        Hints(input_kinds=(Kind.IMAGE,)),
    ),
    (r"^binary_", MASKS),
    (r"^binary_propagation$", replace(MASKS, required={"mask": None}, contract=Contract.FLEXIBLE)),
    (
        r"^distance_transform",
        Hints(
            input_kinds=(Kind.MASK,),
            output_kind=Kind.IMAGE,
            category="measure",
            required={},
            hidden=("sampling",),
        ),
    ),
    (r"^(grey_|morphological_|white_tophat|black_tophat)", replace(SIZED, category="morphology")),
    (r"^(minimum|maximum|median|percentile|rank)_filter$", SIZED),
    (r"^(minimum|maximum)_filter1d$", Hints(required={"size": 3})),
    (r"^uniform_filter$", replace(SIZED, input_kinds=(Kind.IMAGE,))),
    (
        r"^(convolve|correlate)$",
        Hints(input_kinds=(Kind.IMAGE,), required={"weights": WEIGHTS_2D}, ndims=(2,)),
    ),
    (
        r"^(convolve|correlate)1d$",
        Hints(input_kinds=(Kind.IMAGE,), required={"weights": (0.25, 0.5, 0.25)}),
    ),
    (
        r"^affine_transform$",
        replace(
            INTERPOLATED,
            required={"matrix": ((1.0, 0.1), (0.0, 1.0))},
            hidden=("output_shape",),
            ndims=(2,),
        ),
    ),
    # Between their axes these round to the pixel type of the image: integers overflow there.
    (
        r"^gaussian_(laplace|gradient_magnitude)$",
        Hints(input_kinds=(Kind.IMAGE,), dtypes=("float32",)),
    ),
    (r"^shift$", replace(INTERPOLATED, units={"shift": "px"})),
    (
        r"^watershed_ift$",
        Hints(arrays={"markers": Kind.LABELS}, output_kind=Kind.LABELS, category="segment"),
    ),
    (r"^spline_filter", replace(INTERPOLATED, limits={"order": (2, 5)})),
    # A stack would be turned in the plane of its first two axes.
    (
        r"^rotate$",
        replace(INTERPOLATED, fixed={"reshape": False}, units={"angle": "°"}, ndims=(2,)),
    ),
    (r"^fourier_", replace(INTERPOLATED, category="filter", units={"shift": "px"})),
    (
        r"^label$",
        Hints(
            input_kinds=(Kind.MASK,),
            output_kind=Kind.LABELS,
            contract=Contract.LABELS,
            category="segment",
            part=0,
        ),
    ),
    (
        r"^(sum_labels|mean|median|variance|standard_deviation|minimum|maximum|extrema)$|"
        r"^(minimum|maximum)_position$|^center_of_mass$",
        OBJECTS,
    ),
    (r"^histogram$", replace(OBJECTS, required={"min": 0.0, "max": 4095.0, "bins": 16})),
    (
        r"^find_objects$",
        Hints(
            input_kinds=(Kind.LABELS,),
            output_kind=Kind.TABLE,
            contract=Contract.TABLE,
            category="measure",
            shared_columns=("label", *BOXES),
        ),
    ),
)
"""Hints by pattern of the name; the last that matches counts."""


class ScipyNdimage(FunctionLibrary):
    """Adapter of scipy.ndimage."""

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        last = name.rpartition(".")[2]
        return next((why for pattern, why in EXCLUDED if re.search(pattern, last)), "")

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        last = name.rpartition(".")[2]
        found = Hints()
        for pattern, hints in HINTS:
            if re.search(pattern, last):
                found = hints
        modes = {} if found.category == "transform" else {"mode": MODES}
        return replace(
            found,
            category=found.category or "filter",
            synonyms=found.synonyms or synonyms_of(last),
            choices={**modes, **found.choices},
        )

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        return f"https://docs.scipy.org/doc/scipy/reference/generated/{name}.html"


EXPORT = ScipyNdimage(
    name="scipy_ndimage",
    title="SciPy",
    memory_type="numpy",
    module="scipy",
    distribution="scipy",
    install="pip install scipy",
    submodules=("scipy.ndimage",),
    calls="napari_openhcs.functions.libraries._scipy_calls",
)
