"""Decorators of special outputs and inputs, and the values they promise."""

from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.axes import Contract, Kind, SpecialKind
from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.functions.special import (
    FORMATS,
    checked_special,
    example_of,
    main_result,
    special_inputs,
    special_inputs_of,
    special_outputs,
    special_outputs_of,
)
from napari_openhcs.plan import FunctionPlan


def brightest(image):
    return image, np.argwhere(image == image.max())


def mark(image, points, value=0):
    points += 0  # in place: what is kept must not change
    image[tuple(np.rint(points).astype(int).T)] = value
    points[:] = -1
    return image


FUNCTIONS = {"brightest": brightest, "mark": mark}


def plan(function, *, inputs=(), outputs=(), stack=False, contract=Contract.PLANE):
    return FunctionPlan(
        function=function,
        parameters=FrozenMapping(),
        memory_type_in="numpy",
        memory_type_out="numpy",
        contract=contract,
        applies_to="stack" if stack else "plane",
        output_kind=Kind.IMAGE,
        special_inputs=tuple(inputs),
        special_outputs=tuple(outputs),
    )


BRIGHTEST = plan("brightest", outputs=(("points", SpecialKind.POSITIONS),))
MARK = plan("mark", inputs=("points",))


def planes(*places):
    made = []
    for place in places:
        plane = np.ones((4, 5), np.uint16)
        plane[place] = 9
        made.append(plane)
    return made


def run(chain, given, specials=None, functions=FUNCTIONS):
    found = {} if specials is None else specials
    result = apply_chain(
        chain, given, {}, dtype_policy="preserve", resolve=functions.__getitem__, specials=found
    )
    return result, found


def test_decorators_change_nothing_but_what_is_known_of_the_function():
    def function(image, points):
        return image, {}, []

    marked = special_outputs("table", outlines="regions")(
        special_inputs(points="positions")(function)
    )
    assert marked is function
    assert special_outputs_of(marked) == (
        ("table", SpecialKind.TABLE),
        ("outlines", SpecialKind.REGIONS),
    )
    assert special_inputs_of(marked) == (("points", SpecialKind.POSITIONS),)
    assert special_outputs_of(brightest) == ()


@pytest.mark.parametrize(
    ("names", "kinds", "says"),
    [
        (("spots",), {}, "'spots' is no kind of special output"),
        ((), {"spots": "csv"}, "'csv' is no kind of special output"),
        (("positions",), {"positions": "table"}, "'positions' is named twice"),
        (("table", "table"), {}, "'table' is named twice"),
    ],
)
def test_a_kind_that_is_none_is_refused(names, kinds, says):
    for decorator in (special_outputs, special_inputs):
        with pytest.raises(ParameterError, match=says):
            decorator(*names, **kinds)


def test_each_plane_gives_its_own():
    given = planes((0, 1), (2, 3))
    result, found = run([BRIGHTEST], given)
    assert [item.tolist() for item in found["points"]] == [[[0.0, 1.0]], [[2.0, 3.0]]]
    assert found["points"][0].dtype == np.float64
    for plane, same in zip(given, result, strict=True):
        assert np.array_equal(plane, same)


def test_a_later_call_takes_it_and_cannot_change_it():
    result, found = run([BRIGHTEST, MARK], planes((0, 1), (2, 3)))
    assert [int(plane.min()) for plane in result] == [0, 0]
    assert result[0][0, 1] == 0
    assert result[1][2, 3] == 0
    assert found["points"][0].tolist() == [[0.0, 1.0]]


def test_one_for_all_planes_serves_each():
    points = np.array([[1.0, 1.0]])
    result, _ = run([MARK], planes((0, 1), (2, 3)), {"points": [points]})
    assert all(plane[1, 1] == 0 for plane in result)
    assert points.tolist() == [[1.0, 1.0]]


def test_a_stack_gives_one_and_takes_one():
    volume = plan(
        "brightest",
        outputs=(("points", SpecialKind.POSITIONS),),
        stack=True,
        contract=Contract.VOLUME,
    )
    result, found = run([volume], planes((0, 1), (2, 3)))
    assert len(result) == 2
    assert found["points"][0].tolist() == [[0, 0, 1], [1, 2, 3]]
    deep = plan("mark", inputs=("points",), stack=True, contract=Contract.VOLUME)
    result, _ = run([deep], planes((0, 1), (2, 3)), found)
    assert result[0][0, 1] == result[1][2, 3] == 0
    with pytest.raises(ContractError, match="works on 1 planes, and 'points' has 2"):
        run([deep], planes((0, 1), (2, 3)), {"points": [np.zeros((1, 3)), np.zeros((1, 3))]})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (lambda image: image, "brightest gave ndarray: expected its main result and then points"),
        (lambda image: (image,), "brightest gave 1 results"),
        (lambda image: (image, image, image), "brightest gave 3 results"),
        (
            lambda image: (image, "here"),
            "gave 'points' as str: expected finite positions",
        ),
    ],
)
def test_a_result_that_is_not_what_was_promised_is_named(given, says):
    with pytest.raises(ContractError, match=says):
        run([BRIGHTEST], planes((0, 1)), functions={"brightest": given})


def test_arrays_of_a_framework_come_and_go_as_its_own():
    torch = pytest.importorskip("torch")
    seen = []

    def on_tensors(image, points):
        seen.append((type(points), points.dtype))
        return image, points + 1, {"y": points[:, 0]}

    call = FunctionPlan(
        **{
            **{name: getattr(MARK, name) for name in MARK.__dataclass_fields__},
            "memory_type_in": "torch",
            "memory_type_out": "torch",
            "special_outputs": (("more", SpecialKind.POSITIONS), ("rows", SpecialKind.TABLE)),
        }
    )
    _, found = run(
        [call], planes((0, 1)), {"points": [np.array([[1.0, 2.0]])]}, {"mark": on_tensors}
    )
    assert seen == [(torch.Tensor, torch.float64)]
    assert isinstance(found["more"][0], np.ndarray)
    assert found["more"][0].tolist() == [[2.0, 3.0]]
    assert found["rows"][0]["y"].tolist() == [1.0]


GOOD = [
    (SpecialKind.POSITIONS, [(1, 2), (3, 4)]),
    (SpecialKind.POSITIONS, np.zeros((0, 3))),
    (SpecialKind.REGIONS, [np.zeros((3, 2)), [(0, 0), (1, 1), (2, 0)]]),
    (SpecialKind.REGIONS, ()),
    (SpecialKind.TABLE, {"label": [1, 2], "name": ["a", "b"], "far": np.array([np.nan, 1])}),
    (SpecialKind.TABLE, {}),
    (SpecialKind.JSON, {"n": np.int64(3), "deep": [(1.5, None), {"a": np.array([1, 2])}]}),
    (SpecialKind.IMAGE, np.zeros((3, 4), bool)),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_values_come_into_one_form(kind, value):
    once = checked_special(kind, value, "f gave 'x'")
    twice = checked_special(kind, once, "f gave 'x'")
    assert repr(once) == repr(twice)


BAD = [
    (SpecialKind.POSITIONS, np.zeros(3), r"an array of shape \(3,\): expected finite positions"),
    (SpecialKind.POSITIONS, np.zeros((3, 4)), r"shape \(3, 4\)"),
    (SpecialKind.POSITIONS, [[np.nan, 1]], "as list: expected finite"),
    (SpecialKind.POSITIONS, [[1], [1, 2]], "as list"),
    (SpecialKind.REGIONS, np.zeros((3, 2)), "something else than outlines"),
    (SpecialKind.REGIONS, [np.zeros((2, 2))], "at least three"),
    (SpecialKind.REGIONS, [np.zeros((4, 3))], "something else than outlines"),
    (SpecialKind.TABLE, [1, 2], "as list: expected a table"),
    (SpecialKind.TABLE, {"a": [1, 2], "b": [1]}, "expected one value a row"),
    (SpecialKind.TABLE, {"a": [object()]}, "a column 'a' of object"),
    (SpecialKind.JSON, {1: 2}, "a key that is no text"),
    (SpecialKind.JSON, {"a": object()}, "expected text, finite numbers"),
    (SpecialKind.JSON, [float("inf")], "with inf in it"),
    (SpecialKind.IMAGE, [[1]], "as list: expected an image"),
    (SpecialKind.IMAGE, np.zeros(3), r"float64 \(3,\): expected an image"),
]


@pytest.mark.parametrize(("kind", "value", "says"), BAD)
def test_values_of_another_kind_are_refused_in_one_sentence(kind, value, says):
    with pytest.raises(ContractError, match=says) as caught:
        checked_special(kind, value, "spots.find gave 'x'")
    assert str(caught.value).startswith("spots.find gave 'x'")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", list(SpecialKind))
@pytest.mark.parametrize("shape", [(20, 30), (5, 20, 30)])
def test_every_kind_has_an_example_and_a_format(kind, shape):
    checked_special(kind, example_of(kind, shape), "the example")
    assert FORMATS[kind]


def test_only_the_main_result_is_judged_when_a_function_is_established():
    function = main_result(brightest, (("points", SpecialKind.POSITIONS),), "brightest")
    image = planes((0, 1))[0]
    assert function(image) is image
    wrong = main_result(lambda image: (image, 3), (("points", SpecialKind.POSITIONS),), "wrong")
    with pytest.raises(ContractError, match="wrong gave 'points' as an array of shape"):
        wrong(image)
