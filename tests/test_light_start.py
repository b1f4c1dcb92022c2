"""Starting is light: no window, no GPU framework, no image library before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "napari", "magicgui", "superqt", "vispy",
    "torch", "cupy", "jax", "tensorflow", "dask", "distributed", "skimage", "scipy", "pyarrow",
    "pandas",
)  # fmt: skip

STARTS = {
    "the package": "import napari_openhcs",
    "the manifest": """
import npe2
npe2.PluginManifest.from_distribution("napari-openhcs")
""",
    "the command line's help": """
from napari_openhcs.cli import main
try:
    main(argv=["--help"])
except SystemExit:
    print()
""",
    "the list of functions": """
from napari_openhcs.functions.registry import specs
assert len(specs()) > 100
""",
    "the session": """
from napari_openhcs.session import Session
Session()
""",
    "a pipeline": """
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.pipeline.templates import count_nuclei
import_script(export_script(count_nuclei()))
""",
    "the list of formats": """
from napari_openhcs.formats import FORMATS
list(FORMATS)
""",
    "the reader": "import napari_openhcs.reader",
    "the runner's client": "import napari_openhcs.runner",
}


@pytest.mark.parametrize("what", STARTS)
def test_starting_loads_nothing_heavy(what: str) -> None:
    if "npe2" in STARTS[what]:
        pytest.importorskip("npe2", reason="npe2 is not installed")
    code = f"{STARTS[what]}\nimport sys\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
