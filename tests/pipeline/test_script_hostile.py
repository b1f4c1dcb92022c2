"""Malicious and malformed scripts are refused with their place and never executed."""

from __future__ import annotations

import builtins
import os
import random
import re
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
CANARY = "__import__('pathlib').Path('CANARY').touch()"
STEP = "x = FunctionStep"

REFUSED: tuple[str, ...] = (
    # Code to run
    CANARY,
    f"x = {CANARY}",
    f"x: {CANARY} = 1",
    f"x: {CANARY}",
    f"x: list[{CANARY}] = 1",
    f"x: int | {CANARY} = 1",
    f"x[{CANARY}] = 1",
    f"({CANARY}).x = 1",
    f"x = f'{{{CANARY}}}'",
    f"x = f'{{1:{{{CANARY}}}}}'",
    f"x = 'a' f'{{{CANARY}}}'",
    f"def f(a={CANARY}): pass",
    f"def f() -> {CANARY}: pass",
    f"def f(a: {CANARY}): pass",
    f"x = lambda a={CANARY}: a",
    f"class A({CANARY}): pass",
    f"class A(metaclass={CANARY}): pass",
    f"class A:\n    {CANARY}",
    f"class FunctionStep:\n    x = {CANARY}",
    f"@{CANARY}\ndef f(): pass",
    f"@{CANARY}\nclass A: pass",
    f"assert {CANARY}",
    f"raise {CANARY}",
    f"raise SystemExit({CANARY})",
    f"return {CANARY}",
    f"del ({CANARY}).x",
    f"with {CANARY}: pass",
    f"for x in {CANARY}: pass",
    f"while {CANARY}: pass",
    f"if {CANARY}: pass",
    f"if __name__ == {CANARY}: main(pipeline)",
    f"if __name__ == '__main__' and {CANARY}: main(pipeline)",
    f"if __name__ == '__main__': main({CANARY})",
    f"if __name__ == '__main__': {CANARY}",
    f"if __name__ == '__main__': raise SystemExit({CANARY})",
    f"if __name__ == '__main__': raise SystemExit(main(pipeline)) from {CANARY}",
    f"if __name__ == '__main__': main(pipeline, {CANARY})",
    f"if __name__ == '__main__': main(pipeline, argv={CANARY})",
    f"if __name__ == '__main__': main(pipeline, **{CANARY})",
    f"if __name__ == '__main__': main(pipeline); {CANARY}",
    f"if __name__ == '__main__':\n    {CANARY}\n    main(pipeline)",
    f"if __name__ == '__main__':\n    main(pipeline)\nelse:\n    {CANARY}",
    f"try:\n    {CANARY}\nexcept Exception: pass",
    f"try:\n    pass\nfinally:\n    {CANARY}",
    f"match {CANARY}:\n    case _: pass",
    f"async def f(): {CANARY}",
    f"{STEP}({CANARY})",
    f"{STEP}((gaussian, {CANARY}))",
    f"{STEP}((gaussian, {{'sigma': {CANARY}}}))",
    f"{STEP}((gaussian, {{{CANARY}: 1}}))",
    f"{STEP}(gaussian, name={CANARY})",
    f"{STEP}(gaussian, *{CANARY})",
    f"{STEP}(gaussian, **{CANARY})",
    f"{STEP}(gaussian)({CANARY})",
    f"{STEP}(gaussian).name",
    f"{STEP}(gaussian).__init__({CANARY})",
    f"x = Pipeline([{CANARY}])",
    f"x = Pipeline([], config={CANARY})",
    f"x = PipelineConfig(level={CANARY})",
    f"x = dict(a={CANARY})",
    f"x = float({CANARY})",
    f"x = [{CANARY}]",
    f"x = ({CANARY},)",
    f"x = {{1: {CANARY}}}",
    f"x = -{CANARY}",
    f"x = gaussian({CANARY})",
    f"x = gaussian[{CANARY}]",
    f"x = (y := {CANARY})",
    f"x = [i for i in {CANARY}]",
    f"x = {{i for i in {CANARY}}}",
    f"x = {{i: i for i in {CANARY}}}",
    f"x = (i for i in {CANARY})",
    f"x = 1 if {CANARY} else 2",
    f"x = 1 and {CANARY}",
    f"x = not {CANARY}",
    f"x = 1 < {CANARY}",
    f"x = 1 + {CANARY}",
    f"x = 'a' % {CANARY}",
    f"x = await {CANARY}",
    f"x = yield {CANARY}",
    f"x = *{CANARY},",
    f"print({CANARY})",
    "exec('CANARY')",
    "eval('1')",
    "x = exec",
    "x = eval('1')",
    "x = compile('1', '', 'eval')",
    "x = open('CANARY', 'w')",
    "x = globals()",
    "x = vars()",
    "x = input()",
    "x = breakpoint()",
    "x = getattr(gaussian, '__globals__')",
    "x = setattr(pipeline, 'name', 'x')",
    "x = type('A', (), {})",
    "x = __import__('os')",
    "x = __builtins__",
    "x = __loader__",
    "x = __file__",
    "x = __name__",
    "x = memoryview(b'')",
    # Imports
    "import os",
    "import os as skimage",
    "import os, skimage.filters",
    "import skimage.io",
    "import skimage.filters, subprocess",
    "import napari_openhcs.cli",
    "import builtins",
    "import importlib",
    "import ctypes",
    "import numpy.ctypeslib",
    "from os import system",
    "from os import system as gaussian",
    "from sys import *",
    "from math import *",
    "from napari_openhcs import *",
    "from napari_openhcs import errors",
    "from napari_openhcs.cli import main",
    "from napari_openhcs.functions import registry",
    "from skimage.filters import *",
    "from skimage.filters import gausian",
    "from skimage import __version__",
    "from . import something",
    "from .os import system",
    "from ... import x",
    "from __future__ import braces, *",
    "import skimage\nx = FunctionStep(skimage.filters._gaussian.gaussian)",
    "import skimage\nx = FunctionStep(skimage.__loader__)",
    "import numpy as np\nx = np.load('CANARY')",
    "import numpy as np\nx = np.zeros",
    "import math\nx = math.factorial(10)",
    "import sys\nx = sys.modules",
    "import sys\nsys.exit(1)",
    "import sys\nsys.exit(main(pipeline))",
    "import typing\nx = typing.Any",
    "from typing import get_type_hints\nx = get_type_hints(gaussian)",
    # Dunder tricks
    "x = gaussian.__globals__",
    "x = gaussian.__class__.__mro__",
    "x = ().__class__",
    "x = ().__class__.__bases__[0].__subclasses__()",
    "x = ''.__class__",
    "x = 1 .__class__",
    "x = FunctionStep.__init__",
    "x = Pipeline.__subclasses__()",
    "x = napari_openhcs.__loader__",
    "pipeline.__class__ = 1",
    "pipeline.name = 'x'",
    "gaussian.__code__ = 1",
    "__builtins__['x'] = 1",
    f"{STEP}(gaussian, __class__=1)",
    f"{STEP}(gaussian, func=gaussian)",
    # Statements
    "global x",
    "nonlocal x",
    "pass",
    "break",
    "continue",
    "return",
    "yield 1",
    "del pipeline",
    "assert True",
    "x += 1",
    "x: int",
    "x = y = 1",
    "x, y = 1, 2",
    "[x] = [1]",
    "*x, y = 1, 2",
    "(x) = y = gaussian",
    "1",
    "gaussian",
    "Pipeline([])",
    "b'text'",
    "...",
    "type X = int",
    "match x: pass",
    "print 'x'",
    "exec 'x'",
    "while True: pass",
    "for x in (1,): pass",
    "lambda: 0",
    "async def f(): pass",
    "await x",
    "def f(): pass",
    "class A: pass",
    "raise SystemExit(main(pipeline))",
    "main(pipeline)",
    "if True: pass",
    "if __name__ == '__main__': pass",
    "if __name__ != '__main__': main(pipeline)",
    "if __name__ == '__main__' == '__main__': main(pipeline)",
    "if __name__ == '__main__': main()",
    "if __name__ == '__main__': main(1)",
    "if __name__ == '__main__': exit(main(pipeline))",
    "if __name__ == '__main__': main(pipeline)\nif __name__ == '__main__': main(pipeline)",
    "SystemExit = 1\nif __name__ == '__main__': raise SystemExit(main(pipeline))",
    # Values
    "x = 1 + 1",
    "x = 1 - 1",
    "x = 2 * 3",
    "x = 10**10**10",
    "x = 'a' * 10**10",
    "x = 1 << 10**9",
    "x = ~1",
    "x = --1",
    "x = +-1",
    "x = -True",
    "x = -'a'",
    "x = -None",
    "x = not 1",
    "x = 1 or 2",
    "x = 1 == 1",
    "x = 1 is 1",
    "x = 1j",
    "x = 1 + 2j",
    "x = ...",
    "x = b'bytes'",
    "x = rb'bytes'",
    "x = f''",
    "x = fr''",
    "x = t'{1}'",
    "x = {1, 2}",
    "x = {**{}}",
    "x = {'a': 1, 'a': 2}",
    "x = {1: 1, True: 2}",
    "x = {gaussian: 1}",
    "x = {[]: 1}",
    "x = {{}: 1}",
    "x = [*(1, 2)]",
    "x = (1, 2)[0]",
    "x = 'abc'[::-1]",
    "x = 'abc'.upper()",
    "x = '{}'.format(1)",
    "x = undefined",
    "x = undefined.name",
    "x = Pipeline",
    "x = main",
    "x = main(pipeline)",
    "x = float('1')",
    "x = float('infinity')",
    "x = float()",
    "float = 1\nx = float('inf')",
    "x = int('1')",
    "x = dict([(1, 2)])",
    "x = dict(**{})",
    "x = dict(a=1, a=2)",
    "dict = 1\nx = dict(a=1)",
    "x = list((1,))",
    "x = " + "9" * 30,
    "x = -" + "9" * 20,
    "x = " + "9" * 5000,
    "x = 0x" + "f" * 5000,
    "x = 1__0",
    "x = 01",
    "x = 1abc",
    "x = 1.2.3",
    "x = '\\ud800'",
    "x = '\\udcff\\udc80'",
    "x = '\\x'",
    "x = '\\N{no such letter}'",
    # Steps and pipelines
    f"{STEP}()",
    f"{STEP}(1)",
    f"{STEP}(None)",
    f"{STEP}([])",
    f"{STEP}([[gaussian]])",
    f"{STEP}((gaussian, 1))",
    f"{STEP}((gaussian, {{1: 2}}))",
    f"{STEP}((gaussian, {{'sigma': gaussian}}))",
    f"{STEP}((gaussian, {{'sigma': pipeline}}))",
    f"{STEP}((1, {{}}))",
    f"{STEP}({{True: gaussian}})",
    f"{STEP}({{1: gaussian, '1': None}})",
    f"{STEP}({{1.5: gaussian}})",
    f"{STEP}({{(1,): gaussian}})",
    f"{STEP}(pipeline)",
    f"{STEP}(FunctionStep(gaussian))",
    f"{STEP}(gaussian, 3)",
    f"{STEP}(gaussian, nam='y')",
    f"{STEP}(gaussian, name=1)",
    f"{STEP}(gaussian, name=gaussian)",
    f"{STEP}(gaussian, name='a', name='b')",
    f"{STEP}(gaussian, group_by='colour')",
    f"{STEP}(gaussian, group_by=[])",
    f"{STEP}(gaussian, variable_components=3)",
    f"{STEP}(gaussian, variable_components=(gaussian,))",
    f"{STEP}(gaussian, select=1)",
    f"{STEP}(gaussian, select={{'channel': None}})",
    f"{STEP}(gaussian, select={{'channel': {{}}}})",
    f"{STEP}(gaussian, select={{'channel': 1.5}})",
    f"{STEP}(gaussian, select={{1: 1}})",
    f"{STEP}(gaussian, inputs=[])",
    f"{STEP}(gaussian, inputs={{'a': gaussian}})",
    f"{STEP}(gaussian, inputs={{1: 'a'}})",
    f"{STEP}(gaussian, dtype='object')",
    f"{STEP}(gaussian, dtype=[])",
    f"{STEP}(gaussian, volume=1)",
    f"{STEP}(gaussian, enabled='no')",
    f"{STEP}(gaussian, time_limit_s=-1)",
    f"{STEP}(gaussian, time_limit_s=float('nan'))",
    f"{STEP}('no.such.function' 1)",
    "x = Pipeline(gaussian)",
    "x = Pipeline([gaussian])",
    "x = Pipeline([pipeline])",
    "x = Pipeline({})",
    "x = Pipeline([], [])",
    "x = Pipeline([], name=1)",
    "x = Pipeline([], config=1)",
    "x = Pipeline([], config={})",
    "x = Pipeline([], stpes=[])",
    "x = PipelineConfig(5)",
    "x = PipelineConfig(level=True)",
    "x = PipelineConfig(level=99)",
    "x = PipelineConfig(compressor=[])",
    "x = PipelineConfig(memory_fraction=float('nan'))",
    "FunctionStep = gaussian\nx = FunctionStep(gaussian)",
    "gaussian = 1\nx = FunctionStep(gaussian)",
    "Pipeline = FunctionStep\nx = 1",
    # Names and characters
    "x = gаussian",  # a Cyrillic letter
    "from skimage.filters import gаussian",
    "іmport os",  # a Cyrillic letter
    "x = ｇaussian",  # a full-width letter, which Python reads as 'g'
    "x = 𝐠aussian",
    "x = __ｉmport__('os')",
    "ﬁ = 1",
    "x = ªb",
    "x = 'a\u202eb'",
    "# \u202e } ⁦if True⁩",
    "x = 1  # \u2066",
    "x = '\u200f'",
    "x\u200b = 1",
    "x = 1\u00a0",
    "x\u3000= 1",
    "x = “a”",
    "x = 1；",
    "x = （1）",
    "x = 1 − 2",
    "x = ∞",
    "x = $1",
    "x = `1`",
    "x = 1 ? 2 : 3",
    "x != 1",
    "!ls",
    "%run x",
    "x = \0",
    "\0",
    "x = 'a\0b'",
    "# a\0b",
    "x = 1\x1a",
    "x = \x1b[0m",
    "x = \ud800",
    "x = '\ud800'",
    "x \\ = 1",
    "x = 1 \\",
    # Brackets, quotes and indents
    "x = (",
    "x = )",
    "x = (]",
    "x = [1, 2",
    "x = {1: 2",
    "x = {1: }",
    "x = (,)",
    "x = 'open",
    'x = "open',
    "x = '''open\n\n",
    'x = """open\n',
    "x = 'a'b'",
    "  x = 1",
    "if __name__ == '__main__':\nmain(pipeline)",
    "if __name__ == '__main__':",
    "\tx = 1",
    "x = 1 2",
    "x y = 1",
    "x =",
    "= 1",
    "x = 1 = 2",
    "x = .",
    "x = a.",
    "x = from",
    "None = 1",
    "True = False",
    "import",
    "from x",
    "import a.",
    "import a as",
    "import a as b.c",
    # Size and depth
    "x = " + "(" * 10_000,
    "x = " + "(" * 10_000 + ")" * 10_000,
    "x = " + "[" * 10_000 + "]" * 10_000,
    "x = " + "{1:" * 10_000 + "1" + "}" * 10_000,
    "x = " + "[" * 31 + "]" * 31,
    "x = " + "-" * 100_000 + "1",
    "x = " + "- " * 100_000 + "1",
    "x = " + "~" * 100_000 + "1",
    "x = " + "not " * 100_000 + "1",
    "x = " + "lambda: " * 50_000 + "1",
    "x = " + "await " * 50_000 + "1",
    "x = " + "*" * 100_000 + "1",
    "x = a" + ".a" * 100_000,
    "x = a" + "()" * 100_000,
    "x = a" + "[0]" * 100_000,
    "x = 1" + "+1" * 100_000,
    "x = 1" + "-1" * 100_000,
    "x = 1" + "**1" * 100_000,
    "x = 1" + " if 1 else 1" * 50_000,
    "x = 1" + "<1" * 100_000,
    "x = 1" + "==1" * 45_000,
    "x" + "=x" * 45_000,
    "x: a" + "|a" * 45_000 + " = 1",
    "x: " + "a[" * 10_000 + "]" * 10_000 + " = 1",
    "import a" + ".a" * 100_000,
    "from " + "." * 100_000 + " import a",
    "from " + "..." * 30_000 + " import a",
    "x = f'" + "{" * 10_000 + "}" * 10_000 + "'",
    "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 300)) + " " * 300 + "pass",
    "if 1: pass\n" + "elif 1: pass\n" * 20_000,
    "x = " + "1," * 60_000,
    "x = " + "'a'" * 120_000,
    "x = 1\n" * 60_000,
    "; ".join(["x = 1"] * 40_000),
    "x" * 900_000,
    "x = " + "9" * 900_000,
    "x = '" + "a" * 900_000,
    "x = " + "a" * 900_000,
    "x = gaussian." + "a" * 900_000,
    "from skimage.filters import " + "g" * 900_000,
    f"{STEP}(gaussian, name='a', dtype='" + "a" * 900_000 + "')",
    f"{STEP}((gaussian, {{'a': " + "x" * 800_000 + "}))",
    "x = ('" + "a" * 450_000 + "', '" + "b" * 450_000 + "')\ny = FunctionStep(gaussian, name=x)",
    "".join(f"import skimage.filters as a{n}\n" for n in range(15_000)) + "import os",
    "a = (1,)\n" + "a = (a, a)\n" * 60,
    "a = {1: 1}\n" + "a = {1: a, 2: a}\n" * 60,
    "a = (1,)\n" + "a = (a,)\n" * 10_000,
    "a = [FunctionStep(gaussian)]\n" + "a = [a, a]\n" * 60 + "x = Pipeline(a)",
    "a = (" + "1," * 20_000 + ")\n" + "s = FunctionStep((gaussian, {'a': a}))\n" * 100,
)  # fmt: skip


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
