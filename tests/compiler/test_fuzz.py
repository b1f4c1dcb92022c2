"""Random pipelines of real functions on random small plates: a plan or problems, never an error.

Each pipeline comes from its number alone, so that a failure can be made again:
``random_pipeline(random.Random(number), …)``.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import COMPONENTS, Kind
from napari_openhcs.compiler import compile_document, compile_pipeline, explain, trials
from napari_openhcs.compiler.codes import CODES
from napari_openhcs.errors import ContractError, PipelineError, StepFailedError
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.fix import apply_fix
from napari_openhcs.plan import PLATE, CompiledPlate, decode_plan, encode_plan
from napari_openhcs.runner import well as runner_well

LIBRARIES = ("native", "skimage", "scipy_ndimage")
FEW, MANY = 300, 10_000
SLOW = ("chan_vese", "random_walker", "denoise_nl_means", "optical_flow", "basic", "graph")
"""Parts of names of functions that take seconds even on the smallest image."""

NAMES = ("A", "B", "Mask", "Nuclei", "plate", "previous", "", "Ä ö/x")
BROKEN = (None, True, -1, 0, 1e9, float("inf"), float("nan"), "", "é", (), (1, "a"), ("disk", 2))
PLATES: tuple[dict[str, Any], ...] = (
    {"name": "one"},
    {"name": "deep", "z": (0, 1, 2), "fields": ("1", "2")},
    {"name": "uneven", "t": (3, 4), "without": lambda key: key.channel == "2" and key.t == 4},
    {"name": "holes", "without": lambda key: key.well == "A01" and key.channel == "1"},
    {"name": "float", "channels": (("1", "DAPI"),), "pixel_size_um": None},
)


@pytest.fixture(scope="module")
def functions() -> list[FunctionSpec]:
    """The functions on NumPy arrays that are quick on a tiny image."""
    trials.CACHE.clear()
    return [
        spec
        for spec in registry.specs().values()
        if spec.library in LIBRARIES
        and spec.memory_type_in == "numpy"
        and registry.is_available(spec)
        and (spec.seconds_per_megapixel or 0) < 2
        and not any(part in spec.id for part in SLOW)
    ]


def literal(rng: random.Random, parameter: ParameterSpec) -> Any:
    """Return a value that a parameter takes, or now and then one that it does not."""
    if rng.random() < 0.02:
        return rng.choice(BROKEN)
    if parameter.choices:
        return rng.choice(parameter.choices)
    base = parameter.default if parameter.default is not None else parameter.suggested
    if parameter.type == "bool":
        return rng.random() < 0.5
    if parameter.type in ("int", "float"):
        start = base if isinstance(base, int | float) else 1
        value = min(float(start) * rng.choice([0.5, 1, 2, 3]), 50.0)
        return round(value) if parameter.type == "int" else value
    if parameter.type == "footprint":
        return (rng.choice(["disk", "square"]), rng.randint(1, 3))
    return base


def random_call(rng: random.Random, spec: FunctionSpec) -> tuple[str, dict[str, Any]]:
    """Return a call of a function with some parameters set."""
    if rng.random() < 0.01:
        return spec.id[:-1], {}
    set_ = [item for item in spec.form_parameters if item.required or rng.random() < 0.3]
    parameters = {item.name: literal(rng, item) for item in set_}
    if rng.random() < 0.015:
        parameters["sgima"] = 1.0
    return spec.id, parameters


def random_step(
    rng: random.Random, functions: list[FunctionSpec], kinds: dict[str, Kind]
) -> FunctionStep:
    """Return a step that often fits what the steps before it give."""
    source = rng.choice(["previous", "previous", *kinds])
    kind = kinds.get(source) or next(reversed(kinds.values()))
    fitting = [spec for spec in functions if kind in spec.input_kinds]
    spec = rng.choice(fitting if fitting and rng.random() < 0.95 else functions)
    inputs = {
        item.name: rng.choice(
            [name for name, found in kinds.items() if item.kind in (None, found)] or ["plate/DAPI"]
        )
        for item in spec.array_parameters
        if item.required or rng.random() < 0.2
    }
    if rng.random() < 0.04:
        inputs[rng.choice(["x", "image", "labels"])] = rng.choice([*NAMES, "A/DAPI", "/"])
    func: Any = random_call(rng, spec)
    options: dict[str, Any] = {}
    if rng.random() < 0.15:
        func = [func, random_call(rng, rng.choice(functions))]
    if rng.random() < 0.12:
        other = rng.choice([None, func, random_call(rng, rng.choice(functions))])
        func = {"DAPI": func, rng.choice(["GFP", "2", "RFP", "1"]): other}
        options["group_by"] = rng.choice(["channel"] * 5 + [None, "z"])
    if rng.random() < 0.2:
        options["variable_components"] = rng.choice([*COMPONENTS, ("field", "z"), ()])
    if rng.random() < 0.2:
        options["select"] = rng.choice(
            [{"channel": "DAPI"}, {"z": 0}, {"channel": "X"}, {"field": "1"}, {"t": ()}]
        )
    return FunctionStep(
        func,
        name=f"S{len(kinds)}" if rng.random() < 0.9 else rng.choice(NAMES),
        input_source=source if rng.random() < 0.95 else rng.choice(NAMES),
        inputs=inputs,
        volume=rng.random() < 0.1,
        materialize=rng.random() < 0.3,
        dtype=rng.choice(["preserve"] * 4 + ["native", "float32", "uint8", "bool"]),
        enabled=rng.random() < 0.95,
        **options,
    )


def random_pipeline(rng: random.Random, functions: list[FunctionSpec]) -> Pipeline:
    """Return one to five steps, valid or broken."""
    kinds: dict[str, Kind] = {PLATE: Kind.IMAGE}
    steps = []
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 5])):
        step = random_step(rng, functions, kinds)
        steps.append(step)
        last = [call for _, call in step.calls()][-1:]
        spec = next((item for item in functions if last and item.id == last[0].function), None)
        if spec is not None and spec.output_kind != Kind.TABLE:
            kinds[step.title] = spec.output_kind
    return Pipeline(steps)


def check_plan(plan: CompiledPlate, pipeline: Pipeline) -> None:
    """Whatever was compiled has a form: sentences of known kinds, words, JSON."""
    for problem in plan.problems:
        assert problem.code in CODES
        assert problem.message.endswith((".", "?", ")")), problem.message
        assert "\n" not in problem.message
        assert 0 <= problem.step <= len(pipeline)
        if problem.fix is not None:
            # As text, because True equals 1 and 1.0.
            assert repr(apply_fix(pipeline, problem.fix)) != repr(pipeline), problem
    explain(plan)
    compile_document(plan, 0.0)
    text = encode_plan(plan)
    # JSON has no infinity and no NaN; no plan that has one is run.
    if not any(problem.code == "parameter_not_finite" for problem in plan.problems):
        assert decode_plan(text) == plan
    assert encode_plan(decode_plan(text)) == text


def run_well(plan: CompiledPlate) -> bool:
    """Run the first well; False where a function fails there for a reason of its own."""
    context = next(context for context in plan.contexts.values() if not context.problems)
    execution = runner_well.WellExecution(plan, context)

    def compare(outcome: Any) -> None:
        planned = outcome.step.output
        if planned.kind == Kind.TABLE:
            return
        for place in outcome.data.coords():
            plane = outcome.data.read(place)
            assert (plane.shape, str(plane.dtype)) == (planned.shape_yx, planned.dtype)

    try:
        execution.run(after=compare)
    except StepFailedError as error:
        causes = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(cause)
            cause = cause.__cause__
        assert not any(isinstance(item, ContractError) for item in causes), causes
        return False
    return True


def fuzz(numbers: range, make_plate: Callable[..., Any], functions: list[FunctionSpec]) -> None:
    """Compile pipelines by their numbers, and run every third that compiles."""
    plates = [make_plate(size=32, **options) for options in PLATES]
    counts = {"plans": 0, "run": 0, "well": 0, "refused": 0}
    for number in numbers:
        rng = random.Random(number)
        try:
            pipeline = random_pipeline(rng, functions)
        except PipelineError:
            counts["refused"] += 1
            continue
        before = repr(pipeline)
        try:
            plan = compile_pipeline(rng.choice(plates), pipeline)
            check_plan(plan, pipeline)
            assert repr(pipeline) == before
            counts["plans"] += plan.ok
            if plan.ok and counts["plans"] % 3 == 1:
                counts["run"] += 1
                counts["well"] += run_well(plan)
        except Exception as error:
            error.add_note(f"Pipeline number {number}: {pipeline!r}")
            raise
    total = len(numbers)
    # Neither is everything broken nor everything right, or the test would test little.
    assert counts["refused"] < total / 5
    assert total / 20 < counts["plans"] < total * 0.9
    assert counts["well"] > counts["run"] / 2
    print(f"{total} pipelines: {counts}")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(trials, "LIMIT_S", 5.0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def test_random_pipelines_of_real_functions(make_plate, functions):
    fuzz(range(FEW), make_plate, functions)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_ten_thousand_random_pipelines(make_plate, functions):
    fuzz(range(FEW, FEW + MANY), make_plate, functions)
