from __future__ import annotations

import pickle

import pytest

from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.pipeline import FunctionCall, FunctionStep

GAUSSIAN = "skimage.filters.gaussian"
MEDIAN = "scipy.ndimage.median_filter"


class TestPatterns:
    @pytest.mark.parametrize(
        ("func", "expected"),
        [
            (GAUSSIAN, FunctionCall(GAUSSIAN)),
            ((GAUSSIAN, {"sigma": 2}), FunctionCall(GAUSSIAN, {"sigma": 2})),
            (
                [GAUSSIAN, (MEDIAN, {"size": 3})],
                (FunctionCall(GAUSSIAN), FunctionCall(MEDIAN, {"size": 3})),
            ),
            ((GAUSSIAN, MEDIAN), (FunctionCall(GAUSSIAN), FunctionCall(MEDIAN))),
            ({"1": GAUSSIAN, 2: None}, FrozenMapping({"1": FunctionCall(GAUSSIAN), "2": None})),
        ],
    )
    def test_the_four_ways_to_write_one(self, func: object, expected: object) -> None:
        assert FunctionStep(func).func == expected

    def test_a_real_function_becomes_its_id(self) -> None:
        from skimage.filters import gaussian

        assert FunctionStep(gaussian) == FunctionStep(GAUSSIAN)

    @pytest.mark.parametrize("func", [[], 3, None, (GAUSSIAN, {"sigma": object()}), (3, {})])
    def test_anything_else_is_refused(self, func: object) -> None:
        with pytest.raises(PipelineError):
            FunctionStep(func)

    def test_chains_and_calls_name_their_key(self) -> None:
        step = FunctionStep({"1": [GAUSSIAN, MEDIAN], "2": MEDIAN, "3": None}, group_by="channel")
        assert [(key, len(chain)) for key, chain in step.chains()] == [("1", 2), ("2", 1)]
        assert [key for key, _ in step.calls()] == ["1", "1", "2"]


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"group_by": "colour"},
            {"variable_components": ("plate",)},
            {"select": {"colour": "red"}},
            {"select": "DAPI"},
            {"inputs": "Nuclei"},
            {"inputs": {"labels": 3}},
            {"volume": 1},
            {"dtype": "uint17"},
            {"time_limit_s": -1},
            {"name": 7},
        ],
    )
    def test_a_wrong_value_is_refused_with_its_name(self, options: dict[str, object]) -> None:
        with pytest.raises(PipelineError, match=r"expected"):
            FunctionStep(GAUSSIAN, **options)

    def test_equal_steps_are_equal_hash_and_pickle(self) -> None:
        one = FunctionStep((GAUSSIAN, {"sigma": (1, 2)}), select={"channel": "DAPI"})
        two = FunctionStep((GAUSSIAN, {"sigma": [1, 2]}), select={"channel": ["DAPI"]})
        assert one == two
        assert hash(one) == hash(two)
        assert pickle.loads(pickle.dumps(one)) == one

    def test_a_step_cannot_be_changed_in_place(self) -> None:
        step = FunctionStep(GAUSSIAN)
        with pytest.raises(AttributeError):
            step.name = "other"  # type: ignore[misc]
        assert step.replace(name="other").name == "other"
        assert step.name == ""

    @pytest.mark.parametrize(
        ("step", "title"),
        [
            (FunctionStep(GAUSSIAN), "Gaussian"),
            (FunctionStep([GAUSSIAN, MEDIAN]), "Median filter"),
            (FunctionStep(GAUSSIAN, name="Smooth"), "Smooth"),
        ],
    )
    def test_title(self, step: FunctionStep, title: str) -> None:
        assert step.title == title


def test_parameters_are_set_and_reset_in_a_copy() -> None:
    call = FunctionCall(GAUSSIAN, {"sigma": 1})
    changed = call.with_parameter("mode", "reflect")
    assert changed.parameters == {"sigma": 1, "mode": "reflect"}
    assert changed.without_parameter("sigma").parameters == {"mode": "reflect"}
    assert call.parameters == {"sigma": 1}
