"""Why a function stopped, in our words: a table of what libraries say and what is told."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.compiler import compile_pipeline, trials
from napari_openhcs.compiler.causes import Given, cause_of, others_taking
from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.functions import registry
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.fix import apply_fix

Step = FunctionStep
FLOAT = np.linspace(-1, 1, 64).reshape(8, 8)
IMAGE = np.arange(64, dtype=np.uint16).reshape(8, 8)
ONE = np.zeros((8, 8), np.int32)

CASES = [
    # What libraries say, word for word, on what, and what is told.
    (ValueError("Images of type float must be between -1 and 1."), FLOAT, "does not take float64"),
    (TypeError("ufunc 'bitwise_and' not supported for the input types"), FLOAT, "float64"),
    (RuntimeError("'median' not implemented for 'UInt16'"), IMAGE, "does not take uint16"),
    (TypeError("Non-integer image types are ambiguous: label it"), FLOAT, "wants labels"),
    (ValueError("The image must be 3-dimensional"), IMAGE, "needs a stack"),
    (ValueError("Only 2-D images are supported"), [IMAGE, IMAGE], "single planes"),
    (ValueError("threshold_otsu is expected to work with images having more than one value"),
     ONE.astype(np.uint16), "1 different values only"),
    (ValueError("Array must only contain positive values"), FLOAT, "values above 0"),
    (ValueError("attempt to get argmax of an empty sequence"), ONE, "no object"),
    (ValueError("not enough points: at least 4 are needed"), ONE, "no object"),
    (ValueError("window_size 15 exceeds the size of the image"), IMAGE, "8 × 8 px"),
    (MemoryError("Unable to allocate 8 TiB"), IMAGE, "more memory"),
    (KeyError("what"), IMAGE, "Change its parameters"),
]  # fmt: skip


@pytest.fixture
def draft(make_draft, lab):
    steps = [Step("lab.smooth", name="S"), Step("lab.rank", name="R")]
    return initialize_step_plans_for_context(make_draft(steps))


@pytest.mark.parametrize(("error", "given", "says"), CASES, ids=lambda case: str(case)[:40])
def test_cause(error, given, says, draft):
    planes = given if isinstance(given, list) else [given]
    labels = planes[0].dtype == np.int32
    met = Given.of(planes, Kind.LABELS if labels else Kind.IMAGE)
    mend = cause_of(draft, draft.steps[1], "lab.rank", error, met)
    assert says in mend.sentence
    assert mend.sentence.endswith(".")


def test_nothing_is_guessed_of_what_is_not_known(draft):
    mend = cause_of(draft, draft.steps[1], "lab.rank", ValueError("uint8"), None)
    assert mend.sentence == "Change its parameters, or what it reads."


def test_a_function_for_other_pixels_names_one_that_takes_them(make_plate):
    """The example of the guide: a rank filter on floating-point pixels."""
    steps = [
        Step("skimage.filters.gaussian", name="Smooth", dtype="float32"),
        Step("skimage.filters.rank.median", name="Rank"),
    ]
    plate, pipeline = make_plate(size=64), Pipeline(steps)
    (problem,) = compile_pipeline(plate, pipeline).problems
    assert "Set dtype='uint8' on step 1" in problem.message
    assert "median" in problem.message.partition("or use ")[2]
    assert compile_pipeline(plate, apply_fix(pipeline, problem.fix)).ok


def test_others_are_namesakes_that_can_be_called_alike():
    spec = registry.get_spec("skimage.filters.rank.median")
    others = others_taking(spec, "float32", limit=5)
    assert others
    for other in others:
        assert "median" in other.id
        assert other.category == spec.category
        assert "float32" in other.dtypes
        assert other.memory_type_in == "numpy"


def test_a_function_that_hangs_ends_within_its_limit(make_plate, monkeypatch, lab):
    monkeypatch.setattr(trials, "LIMIT_S", 0.2)
    monkeypatch.setitem(lab, "hang", lambda image: time.sleep(30))
    start = time.perf_counter()
    plan = compile_pipeline(make_plate(), Pipeline([Step("lab.hang"), Step("lab.smooth")]))
    assert time.perf_counter() - start < 5
    assert [(item.step, item.code) for item in plan.problems] == [(1, "step_too_slow")]
    assert "0.2 s" in plan.problems[0].message
