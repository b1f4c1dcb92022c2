"""The command line as others script against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_openhcs.cli import main
from napari_openhcs.pipeline.script import export_script
from napari_openhcs.pipeline.templates import count_nuclei


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_openhcs.sample_data import write_sample_plate

    folder = tmp_path_factory.mktemp("cli") / "plate"
    return Path(write_sample_plate(folder, wells=4, fields=2, size=192, seed=1).path)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "nuclei.py"
    path.write_text(export_script(count_nuclei()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def output(plate: Path, script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "results"
    assert main(argv=["run", str(script), str(plate), "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Any:
    """Call a command with --json; give exit status and document."""

    def call(*arguments: object) -> tuple[int, Any]:
        status = main(argv=[*map(str, arguments), "--json"])
        return status, json.loads(capfd.readouterr().out)

    return call


class TestJson:
    def test_functions(self, call: Any) -> None:
        status, document = call("functions")
        assert status == 0
        assert document["counts"]["numpy"] > 100
        assert sum(document["counts"].values()) == len(document["functions"])
        gaussian = next(f for f in document["functions"] if f["id"] == "skimage.filters.gaussian")
        assert gaussian["contract"] == "flexible"
        assert gaussian["available"] is True
        assert {"name", "type", "default", "required"} <= gaussian["parameters"][0].keys()

    def test_functions_are_narrowed(self, call: Any) -> None:
        _, by_library = call("functions", "--library", "scipy_ndimage")
        assert {f["library"] for f in by_library["functions"]} == {"scipy_ndimage"}
        _, by_type = call("functions", "--memory-type", "torch")
        assert {f["memory_type_in"] for f in by_type["functions"]} == {"torch"}
        _, found = call("functions", "--search", "split touching nuclei")
        assert "split_touching" in found["functions"][0]["id"]

    def test_inspect(self, call: Any, plate: Path) -> None:
        status, document = call("inspect", plate)
        assert status == 0
        assert document["format"] == "imagexpress"
        assert len(document["wells"]) == 4
        assert document["fields_per_well"] == 2
        assert [c["name"] for c in document["channels"]] == ["DAPI", "GFP"]
        assert document["shape_yx"] == [192, 192]
        assert document["n_planes"] == 16
        assert document["pixel_size_um"] > 0
        assert document["missing"] == document["problems"] == []

    def test_compile(self, call: Any, plate: Path, script: Path) -> None:
        status, document = call("compile", script, plate)
        assert status == 0
        assert document["ok"] is True
        assert document["n_wells"] == 4
        assert next(step["name"] for step in document["steps"]) == "Smooth"
        assert {
            "id", "name", "functions", "memory_type_in", "memory_type_out", "conversion",
            "backend", "device", "input", "output", "dtype", "shape",
        } <= document["steps"][0].keys()  # fmt: skip
        assert document["problems"] == []
        assert document["memory_per_well_bytes"] > 0
        assert document["workers"] >= 1

    def test_status_results_show_export(self, call: Any, output: Path, script: Path) -> None:
        status, document = call("status", output)
        assert (status, document["state"]) == (0, "done")
        assert {well["state"] for well in document["wells"].values()} == {"done"}
        assert document["planes"] == 16
        status, document = call("results", output)
        assert document["labels"] == ["nuclei"]
        assert document["tables"]["measurements"]["rows"] > 20
        status, document = call("show", script)
        assert [step["name"] for step in document["steps"]][-1] == "Measurements"
        status, document = call("export", output)
        assert document["script"] == script.read_text()

    def test_diff_and_notebook(self, call: Any, script: Path, tmp_path: Path) -> None:
        edited = tmp_path / "edited.py"
        edited.write_text(script.read_text().replace('"sigma": 1.5', '"sigma": 2.0'))
        assert call("diff", script, script) == (0, {"same": True, "changes": []})
        status, document = call("diff", script, edited)
        assert (status, document["changes"]) == (0, ["step 1 'Smooth': sigma 1.5 → 2.0"])
        target = tmp_path / "nuclei.ipynb"
        status, document = call(
            "export", script, "--notebook", "--plate", "P", "--well", "a2", "--output", target
        )
        assert document["notebook"] == json.loads(target.read_text(encoding="utf-8"))
        assert document["notebook"]["nbformat"] == 4
        assert 'WELL = "A02"' in "".join(document["notebook"]["cells"][2]["source"])

    def test_table(self, call: Any, output: Path, tmp_path: Path) -> None:
        status, document = call("table", output, "Measurements", "--csv", tmp_path / "t.csv")
        lines = (tmp_path / "t.csv").read_text().splitlines()
        assert status == 0
        assert len(lines) == document["rows"] + 1
        assert lines[0].replace('"', "").startswith("well,field,label")
        assert "mean_intensity_GFP" in lines[0]

    def test_sample(self, call: Any, tmp_path: Path) -> None:
        status, document = call("sample", tmp_path / "p", "--wells", 1, "--fields", 1, "--size", 64)
        assert status == 0
        assert document["planes"] == 2
        assert Path(document["path"]).is_dir()


class TestText:
    def test_people_read_sentences(
        self, capfd: pytest.CaptureFixture[str], plate: Path, output: Path, script: Path
    ) -> None:
        for arguments, word in (
            (["functions", "--search", "blur"], "gaussian"),
            (["inspect", plate], "192 × 192 px"),
            (["compile", script, plate, "--explain"], "compiles for 4 wells"),
            (["status", output], "DONE: 4 of 4 wells"),
            (["results", output], "table measurements"),
            (["show", script], "skimage.filters.gaussian"),
            (["table", output, "Measurements"], "mean_intensity_DAPI"),
        ):
            assert main(argv=[str(item) for item in arguments]) == 0
            assert word in capfd.readouterr().out

    def test_resuming_fewer_wells_counts_those_in_the_plate(
        self, capfd: pytest.CaptureFixture[str], plate: Path, script: Path, tmp_path: Path
    ) -> None:
        run = ["run", str(script), str(plate), "--output", str(tmp_path / "out")]
        assert main(argv=[*run, "--wells", "A01,A02"]) == 0
        capfd.readouterr()
        assert main(argv=[*run, "--wells", "A01", "--resume"]) == 0
        assert "DONE: 1 of 1 chosen well done, 2 in the plate" in capfd.readouterr().out

    def test_compile_lists_the_steps_and_explains_on_request(
        self, capfd: pytest.CaptureFixture[str], plate: Path, script: Path
    ) -> None:
        assert main(argv=["compile", str(script), str(plate), "--wells", "A01"]) == 0
        out = capfd.readouterr().out
        lines = out.splitlines()
        smooth = next(line for line in lines if line.startswith("1  Smooth"))
        assert "skimage.filters.gaussian" in smooth
        assert smooth.rstrip().endswith("image, uint16, 192 × 192 px")
        assert any("table of" in line for line in lines)
        assert "compiles for 1 well of" in lines[-1]
        assert "kept in" not in out
        assert main(argv=["compile", str(script), str(plate), "--explain"]) == 0
        assert "kept in" in capfd.readouterr().out

    def test_results_name_the_first_columns(
        self, capfd: pytest.CaptureFixture[str], output: Path
    ) -> None:
        assert main(argv=["results", str(output)]) == 0
        line = next(x for x in capfd.readouterr().out.splitlines() if "table measurements" in x)
        assert "columns: well, field, label, " in line
        assert line.endswith(", …")

    def test_names_are_whole_where_there_is_no_terminal(
        self, capfd: pytest.CaptureFixture[str], script: Path
    ) -> None:
        for arguments in (["functions"], ["show", str(script)]):
            assert main(argv=arguments) == 0
            lines = capfd.readouterr().out.splitlines()
            assert any("napari_openhcs.functions.mask.remove_small_regions" in x for x in lines)

    def test_a_run_that_could_not_begin_says_why(self, capfd: pytest.CaptureFixture[str]) -> None:
        from napari_openhcs.commands.run import print_status
        from napari_openhcs.frozen import FrozenMapping
        from napari_openhcs.runner import RunStatus, WellStatus
        from napari_openhcs.runner.status import RunPhase

        wells = FrozenMapping({"A01": WellStatus()})
        print_status(RunStatus(RunPhase.FAILED, wells, message="The disk is full."))
        assert capfd.readouterr().out.startswith("The disk is full.\nFAILED: 0 of 1 well ")


class TestRefusals:
    @pytest.fixture
    def refused(self, capfd: pytest.CaptureFixture[str]) -> Any:
        def refused(*arguments: object) -> str:
            try:
                status = main(argv=[str(item) for item in arguments])
            except SystemExit as leaving:
                status = int(leaving.code or 0)
            text = capfd.readouterr()
            assert status == 2
            assert "Traceback" not in text.err + text.out
            assert text.out == ""
            lines = text.err.strip().splitlines()
            assert len(lines) == 1, text.err
            return lines[0]

        return refused

    def test_no_plate(self, refused: Any, tmp_path: Path) -> None:
        assert str(tmp_path) in refused("inspect", tmp_path)
        assert "nowhere" in refused("inspect", tmp_path / "nowhere")

    def test_no_pipeline_is_executed(self, refused: Any, plate: Path, tmp_path: Path) -> None:
        canary = tmp_path / "canary"
        script = tmp_path / "evil.py"
        script.write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n")
        for command in ("run", "compile", "show"):
            more = [plate, "--output", tmp_path / "o"] if command == "run" else []
            sentence = refused(command, script, *([plate] if command == "compile" else more))
            assert "line 2, column" in sentence
        assert not canary.exists()
        assert not (tmp_path / "o").exists()

    def test_unknown_function_in_a_script(
        self, refused: Any, plate: Path, script: Path, tmp_path: Path
    ) -> None:
        bad = tmp_path / "bad.py"
        bad.write_text(script.read_text().replace("gaussian", "gausian"))
        assert "gaussian" in refused("compile", bad, plate)

    def test_unknown_parameter_in_a_script(
        self, plate: Path, script: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        bad = tmp_path / "bad.py"
        bad.write_text(script.read_text().replace('"sigma"', '"sigmma"'))
        assert main(argv=["run", str(bad), str(plate), "--output", str(tmp_path / "o")]) == 2
        text = capfd.readouterr().err
        assert "sigmma" in text
        assert "Smooth" in text
        assert "sigma" in text.replace("sigmma", "")

    def test_output_of_another_pipeline(
        self, refused: Any, plate: Path, script: Path, output: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.py"
        other.write_text(script.read_text().replace("1.5", "2.5"))
        before = sorted(path for path in output.rglob("*"))
        assert str(output) in refused("run", other, plate, "--output", output)
        assert str(output) in refused("run", other, plate, "--output", output, "--resume")
        assert sorted(path for path in output.rglob("*")) == before

    def test_output_that_cannot_be_written(
        self, refused: Any, plate: Path, script: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.touch()
        assert str(file) in refused("run", script, plate, "--output", file)
        assert str(file) in refused("run", script, plate, "--output", file / "below")

    def test_raw_plate_as_output(self, refused: Any, plate: Path, script: Path) -> None:
        assert str(plate) in refused("run", script, plate, "--output", plate / "out")
        assert not (plate / "out").exists()

    def test_unknown_well(self, refused: Any, plate: Path, script: Path, tmp_path: Path) -> None:
        assert "H12" in refused("run", script, plate, "--output", tmp_path / "o", "--wells", "H12")
        assert "Q" in refused("run", script, plate, "--output", tmp_path / "o", "--wells", "Q-1")

    def test_arguments(self, refused: Any, output: Path) -> None:
        assert "--help" in refused("run")
        assert "measurements" in refused("table", output, "Nothing")
        assert refused("status", output / "nowhere")
        assert "--help" in refused("frobnicate")

    def test_values_of_arguments(
        self, refused: Any, plate: Path, script: Path, output: Path, tmp_path: Path
    ) -> None:
        run = ("run", script, plate, "--output", tmp_path / "o")
        assert "'Z99' is not a well name: expected one or two letters" in refused(
            *run, "--wells", "Z99"
        )
        for number in ("0", "-3", "x", "1.5"):
            assert f"'{number}' is not a whole number" in refused(*run, "--workers", number)
        assert "skimage" in refused("functions", "--library", "scikit")
        csv = tmp_path / "nowhere" / "t.csv"
        sentence = refused("table", output, "Measurements", "--csv", csv)
        assert f"{csv} cannot be written (No such file or directory)" in sentence
        assert "Errno" not in sentence

    def test_with_json_a_refusal_is_a_document(
        self, call: Any, plate: Path, script: Path, tmp_path: Path
    ) -> None:
        for arguments in (("inspect", tmp_path), ("frobnicate",), ("run", script, plate)):
            status, document = call(*arguments)
            assert status == 2
            assert document["problems"] == [document["error"]]
        bad = tmp_path / "bad.py"
        text = script.read_text().replace("sigma", "sigmma").replace("min_area", "min_aera")
        bad.write_text(text)
        status, document = call("run", bad, plate, "--output", tmp_path / "o")
        assert status == 2
        assert len(document["problems"]) == 2
        assert "sigmma" in document["error"]


def digests(output: Path) -> dict[str, bytes]:
    """Return the bytes of every chunk and table of a run, by path inside its plate."""
    (store,) = output.glob("*.ome.zarr")
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and path.name != "zarr.json"
    }


class TestRun:
    def test_an_exported_script_gives_the_same_without_window_libraries(
        self, plate: Path, output: Path, tmp_path: Path
    ) -> None:
        blocked = tmp_path / "blocked"
        for name in ("napari", "qtpy", "magicgui", "PyQt6", "PySide6"):
            (blocked / name).mkdir(parents=True)
            (blocked / name / "__init__.py").write_text("raise ImportError('not here')")
        environment = {**os.environ, "PYTHONPATH": str(blocked)}
        done = subprocess.run(
            [sys.executable, output / "pipeline.py", plate, "--output", tmp_path / "o", "--json"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["state"] == "done"
        assert digests(tmp_path / "o") == digests(output)
        assert len(digests(output)) > 20

    def test_resume_runs_nothing_again(
        self, plate: Path, output: Path, script: Path, call: Any
    ) -> None:
        status, document = call("run", script, plate, "--output", output, "--resume")
        assert (status, document["state"]) == (0, "done")
        assert {well["attempts"] for well in document["wells"].values()} == {0}

    def test_a_bad_file_makes_its_well_red(self, script: Path, tmp_path: Path, call: Any) -> None:
        from napari_openhcs.sample_data import write_sample_plate

        plate = Path(write_sample_plate(tmp_path / "p", wells=3, fields=1, size=96).path)
        (victim,) = plate.rglob("*A02*_w1*.[tT][iI][fF]")
        victim.write_bytes(victim.read_bytes()[:700])
        status, document = call("run", script, plate, "--output", tmp_path / "o")
        assert (status, document["state"]) == (1, "failed")
        states = {name: well["state"] for name, well in document["wells"].items()}
        assert states == {"A01": "done", "A02": "failed", "A03": "done"}
        assert victim.name in document["wells"]["A02"]["message"]

    def test_a_missing_channel_makes_its_well_red(
        self, script: Path, tmp_path: Path, call: Any
    ) -> None:
        from napari_openhcs.sample_data import write_sample_plate

        plate = Path(write_sample_plate(tmp_path / "p", wells=3, fields=1, size=96).path)
        (victim,) = plate.rglob("*A02*_w2*.[tT][iI][fF]")
        victim.unlink()
        status, document = call("run", script, plate, "--output", tmp_path / "o")
        assert (status, document["state"]) == (1, "failed")
        assert document["wells"]["A02"]["state"] == "failed"
        assert "GFP" in document["wells"]["A02"]["message"]
        assert document["wells"]["A03"]["state"] == "done"

    def test_only_some_wells_and_fields(
        self, plate: Path, script: Path, tmp_path: Path, call: Any
    ) -> None:
        status, document = call(
            "run", script, plate, "--output", tmp_path / "o", "--wells", "a1", "--fields", "2",
            "--executor", "threads", "--workers", "1",
        )  # fmt: skip
        assert (status, list(document["wells"]), document["planes"]) == (0, ["A01"], 2)

    def test_counts_are_near_the_truth(self, plate: Path, output: Path) -> None:
        import csv

        from napari_openhcs.ome_zarr.results import open_results

        (truth,) = plate.rglob("truth.csv")
        with truth.open(newline="") as file:
            expected = sum(int(row["nuclei"]) for row in csv.DictReader(file))
        counted = open_results(output).table("Measurements").num_rows
        assert np.isclose(counted, expected, rtol=0.1)
