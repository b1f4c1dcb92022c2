from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_openhcs.errors import OutputError, StoreError
from napari_openhcs.frozen import to_json
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.ome_zarr.write import create_plate
from napari_openhcs.testing.ome_zarr import STORE, example_plan, write_example


def test_what_is_there(shared_plate):
    results = open_results(shared_plate.parent)
    assert results == open_results(shared_plate)
    assert results.plate_path == shared_plate
    assert results.output == shared_plate.parent
    assert results.name == "example"
    assert results.plate_root == Path("/data/example")
    assert results.script == example_plan().script
    assert results.wells == ("A01", "B02")
    assert results.fields("B02") == ("1", "2")
    assert results.channels == ("DAPI", "GFP")
    assert results.label_names == ("Nuclei",)
    assert results.table_names == ("Measure",)
    assert results.image_name == "Smooth"
    assert results.provenance("A01")["seconds"] == 1.5
    assert dict(results.steps) == {}


def test_the_summary_is_plain_json(shared_plate):
    summary = open_results(shared_plate).summary()
    assert summary == {
        "plate": str(shared_plate),
        "wells": ["A01", "B02"],
        "images": 4,
        "channels": ["DAPI", "GFP"],
        "labels": ["Nuclei"],
        "tables": {
            "Measure": {"rows": 12, "columns": ["well", "field", "label", "area", "dose"]},
        },
        "special": {},
        "steps": [],
    }
    assert to_json(summary)


def test_tables_of_all_wells_carry_their_conditions(shared_plate):
    results = open_results(shared_plate)
    table = results.table("Measure")
    assert table.column_names == ["well", "field", "label", "area", "dose"]
    assert table.column("well").to_pylist() == ["A01"] * 6 + ["B02"] * 6
    assert table.column("field").to_pylist() == (["1"] * 3 + ["2"] * 3) * 2
    assert table.column("area").to_pylist() == [10.0, 20.0, 30.0] * 4
    assert table.column("dose").to_pylist() == [0.0] * 6 + [1.0] * 6
    one = results.table_for("Measure", "B02", "2")
    assert one.column("label").to_pylist() == [1, 2, 3]


def test_an_image_is_lazy_until_it_is_looked_at(own_plate):
    image = open_results(own_plate).image("A01", "1")
    shutil.rmtree(own_plate / "A/01/0/0")
    assert image.levels[0].shape == (1, 2, 2, 300, 401)
    assert image.levels[1][0, 0, 0].any()
    with pytest.raises(StoreError, match="is missing"):
        np.asarray(image.levels[0])


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda r: r.image("C03", "1"), "has no results of well C03: it has A01, B02"),
        (lambda r: r.image("A01", "7"), "has no field '7': it has 1, 2"),
        (lambda r: r.labels("Cells", "A01", "1"), "no labels 'Cells' of well A01, field 1: it has"),
        (lambda r: r.table("Other"), "has no table 'Other': it has Measure"),
        (lambda r: r.table_for("Other", "A01", "1"), "no table 'Other' of well A01, field 1"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(shared_plate, ask, answer):
    with pytest.raises(StoreError, match=answer):
        ask(open_results(shared_plate))


def test_folders_without_results_say_what_was_expected(tmp_path):
    with pytest.raises(OutputError, match="does not exist: expected the output folder"):
        open_results(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"holds no results: expected a folder <plate>.ome.zarr"):
        open_results(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        open_results(tmp_path / "file")
    (tmp_path / ".openhcs").mkdir()
    with pytest.raises(OutputError, match="has written no plate yet"):
        open_results(tmp_path)
    for name in ("a.ome.zarr", "b.ome.zarr"):
        create_plate(tmp_path / name, example_plan(), STORE)
    with pytest.raises(OutputError, match=r"several plates \(a.ome.zarr, b.ome.zarr\)"):
        open_results(tmp_path)


def test_a_run_that_has_just_begun_has_no_wells(tmp_path):
    create_plate(tmp_path / STORE, example_plan(), STORE)
    results = open_results(tmp_path)
    assert results.wells == ()
    assert results.summary()["tables"] == {}
    assert results.channels == ()
    with pytest.raises(StoreError, match="it has no finished wells"):
        results.fields("A01")


def test_a_well_that_was_removed_does_not_take_the_others_along(own_plate):
    shutil.rmtree(own_plate / "A/01")
    results = open_results(own_plate)
    with pytest.raises(StoreError, match="A/01 is no Zarr group: expected the well there"):
        results.image("A01", "1")
    assert results.image("B02", "1").levels[1][0, 0, 0].any()


def test_a_plate_that_was_moved_alone_is_complete(own_plate, tmp_path):
    moved = own_plate.rename(tmp_path / "moved results.zarr")
    results = open_results(moved)
    assert results.table("Measure").num_rows == 12
    assert results.image("A01", "1").levels[0][0, 0, 0].any()


def test_intermediate_steps_are_plates_of_their_own(tmp_path):
    plan = example_plan(tmp_path)
    folder = write_example(plan)
    (tmp_path / "steps").mkdir()
    shutil.copytree(folder, tmp_path / "steps/01_smooth.ome.zarr")
    results = open_results(tmp_path)
    assert list(results.steps) == ["01_smooth"]
    step = open_results(results.steps["01_smooth"])
    assert step.output == tmp_path
    assert step.wells == ("A01", "B02")


def test_opening_results_loads_no_heavy_library():
    code = (
        "import sys, napari_openhcs.ome_zarr.results\n"
        "heavy = {'zarr', 'pyarrow', 'dask', 'numcodecs', 'skimage', 'napari', 'qtpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
