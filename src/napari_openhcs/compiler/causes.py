"""Why a function stopped on a crop, in our words: a table of causes, and what mends each.

A library says what it met in its own terms.  Each row of :data:`CAUSES` knows the words that
libraries have for one cause; the first row that fits gives the sentence that follows the
library's own message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.compiler.draft import Draft, find_spec
from napari_openhcs.compiler.fixes import replace_function, set_options
from napari_openhcs.compiler.sources import listed
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.pipeline import FunctionStep
from napari_openhcs.plan import PLATE, Fix, StepPlan

__all__ = ["CAUSES", "Given", "Mend", "cause_of", "mend_dtype", "others_taking"]

DEFAULT = "Change its parameters, or what it reads."

NAMED = ("uint8", "uint16", "float32", "float64", "int32")
"""dtypes that a mend names, the first that works."""


class Given(NamedTuple):
    """What a function was given when it stopped."""

    dtype: str
    kind: Kind
    shape: tuple[int, ...]
    planes: int
    lowest: float
    highest: float
    n_values: int

    @classmethod
    def of(cls, planes: list[np.ndarray], kind: Kind) -> Given:
        """Look at the planes of a stack, all of one shape and dtype."""
        first = planes[0]
        found = np.unique(np.stack(planes)) if first.size else np.zeros(1)
        return cls(
            str(first.dtype),
            kind,
            first.shape,
            len(planes),
            float(np.real(found[0])),
            float(np.real(found[-1])),
            len(found),
        )


class Mend(NamedTuple):
    """What to do, in a sentence, and the edit that does it where one can be made."""

    sentence: str
    fix: Fix | None = None


class Cause(NamedTuple):
    """One cause: the words libraries have for it, and how it is mended.

    `applies` is asked with what the function was given, so that words alone do not accuse.
    """

    name: str
    words: re.Pattern[str]
    applies: Callable[[Given], bool]
    mend: Callable[[Draft, StepPlan, FunctionSpec | None, Given], Mend]


def cause_of(
    draft: Draft, step: StepPlan, function: str, error: Exception, given: Given | None
) -> Mend:
    """Return what mends a function that stopped.

    Parameters
    ----------
    draft : Draft
    step : StepPlan
    function : str
        Registry id.
    error : Exception
        What it raised.
    given : Given or None
        None where it is not known: then only a general sentence can be said.
    """
    if given is None:
        return Mend(DEFAULT)
    said = f"{type(error).__name__}: {error}"
    for cause in CAUSES:
        if cause.words.search(said) and cause.applies(given):
            return cause.mend(draft, step, find_spec(function), given)
    return Mend(DEFAULT)


def others_taking(spec: FunctionSpec, dtype: str, limit: int = 2) -> list[FunctionSpec]:
    """Return functions that can stand in the place of one and take a dtype, the nearest first.

    Of the same topic, contract, kinds and memory type, installed here, and called without a
    required parameter or array that the other function lacks.
    """
    own = {item.name for item in spec.parameters}

    def fits(other: FunctionSpec) -> bool:
        return (
            other.id != spec.id
            and other.category == spec.category
            and other.contract == spec.contract
            and other.output_kind == spec.output_kind
            and other.memory_type_in == spec.memory_type_in
            and dtype in other.dtypes
            and set(spec.input_kinds) <= set(other.input_kinds)
            and all(not item.required or item.name in own for item in other.parameters)
            and registry.is_available(other)
        )

    words = set(_words(spec.id))

    def distance(other: FunctionSpec) -> tuple[int, str]:
        return (-len(words & set(_words(other.id))), other.id)

    near = [other for other in registry.specs().values() if fits(other)]
    # Another function of the same topic does another thing: only a namesake will do.
    return sorted((item for item in near if distance(item)[0]), key=distance)[:limit]


def _words(name: str) -> list[str]:
    return [word for word in name.rpartition(".")[2].split("_") if word != "filter"]


def mend_dtype(draft: Draft, step: StepPlan, spec: FunctionSpec, dtype: str) -> Mend:
    """Return how a step gets a dtype that its function takes.

    By setting the dtype of the step before (the plate's cannot be set), or by a function of
    the same kind that takes this one.
    """
    others = others_taking(spec, dtype)
    use = listed(other.id for other in others).replace(", ", " or ")
    works = next((item for item in NAMED if item in spec.dtypes), "")
    source = step.source.dataset
    own = {item.name for other in others[:1] for item in other.form_parameters}
    replaced = replace_function(spec.id, others[0].id, sorted(own)) if others else None
    if works and source != PLATE:
        number = draft.step(source).index + 1
        instead = f", or use {use}" if use else ""
        return Mend(
            f"Set dtype='{works}' on step {number}{instead}.", set_options(number, dtype=works)
        )
    instead = f"use {use}" if use else "take another function"
    if not works:
        return Mend(f"{instead.capitalize()}.", replaced)
    return Mend(
        f"Put a step before it that gives {works} (dtype='{works}' on that step), or {instead}.",
        replaced,
    )


def _mend_dtype(draft: Draft, step: StepPlan, spec: FunctionSpec | None, given: Given) -> Mend:
    start = f"It does not take {given.dtype}"
    if spec is None:
        return Mend(f"{start}: set another dtype on the step before.")
    takes = f" but {listed(spec.dtypes)}" if spec.dtypes and given.dtype not in spec.dtypes else ""
    mend = mend_dtype(draft, step, spec, given.dtype)
    return Mend(f"{start}{takes}. {mend.sentence}", mend.fix)


def _mend_needs_volume(
    draft: Draft, step: StepPlan, spec: FunctionSpec | None, given: Given
) -> Mend:
    sentence = "It needs a stack (ZYX) and was given single planes"
    if spec is not None and 3 in spec.ndims:
        return Mend(f"{sentence}: set volume=True on the step.", set_options(volume=True))
    return Mend(f"{sentence}: take a function that works plane by plane.")


def _mend_needs_plane(
    draft: Draft, step: StepPlan, spec: FunctionSpec | None, given: Given
) -> Mend:
    function_step: FunctionStep = draft.function_step(step)
    sentence = f"It works on single planes and was given a stack of {given.planes}"
    if function_step.volume:
        return Mend(f"{sentence}: leave volume out.", set_options(volume=False))
    return Mend(f"{sentence}: project the stack before it.")


def _said(sentence: str) -> Callable[..., Mend]:
    def mend(draft: Draft, step: StepPlan, spec: FunctionSpec | None, given: Given) -> Mend:
        height, width = given.shape[-2:]
        return Mend(sentence.format(height=height, width=width, given=given))

    return mend


def _any(given: Given) -> bool:
    return True


def _of_pixels(given: Given) -> bool:
    return given.kind == Kind.IMAGE


CAUSES = (
    Cause(
        "labels wanted",
        re.compile(r"(?i)label image|labels? must be|non-integer|integer (type|dtype)|of integers"),
        lambda given: np.dtype(given.dtype).kind not in "iub",
        _said(
            "It wants labels (whole numbers) and was given {given.kind.value} of {given.dtype}: "
            "label the objects in a step before it, and read that one."
        ),
    ),
    Cause(
        "stack wanted",
        re.compile(r"(?i)(3-?d|three[- ]dimension|at least 3|must be 3|ndim.{0,12}3|volum)"),
        lambda given: given.planes == 1,
        _mend_needs_volume,
    ),
    Cause(
        "plane wanted",
        re.compile(r"(?i)(2-?d\b|two[- ]dimension|must be 2|only.{0,20}2d|ndim.{0,12}2)"),
        lambda given: given.planes > 1,
        _mend_needs_plane,
    ),
    Cause(
        "dtype",
        re.compile(
            r"(?i)(dtype|data ?type|ufunc .* not supported|uint8|uint16|float32|\b8.?bit|bit depth"
            r"|not implemented for|unsupported type|cast|boolean|between -1 and 1)"
        ),
        _any,
        _mend_dtype,
    ),
    Cause(
        "one value",
        re.compile(
            r"(?i)(only one|single (color|colour|value)|constant|more than one (value|level)"
            r"|number of (classes|levels)|uniform|different values|zero-size|singular)"
        ),
        lambda given: given.n_values <= 8 and given.kind == Kind.IMAGE,
        _said(
            "The part that was tried has {given.n_values} different values only: it may be "
            "empty there, or a step before it left nothing of the image."
        ),
    ),
    Cause(
        "no positive values",
        re.compile(r"(?i)(positive|negative|log|greater than (zero|0)|domain)"),
        lambda given: _of_pixels(given) and given.lowest <= 0,
        _said(
            "It wants values above 0 and was given values from {given.lowest:g} to "
            "{given.highest:g}: add an offset or rescale in a step before it."
        ),
    ),
    Cause(
        "objects",
        re.compile(
            r"(?i)(zero-size|empty|at least (one|two|2|3|4)|no (object|label|region|marker|peak)"
            r"|not enough|too few|fewer|less than|must be (less|smaller) than)"
        ),
        lambda given: given.kind in (Kind.MASK, Kind.LABELS) and given.n_values <= 2,
        _said(
            "There was no object, or a single one, in the part that was tried: it cannot work "
            "on images without several; find more objects before it."
        ),
    ),
    Cause(
        "too small",
        re.compile(
            r"(?i)(too (small|large|big)|exceed|larger than|smaller than|greater than|out of bounds"
            r"|window|kernel|block.?size|footprint|pad(ding)?\b|at least \d+|shape mismatch"
            r"|must not be larger)"
        ),
        _any,
        _said(
            "Its window may be larger than the image ({height} × {width} px were tried): make its "
            "sizes smaller."
        ),
    ),
    Cause(
        "memory",
        re.compile(r"(?i)(MemoryError|out of memory|allocate)"),
        _any,
        _said(
            "It asked for more memory than there is, already on {height} × {width} px: make its "
            "sizes smaller, or take another function."
        ),
    ),
)  # fmt: skip
"""From the particular to the general: the first one that fits is told."""
