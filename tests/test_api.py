"""One call runs a pipeline on a plate: compiled, run in the background, followed to the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_openhcs import api
from napari_openhcs.errors import CompileError, OutputError, PlateNotFoundError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.plan import Grid
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate
from napari_openhcs.runner import Event, RunStatus
from napari_openhcs.testing.faults import install_library
from napari_openhcs.testing.runner import SHAPE, write_plate

FAULTS = "napari_openhcs.testing.faults"


@pytest.fixture(autouse=True)
def _registered(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    folder = install_library(tmp_path_factory.mktemp("faults"))
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([before] if before else [])]))
    monkeypatch.syspath_prepend(str(folder))
    registry.refresh()
    yield
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    grid = Grid(("1",), ("1", "2"), (1,), (1,))
    written = write_plate(tmp_path / "plate", ("A01", "A02"), grid)
    planes = {
        PlaneKey(well, *plane.coord): PlaneSource(Path(plane.path).name)
        for well, found in written.items()
        for plane in found
    }
    return Plate(
        root=str(tmp_path / "plate"),
        name="tiny",
        format="test",
        channels=(Channel("1", "DAPI"), Channel("2", "GFP")),
        planes=FrozenMapping(planes),
        shape_yx=SHAPE,
        dtype="uint16",
        n_rows=8,
        n_columns=12,
        pixel_size_um=0.65,
    )


def pipeline(**fault: object) -> Pipeline:
    steps = [
        FunctionStep((f"{FAULTS}.misbehave", {"how": "sleep", "corner": 99, **fault}), name="Look"),
        FunctionStep(f"{FAULTS}.smooth", name="Smooth"),
        FunctionStep(f"{FAULTS}.find_objects", name="Nuclei", select={"channel": "DAPI"}),
        FunctionStep(
            f"{FAULTS}.measure", name="Cells", input_source="plate", inputs={"labels": "Nuclei"}
        ),
    ]
    return Pipeline(steps, name="tiny")


def test_run_to_the_end(plate: Plate, tmp_path: Path) -> None:
    events: list[Event] = []
    seen: list[RunStatus] = []
    output = tmp_path / "output"
    status = api.run(
        pipeline(), plate, output, workers=1, on_event=events.append, on_status=seen.append
    )
    assert (status.state, status.planes, status.count("done")) == ("done", 4, 2), status
    assert [events[0].what, events[-1].what] == ["run_started", "run_ended"]
    assert seen[-1] == status
    attributes = json.loads((output / "tiny.ome.zarr/zarr.json").read_bytes())
    listed = attributes["attributes"]["ome"]["plate"]["wells"]
    assert [well["path"] for well in listed] == ["A/01", "A/02"]
    assert list(output.rglob("table.parquet"))
    assert (output / "pipeline.py").read_text()
    with pytest.raises(OutputError, match="resume"):
        api.run(pipeline(), plate, output)
    again = api.run(pipeline(), plate, output, resume=True)
    assert {well.attempts for well in again.wells.values()} == {0}


def test_a_failed_well_is_in_the_status(plate: Plate, tmp_path: Path) -> None:
    status = api.run(pipeline(how="kill", corner=1), plate, tmp_path / "output")
    assert status.state == "failed"
    assert {name: well.state.value for name, well in status.wells.items()} == {
        "A01": "done",
        "A02": "failed",
    }
    assert status.wells["A02"].attempts == 3


def test_interrupt_and_timeout_stop_the_run(
    plate: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = pipeline(how="hang", corner=1)
    assert api.run(hang, plate, tmp_path / "late", timeout=0.5).state == "stopped"

    def interrupt(status: RunStatus) -> None:
        raise KeyboardInterrupt

    assert api.run(hang, plate, tmp_path / "interrupted", on_status=interrupt).state == "stopped"


def test_refusals(plate: Plate, tmp_path: Path) -> None:
    wrong = Pipeline([FunctionStep((f"{FAULTS}.smooth", {"sigmoid": 1.0}))])
    with pytest.raises(CompileError, match="sigmoid"):
        api.run(wrong, plate, tmp_path / "output")
    with pytest.raises(PlateNotFoundError):
        api.run(pipeline(), tmp_path / "nowhere", tmp_path / "output")
    assert not (tmp_path / "output").exists()
