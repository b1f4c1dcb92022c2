from __future__ import annotations

import pickle

import pytest

from napari_openhcs.compiler import compile_pipeline, explain, compile_document
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plan import decode_plan, encode_plan

pytestmark = pytest.mark.usefixtures("lab")

NUCLEI = Pipeline(
    [
        FunctionStep(("lab.smooth", {"sigma": 1.5}), name="Smooth", select={"channel": "DAPI"}),
        FunctionStep("lab.threshold", name="Nuclei mask"),
        FunctionStep("lab.label", name="Split nuclei"),
        FunctionStep(
            "lab.measure",
            name="Measure",
            input_source="plate",
            inputs={"labels": "Split nuclei"},
        ),
    ],
    name="Nuclei",
)


def test_typical_pipeline(make_plate, tmp_path):
    plan = compile_pipeline(make_plate(), NUCLEI, output=tmp_path / "out")
    print(explain(plan))
    print(compile_document(plan, 0.1))
    assert plan.problems == ()
    assert decode_plan(encode_plan(plan)) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan
