"""Scripts as people write them by hand, and the grammar of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_openhcs.errors import ScriptError
from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.script import export_script, import_script

GAUSSIAN = "skimage.filters.gaussian"
MEDIAN = "scipy.ndimage.median_filter"
IMPORTS = """from napari_openhcs import FunctionStep, Pipeline, PipelineConfig, main
from skimage.filters import gaussian
from scipy.ndimage import median_filter
"""
SMOOTH = FunctionStep((GAUSSIAN, {"sigma": 2}))

ONE_STEP = {
    "trailing commas": "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 2,},),),],)",
    "comments": "# first\npipeline = Pipeline([  # one\n"
    "  FunctionStep((gaussian, {'sigma': 2}))\n])",
    "func by name": "pipeline = Pipeline([FunctionStep(func=(gaussian, {'sigma': 2}))])",
    "steps by name": "pipeline = Pipeline(steps=[FunctionStep((gaussian, {'sigma': 2}))])",
    "an id as text": "p = Pipeline([FunctionStep(('skimage.filters.gaussian', {'sigma': 2}))])",
    "renamed function": "from skimage.filters import gaussian as blur\n"
    "pipeline = Pipeline([FunctionStep((blur, {'sigma': 2}))])",
    "renamed module": "import skimage.filters as f\n"
    "pipeline = Pipeline([FunctionStep((f.gaussian, {'sigma': 2}))])",
    "module": "import skimage.filters\n"
    "pipeline = Pipeline([FunctionStep((skimage.filters.gaussian, {'sigma': 2}))])",
    "module from its package": "from skimage import filters\n"
    "pipeline = Pipeline([FunctionStep((filters.gaussian, {'sigma': 2}))])",
    "several imports in a line": "import skimage.filters as f, skimage.morphology as m\n"
    "pipeline = Pipeline([FunctionStep((f.gaussian, {'sigma': 2}))])",
    "imports in parentheses": "from skimage.filters import (\n    gaussian,\n    sobel,\n)\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 2}))])",
    "our package renamed": "import napari_openhcs as o\n"
    "pipeline = o.Pipeline([o.FunctionStep((gaussian, {'sigma': 2}))])",
    "our classes renamed": "from napari_openhcs import FunctionStep as S, Pipeline as P\n"
    "pipeline = P([S((gaussian, {'sigma': 2}))])",
    "a constant": "SIGMA = 2\npipeline = Pipeline([FunctionStep((gaussian, {'sigma': SIGMA}))])",
    "an annotated constant": "from typing import Final\nSIGMA: Final[int] = 2\n"
    "pipeline: Pipeline = Pipeline([FunctionStep((gaussian, {'sigma': SIGMA}))])",
    "annotations of every form": "import typing as t\nA: 'int | None' = 2\nB: int | None = A\n"
    "C: t.Optional[int] = B\nD: tuple[int, ...] = (C,)\nE: t.Callable[[int], None] = C\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': E}))])",
    "constant parameters": "SETTINGS = {'sigma': 2}\n"
    "pipeline = Pipeline([FunctionStep((gaussian, SETTINGS))])",
    "parameters from dict": "pipeline = Pipeline([FunctionStep((gaussian, dict(sigma=2)))])",
    "a constant key": "NAME = 'sigma'\npipeline = Pipeline([FunctionStep((gaussian, {NAME: 2}))])",
    "a constant again": "S = 3\nS = 2\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': S}))])",
    "a plus sign": "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': +2}))])",
    "a hexadecimal": "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 0x2}))])",
    "parentheses": "pipeline = (Pipeline(([(FunctionStep(((gaussian), {('sigma'): (2)})))])))",
    "a tuple of steps": "pipeline = Pipeline((FunctionStep((gaussian, {'sigma': 2})),))",
    "a step in a variable": "smooth = FunctionStep((gaussian, {'sigma': 2}))\n"
    "pipeline = Pipeline([smooth])",
    "steps in a variable": "steps = [FunctionStep((gaussian, {'sigma': 2}))]\n"
    "pipeline = Pipeline(steps)",
    "two statements in a line": "steps = [FunctionStep((gaussian, {'sigma': 2}))]; "
    "pipeline = Pipeline(steps)",
    "a call in a variable": "blur = (gaussian, {'sigma': 2})\n"
    "pipeline = Pipeline([FunctionStep(blur)])",
    "a function in a variable": "blur = gaussian\n"
    "pipeline = Pipeline([FunctionStep((blur, {'sigma': 2}))])",
    "an own name": "mine = Pipeline([FunctionStep((gaussian, {'sigma': 2}))])",
    "a line continued": "pipeline = \\\n  Pipeline([FunctionStep((gaussian, \\\n {'sigma': 2}))])",
    "carriage returns": "pipeline = Pipeline(\r\n"
    "    [FunctionStep((gaussian, {'sigma': 2}))]\r\n)\r\n",
    "old line ends": "pipeline = Pipeline(\r    [FunctionStep((gaussian, {'sigma': 2}))]\r)\r",
    "tabs and form feeds": "\f\npipeline = Pipeline(\n\t[FunctionStep((gaussian, {'sigma': 2}))])",
    "docstrings": "'''Doc.'''\nSIGMA = 2\n'''In px.'''\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': SIGMA}))])\n\"\"\"Mine.\"\"\"",
    "from __future__": "from __future__ import annotations\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 2}))])",
    "a coding line": "# -*- coding: utf-8 -*-\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 2}))])",
    "defaults written out": "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': 2}), name='',"
    " input_source='previous', volume=False, inputs={}, select=None, dtype='preserve')],"
    " config=PipelineConfig(level=5))",
    "a name in another language": "unschärfe = 2\n"
    "pipeline = Pipeline([FunctionStep((gaussian, {'sigma': unschärfe}))])",
}  # fmt: skip

GUARDS = (
    "if __name__ == '__main__':\n    raise SystemExit(main(pipeline))",
    "if __name__ == '__main__':\n    main(pipeline)",
    "if '__main__' == __name__:\n    main(pipeline)",
    "if __name__ == '__main__': main(pipeline)",
    "if (__name__ == '__main__'):\n\tmain(pipeline=pipeline)",
    "import sys\nif __name__ == '__main__':\n    sys.exit(main(pipeline))",
    "from sys import exit\nif __name__ == '__main__':\n    exit(main(pipeline))",
    "import napari_openhcs as o\nif __name__ == '__main__':\n    o.main(pipeline)",
    "if __name__ == '__main__':\n    raise SystemExit(main(Pipeline([smooth])))",
    "if __name__ == '__main__':  # run\n    # it\n    raise SystemExit(main(pipeline))  # here",
)

LITERALS = {
    "-1.5": -1.5,
    "1_000": 1000,
    "1e-3": 0.001,
    "1E+3": 1000.0,
    ".5": 0.5,
    "5.": 5.0,
    "0b11": 3,
    "1e999": float("inf"),
    "float('inf')": float("inf"),
    "float('-inf')": float("-inf"),
    "math.pi": 3.141592653589793,
    "-np.inf": float("-inf"),
    "inf": float("inf"),
    "'one' 'two'": "onetwo",
    "(\n'one'\n'two'\n)": "onetwo",
    "'''three\nlines\n'''": "three\nlines\n",
    "r'\\d'": "\\d",
    "u'x'": "x",
    "'\\N{GREEK SMALL LETTER MU}m'": "μm",
    "'(((' ']]]' '# no comment'": "(((]]]# no comment",
    "'it\\'s'": "it's",
    "'a\\\nb'": "ab",
    "[1, [2, 3]]": (1, (2, 3)),
    "(1,)": (1,),
    "()": (),
    "{}": {},
    "{'a': {1: None}}": {"a": {1: None}},
    "{-1: True}": {-1: True},
    "{(1, 2): False}": {(1, 2): False},
    "('disk', 3)": ("disk", 3),
}


@pytest.mark.parametrize("body", ONE_STEP.values(), ids=ONE_STEP)
def test_variations_people_write(body: str) -> None:
    found = import_script(IMPORTS + body)
    assert found.steps == (SMOOTH,)
    assert import_script(export_script(found)) == found


@pytest.mark.parametrize("guard", GUARDS)
def test_ways_to_call_main(guard: str) -> None:
    before = IMPORTS + "smooth = FunctionStep((gaussian, {'sigma': 2}))\n"
    assert import_script(before + "pipeline = Pipeline([smooth])\n" + guard).steps == (SMOOTH,)


def test_what_main_runs_is_the_pipeline() -> None:
    text = IMPORTS + "pipeline = Pipeline([])\nother = Pipeline([], name='Other')\n"
    assert import_script(text).name == "Pipeline"
    assert import_script(text + "if __name__ == '__main__':\n    main(other)").name == "Other"


@pytest.mark.parametrize(("written", "value"), LITERALS.items(), ids=LITERALS)
def test_values_people_write(written: str, value: object) -> None:
    text = (
        IMPORTS + "import math\nimport numpy as np\nfrom math import inf\n"
        f"pipeline = Pipeline([FunctionStep((gaussian, {{'sigma': {written}}}))])"
    )
    (step,) = import_script(text)
    (found,) = step.func.parameters.values()
    assert found == value
    assert type(found) is type(value) or isinstance(value, dict)


def test_a_whole_script_written_by_hand() -> None:
    text = (
        '"""Nuclei, as of last week."""\n' + IMPORTS + "import skimage.filters as f\n"
        "SIGMAS = (1, 2.5)  # px\n"
        "DAPI: str = '1'\n"
        "smooth = FunctionStep(dtype='float32', func=(f.gaussian, {'sigma': SIGMAS}),\n"
        "    name='Smooth')\n"
        "by_channel = FunctionStep({DAPI: [gaussian, (median_filter, dict(size=3))], 2: None},\n"
        "    group_by='channel', name='By ' 'channel')\n"
        "steps = [\n    smooth,\n    by_channel,  # both\n]\n"
        "config = PipelineConfig(level=9)\n"
        "pipeline = Pipeline(steps, config=config, name='Mine')\n"
    )
    assert import_script(text) == Pipeline(
        [
            FunctionStep((GAUSSIAN, {"sigma": (1, 2.5)}), name="Smooth", dtype="float32"),
            FunctionStep(
                {"1": [GAUSSIAN, (MEDIAN, {"size": 3})], "2": None},
                group_by="channel",
                name="By channel",
            ),
        ],
        name="Mine",
        config=PipelineConfig(level=9),
    )


GRAMMAR = Path(__file__).parents[2] / "docs" / "script-grammar.md"

PRODUCTIONS: dict[str, tuple[str, str]] = {
    # production: (what has it and is read, what is near it and is refused)
    "script": ("x = 1\n'y'", "x = 1\nx"),
    "statement": ("'a text'", "pass"),
    "import": ("from scipy.ndimage import sobel as s, laplace", "from os import path"),
    "module": ("import numpy as np", "import subprocess"),
    "assignment": ("x: int = 1", "x = y = 1"),
    "type": ("x: list[int | None] = [1]", "x: print('x') = 1"),
    "value": ("x = gaussian", "x = 1 + 1"),
    "pattern": ("s = FunctionStep({1: gaussian, '2': None})", "s = FunctionStep({gaussian: 1})"),
    "function": ("s = FunctionStep('skimage.filters.gaussian')", "s = FunctionStep(gaussian())"),
    "call": ("s = FunctionStep((gaussian, {'sigma': 1}))", "s = FunctionStep(gaussian(sigma=1))"),
    "chain": ("s = FunctionStep([gaussian, median_filter])", "s = FunctionStep([])"),
    "parameters": ("p = dict(sigma=1)", "p = dict([('sigma', 1)])"),
    "step": ("s = FunctionStep(gaussian, volume=True)", "s = FunctionStep(gaussian, 'x')"),
    "config": ("c = PipelineConfig(level=1)", "c = PipelineConfig(1)"),
    "pipeline": ("pipeline = Pipeline([FunctionStep(gaussian)])", "p = Pipeline(gaussian)"),
    "guard": ("if __name__ == '__main__':\n    main(pipeline)", "if True:\n    main(pipeline)"),
    "exit": (
        "if __name__ == '__main__':\n    raise SystemExit(main(pipeline))",
        "if __name__ == '__main__':\n    quit(main(pipeline))",
    ),
    "literal": ("x = ['a', 1, True, None, (1,), {'k': 2}]", "x = {1, 2}"),
    "mapping": ("x = {'a': 1, 2: (3,)}", "x = {'a': 1, 'a': 2}"),
    "key": ("x = {-1: 0, None: 1, (2, 'a'): 2}", "x = {[1]: 2}"),
    "number": ("x = -1.5, float('inf'), 0x1F", "x = --1"),
    "text": ("x = 'a' \"b\" r'''c'''", "x = f'a'"),
}


def grammar() -> list[str]:
    (block,) = re.findall(r"^```ebnf\n(.*?)^```", GRAMMAR.read_text(encoding="utf-8"), re.M | re.S)
    return re.findall(r"^(\w+) +=", block, re.MULTILINE)


def test_every_production_of_the_documented_grammar_is_tried() -> None:
    assert sorted(grammar()) == sorted(PRODUCTIONS)


@pytest.mark.parametrize("production", PRODUCTIONS)
def test_productions(production: str) -> None:
    good, bad = PRODUCTIONS[production]
    before = IMPORTS + "pipeline = Pipeline([])\n"
    assert isinstance(import_script(before + good), Pipeline)
    with pytest.raises(ScriptError, match=r"line [5-6], column \d+"):
        import_script(before + bad)


def test_the_documented_example_is_read() -> None:
    (example,) = re.findall(
        r"^```python\n(.*?)^```", GRAMMAR.read_text(encoding="utf-8"), re.M | re.S
    )
    assert len(import_script(example)) == 3
