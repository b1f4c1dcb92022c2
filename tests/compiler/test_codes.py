"""The catalogue of problems is complete, and its page is up to date."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

from napari_openhcs import compiler
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.compiler.codes import CODES, GROUPS
from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import read_file
from napari_openhcs.functions.custom_files.trust import remember
from napari_openhcs.pipeline import FunctionStep, Pipeline

ROOT = Path(__file__).parents[2]
MAKERS = {"Problem", "step_problem", "Fault", "_Fault", "_problem"}
CUSTOM = "napari_openhcs.functions.custom.mine.lift"


def literals(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def made_in(path: Path) -> set[str]:
    """Return the codes that are written out where a problem is made."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS:
            place = 2 if node.func.id == "step_problem" else 0
            code = node.args[place] if len(node.args) > place else None
            if isinstance(code, ast.Constant):
                found.add(code.value)
    return found


SOURCE = """
from napari_openhcs.memory_types.decorators import numpy

@numpy
def lift(image):
    return image + 1
"""

SOURCES = [
    path
    for path in Path(compiler.__file__).parent.glob("*.py")
    if path.name not in ("codes.py", "explain.py")
]


def test_every_code_that_is_made_is_in_the_catalogue():
    assert set().union(*map(made_in, SOURCES)) <= set(CODES)


def test_every_code_of_the_catalogue_is_made_and_tested():
    made = set().union(*map(literals, SOURCES)) | {"function_untrusted", "function_changed"}
    tests = set().union(*map(literals, Path(__file__).parent.glob("test_*.py")))
    assert set(CODES) <= made
    assert set(CODES) <= tests


def test_the_catalogue_is_large_enough():
    assert len(CODES) >= 60
    assert sum(len(kinds) for kinds in GROUPS.values()) == len(CODES)


def test_the_page_is_up_to_date():
    made = runpy.run_path(str(ROOT / "docs" / "make_problems.py"))["text"]()
    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    assert page == made, "run: python docs/make_problems.py"


def test_a_custom_function_waits_to_be_trusted(make_plate, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENHCS_FUNCTIONS", str(tmp_path / "functions"))
    monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "trusted"))
    path = tmp_path / "functions" / "mine.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    plate, pipeline = make_plate(), Pipeline([FunctionStep(CUSTOM)])
    (problem,) = compile_pipeline(plate, pipeline).problems
    assert (problem.code, problem.step, problem.function) == ("function_untrusted", 1, CUSTOM)
    assert "functions trust" in problem.message
    remember(read_file(path))
    path.write_text(SOURCE + "# edited\n")
    (problem,) = compile_pipeline(plate, pipeline).problems
    assert problem.code == "function_changed"
    assert "was edited since it was trusted" in problem.message


def test_another_version_of_a_library_is_pointed_out(make_plate, monkeypatch):
    monkeypatch.setattr(registry, "established_version", lambda library: "0.1.2")
    step = FunctionStep("skimage.filters.gaussian")
    plan = compile_pipeline(make_plate(), Pipeline([step, step.replace(name="Again")]))
    (problem,) = plan.problems
    assert (problem.code, problem.severity) == ("version_differs", "warning")
    assert "version 0.1.2" in problem.message
    assert plan.ok
