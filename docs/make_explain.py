"""Write the explained demo into ``docs/pipelines.md``: ``python docs/make_explain.py``.

The text is what ``napari-openhcs compile --explain`` says of the demo's pipeline on its plate, on
a machine with 8 cores and 16 GB of memory on which nothing was tuned yet.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

PAGE = Path(__file__).with_name("pipelines.md")
START, END = "<!-- explain: python docs/make_explain.py -->\n```text\n", "```\n<!-- end -->\n"
MEMORY = 16 * 10**9


def text() -> str:
    """Return what the compiler says of the demo."""
    from napari_openhcs.commands.demo import SAMPLE
    from napari_openhcs.compiler import compile_pipeline, devices, explain, materialization
    from napari_openhcs.formats import open_plate
    from napari_openhcs.functions import speeds
    from napari_openhcs.pipeline.templates import count_nuclei
    from napari_openhcs.sample_data import write_sample_plate

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(os, "cpu_count", return_value=8),
        mock.patch.object(devices, "host_free_memory", return_value=MEMORY),
        mock.patch.object(materialization, "host_memory", return_value=MEMORY),
        mock.patch.object(speeds, "measured_speed", return_value=None),
    ):
        plate = write_sample_plate(Path(folder, "plate"), **SAMPLE).path
        plan = compile_pipeline(open_plate(plate), count_nuclei(), output=Path(folder, "results"))
        return explain(plan).replace(str(Path(folder)), "openhcs-demo")


def written() -> str:
    """Return what stands in the page."""
    return PAGE.read_text(encoding="utf-8").partition(START)[2].partition(END)[0]


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(START)[0], page.partition(END)[2]
    PAGE.write_text(before + START + text() + END + after, encoding="utf-8")
