"""What forms and cards say of parameters, and in which order."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from napari_openhcs.axes import Kind
from napari_openhcs.functions.registry import get_spec
from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.widgets.parameter_text import (
    facts_text,
    help_line,
    in_order,
    label_text,
    limits_text,
    parameter_help,
    plain_help,
)

pytestmark = pytest.mark.window


@pytest.mark.parametrize(
    ("name", "unit", "text"),
    [
        ("sigma_x", "px", "sigma x (px)"),
        ("cval", "", "value outside"),
        ("max_num_iter", "", "most iterations"),
        ("lambda1", "", "lambda 1"),
        ("p0", "", "p0"),
        ("angle", "°", "angle (°)"),
    ],
)
def test_names_in_words(name, unit, text):
    assert label_text(ParameterSpec(name=name, type="float", unit=unit)) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0, 1, "0 to 1"), (0.01, None, "≥ 0.01"), (None, 100, "≤ 100"), (None, None, "")],
)
def test_limits(low, high, text):
    assert limits_text(ParameterSpec(name="x", type="float", minimum=low, maximum=high)) == text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Past edges if `mode` is 'constant'.", "Past edges if mode is 'constant'."),
        ("Use compact watershed [1]_ with it.", "Use compact watershed with it."),
        ("Axis of the filter. This is defined as::", "Axis of the filter."),
        ("Possible values are::", ""),
    ],
)
def test_help_without_its_markup(given, said):
    assert plain_help(ParameterSpec(name="x", type="int", help=given)) == said


def test_facts_are_said_once_each():
    spec = ParameterSpec(
        name="mode", type="choice", default="wrap", choices=("wrap", "mirror"), help="Edges <b>."
    )
    assert facts_text(spec) == "wrap or mirror, default 'wrap'"
    assert parameter_help(spec).endswith("<br>Edges &lt;b&gt;.")
    wire = ParameterSpec(name="labels", type="array", kind=Kind.LABELS, required=True)
    assert help_line(wire) == "labels, required"
    free = ParameterSpec(name="mask", type="array", help="Where.")
    assert help_line(free) == "any image, may stay unconnected · Where."
    number = ParameterSpec(name="x", type="float", default=1.0, minimum=0, help="Width.")
    assert help_line(number) == "≥ 0 · Width."


def test_required_ones_come_first_and_nothing_is_lost():
    spec = get_spec("pyclesperanto.rotate")
    order = in_order(spec)
    required = [item.required for item in order.often]
    assert required == sorted(required, reverse=True)
    names = {item.name for item in (*order.arrays, *order.often, *order.rare)}
    assert names == {item.name for item in spec.parameters if not item.fact}


def test_only_a_long_form_has_rarely_changed_ones():
    assert not in_order(get_spec("skimage.filters.gaussian")).rare
    rare = {item.name for item in in_order(get_spec("skimage.transform.swirl")).rare}
    assert rare == {"order", "mode", "cval", "clip", "preserve_range"}


def test_a_twin_is_explained_by_the_function_it_is_the_twin_of():
    spec = get_spec("cupyx.scipy.ndimage.gaussian_filter")
    known = {item.name: item.help for item in get_spec("scipy.ndimage.gaussian_filter").parameters}
    order = in_order(spec)
    sigma = next(item for item in order.often if item.name == "sigma")
    assert sigma.help
    assert sigma.help == known["sigma"]
