from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_openhcs import export_notebook
from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.pipeline.notebook import notebook_text
from napari_openhcs.pipeline.templates import count_nuclei

ODD = Pipeline(
    [
        FunctionStep("skimage.filters.gaussian", name='% "odd"\n!ls'),
        FunctionStep(["scipy.ndimage.sobel", "skimage.filters.sobel"]),
    ],
    name="<b>Bold</b> *name*",
    config=PipelineConfig(level=9),
)


def sources(notebook: dict[str, Any], kind: str = "code") -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == kind]


def test_there_is_a_cell_a_step_that_shows_it() -> None:
    notebook = export_notebook(count_nuclei(), "/data/plate", "B02")
    code = sources(notebook)
    assert 'PLATE = "/data/plate"\nWELL = "B02"' in code[1]
    assert code[2].startswith("# 1. Smooth\nstep_1 = FunctionStep(")
    assert code[2].endswith("\npreview.show(1, step_1)")
    assert len(code) == 2 + len(count_nuclei()) + 1
    assert "pipeline = Pipeline(\n    [step_1, step_2" in code[-1] or "[step_1, step_2" in code[-1]


@pytest.mark.parametrize("pipeline", [count_nuclei(), ODD, Pipeline()])
def test_is_a_notebook_of_valid_cells(pipeline: Pipeline) -> None:
    notebook = export_notebook(pipeline)
    for code in sources(notebook):
        ast.parse(code)
    assert json.loads(notebook_text(notebook)) == notebook
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.reads(notebook_text(notebook), as_version=4))


def test_names_do_no_harm() -> None:
    notebook = export_notebook(ODD)
    assert "\\<b\\>Bold" in sources(notebook, "markdown")[0]
    assert not any(line.startswith(("%", "!")) for c in sources(notebook) for line in c.split("\n"))


def test_the_cells_give_the_pipeline() -> None:
    namespace: dict[str, Any] = {}
    for code in sources(export_notebook(ODD)):
        lines = [line for line in code.split("\n") if "preview" not in line]
        exec("\n".join(lines), namespace)
    assert namespace["pipeline"] == ODD


RUN = """
import ast, json, sys
shown = []
notebook = json.load(open(sys.argv[1], encoding="utf-8"))
namespace = {"__name__": "__main__"}
for cell in notebook["cells"]:
    if cell["cell_type"] == "code":
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), namespace)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), namespace))
namespace["preview"].close()
print(json.dumps([picture._repr_html_() for picture in shown]))
assert not any(name.partition(".")[0] in ("napari", "qtpy", "IPython") for name in sys.modules)
"""


def test_its_code_runs_without_a_window_and_shows_every_step(tmp_path: Path) -> None:
    from napari_openhcs.sample_data import write_sample_plate

    plate = write_sample_plate(tmp_path / "plate", wells=1, fields=1, size=128, seed=1).path
    path = tmp_path / "nuclei.ipynb"
    path.write_text(notebook_text(export_notebook(count_nuclei(), plate)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN, path], capture_output=True, text=True, check=True
    )
    shown = json.loads(done.stdout)
    assert len(shown) == len(count_nuclei())
    assert all('src="data:image/jpeg;base64,' in text for text in shown[:1])
    assert all('src="data:image/png;base64,' in text for text in shown[1:-1])
    assert "<th>mean_intensity_DAPI</th>" in shown[-1]
    assert "Nuclei" in shown[3]
