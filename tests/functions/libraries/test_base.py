from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_openhcs.functions.classify import draft_spec
from napari_openhcs.functions.libraries.base import (
    Function,
    FunctionLibrary,
    Hints,
    adapt,
    signature_text,
)


def split(image, radius=2, axis=None, grey=True):
    """Split an image.

    Parameters
    ----------
    image : ndarray
    radius : int
        How far.
    axis : int
        Which axis.
    """
    return image * radius, axis, grey


@dataclass(frozen=True, kw_only=True)
class Adapter(FunctionLibrary):
    given: Hints

    def hints(self, name: str) -> Hints:
        return self.given


def library(**given: Any) -> Adapter:
    return Adapter(
        name="mine",
        title="Mine",
        memory_type="numpy",
        module="numpy",
        distribution="numpy",
        install="",
        given=Hints(**given),
    )


def test_a_function_is_called_itself_where_nothing_is_fixed() -> None:
    assert library().adapted("split", split) is split


def test_fixed_values_are_passed_and_one_result_is_chosen() -> None:
    adapted = library(fixed={"axis": 1}, part=0).adapted("split", split)
    np.testing.assert_array_equal(adapted(np.ones(3), radius=5), np.full(3, 5.0))
    assert library(fixed={"axis": 7}, part=1).adapted("split", split)(np.ones(3)) == 7


def test_what_was_adapted_has_the_names_of_the_function_and_says_what_is_done() -> None:
    mine = library(fixed={"axis": 1}, part=0, help={"radius": "In px."})
    adapted = mine.adapted("split", split)
    assert (adapted.__module__, adapted.__qualname__) == (split.__module__, split.__qualname__)
    assert signature_text(adapted) == signature_text(split)
    spec = draft_spec(mine, "split", split, mine.given)
    assert spec.implementation == f"{__name__}:split"
    assert spec.summary == "Split an image (called with axis=1; gives item 0 of the results)"
    assert [item.name for item in spec.parameters] == ["radius", "grey"]
    assert spec.parameters[0].help == "In px."


def test_a_call_stands_for_a_function_with_parameters_of_its_own() -> None:
    def twice(function: Function) -> Function:
        def call(image: Any, factor: int = 2) -> Any:
            return function(image, radius=factor)[0]

        return adapt(function, call, summary="Double.", signature=inspect.signature(call))

    adapted = twice(split)
    assert adapted(np.ones(1))[0] == 2
    assert signature_text(adapted) == "(image, factor=2)"
    assert adapted.__name__ == "split"
    assert (adapted.__doc__ or "").startswith("Double.\n\nParameters")
    assert not hasattr(adapted, "__wrapped__")
