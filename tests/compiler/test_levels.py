"""The plan holds what counts for each step, and tells who said so."""

from __future__ import annotations

import pytest

from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.compiler.explain import compile_document, explain
from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.plan import decode_plan, encode_plan

pytestmark = pytest.mark.usefixtures("lab")


def test_levels_are_in_the_plan_and_told(make_plate):
    pipeline = Pipeline(
        [
            FunctionStep("lab.smooth", name="Quick", time_limit_s=5),
            FunctionStep("lab.smooth", name="Slow", oom_retries=0, cpu_fallback=False),
        ],
        config=PipelineConfig(step_time_limit_s=60, oom_retries=4, level=7),
    )
    plan = compile_pipeline(make_plate(), pipeline)
    quick, slow = plan.contexts["A01"].layout.steps
    assert (quick.time_limit_s, quick.oom_retries, quick.cpu_fallback) == (5, 4, True)
    assert (slow.time_limit_s, slow.oom_retries, slow.cpu_fallback) == (60, 0, False)
    assert dict(quick.levels) == {
        "time_limit_s": "step",
        "oom_retries": "pipeline",
        "cpu_fallback": "default",
    }
    assert dict(slow.levels) == {
        "time_limit_s": "pipeline",
        "oom_retries": "step",
        "cpu_fallback": "step",
    }
    text = explain(plan)
    assert "  limits   time limit 5 s a well (step)\n" in text
    assert "  limits   time limit 60 s a well (pipeline)\n" in text
    assert "  level 7 (pipeline)\n" in text
    assert "  compressor lz4 (default)\n" in text
    limits = compile_document(plan, 0.0)["steps"][0]["limits"]
    assert limits["time_limit_s"] == {"value": 5, "level": "step"}
    assert decode_plan(encode_plan(plan)) == plan


def test_limits_change_no_result_and_no_key(make_plate):
    plate = make_plate()
    step = FunctionStep("lab.smooth")
    keys = {
        compile_pipeline(plate, Pipeline([step.replace(**options)])).key
        for options in ({}, {"time_limit_s": 9}, {"oom_retries": 1}, {"cpu_fallback": False})
    }
    assert len(keys) == 1
