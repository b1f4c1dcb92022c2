import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from napari_openhcs.axes import Kind
from napari_openhcs.functions.catalogue import CATALOGUES
from napari_openhcs.functions.classify import main_trial
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.pictures import before_and_after, make_pictures, render
from napari_openhcs.functions.registry import get_spec, specs
from napari_openhcs.functions.scene import SIDE, scene_array
from napari_openhcs.functions.segmentation import label_components

WITHOUT = {
    # Their result on the scene is nothing, or they need more than it has.
}
NOTHING = {
    # The second image of the scene is nowhere darker, and no mask fits the whole pattern.
    "pyclesperanto.greater",
    "pyclesperanto.smaller_or_equal",
    "pyclesperanto.subtract_images",
    "pyclesperanto.sign",
    "pyclesperanto.remove_labels_with_map_values_out_of_range",
    "pyclesperanto.standard_deviation_of_touching_neighbors_map",
    "scipy.ndimage.binary_hit_or_miss",
    # More than half of the scene is blobs, and no background is left to compare with.
    "napari_openhcs.functions.seeds.seeds_from_blobs",
}
OTSU = "napari_openhcs.functions.threshold.threshold_otsu"


def opened(picture):
    image = Image.open(io.BytesIO(picture))
    image.load()
    return image


def test_every_function_with_an_image_has_pictures():
    catalogued = {name for name, library in LIBRARIES.items() if library.catalogue() is not None}
    lacking = {
        spec.id
        for spec in specs().values()
        if spec.library in catalogued
        and (CATALOGUES / f"{spec.library}.pictures.zip").exists()
        and spec.output_kind is not Kind.TABLE
        and before_and_after(spec) is None
    }
    assert lacking == set(WITHOUT)


def test_what_a_form_shows_first_does_something():
    blank = set()
    for spec in specs().values():
        if not spec.twin and (pictures := before_and_after(spec)):
            shown = np.asarray(opened(pictures[1]).convert("L"), float)
            blank |= {spec.id} if shown.std() < 3 else set()
    assert blank <= NOTHING


def test_a_twin_has_the_pictures_of_the_other():
    spec = get_spec("scipy.ndimage.gaussian_filter")
    gpu = get_spec("cupyx.scipy.ndimage.gaussian_filter")
    assert gpu.twin == spec.id
    assert before_and_after(gpu) == before_and_after(spec)


def test_pictures_are_small_and_can_be_read():
    archives = sorted(CATALOGUES.glob("*.pictures.zip"))
    assert archives
    assert sum(path.stat().st_size for path in archives) < 4e6
    for spec in list(specs().values())[::17]:
        for picture in before_and_after(spec) or ():
            assert max(opened(picture).size) <= SIDE


def test_a_threshold_is_pictured_as_a_mask():
    before, after = before_and_after(get_spec(OTSU))
    assert opened(before).mode == "L"
    assert opened(after).mode == "1"
    mask = np.asarray(opened(after))
    nuclei = scene_array(Kind.LABELS, 2, "int32") > 0
    assert (mask == nuclei).mean() > 0.85


def test_a_table_has_no_picture():
    name = "napari_openhcs.functions.measure.measure_objects"
    assert before_and_after(get_spec(name)) is None


def test_the_same_pictures_make_the_same_file(tmp_path, monkeypatch):
    spec = get_spec(OTSU)
    monkeypatch.setattr("napari_openhcs.functions.pictures.specs", lambda: {spec.id: spec})
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        assert make_pictures("native", folder) == 1
    name = "native.pictures.zip"
    assert (first / name).read_bytes() == (second / name).read_bytes()
    # The catalogue's own picture is the one this version of the function gives.
    with zipfile.ZipFile(first / name) as archive:
        assert archive.read(spec.id) == before_and_after(spec)[1]


def test_a_function_that_fails_goes_without(tmp_path, monkeypatch, capsys):
    spec = get_spec(OTSU)

    def fails(name):
        raise ZeroDivisionError("on the scene")

    monkeypatch.setattr("napari_openhcs.functions.pictures.specs", lambda: {spec.id: spec})
    monkeypatch.setattr("napari_openhcs.functions.pictures.get_function", fails)
    assert make_pictures("native", tmp_path) == 0
    assert "threshold_otsu: on the scene" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.IMAGE, np.full((8, 8), np.nan)),
        (Kind.IMAGE, np.zeros((3, 200, 120), "uint16")),
        (Kind.MASK, np.eye(8, dtype=bool)),
        (Kind.LABELS, np.arange(64, dtype="int32").reshape(8, 8)),
    ],
)
def test_any_result_can_be_rendered(kind, values):
    assert max(opened(render(values, kind)).size) <= SIDE


def test_labels_that_touch_differ_in_colour():
    labels = np.repeat([[1, 2, 12]], 3, axis=0).astype("int32")
    colours = np.asarray(opened(render(labels, Kind.LABELS)).convert("RGB"))[0]
    assert (colours[0] != colours[1]).any()
    assert colours.any(axis=1).all()


def test_volumes_are_shown_only_where_needed():
    assert main_trial(get_spec(OTSU)).ndim == 2
    assert main_trial(get_spec("napari_openhcs.functions.projection.max_projection")).ndim == 3


def test_the_scene_is_the_same_every_time_and_fits_together():
    labels = scene_array(Kind.LABELS, 2, "int32")
    seeds = scene_array(Kind.LABELS, 2, "int32", second=True)
    assert set(np.unique(seeds)) == set(np.unique(labels))
    assert (labels[seeds > 0] == seeds[seeds > 0]).all()
    # Some nuclei touch, so that splitting has something to do.
    assert label_components(labels > 0).max() < labels.max()
    image = scene_array(Kind.IMAGE, 2, "uint16")
    assert (scene_array(Kind.IMAGE, 2, "uint16", second=True) >= image).all()
    assert image[labels > 0].mean() > 2 * image[labels == 0].mean()
    np.testing.assert_array_equal(scene_array(Kind.IMAGE, 3, "uint16")[2], image)
