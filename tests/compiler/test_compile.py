"""The whole of compiling: frozen, equal, quick to repeat, and never raising."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_openhcs.compiler import compile_document, compile_pipeline, explain
from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping, to_json
from napari_openhcs.pipeline import FunctionCall, FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.plan import CompiledPlate, Fix, StepPlan, decode_plan, encode_plan

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
        FunctionStep(
            (("lab.many"), {"count": 1, "free": (1, (2.5, "x")), "shape": ("disk", 2)}),
            name="After the table",
            input_source="Smooth",
        ),
    ],
    name="Nuclei",
)


def test_a_plan_is_frozen_pickles_and_goes_through_json(make_plate, tmp_path):
    plan = compile_pipeline(make_plate(), NUCLEI, output=tmp_path / "out")
    assert plan.problems == ()
    assert decode_plan(encode_plan(plan)) == plan
    assert hash(decode_plan(encode_plan(plan))) == hash(plan)
    assert pickle.loads(pickle.dumps(plan)) == plan
    step = plan.contexts["A01"].layout.steps[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.device = "gpu"
    with pytest.raises(TypeError):
        step.patterns[""] = ()


def frozen_parts(value, path="plan"):
    """Iterate over (path, value) of everything a plan is made of."""
    yield path, value
    if dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            yield from frozen_parts(getattr(value, item.name), f"{path}.{item.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from frozen_parts(item, f"{path}[{key!r}]")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from frozen_parts(item, f"{path}[{number}]")


def test_nothing_in_a_plan_can_be_changed(make_plate, tmp_path):
    steps = [*NUCLEI.steps, FunctionStep(("lab.smooth", {"sgma": [1, {"a": [2]}]}), name="X")]
    plan = compile_pipeline(make_plate(), Pipeline(steps), output=tmp_path / "out")
    kinds = set()
    for path, value in frozen_parts(plan):
        kinds.add(type(value))
        if dataclasses.is_dataclass(value):
            name = dataclasses.fields(value)[0].name
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, name, None)
        else:
            assert isinstance(
                value, FrozenMapping | tuple | str | int | float | bool | type(None)
            ), path
    assert {CompiledPlate, StepPlan, Fix, FrozenMapping, tuple} <= kinds


def test_a_plan_is_equal_in_a_spawned_process(make_plate, tmp_path):
    """The pipeline's script, read and compiled elsewhere under another hash seed."""
    plate, script = make_plate(), tmp_path / "plate.pickle"
    pipeline = Pipeline(
        [
            FunctionStep(("skimage.filters.gaussian", {"sigma": 1.5}), name="Smooth"),
            FunctionStep("napari_openhcs.functions.threshold.threshold_otsu", name="Mask"),
        ]
    )
    first = compile_elsewhere(plate, pipeline, script, "1")
    assert first == compile_elsewhere(plate, pipeline, script, "2")
    plan = decode_plan(first)
    assert [step.step_id for step in plan.contexts["A01"].layout.steps] == ["01_smooth", "02_mask"]


def compile_elsewhere(plate, pipeline, path, seed):
    path.write_bytes(pickle.dumps((plate, pipeline)))
    code = (
        "import pickle, sys\n"
        "from napari_openhcs.compiler import compile_pipeline\n"
        "from napari_openhcs.plan import encode_plan\n"
        "plan = compile_pipeline(*pickle.load(open(sys.argv[1], 'rb')), workers=1)\n"
        "sys.stdout.buffer.write(encode_plan(plan))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, check=True, env=environment).stdout


def test_compiling_again_gives_the_same_bytes(make_plate):
    plate = make_plate()
    before = repr(NUCLEI)
    first = compile_pipeline(plate, NUCLEI)
    second = compile_pipeline(plate, NUCLEI)
    assert encode_plan(first) == encode_plan(second)
    assert repr(NUCLEI) == before


def test_equal_wells_share_one_layout(make_plate):
    plan = compile_pipeline(make_plate(wells=("A01", "A02", "B03")), NUCLEI)
    assert list(plan.contexts) == ["A01", "A02", "B03"]
    assert len({id(context.layout) for context in plan.contexts.values()}) == 1
    paths = [plane.path for plane in plan.contexts["B03"].planes]
    assert len(paths) == 2
    assert all("B03" in path for path in paths)


def test_only_planes_that_are_read_are_planned(make_plate):
    pipeline = Pipeline([FunctionStep("lab.smooth", select={"channel": "GFP", "field": "2"})])
    plan = compile_pipeline(make_plate(fields=("1", "2")), pipeline)
    (plane,) = plan.contexts["A01"].planes
    assert (plane.field, plane.channel) == ("2", "2")


def test_choice_of_wells_and_fields(make_plate):
    plate = make_plate(wells=("A01", "A02"), fields=("1", "2"))
    plan = compile_pipeline(plate, NUCLEI, wells=["a2"], fields=[2])
    assert list(plan.contexts) == ["A02"]
    assert plan.contexts["A02"].layout.grid.field == ("2",)


def test_well_without_the_chosen_field(make_plate):
    plate = make_plate(
        fields=("1", "2"), without=lambda key: key.well == "A02" and key.field == "2"
    )
    plan = compile_pipeline(plate, NUCLEI, fields=["2"])
    assert "none of the chosen fields 2" in plan.contexts["A02"].problems[0]
    assert plan.contexts["A01"].problems == ()


def test_key_is_of_the_results(make_plate):
    plate = make_plate()
    key = compile_pipeline(plate, NUCLEI).key
    assert len(key) == 64
    assert compile_pipeline(plate, NUCLEI, workers=1, wells=["A01"]).key == key
    faster = NUCLEI.replace(config=PipelineConfig(max_attempts=7, memory_fraction=0.5))
    assert compile_pipeline(plate, faster).key == key
    renamed = NUCLEI.set_step(0, NUCLEI[0].replace(name="Blur")).set_step(
        4, NUCLEI[4].replace(input_source="Blur")
    )
    for other in (
        NUCLEI.remove(4),
        renamed,
        NUCLEI.replace(config=PipelineConfig(ome_version="0.4")),
        NUCLEI.replace(config=PipelineConfig(compressor="zstd")),
    ):
        assert compile_pipeline(plate, other).key != key
    assert compile_pipeline(plate, NUCLEI, fields=["1"]).key != key


def test_explain(make_plate, tmp_path):
    text = explain(compile_pipeline(make_plate(), NUCLEI, output=tmp_path / "out"))
    for line in (
        "Nuclei on tiny (tiff): 2 wells",
        "plate: 1 field × 2 channels (DAPI, GFP) × 1 z × 1 t",
        "1 Smooth [01_smooth]",
        "  reads    plate/DAPI",
        "  does     lab.smooth(sigma=1.5) plane by plane",
        "           labels = Split nuclei",
        "  gives    table: well, field, label, area, mean_DAPI, mean_GFP",
        "  labels 'split_nuclei' from 03_split_nuclei in tiny.ome.zarr, chunks 40 × 40 px, lz4, "
        "1 pyramid level\n",
    ):
        assert line in text


def test_explain_says_why(make_plate, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    steps = [*NUCLEI.steps, FunctionStep("lab.on_gpu", name="Far", input_source="plate")]
    text = explain(compile_pipeline(make_plate(), Pipeline(steps)))
    for line in (
        "  converts numpy → torch by DLPack, which shares the memory where the device is the same",
        "  kept in  memory (6.4 kB a well): all that lives at a time fits",
        "  takes    not known: no speed of a function of it was measured",
        "workers: 1 (processes), one for each core",
        "of computing with all workers, without Smooth",
    ):
        assert line in text


def test_explain_says_what_passes_and_what_is_passed_over(make_plate):
    steps = [
        *NUCLEI.steps[:4],
        FunctionStep("lab.project_labels", name="Next"),
        FunctionStep({"DAPI": "lab.smooth"}, group_by="channel", input_source="plate"),
        FunctionStep({"DAPI": None}, group_by="channel", name="Rest", input_source="plate"),
    ]
    text = explain(compile_pipeline(make_plate(), Pipeline(steps)))
    assert "the step before, Measure, gives a table, which is passed over" in text
    assert "  passes   GFP unchanged" in text
    assert "  drops    DAPI" in text


def test_document(make_plate):
    document = compile_document(compile_pipeline(make_plate(), NUCLEI), 0.01)
    assert {
        "ok", "n_wells", "seconds", "steps", "problems", "memory_per_well_bytes", "workers"
    } <= document.keys()  # fmt: skip
    assert {
        "id", "name", "functions", "memory_type_in", "memory_type_out", "conversion", "backend",
        "device", "input", "output", "dtype", "shape",
    } <= document["steps"][0].keys()  # fmt: skip
    assert document["steps"][0]["shape"] == [40, 40]
    to_json(document)


def test_a_plan_with_problems_is_still_a_plan(make_plate):
    plan = compile_pipeline(make_plate(), NUCLEI.set_step(0, FunctionStep("lab.nothing")))
    assert not plan.ok
    assert decode_plan(encode_plan(plan)) == plan
    explain(plan)
    compile_document(plan, 0)


def test_step_ids_and_keys_are_equal_in_another_process(tmp_path):
    code = (
        "from napari_openhcs.compiler.keys import digest\n"
        "from napari_openhcs.frozen import FrozenMapping\n"
        "print(digest((FrozenMapping({'b': (1, 2.5), 'a': None}), 'x', {'q': True})))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


NAMES = ("A", "B", "C", "plate", "previous", "D/GFP", "")
FUNCTIONS = (
    "lab.smooth", "lab.invert", "lab.threshold", "lab.label", "lab.split", "lab.measure",
    "lab.project", "lab.stitch", "lab.deconvolve", "lab.fail", "lab.many", "lab.absent",
    "lab.nothing", "lab.project_labels", "", "é",
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(0, 20),
    st.sampled_from([float("inf"), float("nan"), "a", "", ("disk", 2), ((1,), "b")]),
)
CALLS = st.builds(
    FunctionCall,
    st.sampled_from(FUNCTIONS),
    st.dictionaries(
        st.sampled_from(["sigma", "count", "level", "image", "mode", "free", "x"]),
        VALUES,
        max_size=2,
    ),
)
CHAINS = st.one_of(CALLS, st.lists(CALLS, min_size=1, max_size=3))
COMPONENTS = ["field", "channel", "z", "t"]
PATTERNS = st.one_of(
    CHAINS,
    st.dictionaries(
        st.sampled_from(["1", "2", "DAPI", "GFP", "RFP", "0"]), st.none() | CHAINS, max_size=3
    ),
)
STEPS = st.builds(
    lambda func, **options: FunctionStep(func, **options),
    PATTERNS,
    name=st.sampled_from(NAMES),
    variable_components=st.none() | st.lists(st.sampled_from(COMPONENTS), max_size=3),
    group_by=st.none() | st.sampled_from(COMPONENTS),
    input_source=st.sampled_from(["previous"] * 3 + list(NAMES)),
    select=st.dictionaries(
        st.sampled_from(COMPONENTS),
        st.sampled_from(["DAPI", "1", 0, 1, ("1", "2"), (), -1, "RFP", True, [["x"]]]),
        max_size=2,
    ),
    inputs=st.dictionaries(
        st.sampled_from(["image", "labels", "seeds", "mask", "x"]),
        st.sampled_from([*NAMES, "A/DAPI", "plate/GFP", "plate/", "/"]),
        max_size=2,
    ),
    volume=st.booleans(),
    materialize=st.booleans(),
    dtype=st.sampled_from(["preserve", "native", "uint8", "float32"]),
    enabled=st.sampled_from([True, True, True, False]),
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(STEPS, max_size=5),
    plate=st.sampled_from(
        [
            {},
            {"z": (0, 1), "fields": ("1", "2")},
            {"t": (3, 4), "without": lambda key: key.channel == "2" and key.t == 4},
            {"without": lambda key: key.well == "A01"},
        ]
    ),
)
def test_random_pipelines_never_raise(steps, plate, make_plate):
    try:
        pipeline = Pipeline(steps)
    except PipelineError:
        return
    plan = compile_pipeline(make_plate(size=16, **plate), pipeline)
    assert plan.ok or plan.problems
    assert all(item.message for item in plan.problems)
    explain(plan)
    if plan.ok:
        assert decode_plan(encode_plan(plan)) == plan
        for context in plan.contexts.values():
            for step in context.layout.steps:
                assert len(step.output.grid) > 0
                assert step.patterns or step.dropped
