"""The typical pipeline with the functions that people use, on an image with known objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.functions import registry
from napari_openhcs.pipeline import FunctionStep, Pipeline

NATIVE = "napari_openhcs.functions"

pytestmark = pytest.mark.skipif(
    "skimage.filters.gaussian" not in registry.specs(), reason="no catalogue of functions is here"
)

STEPS = [
    FunctionStep(
        ("skimage.filters.gaussian", {"sigma": 1.0}), name="Smooth", select={"channel": "DAPI"}
    ),
    FunctionStep(f"{NATIVE}.threshold.threshold_otsu", name="Mask"),
    FunctionStep(
        [f"{NATIVE}.mask.fill_holes", (f"{NATIVE}.mask.open_mask", {"radius": 1.0})], name="Clean"
    ),
    FunctionStep(f"{NATIVE}.segmentation.split_touching", name="Nuclei"),
    FunctionStep(
        f"{NATIVE}.measure.measure_objects",
        name="Measure",
        input_source="plate",
        inputs={"labels": "Nuclei"},
    ),
]


@pytest.fixture
def plate(make_plate):
    """Two spots on noise in every plane."""
    made = make_plate(size=96)
    rows, columns = np.mgrid[:96, :96]
    rng = np.random.default_rng(1)
    for path in Path(made.root).iterdir():
        image = rng.poisson(100, (96, 96)).astype(float)
        for y, x in ((30, 30), (60, 66)):
            image += 3000 * ((rows - y) ** 2 + (columns - x) ** 2 < 64)
        tifffile.imwrite(path, image.astype(np.uint16))
    return made


def test_typical_pipeline(plate):
    plan = compile_pipeline(plate, Pipeline(STEPS))
    assert plan.problems == ()
    outputs = [step.output for step in plan.contexts["A01"].layout.steps]
    assert [output.dtype for output in outputs] == ["uint16", "bool", "bool", "int32", None]
    columns = outputs[-1].columns
    assert columns[:4] == ("well", "field", "label", "area")
    assert {"mean_intensity_DAPI", "mean_intensity_GFP"} <= set(columns)
    assert "area_DAPI" not in columns
    assert [(item.role, item.name) for item in plan.contexts["A01"].layout.outputs] == [
        ("image", "image"),
        ("labels", "nuclei"),
        ("table", "measure"),
    ]


def test_mistakes_are_named(plate):
    wrong = [
        STEPS[0].replace(func=("skimage.filters.gaussian", {"sigm": 1.0})),
        FunctionStep(f"{NATIVE}.segmentation.split_touching", name="Nuclei", input_source="plate"),
        FunctionStep(f"{NATIVE}.measure.measure_objects", name="Measure", input_source="plate"),
        FunctionStep("skimage.filters.gausian", name="Typo", input_source="plate"),
    ]
    plan = compile_pipeline(plate, Pipeline(wrong))
    assert [(item.step, item.code) for item in plan.problems] == [
        (1, "parameter_unknown"),
        (2, "kind_source"),
        (3, "input_missing"),
        (4, "function_unknown"),
    ]
    assert "skimage.filters.gaussian" in plan.problems[-1].message


def test_a_function_for_images_and_masks_keeps_a_mask(plate):
    steps = [
        FunctionStep(
            [f"{NATIVE}.threshold.threshold_otsu", "skimage.morphology.dilation"], name="Grown"
        ),
        FunctionStep("skimage.morphology.remove_small_objects", name="Large"),
        FunctionStep("skimage.measure.label", name="Labels"),
        FunctionStep("skimage.morphology.remove_small_objects", name="Kept"),
    ]
    plan = compile_pipeline(plate, Pipeline(steps))
    assert plan.problems == ()
    outputs = [step.output for step in plan.contexts["A01"].layout.steps]
    assert [output.kind for output in outputs] == ["mask", "mask", "labels", "labels"]
    assert [output.dtype for output in outputs] == ["bool", "bool", "int32", "int32"]


def test_a_function_that_would_overflow_is_refused(plate):
    step = FunctionStep("scipy.ndimage.laplace")
    (problem,) = compile_pipeline(plate, Pipeline([step])).problems
    assert problem.code == "dtype_refused"
    assert "does not work on uint16" in problem.message
    assert "dtype='float32'" in problem.message
    smooth = FunctionStep("skimage.filters.gaussian", dtype="float32")
    assert compile_pipeline(plate, Pipeline([smooth, step])).ok


def test_a_range_that_is_preserved_is_not_scaled_back(plate):
    for preserved in (False, True):
        step = FunctionStep(("skimage.filters.gaussian", {"preserve_range": preserved}))
        plan = compile_pipeline(plate, Pipeline([step]))
        (call,) = plan.contexts["A01"].layout.steps[0].patterns[""]
        assert call.unit_scaled is not preserved


@pytest.mark.parametrize(
    ("sigma", "codes"),
    [
        ((1.0, 2), []),
        ((1.0, "2"), ["parameter_type"]),
        ((), ["parameter_type"]),
        ((1.0, -2.0), ["parameter_limit"]),
    ],
)
def test_a_parameter_may_have_one_value_for_each_axis(plate, sigma, codes):
    step = FunctionStep(("skimage.filters.gaussian", {"sigma": sigma}))
    assert [item.code for item in compile_pipeline(plate, Pipeline([step])).problems] == codes


def test_a_property_that_is_no_number_is_refused_before_the_run(plate):
    shapes = FunctionStep(
        ("skimage.measure.regionprops_table", {"properties": ("label", "area", "coords")}),
        name="Shapes",
        input_source="Nuclei",
    )
    plan = compile_pipeline(plate, Pipeline([*STEPS[:4], shapes]))
    assert [(item.step, item.code) for item in plan.problems] == [(5, "step_contract")]
    assert "leave 'coords' out of 'properties'" in plan.problems[0].message
    fine = shapes.replace(
        func=("skimage.measure.regionprops_table", {"properties": ("label", "area", "centroid")})
    )
    assert compile_pipeline(plate, Pipeline([*STEPS[:4], fine])).problems == ()
