"""Random pipelines become scripts, and scripts those pipelines again."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_openhcs.axes import COMPONENTS
from napari_openhcs.functions.registry import specs
from napari_openhcs.pipeline import FunctionCall, FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.script import export_script, import_script

FUNCTIONS = sorted(specs())
WORDS = (
    "Smooth", "Split nuclei", "größe", "細胞の核", "ядра", "a'b", 'say "x"', "both ' and \"",
    "back\\slash", "tab\there", "line\nbreak", "nul\0", "\u202eturned", "\u00a0", "  ", "#", "{}",
    "fmt: off", "noqa", "type: ignore", "é", "e\u0301", "𝔘nicode", "'''", '"""', "%s", "\x85",
    "a name that is so long that the line it stands in has to be broken somewhere near here",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 255, 2**63, -(2**63), 2**64 - 1, 0.0, -0.0, 0.1, -2.5, 1e-300, 1e300, 5e-324, 1e16,
    math.inf, -math.inf, math.nan, 1 / 3, 1e-7,
)  # fmt: skip
FOOTPRINTS = (("disk", 3), ("square", 1), ("diamond", 12))


def literal(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind <= 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice((None, True, False))
    if kind == 3:
        return rng.choice(FOOTPRINTS)
    if kind == 4:
        return rng.uniform(-1000, 1000)
    if kind == 5:
        return rng.choice(WORDS)
    if kind <= 7:
        return tuple(literal(rng, depth + 1) for _ in range(rng.randrange(5)))
    keys = (*WORDS, 3, -1, 2.5, None, ("a", 1))
    return {rng.choice(keys): literal(rng, depth + 1) for _ in range(rng.randrange(4))}


def call(rng: random.Random) -> FunctionCall:
    function = rng.choice(FUNCTIONS)
    known = [item.name for item in specs()[function].form_parameters] or ["sigma"]
    chosen = rng.sample(known, rng.randrange(min(4, len(known)) + 1))
    return FunctionCall(function, {name: literal(rng) for name in chosen})


def chain(rng: random.Random) -> Any:
    calls = [call(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    return calls[0] if len(calls) == 1 and rng.random() < 0.8 else calls


def step(rng: random.Random) -> FunctionStep:
    options: dict[str, Any] = {
        "name": rng.choice(WORDS),
        "variable_components": rng.sample(COMPONENTS, rng.randrange(3)),
        "group_by": rng.choice(COMPONENTS),
        "input_source": rng.choice(("plate", *WORDS)),
        "select": {c: rng.sample(("1", "DAPI", 3, "é"), rng.randrange(1, 3)) for c in COMPONENTS},
        "inputs": {"labels": rng.choice(WORDS), "intensity_image": "plate/GFP"},
        "special_outputs": {"positions": rng.choice(("csv", None)), "outlines": "json"},
        "oom_retries": rng.randrange(5),
        "volume": True,
        "materialize": True,
        "dtype": rng.choice(("native", "float32", "uint8")),
        "enabled": False,
        "time_limit_s": rng.choice((1, 0.5, math.inf)),
        "cpu_fallback": rng.choice((True, False)),
    }
    chosen = {name: value for name, value in options.items() if rng.random() < 0.25}
    if rng.random() < 0.3:
        keys = rng.sample(("1", "2", "DAPI", "w1 é", "'"), rng.randrange(1, 4))
        func: Any = {key: None if rng.random() < 0.2 else chain(rng) for key in keys}
    else:
        func = chain(rng)
    return FunctionStep(func, **chosen)


def pipeline(seed: int) -> Pipeline:
    rng = random.Random(seed)
    options: dict[str, Any] = {
        "compressor": "zstd",
        "level": rng.randrange(1, 10),
        "max_attempts": 1,
        "memory_fraction": rng.uniform(0.1, 1),
        "step_time_limit_s": rng.choice((None, 3, 2.5)),
        "ome_version": "0.4",
    }
    config = PipelineConfig(**{k: v for k, v in options.items() if rng.random() < 0.1})
    steps = [step(rng) for _ in range(rng.choice((0, 1, 2, 3, 5)))]
    return Pipeline(steps, name=rng.choice(WORDS), config=config)


def check(seeds: range) -> None:
    for seed in seeds:
        made = pipeline(seed)
        text = export_script(made)
        again = import_script(text)
        assert again == made, f"seed {seed}"
        assert repr(again) == repr(made), f"seed {seed}: not the same types"
        assert export_script(again) == text, f"seed {seed}"


def test_export_import_export_gives_the_same_bytes() -> None:
    check(range(500))


@pytest.mark.long
def test_export_import_export_gives_the_same_bytes_ten_thousand_times() -> None:
    check(range(500, 10_500))


def test_the_pipelines_tried_hold_every_kind_of_thing() -> None:
    text = "".join(export_script(pipeline(seed)) for seed in range(500))
    for part in (
        'float("nan")', 'float("-inf")', '("disk", 3)', "PipelineConfig(", "group_by=", "select=",
        "time_limit_s=", "cpu_fallback=False", "special_outputs=",
        "oom_retries=", ": [", ": None", "細胞の核", "{}", "()", " as ",
    ):  # fmt: skip
        assert part in text


RUFF = shutil.which("ruff") or Path(sys.executable).parent / "ruff"


@pytest.mark.skipif(not Path(RUFF).exists(), reason="ruff is not installed")
def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    for seed in range(150):
        text = export_script(pipeline(seed))
        (tmp_path / f"p{seed:03}.py").write_text(text, encoding="utf-8")
    for arguments in (
        ["format", "--diff", "."],
        ["check", "--select", "I,F,E4,E9,W291,W293,Q", "."],
    ):
        done = subprocess.run(
            [RUFF, *arguments, "--isolated", "--no-cache", "--quiet"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.stdout + done.stderr == ""
