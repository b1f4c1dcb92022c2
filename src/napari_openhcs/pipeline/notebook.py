"""A pipeline as a Jupyter notebook: a cell for each step, with a picture after it.

The notebook is plain JSON of nbformat 4.5.  Run, it needs napari-openhcs and a plate, no
napari; each cell shows its step on one field of one well through
:class:`napari_openhcs.WellPreview`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.script_words import shortened
from napari_openhcs.pipeline.script_writer import format_literal, write_parts

__all__ = ["export_notebook", "notebook_text"]


def export_notebook(
    pipeline: Pipeline, plate: str | Path | None = None, well: str | None = None
) -> dict[str, Any]:
    """Return a pipeline as a Jupyter notebook.

    Parameters
    ----------
    pipeline : Pipeline
    plate : str or Path, optional
        Folder of the plate shown; by default a name to be replaced.
    well : str, optional
        Well shown; by default the plate's first.

    Returns
    -------
    dict
        The notebook's JSON document (nbformat 4.5), with code cells that were not run.
    """
    parts = write_parts(pipeline, ("WellPreview", "run"))
    settings = (
        f"PLATE = {format_literal(str(plate) if plate is not None else 'PLATE')}\n"
        f"WELL = {format_literal(well)}  # None shows the first well\n\n"
        "preview = WellPreview(PLATE, WELL)"
    )
    cells = [
        _markdown(f"# {_title(pipeline.name)}\n\n{_INTRODUCTION}"),
        _code(parts.imports),
        _code(settings),
    ]
    for number, (step, source) in enumerate(zip(pipeline, parts.steps, strict=True), start=1):
        heading = f"# {number}. {shortened(step.title)}"
        cells.append(_code(f"{heading}\n{source}\npreview.show({number}, step_{number})"))
    cells += [
        _markdown(_CLOSING),
        _code(f'{parts.pipeline}\n# run(pipeline, PLATE, output="results")'),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(notebook: dict[str, Any]) -> str:
    """Return a notebook as the text of its file, laid out as Jupyter does."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


_INTRODUCTION = (
    "Each cell makes one step and shows what it gives on one field of one well. Change a value "
    "and run the cell again: the steps after it follow when their cells are run."
)
_CLOSING = "The whole pipeline. Take the mark off the last line to run it on all wells."


def _title(name: str) -> str:
    """Return a name as a heading in which nothing is read as Markdown or HTML."""
    plain = shortened(name.strip(), 200) or "Pipeline"
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#!|$" else c for c in plain)


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(source)}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": _lines(source),
    }
