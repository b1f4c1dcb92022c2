"""Describing a function's parameters from its signature, docstring and hints.

The type of a parameter comes from, in this order: hints, its annotation, the type text of
the numpydoc docstring, its name, the type of its default.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import docstring_parser

from napari_openhcs.axes import Kind, SpecialKind
from napari_openhcs.functions.libraries.base import Hints
from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.functions.special import special_inputs_of

__all__ = ["Described", "describe_signature", "second_array_kind"]

ENGINE = frozenset(
    (
        *("out", "output", "channel_axis", "multichannel", "axes", "dtype", "inplace", "cache"),
        *("callback", "iter_callback", "extra_arguments", "extra_keywords", "extra_properties"),
        *("workers", "num_workers", "rng", "seed", "random_state", "full_output", "plugin"),
        *("indices", "distances", "origin", "origins", "origin1", "origin2"),
    )
)
"""Parameters that are the engine's business, change the type of the result, or call back."""

FOOTPRINTS = frozenset(("footprint", "selem", "structure"))

SUGGESTED: dict[str, Any] = {
    "sigma": 2.0,
    "low_sigma": 1.0,
    "size": 3,
    "radius": 3,
    "footprint": ("disk", 3),
    "structure": ("disk", 1),
    "percentile": 50.0,
    "rank": 0,
    "shift": 1.0,
    "angle": 10.0,
    "h": 10.0,
    "axis": -1,
    "num_iter": 20,
}
"""Obvious values of parameters without a default, by name."""

NAMED = {"cval": "float", "size": "int", "order": "int", "axis": "int"}
"""Types of parameters that docstrings describe in too many ways."""

PIXELS = re.compile(
    r"^(sigma|low_sigma|high_sigma|sigmas|size|radius|distance|min_distance|max_distance|"
    r"block_size|window_size|buffer_size|patch_size|patch_distance|sigma_spatial|win_size|ball_radius|"
    r"shift_[xyz]|diameter_threshold|window)$"
)
POSITIVE = re.compile(r"^(sigma|low_sigma|high_sigma|radius|distance|min_distance|max_distance)$")
COUNTS = re.compile(r"^(size|num_iter|max_num_iter|nbins|max_iter)$")


@dataclass(frozen=True)
class Described:
    """What a signature and docstring say of a function."""

    summary: str
    first: str
    parameters: tuple[ParameterSpec, ...]
    unknown: tuple[str, ...]
    """Parameters without a default for which no value is known."""


def describe_signature(function: Callable[..., Any], hints: Hints) -> Described:
    """Describe every parameter a user may set.

    Parameters
    ----------
    function : callable
        Its first parameter is the array it works on.
    hints : Hints
        What the signature does not tell.
    """
    signature = inspect.signature(function)
    documented = docstring_parser.parse(
        inspect.getdoc(function) or "", docstring_parser.DocstringStyle.NUMPYDOC
    )
    help_texts: dict[str, tuple[str, str]] = {}
    for entry in documented.params:
        for name in re.split(r"\s*,\s*", entry.arg_name):
            help_texts[name] = (entry.type_name or "", _first_sentences(entry.description or ""))
    names = list(signature.parameters)
    specials = dict(special_inputs_of(function))
    described: list[ParameterSpec] = []
    unknown: list[str] = []
    for name in names[1:]:
        parameter = signature.parameters[name]
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        hidden = name in ENGINE or name in hints.hidden or name.startswith("return_")
        if name in hints.fixed:
            continue
        if hidden and name not in hints.required and name not in hints.arrays:
            continue
        type_text, help_text = help_texts.get(name, ("", ""))
        if name in specials:
            described.append(_special(parameter, specials[name], help_text))
            continue
        found = _describe(parameter, _annotation(function, parameter), type_text, hints)
        if found is None:
            if parameter.default is parameter.empty:
                unknown.append(name)
            continue
        described.append(_finish(found, help_text, hints))
        form = found.type != "array" and name not in hints.facts
        if found.required and form and found.suggested is None:
            unknown.append(name)
    return Described(_summary(documented), names[0], tuple(described), tuple(unknown))


def _special(parameter: inspect.Parameter, kind: SpecialKind, help_text: str) -> ParameterSpec:
    """Describe a parameter that an earlier step fills in."""
    required = parameter.default is parameter.empty
    return ParameterSpec(
        name=parameter.name,
        type="special",
        required=required,
        optional=not required,
        help=help_text,
        special=kind,
    )


def _summary(documented: docstring_parser.Docstring) -> str:
    """Return the first paragraph: some libraries break their first sentence over lines."""
    text = documented.short_description or ""
    if not documented.blank_after_short_description and documented.long_description:
        text = f"{text}\n{documented.long_description}"
    return _first_sentences(text, limit=160)


def _first_sentences(text: str, limit: int = 300) -> str:
    """Return whole sentences of the first paragraph up to about `limit` characters."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    # A formula in HTML, as some libraries have it, says little on one line.
    paragraph = re.sub(r"\s*<pre>.*?(</pre>|$)", "", paragraph)
    paragraph = re.sub(r"\s*Author\(s\): .*", "", paragraph)
    paragraph = re.sub(r":\w+:`~?([^`<]+?)(?:\s*<[^`]*>)?`", r"\1", paragraph).replace("``", "")
    if len(paragraph) <= limit:
        return paragraph
    cut = paragraph[:limit]
    end = cut.rfind(". ")
    return cut[: end + 1] if end > 40 else cut.rsplit(" ", 1)[0] + " …"


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Return a parameter's annotation as a type; None where it cannot be known here."""
    if parameter.annotation is parameter.empty:
        return None
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    namespace = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(holder, namespace)[parameter.name]
    except NameError:
        # A framework's array class, imported for type checking only.
        return None


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_literal(item) for item in value)
    return value is None or type(value) in (bool, int, float, str)


def _describe(
    parameter: inspect.Parameter, annotation: Any, type_text: str, hints: Hints
) -> ParameterSpec | None:
    """Return name, type, default and choices; None for what no literal can be given."""
    name = parameter.name
    required = parameter.default is parameter.empty or name in hints.required
    default = None if required else parameter.default
    default = tuple(default) if isinstance(default, list | range) else default
    if name in hints.arrays:
        return ParameterSpec(
            name=name,
            type="array",
            required=required,
            optional=not required,
            kind=hints.arrays[name],
        )
    no_literal = not _is_literal(default) or (
        default is None and _looks_like_array(name, type_text)
    )
    if no_literal and name not in hints.required:
        return None
    suggested = hints.required.get(name, SUGGESTED.get(name)) if required else None
    value = suggested if required else default
    kind, choices, optional = _type(name, annotation, type_text, value)
    if name in hints.choices:
        kind, choices = "choice", hints.choices[name]
    kind = hints.types.get(name, kind)
    return ParameterSpec(
        name=name,
        type=kind,
        default=default,
        required=required,
        suggested=suggested,
        optional=optional or (default is None and not required),
        choices=choices,
        per_axis=kind in ("int", "float") and bool(_PER_AXIS.search(type_text)),
    )


_PER_AXIS = re.compile(r"sequence|tuple|iterable|array_like of|list of|, or sequence", re.I)
_ARRAY = re.compile(r"ndarray|array|ndimage|sparse|callable|function|generator|transform", re.I)
_SCALAR = re.compile(r"\b(float|int|scalar|bool|str|sequence|tuple|integer|number)", re.I)


def _looks_like_array(name: str, type_text: str) -> bool:
    if name in FOOTPRINTS:
        return False
    return bool(_ARRAY.search(type_text)) and not _SCALAR.search(
        re.sub(r"array[ -]?(like)?\s*(\([^)]*\))?\s*of \w+|\([^)]*\)\s*", "", type_text)
    )


def _type(
    name: str, annotation: Any, type_text: str, value: Any
) -> tuple[str, tuple[Any, ...], bool]:
    """Return (type, choices, whether None is valid)."""
    by_annotation = _type_of_annotation(annotation)
    if by_annotation is not None:
        return by_annotation
    optional = bool(re.search(r"\bNone\b", type_text))
    choices = _choices(type_text)
    if choices and (value is None or value in choices):
        return "choice", tuple(item for item in choices if item is not None), optional
    if name in FOOTPRINTS:
        return "footprint", (), value is None
    if isinstance(value, bool):
        return "bool", (), optional
    if name in NAMED and not isinstance(value, str | tuple | float):
        return NAMED[name], (), optional or value is None
    if isinstance(value, float):
        return "float", (), optional
    if isinstance(value, int):
        says_float = re.search(r"\b(float|scalar|double|number)", type_text, re.I)
        return "float" if says_float else "int", (), optional
    if isinstance(value, str):
        return "str", (), optional
    if isinstance(value, tuple):
        return "literal", (), optional
    return _type_of_text(type_text), (), True


def _type_of_text(text: str) -> str:
    """Return the type of a parameter whose default is None: the first in its documented type."""
    found = {
        match.start(): kind
        for pattern, kind in (
            (r"tuple|sequence|list|iterable|dict", "literal"),
            (r"\b(float|scalar|double|number)", "float"),
            (r"\b(int|integer)\b", "int"),
            (r"\bbool", "bool"),
            (r"\b(str|string)\b", "str"),
        )
        if (match := re.search(pattern, text, re.I))
    }
    return found[min(found)] if found else "literal"


def _choices(text: str) -> tuple[Any, ...]:
    """Return the values in ``{'a', 'b'}`` of a documented type."""
    found = re.search(r"\{([^{}]*)\}", text)
    if found is None:
        return ()
    try:
        values = ast.literal_eval(f"({found[1].replace('‘', '').replace('’', '')},)")
    except (ValueError, SyntaxError):
        return ()
    return values if _is_literal(values) else ()


_PLAIN = {bool: "bool", int: "int", float: "float", str: "str"}


def _type_of_annotation(annotation: Any) -> tuple[str, tuple[Any, ...], bool] | None:
    """Return (type, choices, optional) of an annotation that says it, or None."""
    if annotation in _PLAIN:
        return _PLAIN[annotation], (), False
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Literal:
        choices = tuple(item for item in arguments if item is not None)
        return "choice", choices, None in arguments
    if origin is tuple or annotation is tuple:
        return "literal", (), False
    if origin in (types.UnionType, typing.Union):
        rest = [item for item in arguments if item is not type(None)]
        optional = len(rest) < len(arguments)
        if set(rest) == {int, float}:
            return "float", (), optional
        inner = _type_of_annotation(rest[0]) if len(rest) == 1 else ("literal", (), False)
        return None if inner is None else (inner[0], inner[1], inner[2] or optional)
    return None


def _finish(parameter: ParameterSpec, help_text: str, hints: Hints) -> ParameterSpec:
    """Add unit, limits and help."""
    name = parameter.name
    minimum, maximum = _limits(parameter, hints.limits)
    unit = hints.units.get(name, "px" if PIXELS.match(name) else "")
    return dataclasses.replace(
        parameter,
        help=hints.help.get(name, help_text),
        unit=unit if parameter.type in ("int", "float", "footprint", "literal") else "",
        minimum=minimum,
        maximum=maximum,
        fact=hints.facts.get(name, ""),
    )


def _limits(
    parameter: ParameterSpec, declared: Mapping[str, tuple[float | None, float | None]]
) -> tuple[float | None, float | None]:
    if parameter.name in declared:
        return declared[parameter.name]
    if parameter.type in ("int", "float"):
        if COUNTS.match(parameter.name):
            return 1.0, None
        if POSITIVE.match(parameter.name):
            return 0.0, None
        if parameter.name == "percentile":
            return 0.0, 100.0
    return None, None


def second_array_kind(name: str) -> Kind | None:
    """Guess the kind of a further array from its name."""
    if "mask" in name:
        return Kind.MASK
    if "label" in name or "marker" in name:
        return Kind.LABELS
    return Kind.IMAGE if "image" in name or "reference" in name else None
