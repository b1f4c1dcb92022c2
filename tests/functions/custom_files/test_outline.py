"""What is read from a file's text, without running any of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_openhcs.functions.custom_files import outline_of

MARK = "from napari_openhcs.memory_types.decorators import numpy as np_function\n"


@pytest.mark.parametrize(
    ("head", "mark"),
    [
        ("from napari_openhcs.memory_types.decorators import numpy", "@numpy"),
        ("from napari_openhcs.memory_types.decorators import torch as t", "@t"),
        ("from napari_openhcs.memory_types import decorators", "@decorators.jax"),
        ("import napari_openhcs.memory_types.decorators as d", "@d.cupy"),
        ("import napari_openhcs.functions.declare", "@napari_openhcs.functions.declare.declare()"),
        ("from napari_openhcs.functions.declare import declare", "@declare(contract='plane')"),
        (
            "from napari_openhcs.memory_types.decorators import memory_types as m",
            "@m(input_type='numpy', output_type='torch')",
        ),
    ],
)
def test_a_decorated_function_is_found_however_it_is_imported(head: str, mark: str) -> None:
    outline = outline_of(f"{head}\n\n{mark}\ndef f(image, a: int = 2, *, b=3):\n    return image\n")
    (found,) = outline.functions
    assert (found.name, found.signature, found.line) == ("f", "(image, a=2, *, b=3)", 4)
    assert outline.problem == ""
    assert outline.statements == ()


def test_what_a_function_imports_inside_hides_no_decorator() -> None:
    head = "from napari_openhcs.memory_types.decorators import torch\n"
    outline = outline_of(head + "@torch\ndef f(image):\n    import torch\n    return image\n")
    assert [item.name for item in outline.functions] == ["f"]
    assert outline.statements == ()


@pytest.mark.parametrize(
    "text",
    [
        "def f(image):\n    return image\n",
        "from somewhere import numpy\n@numpy\ndef f(image): return image\n",
        MARK + "@np_function\ndef _private(image): return image\n",
        MARK + "class A:\n    @np_function\n    def f(self): return self\n",
        "",
    ],
)
def test_a_file_without_one_has_a_problem(text: str) -> None:
    assert "it has no function with a memory type" in outline_of(text).problem


@pytest.mark.parametrize(
    ("text", "said"),
    [("def f(:\n", "line 1 is not Python"), ("x = 1\x00", "null bytes"), ("(" * 9999, "Python")],
)
def test_what_is_no_python_has_a_problem(text: str, said: str) -> None:
    outline = outline_of(text)
    assert said in outline.problem
    assert outline.functions == ()


def test_what_runs_at_once_is_named_and_what_does_not_is_not() -> None:
    text = MARK + (
        "import os, sys\n'text'\nGAIN = 3\nLIST: list = [1, 2]\n"  # lines 2 to 5
        "os.remove('x')\n"
        "for item in []:\n    pass\n"
        "def f(x=os.getcwd()): pass\n"
        "@staticmethod\ndef g(): pass\n"
        "class A:\n    y = open('z')\n"
        "class B:\n    'text'\n    def m(self): pass\n"
        "@np_function\ndef h(image): return os.listdir(image)\n"
    )
    outline = outline_of(text)
    assert [line for line, _ in outline.statements] == [6, 7, 9, 11, 12]
    assert outline.statements[0][1] == "os.remove('x')"
    assert outline.imports == ("napari_openhcs.memory_types.decorators", "os", "sys")
    assert "line 6: os.remove('x')" in "\n".join(outline.facts())


@pytest.mark.parametrize(
    "text",
    [
        "def f(x: print(1)): pass",
        "def f(*x: print(1)): pass",
        "def f() -> print(1): pass",
        "@np_function(print(1))\ndef f(x): pass",
        "@np_function([print(1) for _ in 'a'])\ndef f(x): pass",
        "class A(print(1)):\n    'text'",
        "class A(metaclass=print):\n    'text'",
        "class A:\n    import os",
        "class A:\n    b: print(1) = 2",
        "import sys\nsys.path = []",
        "import sys\nsys.modules['os'] = None",
        "a, b[print(1)] = 1, 2",
        "a: print(1) = 2",
        "def np_function(f): print(f)\n@np_function\ndef g(x): pass",
        "from elsewhere import np_function\n@np_function\ndef g(x): pass",
        "for np_function in [print]: pass\n@np_function\ndef g(x): pass",
    ],
)
def test_what_runs_inside_a_definition_or_an_assignment_is_named(text: str) -> None:
    assert outline_of(MARK + text + "\n").statements


@pytest.mark.parametrize(
    "text",
    [
        "def f(x: 'np.ndarray', *y: tuple[int, ...] | None) -> np.ndarray: pass",
        "@np_function(kind=Kind.MASK, limits={'a': (0, None)})\ndef f(x): pass",
        "class A(Base, Generic[T]):\n    a: int = 1\n    def m(self): print(1)",
        "a = b = -1\n(c, d) = (1, 2)\ne: list[int] = [3]",
    ],
)
def test_what_only_defines_is_not_named(text: str) -> None:
    assert outline_of(MARK + text + "\n").statements == ()


def test_hidden_characters_are_named() -> None:
    outline = outline_of(MARK + "# \u202ereversed\nx = 1\n")
    assert outline.hidden == (2,)
    assert "in line 2" in outline.facts()[-1]


@given(st.text(max_size=200))
def test_no_text_is_too_odd(text: str) -> None:
    outline_of(text).facts()
