"""Exported scripts give, without any window library, what the session's run gives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_openhcs.pipeline import Pipeline
from napari_openhcs.pipeline.script import import_script
from napari_openhcs.pipeline.templates import count_nuclei
from napari_openhcs.session import Session
from napari_openhcs.testing.runner import digest_of

EXAMPLES = Path(__file__).parents[1] / "examples"
PIPELINES = {
    "count_nuclei": lambda: count_nuclei(),
    **{path.stem: (lambda path=path: import_script(path)) for path in EXAMPLES.glob("*.py")},
}
RUN = """
import runpy, sys
try:
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
except SystemExit as end:
    loaded = {name.partition(".")[0] for name in sys.modules}
    window = loaded & {"napari", "qtpy", "magicgui", "PyQt6", "PySide6"}
    assert not window, window
    assert not end.code, end.code
"""


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_openhcs.sample_data import write_sample_plate

    folder = tmp_path_factory.mktemp("exported") / "plate"
    return Path(write_sample_plate(folder, wells=2, fields=1, size=160, seed=1).path)


def run_in_session(pipeline: Pipeline, plate: Path, output: Path) -> None:
    session = Session()
    session.open_plate(plate)
    session.set_pipeline(pipeline)
    session.set_output(output)
    session.start_run()
    deadline = time.monotonic() + 120
    while session.state.run is None or session.state.run.state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
        session.refresh_run()
    assert session.state.run.state == "done", session.state.run


@pytest.mark.parametrize("name", PIPELINES)
def test_the_script_gives_what_the_session_gives(name: str, plate: Path, tmp_path: Path) -> None:
    pipeline = PIPELINES[name]()
    run_in_session(pipeline, plate, tmp_path / "session")
    session = Session()
    session.set_pipeline(pipeline)
    session.export_script(tmp_path / "exported.py")
    blocked = tmp_path / "blocked"
    for library in ("napari", "qtpy", "magicgui", "PyQt6", "PySide6"):
        (blocked / library).mkdir(parents=True)
        (blocked / library / "__init__.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join(filter(None, (str(blocked), os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-c", RUN, tmp_path / "exported.py", plate, "--output", tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    (expected,) = (tmp_path / "session").glob("*.ome.zarr")
    (found,) = (tmp_path / "out").glob("*.ome.zarr")
    assert digest_of(found) == digest_of(expected)
    assert len(digest_of(found)) >= 6
