from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_openhcs.pipeline import FunctionCall, FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.diff import describe_changes

GAUSSIAN = "skimage.filters.gaussian"
SOBEL = "skimage.filters.sobel"
MEDIAN = "scipy.ndimage.median_filter"
SMOOTH = FunctionStep((GAUSSIAN, {"sigma": 1.5}), name="Smooth")
MASK = FunctionStep("napari_openhcs.functions.threshold.threshold_otsu", name="Mask")
EDGES = FunctionStep([SOBEL, (MEDIAN, {"size": 3})], name="Edges", inputs={"mask": "Mask"})
KEYS = FunctionStep({"1": GAUSSIAN, "2": None}, name="Keys", group_by="channel")
BASE = Pipeline([SMOOTH, MASK, EDGES, KEYS], name="Base")


def with_step(index: int, **options: object) -> Pipeline:
    return BASE.set_step(index, BASE[index].replace(**options))


CASES: tuple[tuple[Pipeline, list[str]], ...] = (
    (BASE, []),
    (BASE.replace(name="Other"), ['pipeline: name "Base" → "Other"']),
    (BASE.replace(config=PipelineConfig(level=9)), ["config: level 5 → 9"]),
    (with_step(0, func=(GAUSSIAN, {"sigma": 2.0})), ["step 1 'Smooth': sigma 1.5 → 2.0"]),
    (with_step(0, func=GAUSSIAN), ["step 1 'Smooth': sigma 1.5 → its default"]),
    (
        with_step(0, func=(GAUSSIAN, {"sigma": 1.5, "mode": "wrap"})),
        ["step 1 'Smooth': mode set to \"wrap\""],
    ),
    (
        with_step(0, func=(MEDIAN, {"size": 3})),
        [f"step 1 'Smooth': {GAUSSIAN}(sigma=1.5) → {MEDIAN}(size=3)"],
    ),
    (BASE.remove(1), ["step 2 'Mask' removed"]),
    (BASE.insert(1, FunctionStep(SOBEL)), ["step 2 'Sobel' added: sobel"]),
    (BASE.move(3, 1), ["step 4 'Keys' moved to 2"]),
    (BASE.move(0, 3), ["step 1 'Smooth' moved to 4"]),
    (with_step(0, name="Blur"), ["step 1 'Blur': name \"Smooth\" → \"Blur\""]),
    (with_step(1, enabled=False), ["step 2 'Mask': switched off"]),
    (with_step(1, dtype="uint8"), ["step 2 'Mask': dtype \"preserve\" → \"uint8\""]),
    (with_step(1, select={"channel": "DAPI"}), [
        "step 2 'Mask': select {} → {\"channel\": (\"DAPI\",)}"
    ]),
    (with_step(2, inputs={"mask": "Smooth"}), [
        "step 3 'Edges': mask wired to \"Smooth\" instead of \"Mask\""
    ]),
    (with_step(2, inputs={}), ["step 3 'Edges': mask no longer wired to \"Mask\""]),
    (with_step(2, func=[SOBEL, (MEDIAN, {"size": 5})]), [
        "step 3 'Edges': median_filter size 3 → 5"
    ]),
    (with_step(2, func=[(MEDIAN, {"size": 3})]), [f"step 3 'Edges': {SOBEL} left out"]),
    (with_step(2, func=[SOBEL, GAUSSIAN, (MEDIAN, {"size": 3})]), [
        f"step 3 'Edges': {GAUSSIAN} put in"
    ]),
    (with_step(3, func={"1": GAUSSIAN}), ["step 4 'Keys': for 2: dropped → passes unchanged"]),
    (with_step(3, func={"1": (GAUSSIAN, {"sigma": 2}), "2": None}), [
        "step 4 'Keys': for 1: sigma set to 2"
    ]),
    (with_step(3, func=GAUSSIAN), [
        "step 4 'Keys': functions by key (gaussian) → one function (gaussian)"
    ]),
)  # fmt: skip


@pytest.mark.parametrize(("new", "expected"), CASES)
def test_changes_in_words(new: Pipeline, expected: list[str]) -> None:
    assert describe_changes(BASE, new) == expected


def test_several_changes_are_told_one_by_one() -> None:
    new = BASE.remove(1).set_step(0, SMOOTH.replace(func=(GAUSSIAN, {"sigma": 3})))
    new = new.replace(config=PipelineConfig(compressor="zstd"))
    assert describe_changes(BASE, new) == [
        'config: compressor "lz4" → "zstd"',
        "step 2 'Mask' removed",
        "step 1 'Smooth': sigma 1.5 → 3",
    ]


values = st.sampled_from(
    (0, 1, 1.0, True, False, None, -0.0, 0.0, math.inf, math.nan, "a", (1, 2), (2, 1), "x" * 80,
     "x" * 79 + "y", {"a": 1}, {"a": 1.0})
)  # fmt: skip
calls = st.builds(
    FunctionCall,
    st.sampled_from((GAUSSIAN, SOBEL, MEDIAN)),
    st.dictionaries(st.sampled_from(("sigma", "mode", "size")), values, max_size=3),
)
chains = st.lists(calls, min_size=1, max_size=3)
steps = st.builds(
    FunctionStep,
    calls | chains | st.dictionaries(st.sampled_from("12"), st.none() | calls | chains),
    name=st.sampled_from(("", "A", "B")),
    group_by=st.sampled_from((None, "channel", "z")),
    input_source=st.sampled_from(("previous", "plate", "A")),
    select=st.dictionaries(st.just("channel"), st.sampled_from(("1", 1, ("1", "2")))),
    inputs=st.dictionaries(st.sampled_from(("a", "b")), st.sampled_from(("A", "B"))),
    volume=st.booleans(),
    enabled=st.booleans(),
    time_limit_s=st.sampled_from((None, 1, 1.0)),
)
pipelines = st.builds(
    Pipeline,
    st.lists(steps, max_size=4),
    name=st.sampled_from(("P", "Q")),
    config=st.builds(PipelineConfig, level=st.sampled_from((5, 6))),
)


@settings(deadline=None, max_examples=150)
@given(pipelines, pipelines)
def test_there_is_a_sentence_if_and_only_if_something_changed(old: Pipeline, new: Pipeline) -> None:
    assert describe_changes(old, old) == []
    found = describe_changes(old, new)
    assert bool(found) == (repr(old) != repr(new))
    assert all("\n" not in line and line.strip() == line for line in found)


@settings(deadline=None, max_examples=150)
@given(st.lists(steps, min_size=1, max_size=5), steps, st.data())
def test_every_edit_is_told(made: list[FunctionStep], other: FunctionStep, data: st.DataObject):
    old = Pipeline(made)
    index = data.draw(st.integers(0, len(made) - 1))
    target = data.draw(st.integers(0, len(made) - 1))
    for new in (
        old.remove(index),
        old.insert(index, other),
        old.move(index, target),
        old.set_step(index, other),
        old.replace(name="Other"),
    ):
        assert bool(describe_changes(old, new)) == (repr(old) != repr(new))
