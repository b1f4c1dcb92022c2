"""Custom functions from script to results: workers, copies, keys, scripts, the command line."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_openhcs import api
from napari_openhcs.cli import main
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.errors import CompileError, OutputError, ScriptError
from napari_openhcs.formats import open_plate
from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import distrust, files, read_file, trust_file
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.runner import start_run

SOURCE = '''
import os

from napari_openhcs.functions.declare import declare
from napari_openhcs.memory_types.decorators import numpy as numpy_function


@numpy_function
def lift(image, by=7):
    """Add to an image."""
    return image + by


@declare(contract="table", output_kind="table", category="measure")
def brightest(image):
    """Find the brightest pixel."""
    return {"value": [int(image.max())], "process": [os.getpid()]}


@numpy_function
def swell(image, footprint):
    """Swell what is bright."""
    from scipy.ndimage import grey_dilation
    return grey_dilation(image, footprint=footprint)
'''
PREFIX = "napari_openhcs.functions.custom.mine"


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_openhcs.sample_data import write_sample_plate

    folder = tmp_path_factory.mktemp("own") / "plate"
    return Path(write_sample_plate(folder, wells=2, fields=1, channels=1, size=96, seed=1).path)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a trusted file."""
    monkeypatch.setenv("OPENHCS_FUNCTIONS", str(tmp_path / "functions"))
    monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "trusted"))
    monkeypatch.setattr(files, "_added", files._Added())
    path = tmp_path / "functions" / "mine.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    trust(path)
    yield path
    monkeypatch.undo()
    registry.refresh()


def trust(path: Path) -> None:
    state = trust_file(path, read_file(path).sha256)
    assert dict(state.problems) == {}


def pipeline(**parameters: Any) -> Pipeline:
    from napari_openhcs.functions.custom.mine import brightest, lift, swell

    return Pipeline(
        [
            FunctionStep((lift, parameters) if parameters else lift, name="Lift"),
            FunctionStep((swell, {"footprint": ("disk", 1)}), name="Swell"),
            FunctionStep(brightest, name="Brightest"),
        ],
        name="Mine",
    )


def brightest_of(output: Path) -> np.ndarray:
    table = open_results(output).table("Brightest").to_pydict()
    assert os.getpid() not in table["process"]
    return np.array(table["value"])


@pytest.mark.parametrize("executor", ["processes", "threads", "dask"])
def test_a_run_uses_them_in_its_workers_and_keeps_a_copy(
    mine: Path, plate: Path, tmp_path: Path, executor: str
) -> None:
    if executor == "dask":
        pytest.importorskip("distributed")
    output = tmp_path / "out"
    status = api.run(pipeline(by=11), plate, output, executor=executor, timeout=120)
    assert status.state == "done", status
    raw = open_plate(plate)
    assert len(brightest_of(output)) == len(raw.wells)
    assert (brightest_of(output) > 11).all()
    assert (output / "functions" / "mine.py").read_text() == SOURCE
    script = (output / "pipeline.py").read_text()
    assert f"from {PREFIX} import brightest, lift, swell" in script


def test_an_edit_during_a_run_changes_nothing_of_it(
    mine: Path, plate: Path, tmp_path: Path
) -> None:
    plan = compile_pipeline(open_plate(plate), pipeline(by=11), output=tmp_path / "out")
    assert plan.ok, plan.problems
    mine.write_text("raise SystemExit\n")
    # Workers of another machine: neither the file nor the trust is there.
    (tmp_path / "trusted").rename(tmp_path / "elsewhere")
    mine.unlink()
    os.environ["OPENHCS_TRUSTED"] = str(tmp_path / "elsewhere")
    from napari_openhcs.runner import start_run

    try:
        handle = start_run(plan)
        os.environ["OPENHCS_TRUSTED"] = str(tmp_path / "trusted")
        assert handle.wait(120).state == "done"
    finally:
        os.environ["OPENHCS_TRUSTED"] = str(tmp_path / "trusted")


def test_a_copy_that_was_tampered_with_is_not_run(mine: Path, plate: Path, tmp_path: Path) -> None:
    from napari_openhcs.runner.paths import RunPaths
    from napari_openhcs.runner.prepare import write_books

    plan = compile_pipeline(open_plate(plate), pipeline(), output=tmp_path / "out")
    paths = RunPaths.of(plan.output)
    paths.logs.mkdir(parents=True)
    write_books(plan, paths, resume=False, overwrite=False)
    copy = paths.functions / "mine.py"
    copy.write_text(SOURCE.replace("image + by", "image - by"))
    code = (
        "from pathlib import Path\nfrom napari_openhcs.runner.worker import WellRunner\n"
        f"event = WellRunner(Path({plan.output!r})).run('A01', None, lambda e: None)\n"
        "print(event.what, event.message)"
    )
    empty = {"OPENHCS_FUNCTIONS": str(tmp_path / "no"), "OPENHCS_TRUSTED": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **empty},
    )
    assert "well_failed" in done.stdout
    assert "is not here" in done.stdout
    with pytest.raises(OutputError, match="differs from the custom file of this run"):
        write_books(plan, paths, resume=True, overwrite=False)


def test_a_plan_alone_trusts_nothing(mine: Path, plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    plan = compile_pipeline(open_plate(plate), pipeline(by=11), output=output)
    assert plan.ok, plan.problems
    distrust(read_file(mine).sha256)
    status = start_run(plan).wait(60)
    assert status.state == "failed"
    assert "not trusted here" in status.message
    assert not list((output / ".openhcs" / "markers").glob("*"))


def test_the_key_of_a_step_holds_the_file_s_hash(mine: Path, plate: Path, tmp_path: Path) -> None:
    opened = open_plate(plate)
    first = compile_pipeline(opened, pipeline())
    again = compile_pipeline(opened, pipeline())
    mine.write_text(SOURCE + "# another text\n")
    untrusted = compile_pipeline(opened, pipeline())
    assert [item.code for item in untrusted.problems] == ["function_changed"] * 3
    assert "was edited since it was trusted" in untrusted.problems[0].message
    trust(mine)
    other = compile_pipeline(opened, pipeline())
    keys = [
        [step.key for step in next(iter(plan.contexts.values())).layout.steps]
        for plan in (first, again, other)
    ]
    assert keys[0] == keys[1]
    assert not set(keys[0]) & set(keys[2])


def test_resume_does_not_mix_two_versions(mine: Path, plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert api.run(pipeline(), plate, output, wells=["A01"], timeout=120).state == "done"
    mine.write_text(SOURCE.replace("image + by", "image + by + 1"))
    with pytest.raises(CompileError, match="was edited"):
        api.run(pipeline(), plate, output, resume=True)
    before = brightest_of(output)
    trust(mine)
    with pytest.raises(OutputError, match="another pipeline, plate or version"):
        api.run(pipeline(), plate, output, resume=True)
    assert api.run(pipeline(), plate, output, overwrite=True, timeout=120).state == "done"
    assert brightest_of(output)[0] == before[0] + 1
    assert "by + 1" in (output / "functions" / "mine.py").read_text()


def test_a_script_goes_round_to_the_byte(mine: Path) -> None:
    script = export_script(pipeline(by=3))
    assert export_script(import_script(script)) == script


@pytest.fixture
def elsewhere(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return a folder with a script, on a machine that knows nothing of the file."""

    def move() -> Path:
        folder = tmp_path / "moved"
        folder.mkdir()
        (folder / "pipeline.py").write_text(export_script(pipeline(by=3)))
        monkeypatch.setenv("OPENHCS_FUNCTIONS", str(tmp_path / "none"))
        monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "new"))
        registry.refresh()
        return folder

    return move


def test_a_script_elsewhere_says_what_to_copy_and_trust_and_then_works(
    elsewhere: Callable[[], Path], mine: Path, plate: Path, tmp_path: Path
) -> None:
    folder = elsewhere()
    script = folder / "pipeline.py"
    with pytest.raises(ScriptError, match=r"line 7, column 1: .*copy mine\.py into") as caught:
        import_script(script)
    assert caught.value.line == 7
    command = [sys.executable, str(script), str(plate), "--output", str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "copy mine.py into" in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr
    copy = folder / "functions" / "mine.py"
    copy.parent.mkdir()
    copy.write_bytes(mine.read_bytes())
    with pytest.raises(ScriptError, match=f"functions trust {copy}"):
        import_script(script)
    assert main(argv=["functions", "trust", str(copy), "--yes", "--json"]) == 0
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["state"] == "done", done.stderr
    assert import_script(script) == pipeline(by=3)


def test_a_script_finds_a_folder_named_on_its_command_line(
    elsewhere: Callable[[], Path], mine: Path, plate: Path, tmp_path: Path
) -> None:
    folder = elsewhere()
    trust(mine)
    command = [sys.executable, str(folder / "pipeline.py"), str(plate)]
    command += ["--output", str(tmp_path / "out"), "--functions", str(mine.parent), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["state"] == "done", done.stderr


def test_the_example_of_the_documentation_works_as_it_stands(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "functions.md").read_text(encoding="utf-8")
    section = page.partition("## Your own functions")[2].partition("\n## ")[0]
    code, commands = re.findall(r"^```\w+\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_filters.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: "y\n", raising=False)
    for line in commands.splitlines():
        assert main(argv=shlex.split(line)[1:]) == 0
    said = capsys.readouterr().out
    assert "Divide" in said
    flatten = registry.get_spec("napari_openhcs.functions.custom.my_filters.flatten")
    objects = registry.get_spec("napari_openhcs.functions.custom.my_filters.bright_objects")
    assert (flatten.contract, objects.contract) == ("flexible", "labels")


class TestCommands:
    @pytest.fixture
    def call(self, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            status = main(argv=["functions", *map(str, arguments), "--json"])
            return status, json.loads(capfd.readouterr().out)

        return call

    def test_the_life_of_a_file(self, mine: Path, call: Callable[..., Any]) -> None:
        status, written = call("new", "blur")
        assert status == 0
        path = Path(written["path"])
        assert path == mine.parent / "blur.py"
        _, document = call("custom")
        assert document["folders"] == [str(mine.parent)]
        assert [item["state"] for item in document["files"]] == ["new", "ready"]
        assert call("trust", path)[0] == 2
        assert call("trust", path, "--sha256", "0" * 64)[0] == 2
        sha256 = document["files"][0]["sha256"]
        status, trusted = call("trust", path, "--sha256", sha256)
        assert status == 0
        assert trusted["functions"] == ["napari_openhcs.functions.custom.blur.multiply"]
        _, listed = call("--library", "custom")
        assert len(listed["functions"]) == 4
        assert call("distrust", path)[0] == 0
        assert call("custom")[1]["files"][0]["state"] == "new"

    def test_trusting_shows_the_file_and_asks(
        self, mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine.write_text(SOURCE + "# edited \u202e\n")
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys.stdin, "readline", lambda: "n\n", raising=False)
        assert main(argv=["functions", "trust", str(mine)]) == 2
        said = capsys.readouterr()
        assert "+# edited \\u202e" in said.out
        assert read_file(mine).sha256 in said.out
        assert "is not trusted." in said.err
        monkeypatch.setattr(sys.stdin, "readline", lambda: "y\n", raising=False)
        assert main(argv=["functions", "trust", str(mine)]) == 0
        assert f"{PREFIX}.lift: " in capsys.readouterr().out

    def test_a_broken_file_is_an_exit_status(self, mine: Path, call: Callable[..., Any]) -> None:
        mine.write_text(SOURCE + "raise ValueError('no')\n")
        status, document = call("trust", mine, "--yes")
        assert status == 1
        assert document["state"] == "broken"
        assert "ValueError: no" in document["message"]
        mine.write_text("def f(:\n")
        assert call("trust", mine, "--yes")[0] == 2
