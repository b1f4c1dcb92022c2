from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.functions.libraries.base import Hints, signature_text
from napari_openhcs.functions.signature import describe_signature


def documented(
    image,
    sigma,
    size=3,
    mode="reflect",
    weight=1,
    mask=None,
    out=None,
    footprint=None,
    high=None,
    scales=range(1, 4),
    callback=len,
    *,
    cval=0,
    channel_axis=None,
    return_extra=False,
    **options,
):
    """Smooth an image. And more.

    Parameters
    ----------
    image : ndarray
        The image.
    sigma : float or sequence of floats
        How much, see :func:`other`.  Second sentence.
    size : scalar or tuple, optional
        Side.
    mode : {'reflect', 'nearest'}, optional
        At the border.
    weight : float, optional
        Of it.
    mask : ndarray of bool, optional
        Where.
    footprint : ndarray, optional
        Shape.
    high : None or float or sequence of float
        Upper.
    cval : scalar
        Beyond.
    """


def annotated(
    image: Any,
    labels: np.ndarray,
    times: int = 2,
    factor: float = 1,
    how: Literal["a", "b"] = "a",
    maybe: float | None = None,
    either: Literal["x"] | None = None,
    pair: tuple[float, float] = (0.0, 1.0),
) -> Any:
    """Do.

    Parameters
    ----------
    factor
        By how much.
    """


def found(function: Any, **hints: Any) -> dict[str, Any]:
    described = describe_signature(function, Hints(**hints))
    return {item.name: item for item in described.parameters}


def test_types_come_from_docstring_name_and_default() -> None:
    items = found(documented)
    types = {name: item.type for name, item in items.items()}
    assert types == {
        "sigma": "float",
        "size": "int",
        "mode": "choice",
        "weight": "float",
        "footprint": "footprint",
        "high": "float",
        "scales": "literal",
        "cval": "float",
    }
    assert items["mode"].choices == ("reflect", "nearest")
    assert items["scales"].default == (1, 2, 3)
    assert items["weight"].default == 1
    assert isinstance(items["weight"].default, int)
    assert items["high"].optional
    assert items["high"].per_axis
    assert items["sigma"].required
    assert items["sigma"].suggested == 2.0
    assert items["sigma"].per_axis
    assert items["sigma"].unit == "px"
    assert items["sigma"].minimum == 0
    assert items["sigma"].help == "How much, see other. Second sentence."


def test_what_is_the_engines_is_not_shown_and_arrays_only_where_known() -> None:
    items = found(documented)
    assert not {"out", "channel_axis", "return_extra", "callback", "mask", "options"} & set(items)
    wired = found(documented, arrays={"mask": Kind.MASK})["mask"]
    assert (wired.type, wired.kind, wired.required, wired.optional) == (
        "array",
        Kind.MASK,
        False,
        True,
    )


def test_hints_say_the_last_word() -> None:
    items = found(
        documented,
        required={"high": 5.0},
        hidden=("weight",),
        limits={"sigma": (0.5, 20)},
        units={"sigma": "µm"},
        choices={"mode": ("reflect", "wrap")},
        types={"size": "literal"},
    )
    assert items["high"].required
    assert items["high"].suggested == 5.0
    assert items["high"].default is None
    assert "weight" not in items
    assert (items["sigma"].minimum, items["sigma"].maximum) == (0.5, 20)
    assert items["sigma"].unit == "µm"
    assert items["mode"].choices == ("reflect", "wrap")
    assert items["size"].type == "literal"


def test_annotations_say_types() -> None:
    items = found(annotated, arrays={"labels": Kind.LABELS})
    assert {name: (item.type, item.optional) for name, item in items.items()} == {
        "labels": ("array", False),
        "times": ("int", False),
        "factor": ("float", False),
        "how": ("choice", False),
        "maybe": ("float", True),
        "either": ("choice", True),
        "pair": ("literal", False),
    }
    assert items["labels"].required
    assert items["how"].choices == ("a", "b")
    assert items["factor"].help == "By how much."


def test_a_required_parameter_without_a_known_value_is_told() -> None:
    def needs(image, matrix, sigma):
        """Need it."""

    described = describe_signature(needs, Hints())
    assert described.unknown == ("matrix",)
    assert described.summary == "Need it."
    assert described.first == "image"


@pytest.mark.parametrize("call", [lambda x, f=lambda: 0: x])
def test_signature_text_is_the_same_in_every_process(call: Any) -> None:
    assert "0x" not in signature_text(call)
    assert signature_text(annotated).startswith("(image, labels, times=2, factor=1, how='a'")


def test_the_summary_is_a_whole_sentence_also_over_two_lines():
    def add(image):
        """Adds two images weighted with
        factors a and b. Author(s): A. Person

        More of it.
        """
        return image

    assert (
        describe_signature(add, Hints()).summary == "Adds two images weighted with factors a and b."
    )


def test_a_formula_in_html_is_left_out_of_the_summary():
    def add(image, scalar=1.0):
        """Adds a number to every pixel. <pre>f(x, s) = x + s</pre>

        Parameters
        ----------
        image : array
        """

    assert describe_signature(add, Hints()).summary == "Adds a number to every pixel."
