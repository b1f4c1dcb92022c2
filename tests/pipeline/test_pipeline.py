from __future__ import annotations

import pytest

from napari_openhcs.errors import PipelineError
from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig

A, B, C = (FunctionStep("skimage.filters.gaussian", name=name) for name in ("A", "B", "C"))


def names(pipeline: Pipeline) -> str:
    return "".join(step.name for step in pipeline)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda p: p.insert(0, B), "BABC"),
        (lambda p: p.insert(3, A), "ABCA"),
        (lambda p: p.remove(1), "AC"),
        (lambda p: p.move(0, 2), "BCA"),
        (lambda p: p.move(2, 0), "CAB"),
        (lambda p: p.set_step(1, C), "ACC"),
    ],
)
def test_an_edit_gives_a_new_pipeline(edit: object, expected: str) -> None:
    pipeline = Pipeline([A, B, C])
    assert names(edit(pipeline)) == expected  # type: ignore[operator]
    assert names(pipeline) == "ABC"


def test_only_steps_are_steps() -> None:
    with pytest.raises(PipelineError, match="Item 2"):
        Pipeline([A, "gaussian"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "values",
    [
        {"ome_version": "0.3"},
        {"compressor": "rar"},
        {"level": 10},
        {"level": True},
        {"max_attempts": 0},
        {"memory_fraction": 1.5},
        {"step_time_limit_s": 0},
    ],
)
def test_a_configuration_no_run_could_use_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(PipelineError, match=next(iter(values))):
        PipelineConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{"name": 5}, {"config": 5}])
def test_a_name_is_text_and_a_config_a_config(values: dict[str, object]) -> None:
    with pytest.raises(PipelineError, match=f"The pipeline's {next(iter(values))} is 5: expected"):
        Pipeline([A], **values)  # type: ignore[arg-type]
