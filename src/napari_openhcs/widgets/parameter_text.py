"""What a form and a help card say of parameters: names in words, limits, help, and an order.

Nothing here is a widget, so that forms and cards say the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from napari_openhcs.functions.registry import specs
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.widgets.form_fields import literal_text
from napari_openhcs.widgets.style import escape

__all__ = [
    "InOrder",
    "facts_text",
    "help_line",
    "in_order",
    "label_text",
    "limits_text",
    "parameter_help",
    "plain_help",
]

WORDS = {
    "cval": "value outside",
    "ddof": "lost degrees of freedom",
    "inv": "invert",
    "max_num_iter": "most iterations",
    "max_val": "maximum value",
    "min_val": "minimum value",
    "n_bins": "bins",
    "nbins": "bins",
    "num_iter": "iterations",
    "std": "standard deviation",
    "thresh": "threshold",
    "tol": "tolerance",
}
"""Words for names that libraries abbreviate; the tool tip has the name of the script."""

MOST_ROWS = 8
"""Rows of a form before the rarely changed ones are folded away."""

RARELY_CHANGED = frozenset(
    {
        "border_type",
        "border_value",
        "clip",
        "cval",
        "dtype",
        "eps",
        "map_rotation",
        "mode",
        "order",
        "padding_mode",
        "prefilter",
        "preserve_range",
        "spacing",
        "tol",
        "truncate",
    }
)
"""Names, across libraries, of what the function's default serves nearly always."""


class InOrder(NamedTuple):
    """Parameters in the order in which a form shows them.

    Attributes
    ----------
    arrays : tuple of ParameterSpec
        To be connected; they come first.
    often : tuple of ParameterSpec
        Required ones first.
    rare : tuple of ParameterSpec
        What hardly anybody changes; empty where the form is short.
    """

    arrays: tuple[ParameterSpec, ...]
    often: tuple[ParameterSpec, ...]
    rare: tuple[ParameterSpec, ...]


def in_order(spec: FunctionSpec) -> InOrder:
    """Return a function's parameters in the order in which a form shows them."""
    long = len(spec.array_parameters) + len(spec.form_parameters) > MOST_ROWS
    often: list[ParameterSpec] = []
    rare: list[ParameterSpec] = []
    for item in spec.form_parameters:
        seldom = long and item.name in RARELY_CHANGED and not item.required
        (rare if seldom else often).append(_explained(spec, item))
    arrays = tuple(_explained(spec, item) for item in spec.array_parameters)
    return InOrder(arrays, tuple(sorted(often, key=lambda item: not item.required)), tuple(rare))


def _explained(spec: FunctionSpec, item: ParameterSpec) -> ParameterSpec:
    """Return a parameter with the help of its CPU twin where it has none of its own."""
    twin = specs().get(spec.twin) if spec.twin and not item.help else None
    known = twin.parameter(item.name) if twin is not None else None
    return item if known is None else replace(item, help=known.help)


def label_text(spec: ParameterSpec) -> str:
    """Return a parameter's name in words, with its unit."""
    words = WORDS.get(spec.name) or spec.name.replace("_", " ").strip()
    words = re.sub(r"(?<=[a-z]{2})(?=\d)", " ", words)
    return f"{words} ({spec.unit})" if spec.unit else words


def limits_text(spec: ParameterSpec) -> str:
    """Return the limits of a number, such as ``0 to 1`` or ``≥ 0``; empty without any."""
    low = "" if spec.minimum is None else f"{spec.minimum:g}"
    high = "" if spec.maximum is None else f"{spec.maximum:g}"
    if low and high:
        return f"{low} to {high}"
    return f"≥ {low}" if low else (f"≤ {high}" if high else "")


def plain_help(spec: ParameterSpec) -> str:
    """Return what the documentation says of a parameter, without its markup."""
    text = re.sub(r"\s*\[\d+\]_", "", " ".join(spec.help.replace("`", "").split()))
    # A sentence that leads to a formula or list that is not here.
    return re.sub(r"(?:^|(?<=\. ))[^.]*:$", "", text).strip()


def facts_text(spec: ParameterSpec) -> str:
    """Return type, unit, default and limits of a parameter on one line."""
    kind = spec.type
    if spec.type == "array":
        kind = f"{spec.kind}" if spec.kind is not None else "any image"
    if spec.type == "choice":
        kind = " or ".join(str(item) for item in spec.choices)
    facts = [kind, spec.unit]
    if spec.required:
        facts.append("required")
    else:
        facts.append("may stay unconnected" if spec.type == "array" else _default(spec))
    return ", ".join(fact for fact in (*facts, limits_text(spec)) if fact)


def _default(spec: ParameterSpec) -> str:
    return f"default {literal_text(spec.default)}"


def parameter_help(spec: ParameterSpec) -> str:
    """Return what a parameter is and what the documentation says of it, as rich text."""
    about = plain_help(spec)
    about = f"<br>{escape(about)}" if about else ""
    return f"<b>{escape(spec.name)}</b> ({escape(facts_text(spec))}){about}"


def help_line(spec: ParameterSpec) -> str:
    """Return the line below a field: limits, and what the parameter means."""
    first = facts_text(spec) if spec.type == "array" else limits_text(spec)
    return " · ".join(part for part in (first, plain_help(spec)) if part)
