"""Defaults, pipeline and step: what counts, and who said so."""

from __future__ import annotations

import pytest

from napari_openhcs.errors import PipelineError
from napari_openhcs.pipeline import FunctionStep, PipelineConfig
from napari_openhcs.pipeline.levels import STEP_OPTIONS, resolved

STEP = FunctionStep("skimage.filters.gaussian")


@pytest.mark.parametrize(
    ("config", "step", "option", "expected"),
    [
        ({}, {}, "time_limit_s", (None, "default")),
        ({"step_time_limit_s": 60}, {}, "time_limit_s", (60, "pipeline")),
        ({"step_time_limit_s": 60}, {"time_limit_s": 5}, "time_limit_s", (5, "step")),
        ({}, {"time_limit_s": 5}, "time_limit_s", (5, "step")),
        ({}, {}, "oom_retries", (2, "default")),
        ({"oom_retries": 4}, {}, "oom_retries", (4, "pipeline")),
        ({"oom_retries": 4}, {"oom_retries": 0}, "oom_retries", (0, "step")),
        ({}, {}, "cpu_fallback", (True, "default")),
        ({"cpu_fallback": False}, {}, "cpu_fallback", (False, "pipeline")),
        ({"cpu_fallback": False}, {"cpu_fallback": True}, "cpu_fallback", (True, "step")),
    ],
)
def test_the_nearest_level_counts(config, step, option, expected):
    found = resolved(PipelineConfig(**config), STEP.replace(**step))
    assert tuple(found) == STEP_OPTIONS
    assert found[option] == expected
    assert (found[option].value, found[option].level) == expected


def test_without_a_step_it_is_the_whole_configuration():
    found = resolved(PipelineConfig(level=7, ome_version="0.5"))
    assert found["level"] == (7, "pipeline")
    assert found["ome_version"] == ("0.5", "default")
    assert set(found) == set(PipelineConfig.__dataclass_fields__)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"oom_retries": -1}, "oom_retries is -1: expected None or a whole number from 0"),
        ({"oom_retries": True}, "oom_retries is True"),
        ({"cpu_fallback": 1}, "cpu_fallback is 1: expected True, False or None"),
        ({"special_outputs": ["csv"]}, "special_outputs is"),
        ({"special_outputs": {"positions": 1}}, "special_outputs is"),
    ],
)
def test_what_no_step_can_have_is_refused(values, says):
    with pytest.raises(PipelineError, match=says):
        STEP.replace(**values)
    if "cpu_fallback" in values:
        with pytest.raises(PipelineError, match="cpu_fallback is 1"):
            PipelineConfig(**values)
