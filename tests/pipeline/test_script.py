from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_openhcs.errors import ParameterError, PipelineError, ScriptError
from napari_openhcs.functions.registry import specs
from napari_openhcs.pipeline import FunctionCall, FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.script import MAX_SCRIPT_BYTES, export_script, import_script
from napari_openhcs.pipeline.script_writer import format_literal

GAUSSIAN = "skimage.filters.gaussian"
TYPICAL = Pipeline(
    [
        FunctionStep(
            (GAUSSIAN, {"sigma": 1.5, "preserve_range": True}),
            name="Smooth",
            select={"channel": "DAPI"},
        ),
        FunctionStep(
            ["scipy.ndimage.median_filter", ("scipy.ndimage.grey_opening", {"size": (3, 3)})]
        ),
        FunctionStep(
            {"1": GAUSSIAN, "2": None, "3": [GAUSSIAN, "scipy.ndimage.gaussian_filter"]},
            name='With "quotes" and a name that is long enough to break the line',
            group_by="channel",
            inputs={"labels": "Smooth", "intensity_image": "plate/GFP"},
        ),
    ],
    name="Typical",
    config=PipelineConfig(compressor="zstd", level=3),
)
FRAME = """from napari_openhcs import FunctionStep, Pipeline, main
from skimage.filters import gaussian
{before}
pipeline = Pipeline([FunctionStep({step})], name="x"{more})
{after}
"""


def script(step: str = "gaussian", before: str = "", after: str = "", more: str = "") -> str:
    return FRAME.format(step=step, before=before, after=after, more=more)


def only_step(text: str) -> FunctionStep:
    (step,) = import_script(text)
    return step


literals = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)
calls = st.builds(
    FunctionCall,
    st.sampled_from(sorted(specs())),
    st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), literals, max_size=4),
)
chains = st.lists(calls, min_size=1, max_size=3)
steps = st.builds(
    FunctionStep,
    calls
    | chains
    | st.dictionaries(st.sampled_from("1234"), st.none() | calls | chains, min_size=1, max_size=3),
    name=st.text(max_size=30),
    group_by=st.none() | st.just("channel"),
    select=st.dictionaries(st.just("channel"), st.lists(st.sampled_from("123"), min_size=1)),
    inputs=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    volume=st.booleans(),
    dtype=st.sampled_from(["preserve", "native", "float32"]),
    time_limit_s=st.none() | st.integers(1, 100),
    oom_retries=st.none() | st.integers(0, 100),
    cpu_fallback=st.none() | st.booleans(),
    special_outputs=st.dictionaries(
        st.text(max_size=5), st.none() | st.sampled_from(["csv", "roi"]), max_size=2
    ),
)
pipelines = st.builds(Pipeline, st.lists(steps, max_size=4), name=st.text(max_size=30))


@settings(max_examples=100, deadline=None)
@given(pipeline=pipelines)
def test_pipelines_compare_hash_and_pickle_by_value(pipeline: Pipeline) -> None:
    copied = pickle.loads(pickle.dumps(pipeline))
    assert copied == pipeline
    assert hash(copied) == hash(pipeline)
    edited = pipeline.insert(0, FunctionStep(GAUSSIAN, name="new", special_outputs={"a": None}))
    assert edited != pipeline
    assert edited.remove(0) == pipeline
    assert hash(edited.remove(0)) == hash(pipeline)


class TestExport:
    def test_a_typical_pipeline_reads_as_a_person_would_write_it(self) -> None:
        text = export_script(TYPICAL)
        assert "from skimage.filters import gaussian\n" in text
        assert (
            '    [\n        # Smooth\n        FunctionStep(\n            (gaussian, {"sigma": 1.5'
            in text
        )
        assert 'select={"channel": "DAPI"},' in text
        assert "variable_components" not in text

    def test_two_functions_of_one_name_are_told_apart(self) -> None:
        pipeline = Pipeline(
            [FunctionStep("scipy.ndimage.sobel"), FunctionStep("skimage.filters.sobel")]
        )
        text = export_script(pipeline)
        assert "from skimage.filters import sobel as filters_sobel" in text
        assert import_script(text) == pipeline

    @pytest.mark.parametrize(
        "function",
        [
            "os.system",
            "gaussian",
            "skimage.filters.gausian",
            "x import y\nimport os #.z",
            "",
            "a.if",
        ],
    )
    def test_a_function_that_is_not_known_is_never_imported(self, function: str) -> None:
        pipeline = Pipeline([FunctionStep((function, {"sigma": 1}))])
        text = export_script(pipeline)
        assert [line for line in text.split("\n") if "import" in line and '("' not in line] == [
            "from napari_openhcs import FunctionStep, Pipeline, main"
        ]
        assert import_script(text) == pipeline

    def test_what_no_script_can_hold_is_refused(self) -> None:
        with pytest.raises(PipelineError, match="surrogate"):
            FunctionStep((GAUSSIAN, {"mode": "\ud800"}))
        with pytest.raises(ParameterError, match="object"):
            format_literal(object())

    @pytest.mark.skipif(
        shutil.which("ruff") is None and not (Path(sys.executable).parent / "ruff").exists(),
        reason="ruff is not installed",
    )
    def test_ruff_would_change_nothing(self, tmp_path: Path) -> None:
        ruff = shutil.which("ruff") or Path(sys.executable).parent / "ruff"
        for arguments in (["format", "-"], ["check", "--select", "I,F,E4,E9", "--fix", "-"]):
            done = subprocess.run(
                [ruff, *arguments, "--isolated", "--quiet"],
                input=export_script(TYPICAL),
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout == export_script(TYPICAL)


class TestRoundTrip:
    def test_typical(self) -> None:
        assert import_script(export_script(TYPICAL)) == TYPICAL

    @settings(max_examples=150, deadline=None)
    @given(pipelines)
    def test_export_import_export_gives_the_same_bytes(self, pipeline: Pipeline) -> None:
        text = export_script(pipeline)
        again = import_script(text)
        assert again.steps == pipeline.steps
        assert again.name == pipeline.name
        assert export_script(again) == text

    def test_through_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "p.py"
        path.write_text(export_script(TYPICAL), encoding="utf-8")
        assert import_script(path) == TYPICAL


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00not text", b"#" * (MAX_SCRIPT_BYTES + 1)],
    ids=["not UTF-8", "too long"],
)
def test_a_file_that_is_no_script_is_refused_with_its_path(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_bytes(content)
    with pytest.raises(ScriptError, match=r"bad\.py"):
        import_script(path)


def test_a_file_that_is_not_there_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"gone\.py"):
        import_script(tmp_path / "gone.py")


def test_reading_a_script_imports_no_library() -> None:
    code = (
        "import sys; from napari_openhcs.pipeline.script import import_script;"
        f"import_script({script()!r}); print('skimage' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
