"""Malicious and malformed scripts are refused with their place and never executed."""

from __future__ import annotations

import builtins
import os
import random
import re
import runpy
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_openhcs.errors import ScriptError
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import MAX_SCRIPT_BYTES, export_script, import_script
from napari_openhcs.pipeline.templates import count_nuclei

BEFORE = """from napari_openhcs import FunctionStep, Pipeline, PipelineConfig, main
from skimage.filters import gaussian
pipeline = Pipeline([FunctionStep(gaussian)])
"""
LINE = BEFORE.count("\n") + 1
TABLE = runpy.run_path(str(Path(__file__).with_name("hostile_scripts.py")))
CANARY = TABLE["CANARY"]

REFUSED: tuple[str, ...] = TABLE["REFUSED"]


EVENTS = frozenset(("exec", "import", "os.system", "os.exec", "subprocess.Popen"))
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@pytest.fixture(scope="module")
def events() -> Iterator[list[str]]:
    """What Python was told to execute, import or open while a test listens."""
    listening: list[list[str]] = [[]]

    def hook(event: str, arguments: Any) -> None:
        # Reading is allowed: the registry looks for custom functions, Python for a bad line.
        if event in EVENTS or (event == "open" and arguments[2] & WRITES):
            listening[0].append(f"{event} {arguments}")

    sys.addaudithook(hook)
    yield listening[0]
    # A hook cannot be removed.
    listening[0] = []


def refusal(text: str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        import_script(text)
    return caught.value


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load the registry and the parser before anything is timed or listened to."""
    import_script(BEFORE)
    with pytest.raises(ScriptError):
        import_script(BEFORE + "from skimage.filters import nothing_near")


def test_there_are_enough_of_them() -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 400


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_is_refused_in_one_sentence_and_not_executed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[str]
) -> None:
    line = REFUSED[number]
    monkeypatch.chdir(tmp_path)
    names = set(vars(builtins))
    events.clear()
    start = time.process_time()
    error = refusal(BEFORE + line)
    seconds = time.process_time() - start
    happened = list(events)
    message = str(error)
    assert re.match(rf"the script, line {error.line}, column {error.column}: ", message)
    assert LINE <= error.line <= LINE + line.count("\n") + 1
    assert error.column >= 1
    assert "expected" in message
    assert "\n" not in message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 400
    assert seconds < 1
    assert happened == []
    assert set(vars(builtins)) == names
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [line for line in REFUSED if len(line) > 20_000])
def test_large_ones_take_little_memory(line: str) -> None:
    tracemalloc.start()
    try:
        refusal(BEFORE + line)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150e6


PLACES = (
    ("x = 1 + 1", 1, 7, "'+' in a calculation"),
    ("x = 'größe', undefined", 1, 14, "'undefined'"),
    ("'''\na\n''' ; x = undefined", 3, 11, "'undefined'"),
    ("x = (1,\r\n     2,\r\n     ~3)", 3, 6, "'~'"),
    ("x = (\n1,", 1, 5, "a '(' that is never closed"),
    ("x = (1, 2]", 1, 10, "']'"),
    ("x = lambda: 0", 1, 5, "'lambda'"),
    ("x = 'a\u202eb'", 1, 7, "U+202E"),
    ("x = '''\n\0'''", 2, 1, "U+0000"),
    ("x = FunctionStep(gaussian,\n    name=3)", 2, 10, "a step's name is 3"),
    ("x = {\n 'a': 1,\n 'a': 2}", 3, 2, "the key 'a' twice"),
    ("import os", 1, 1, "an import of 'os'"),
    ("x = 99999999999999999999999", 1, 5, "99999999999999999999999"),
    ("x = FunctionStep(gaussian, nam='y')", 1, 32, "did you mean 'name'"),
    ("from skimage.filters import gausian", 1, 1, "did you mean 'skimage.filters.gaussian'"),
)


@pytest.mark.parametrize(("line", "row", "column", "words"), PLACES)
def test_says_where_and_what(line: str, row: int, column: int, words: str) -> None:
    error = refusal(BEFORE + line)
    assert (error.line - LINE + 1, error.column) == (row, column)
    assert words in str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no pipeline"),
        ("x = 3", "no pipeline"),
        ("p = Pipeline([])", "a call"),
        ("from napari_openhcs import Pipeline\na = Pipeline([])\nb = Pipeline([])", "2 pipelines"),
        ("# coding: latin-1\n" + BEFORE, "encoding 'latin-1'"),
        ("\n# vim: set fileencoding=utf-7 :\n" + BEFORE, "encoding 'utf-7'"),
        ("# -*- coding: rot13 -*-\n" + BEFORE, "encoding 'rot13'"),
        ("\ufeff\ufeff" + BEFORE, "U+FEFF"),
        ("#" * (MAX_SCRIPT_BYTES + 1), "more than 1,000,000"),
        ("(" * 50_000_000, "more than 1,000,000"),
    ],
)
def test_what_is_no_pipeline_is_refused(text: str, words: str) -> None:
    error = refusal(text)
    assert words in str(error)
    assert error.line >= 1
    assert "expected" in str(error)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + BEFORE.encode(), BEFORE.replace("\n", "\r\n").encode()],
    ids=["byte order mark", "carriage returns"],
)
def test_marks_that_editors_leave_are_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.py"
    path.write_bytes(content)
    assert import_script(path) == Pipeline([FunctionStep("skimage.filters.gaussian")])


PIECES = (
    "(", ")", "[", "]", "{", "}", ",", ":", "=", ".", "-", "+", "*", "**", "'", '"', "'''", "\\",
    "\n", "\n    ", "\t", " ", ";", "#", "@", "~", "|", "==", "0", "1", "1e", "0x", "1j", "None",
    "True", "lambda: ", "import ", "from ", "if ", "else ", "raise ", "as ", "def ", "class ",
    "FunctionStep", "Pipeline", "PipelineConfig", "gaussian", "main", "pipeline", "name=", "func=",
    "__import__('os')", "__class__", "float('nan')", "dict(", "é", "ｇ", "\0", "\u202e", "\ud800",
    "f'", "b'", "r'", CANARY, "(1, 2)", "{'a': 1}", "[gaussian]", "select=", "9" * 30,
)  # fmt: skip


def mutated(rng: random.Random, seeds: tuple[str, ...]) -> str:
    """Return a script with some pieces taken out, put in, doubled or exchanged."""
    text = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 1, 2, 5, 20)))
        kind = rng.randrange(4)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:at] + rng.choice(PIECES) + text[end:]
        elif kind == 2:
            text = text[:at] + text[at:end] * 2 + text[end:]
        else:
            other = rng.randrange(len(text) + 1)
            text = text[:at] + text[other : other + end - at] + text[end:]
    return text


def seeds() -> tuple[str, ...]:
    small = (
        BEFORE,
        BEFORE + "if __name__ == '__main__':\n    raise SystemExit(main(pipeline))\n",
        "from napari_openhcs import FunctionStep, Pipeline\nfrom skimage.filters import gaussian\n"
        "S: float = 1.5\nsteps = [FunctionStep((gaussian, {'sigma': S}), name='a')]\n"
        "pipeline = Pipeline(steps)\n",
        "import skimage.filters as f\nimport napari_openhcs as o\n"
        "p = o.Pipeline([o.FunctionStep({1: [f.gaussian], 2: None}, group_by='channel')])\n",
    )
    return (*small, *small, *small, *small, export_script(count_nuclei()))


def fuzz(count: int, seed: int) -> int:
    rng = random.Random(seed)
    origins = seeds()
    accepted = 0
    for _ in range(count):
        text = mutated(rng, origins)
        try:
            found = import_script(text)
        except ScriptError as error:
            if error.line < 1:
                pytest.fail(f"no line in the refusal of {text!r}")
            continue
        accepted += 1
        assert import_script(export_script(found)) == found, text
    return accepted


def test_mutated_scripts_crash_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert 20 < fuzz(2_000, seed=0) < 1_980
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_mutated_scripts_crash_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Looking for the function that was meant takes most of the time, and reads no script.
    monkeypatch.setattr("napari_openhcs.pipeline.script_reader._nearest", lambda path: "")
    assert fuzz(1_000_000, seed=1) > 10_000
    assert list(tmp_path.iterdir()) == []
