"""What a person should know of a function before adding it, as rich text."""

from __future__ import annotations

import base64

from napari_openhcs.functions.pictures import before_and_after
from napari_openhcs.functions.registry import install_command, is_available
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.widgets.parameter_text import in_order, parameter_help
from napari_openhcs.widgets.style import escape

__all__ = ["function_card", "speed_class"]


def function_card(spec: FunctionSpec) -> str:
    """Return summary, pictures, contract, pixel types, speed and parameters of a function."""
    module, _, name = spec.id.rpartition(".")
    lines = [f"<b>{escape(name)}</b> <small>from {escape(module)}</small>", escape(spec.summary)]
    if not is_available(spec):
        lines.append(f"Not installed here: <code>{escape(install_command(spec))}</code>")
    text = "<br>".join(lines) + _pictures(spec) + "<br>".join(_facts(spec)) + _parameters(spec)
    if spec.doc_url:
        text += f"<a href='{spec.doc_url}'>Documentation of {escape(spec.library)}</a>"
    return text


def _facts(spec: FunctionSpec) -> list[str]:
    """Return lines on contract, memory, pixel types and speed."""
    kinds = " or ".join(str(kind) for kind in spec.input_kinds)
    memory = spec.memory_type_in
    if spec.memory_type_out != memory:
        memory = f"{memory} to {spec.memory_type_out}"
    lines = [f"{kinds} to {spec.output_kind}, {_contract(spec)}; {memory}"]
    if spec.dtypes:
        pairs = ", ".join(f"{given} → {got}" for given, got in spec.dtypes.items())
        lines.append(f"Pixel types: {pairs}")
    if spec.seconds_per_megapixel is not None:
        lines.append(f"Speed: {speed_class(spec.seconds_per_megapixel)}")
    return lines


def _parameters(spec: FunctionSpec) -> str:
    """Return the parameters in the order of the form, each with its help below it."""
    arrays, often, rare = in_order(spec)
    parts = (
        ("To be connected", arrays),
        ("Parameters", often),
        ("Rarely changed", rare),
        ("Filled in from the plate", spec.fact_parameters),
    )
    return "".join(
        f"<p style='margin:6px 0 2px 0'>{title}</p>"
        + "".join(f"<p style='margin:2px 0 2px 10px'>{parameter_help(item)}</p>" for item in items)
        for title, items in parts
        if items
    )


def speed_class(seconds_per_megapixel: float) -> str:
    """Return in words how long a plane of a megapixel takes on one core."""
    if seconds_per_megapixel < 0.1:
        return f"fast, {max(seconds_per_megapixel * 1000, 1):.0f} ms a megapixel"
    word = "moderate" if seconds_per_megapixel < 2 else "slow"
    return f"{word}, {seconds_per_megapixel:.2g} s a megapixel"


def _pictures(spec: FunctionSpec) -> str:
    pictures = before_and_after(spec)
    if pictures is None:
        return "<br>"
    before, after = (
        f"<img src='data:image/{_format(picture)};base64,{base64.b64encode(picture).decode()}'>"
        for picture in pictures
    )
    return (
        "<table cellspacing='0' cellpadding='2' style='margin-top:4px'>"
        f"<tr><td>{before}</td><td valign='middle'>&nbsp;→&nbsp;</td><td>{after}</td></tr></table>"
    )


def _format(picture: bytes) -> str:
    return "png" if picture.startswith(b"\x89PNG") else "jpeg"


def _contract(spec: FunctionSpec) -> str:
    return {
        "plane": "plane by plane",
        "volume": "whole volumes",
        "flexible": "plane by plane or whole volumes",
        "reduce": "a stack becomes one plane",
        "labels": "objects get numbers",
        "table": "one row an object",
    }[str(spec.contract)]
