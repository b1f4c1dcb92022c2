"""napari's entries: the manifest, what is taken for a plate, and the layers without a window."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_openhcs.errors import OutputError
from napari_openhcs.reader import get_reader, read_layers
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.ome_zarr import example_plan, write_example

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def plate(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plates") / "sample"
    sample = write_sample_plate(folder, wells=2, fields=1, channels=2, size=64)
    return Path(sample.path)


@pytest.fixture
def manifest():
    npe2 = pytest.importorskip("npe2", reason="npe2 is not installed")
    return npe2.PluginManifest.from_distribution("napari-openhcs")


def test_the_manifest_is_found_and_valid(manifest):
    assert manifest.display_name == "OpenHCS"
    manifest.validate_imports()


def test_every_widget_and_reader_of_the_manifest_is_there(manifest):
    ids = {command.id for command in manifest.contributions.commands}
    contributed = [*manifest.contributions.widgets, *manifest.contributions.readers]
    assert {item.command for item in contributed} <= ids
    titles = [item.display_name for item in manifest.contributions.widgets]
    assert titles == ["Workbench", "Plate", "Pipeline", "Run", "Results", "Script"]


@pytest.mark.long
def test_the_wheel_ships_the_manifest(tmp_path):
    pytest.importorskip("build", reason="build is not installed")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(REPOSITORY)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = archive.read("napari_openhcs/napari.yaml")
    assert shipped == (REPOSITORY / "napari.yaml").read_bytes()


def test_an_editable_install_finds_the_manifest_beside_the_package():
    import napari_openhcs

    beside = Path(napari_openhcs.__file__).with_name("napari.yaml")
    assert beside.read_bytes() == (REPOSITORY / "napari.yaml").read_bytes()


def test_asking_the_reader_loads_nothing_heavy(plate):
    code = f"""
import sys
from napari_openhcs.reader import get_reader
assert get_reader({str(plate)!r}) is not None
heavy = {{"qtpy", "PyQt6", "napari", "torch", "cupy", "jax", "dask", "skimage", "pyarrow"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_plate_and_its_metadata_file_are_taken(plate):
    (metadata,) = plate.glob("*.HTD")
    assert get_reader(str(plate)) is not None
    assert get_reader([str(plate)]) is not None
    assert get_reader(str(metadata)) is not None


def test_what_is_no_plate_is_left_to_others(plate, tmp_path):
    image = next(plate.rglob("*.TIF"))
    (tmp_path / "notes.xml").write_text("<a/>")
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    shutil.copy(image, lonely / "photo.tif")
    for path in (image, tmp_path / "notes.xml", lonely, tmp_path / "nowhere", tmp_path):
        assert get_reader(str(path)) is None
    assert get_reader([str(plate), str(plate)]) is None


def test_without_a_window_the_first_well_is_read(plate):
    layers = read_layers(str(plate))
    assert [kind for _, _, kind in layers] == ["image", "image"]
    data, options, _ = layers[0]
    assert data.shape == (64, 64)
    assert options["units"] == ("micrometer", "micrometer")
    assert np.asarray(data).max() > 0


def test_without_a_window_results_are_read(tmp_path):
    plan = example_plan(tmp_path, shape_yx=(64, 64))
    (tmp_path / ".openhcs").mkdir()
    assert get_reader(str(tmp_path)) is not None
    with pytest.raises(OutputError, match="no plate yet"):
        read_layers(str(tmp_path))
    write_example(plan)
    assert [kind for _, _, kind in read_layers(str(tmp_path))] == ["image", "image", "labels"]
