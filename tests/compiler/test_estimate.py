"""How long a well may take: speeds times megapixels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from napari_openhcs.compiler import compile_pipeline, estimate, explain
from napari_openhcs.functions import registry
from napari_openhcs.pipeline import FunctionStep, Pipeline

GAUSSIAN = "skimage.filters.gaussian"
MEGAPIXELS = 0.0016


@pytest.fixture
def rates(monkeypatch):
    """Say how fast functions are: s a megapixel, and whether that was measured here."""
    known = {}
    monkeypatch.setattr(estimate, "speed", lambda spec: known.get(spec.id, (None, False)))
    return known


@pytest.mark.parametrize(
    ("step", "planes"),
    [
        (FunctionStep(GAUSSIAN), 4),
        (FunctionStep(GAUSSIAN, select={"channel": "DAPI"}), 2),
        (FunctionStep({"GFP": GAUSSIAN}, group_by="channel"), 2),
        (FunctionStep([GAUSSIAN, GAUSSIAN]), 8),
    ],
)
def test_seconds_of_a_step(step, planes, rates, make_plate):
    rates[GAUSSIAN] = (10.0, True)
    plan = compile_pipeline(make_plate(fields=("1", "2")), Pipeline([step]), workers=2)
    layout = plan.contexts["A01"].layout
    time = estimate.step_time(plan, layout, layout.steps[0])
    assert math.isclose(time.seconds, 10.0 * planes * MEGAPIXELS)
    assert time.measured
    seconds, unknown = estimate.plan_seconds(plan)
    assert math.isclose(seconds, time.seconds)
    assert unknown == ()
    seconds, _ = estimate.plan_seconds(replace(plan, workers=1))
    assert math.isclose(seconds, 2 * time.seconds)


def test_a_speed_that_is_not_known_is_said(rates, make_plate):
    plan = compile_pipeline(make_plate(), Pipeline([FunctionStep(GAUSSIAN, name="G")]))
    assert estimate.plan_seconds(plan) == (0.0, ("G",))
    assert "without G" in explain(plan)


def test_the_catalogue_knows_the_speed_of_common_functions():
    assert registry.get_spec(GAUSSIAN).seconds_per_megapixel > 0
