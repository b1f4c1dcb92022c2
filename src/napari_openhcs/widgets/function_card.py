"""What a person should know of a function before adding it, as rich text."""

from __future__ import annotations

import base64

from napari_openhcs.functions.pictures import before_and_after
from napari_openhcs.functions.registry import install_command, is_available
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.widgets.form_row import parameter_help
from napari_openhcs.widgets.style import escape

__all__ = ["function_card", "speed_class"]


def function_card(spec: FunctionSpec) -> str:
    """Return summary, pictures, contract, pixel types, speed and parameters of a function."""
    kinds = " or ".join(str(kind) for kind in spec.input_kinds)
    lines = [
        f"<b>{escape(spec.id)}</b>",
        escape(spec.summary),
        f"{kinds} to {spec.output_kind}, {_contract(spec)}; {spec.memory_type_in}"
        + ("" if spec.memory_type_in == spec.memory_type_out else f" to {spec.memory_type_out}"),
    ]
    if not is_available(spec):
        lines.insert(2, f"Not installed here: <code>{escape(install_command(spec))}</code>")
    if spec.dtypes:
        pairs = ", ".join(f"{given} → {got}" for given, got in spec.dtypes.items())
        lines.append(f"Pixel types: {pairs}")
    if spec.seconds_per_megapixel is not None:
        lines.append(f"Speed: {speed_class(spec.seconds_per_megapixel)}")
    text = "<br>".join(lines) + _pictures(spec)
    if spec.parameters:
        names = "".join(f"<li>{parameter_help(item)}</li>" for item in spec.parameters)
        text += f"Parameters:<ul style='margin-left:-24px'>{names}</ul>"
    if spec.doc_url:
        text += f"<a href='{spec.doc_url}'>Documentation of {escape(spec.library)}</a>"
    return text


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
