from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_openhcs.errors import ParameterError, ScriptError
from napari_openhcs.functions.registry import specs
from napari_openhcs.pipeline import FunctionCall, FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.script import MAX_SCRIPT_BYTES, export_script, import_script

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
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
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
        assert '    [\n        FunctionStep(\n            (gaussian, {"sigma": 1.5' in text
        assert 'select={"channel": "DAPI"},' in text
        assert "variable_components" not in text

    def test_two_functions_of_one_name_are_told_apart(self) -> None:
        pipeline = Pipeline(
            [FunctionStep("scipy.ndimage.sobel"), FunctionStep("skimage.filters.sobel")]
        )
        text = export_script(pipeline)
        assert "from skimage.filters import sobel as filters_sobel" in text
        assert import_script(text) == pipeline

    def test_what_no_script_can_hold_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="nan"):
            export_script(Pipeline([FunctionStep((GAUSSIAN, {"sigma": float("nan")}))]))

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
    "text",
    [
        script("(gaussian, {'sigma': 2,})", after="# the end"),
        script("func=(gaussian, {'sigma': 2})"),
        script("(f.gaussian, {'sigma': 2})", before="import skimage.filters as f"),
        script("(skimage.filters.gaussian, {'sigma': 2})", before="import skimage.filters"),
        script("(blur, {'sigma': 2})", before="from skimage.filters import gaussian as blur"),
        script("(gaussian, {'sigma': SIGMA})", before="SIGMA: float = 2"),
        script("('skimage.filters.gaussian', {'sigma': 2})"),
        script("(gaussian, {'sigma': 2})", after="if __name__ == '__main__':\n    main(pipeline)"),
        "'''Doc.'''\nfrom __future__ import annotations\n" + script("(gaussian, {'sigma': 2})"),
        "import napari_openhcs as o\nfrom skimage.filters import gaussian\n"
        "smooth = o.FunctionStep((gaussian, {'sigma': 2}))\nsteps = [smooth]\n"
        "mine = o.Pipeline(steps)",
    ],
)
def test_variations_people_write(text: str) -> None:
    assert only_step(text) == FunctionStep((GAUSSIAN, {"sigma": 2}))


CANARY = "__import__('pathlib').Path('CANARY').touch()"
HOSTILE = [
    CANARY,
    "import os\nos.system('touch CANARY')",
    "from os import system",
    "import skimage.io",
    "from . import something",
    "from napari_openhcs import *",
    "from napari_openhcs.cli import main",
    "def f(): pass",
    "class A: pass",
    "@gaussian\ndef f(): pass",
    "lambda: 0",
    "x = [i for i in (1, 2)]",
    "x = (y := 3)",
    "x = f'{1}'",
    "x = 1 + 1",
    "x = b'bytes'",
    "x = 1j",
    "x = ...",
    "x = {1, 2}",
    "x = gaussian.__globals__",
    "x = ().__class__",
    "x = open('CANARY', 'w')",
    "x = eval('1')",
    "x, y = 1, 2",
    "x = y = gaussian",
    "x += 1",
    "del pipeline",
    "global x",
    "assert True",
    "while True: pass",
    "for x in (1,): pass",
    "try:\n    pass\nexcept Exception:\n    pass",
    "with open('CANARY', 'w'): pass",
    "if True: pass",
    f"if __name__ == '__main__':\n    main({CANARY})",
    f"if __name__ == '__main__':\n    {CANARY}",
    "if __name__ == '__main__':\n    main(pipeline)\nelse:\n    pass",
    "raise SystemExit(main(pipeline))",
    "x = {**{}}",
    "x = [*(1, 2)]",
    "x = {'a': 1, 'a': 2}",
    "x = {gaussian: 1}",
    "x = undefined",
    "x = Pipeline",
    "x = FunctionStep()",
    "x = FunctionStep(gaussian, 3)",
    "x = FunctionStep(gaussian, nam='y')",
    "x = FunctionStep(gaussian, **{})",
    "x = FunctionStep(gaussian, name='a', name='b')",
    "x = FunctionStep(gaussian, group_by='colour')",
    "x = FunctionStep((gaussian, {'sigma': gaussian}))",
    "x = Pipeline(gaussian)",
    "x = Pipeline([gaussian])",
    "import skimage.filters as f\nx = FunctionStep(f.gausian)",
    "from skimage.filters import gausian",
    "yield 1",
    "await x",
    "async def f(): pass",
    "import skimage\nx = FunctionStep(skimage.filters._gaussian.gaussian)",
    "type X = int",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_anything_else_is_refused_and_not_executed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScriptError) as caught:
        import_script(script(after=line))
    assert caught.value.line >= 5
    assert f"line {caught.value.line}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 3",
        "(" * 5000,
        "x = " + "-" * 50_000 + "1",
        "x = " + "[" * 150 + "]" * 150,
        "x = \0",
        "x = 'unclosed",
        "\ud800",
        "p = Pipeline([])",
        "from napari_openhcs import Pipeline\na = Pipeline([])\nb = Pipeline([])",
    ],
)
def test_what_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(ScriptError):
        import_script(text)


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
