"""dm-pix: grey values and turning of images on JAX arrays.

dm-pix works on images with channels, (Y, X, C), whose values lie in 0 to 1.  A listed function
gets an array (Y, X) all the same::

    (Y, X) ─▶ (Y, X, 1), integers divided by their dtype's maximum ─▶ dm-pix ─▶ (Y, X)

What only turns an image is given its values as they are.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.functions.libraries.base import Function, FunctionLibrary, Hints, adapt

if TYPE_CHECKING:
    from jax import Array

__all__ = ["EXPORT", "DmPix"]

RESAMPLED: Final = Hints(
    category="transform",
    contract=Contract.PLANE,
    input_kinds=(Kind.IMAGE,),
    choices={"mode": ("nearest", "constant", "mirror", "reflect", "wrap")},
    limits={"order": (0, 1)},
)


@dataclass(frozen=True)
class _Entry:
    """A listed function; `turns` only moves pixels, so that every dtype stays as it is."""

    hints: Hints
    turns: bool = False


def _grey(required: dict[str, Any], *synonyms: str, **more: Any) -> _Entry:
    hints = Hints(
        required=required,
        category="intensity",
        contract=Contract.PLANE,
        input_kinds=(Kind.IMAGE,),
        output_kind=Kind.IMAGE,
        synonyms=synonyms,
        types=dict.fromkeys(required, "float"),
        **more,
    )
    return _Entry(hints)


def _turn(*synonyms: str) -> _Entry:
    hints = Hints(
        category="transform",
        contract=Contract.PLANE,
        input_kinds=(Kind.IMAGE, Kind.MASK, Kind.LABELS),
        output_kind=Kind.IMAGE,
        synonyms=synonyms,
    )
    return _Entry(hints, turns=True)


def _resampled(required: dict[str, Any], synonyms: tuple[str, ...], **more: Any) -> Hints:
    base = {name: getattr(RESAMPLED, name) for name in RESAMPLED.__dataclass_fields__}
    return Hints(**{**base, "required": required, "synonyms": synonyms, **more})


ENTRIES: Final = {
    "adjust_brightness": _grey({"delta": 0.1}, "brightness", "brighten", "offset"),
    "adjust_contrast": _grey({"factor": 1.5}, "contrast", "enhance contrast"),
    "adjust_gamma": _grey(
        {"gamma": 0.5},
        *("gamma correction", "brighten dark parts"),
        limits={"gamma": (0.01, None)},
    ),
    "solarize": _grey({"threshold": 0.5}, "invert bright parts"),
    "flip_left_right": _turn("mirror", "flip horizontally"),
    "flip_up_down": _turn("mirror", "flip vertically"),
    "rotate": _Entry(
        _resampled(
            {"angle": 0.1},
            ("turn", "straighten"),
            types={"angle": "float"},
            units={"angle": "rad"},
        )
    ),
    "affine_transform": _Entry(
        _resampled(
            {"matrix": ((1.0, 0.1, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))},
            ("shear", "scale", "warp", "register"),
            types={"matrix": "literal", "offset": "float"},
        )
    ),
}
"""Listed functions by name."""

EXCLUDED: Final = {
    "gaussian_blur": "takes what lies outside for black, which darkens the border",
    "rot90": "changes the shape of the image",
    "elastic_deformation": "gives another result every time",
    **dict.fromkeys(("center_crop", "resize_with_crop_or_pad", "pad_to_size"), "changes the shape"),
    **dict.fromkeys(("depth_to_space", "space_to_depth", "extract_patches"), "changes the shape"),
    "ssim": "changes the shape",
    **dict.fromkeys(("mae", "mse", "psnr", "rmse", "simse"), "gives a number, no image"),
    **dict.fromkeys(
        ("adjust_hue", "adjust_saturation", "rgb_to_grayscale", "rgb_to_hsl", "rgb_to_hsv"),
        "works on colours",
    ),
    **dict.fromkeys(("hsl_to_rgb", "hsv_to_rgb"), "works on colours"),
}
"""Why other functions are not listed."""


class DmPix(FunctionLibrary):
    """Adapter of dm-pix."""

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        last = name.rpartition(".")[2]
        if last in ENTRIES:
            return ""
        random = "gives another result every time" if last.startswith("random_") else "a helper"
        return EXCLUDED.get(last, random)

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        entry = ENTRIES.get(name.rpartition(".")[2])
        return Hints() if entry is None else entry.hints

    def adapted(self, name: str, function: Function) -> Function:
        """Return the function as one of arrays (Y, X)."""
        entry = ENTRIES.get(name.rpartition(".")[2])
        if entry is None:
            return function

        def call(first: Array, **parameters: Any) -> Array:
            return _call(function, entry, first, parameters)

        made = adapt(function, call, signature=_unannotated(function))
        made.__doc__ = _numpydoc(function)
        return made

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        return f"https://dm-pix.readthedocs.io/en/latest/api.html#{name}"


def _call(function: Function, entry: _Entry, first: Array, parameters: dict[str, Any]) -> Array:
    import jax.numpy as jnp

    given = {
        name: jnp.asarray(value) if isinstance(value, tuple | list) else value
        for name, value in parameters.items()
    }
    image = first if entry.turns else _unit(first)
    found: Array = function(image[..., None], **given)[..., 0]
    return found


def _unit(image: Array) -> Array:
    """Return float32 from 0 to 1: integers divided by their dtype's maximum."""
    import jax.numpy as jnp

    if image.dtype.kind in "iu":
        return image.astype("float32") / float(jnp.iinfo(image.dtype).max)
    return image if image.dtype.kind == "f" else image.astype("float32")


def _unannotated(function: Function) -> inspect.Signature:
    """Return the signature without annotations, which say array for every number."""
    signature = inspect.signature(function)
    bare = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def _numpydoc(function: Function) -> str:
    """Return the docstring, which is in Google's form, in numpydoc's."""
    import docstring_parser

    styles = docstring_parser.DocstringStyle
    parsed = docstring_parser.parse(inspect.getdoc(function) or "", styles.GOOGLE)
    parsed.style = styles.NUMPYDOC
    return docstring_parser.compose(parsed, styles.NUMPYDOC)


EXPORT = DmPix(
    name="dm_pix",
    title="dm-pix",
    memory_type="jax",
    module="dm_pix",
    distribution="dm-pix",
    install='pip install "napari-openhcs[jax]"',
    submodules=("dm_pix",),
)
