"""The tuned well's layers in a real window: what is kept and what follows the well."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.widgets.layers import WellLayers, key_of, well_layers_of
from napari_openhcs.widgets.viewer_parts import camera_of, scale_bar_of

pytestmark = pytest.mark.window


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def layers(viewer, session):
    layers = WellLayers(viewer, session)
    yield layers
    layers._raw.cancel()
    layers._results.cancel()


@pytest.fixture
def opened(layers, session, plate, wait):
    session.set_plate(plate)
    wait(lambda: layers.shown == ("A01", "1"))
    return layers


def keys(viewer):
    return [key_of(layer) for layer in viewer.layers]


def layer_of(viewer, key):
    return next(layer for layer in viewer.layers if key_of(layer) == key)


def go(session, layers, wait, well, field=""):
    session.tune(well, field)
    wait(lambda: layers.shown[0] == well and not layers.busy)


def test_a_well_is_shown_with_scale_units_and_colours(opened, viewer):
    assert keys(viewer) == ["raw/1", "raw/2"]
    dapi, gfp = viewer.layers
    assert [dapi.name, gfp.name] == ["DAPI", "GFP"]
    for layer in (dapi, gfp):
        assert tuple(layer.scale) == (0.5, 0.5)
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        assert layer.axis_labels == ("y", "x")
        assert layer.blending == "additive"
    np.testing.assert_array_equal(dapi.colormap.colors[-1][:3], (0, 0, 1))
    assert scale_bar_of(viewer).visible
    assert dapi.data.shape == (64, 128)  # both fields side by side


def test_what_a_person_set_stays_from_well_to_well(opened, viewer, session, wait):
    dapi = layer_of(viewer, "raw/1")
    dapi.contrast_limits, dapi.colormap = (5, 500), "magma"
    dapi.visible, dapi.opacity = False, 0.5
    camera_of(viewer).zoom, camera_of(viewer).center = 3.0, (0, 7.0, 9.0)
    go(session, opened, wait, "B01")
    assert layer_of(viewer, "raw/1") is dapi
    assert dapi.metadata["well"] == "B01"
    assert list(dapi.contrast_limits) == [5, 500]
    assert dapi.colormap.name == "magma"
    assert not dapi.visible
    assert dapi.opacity == 0.5
    assert camera_of(viewer).zoom == 3.0
    assert camera_of(viewer).center[1:] == (7.0, 9.0)


def test_all_fields_or_one_with_the_tuned_one_at_the_origin(opened, viewer, session, wait):
    go(session, opened, wait, "A01", "2")
    wait(lambda: opened.shown == ("A01", "2"))
    dapi = layer_of(viewer, "raw/1")
    assert tuple(dapi.translate) == (0.0, -32.0)
    opened.set_mosaic(False)
    wait(lambda: not opened.busy)
    assert dapi.data.shape == (64, 64)
    assert tuple(dapi.translate) == (0.0, 0.0)


def test_a_missing_channel_is_said_and_comes_back_as_it_was(layers, viewer, session, plate, wait):
    heard = []
    session.message.connect(heard.append)
    gone = {key: source for key, source in plate.planes.items() if key[:3:2] != ("A02", "2")}
    session.set_plate(dataclasses.replace(plate, planes=FrozenMapping(gone)))
    wait(lambda: layers.shown[0] == "A01")
    gfp = layer_of(viewer, "raw/2")
    gfp.contrast_limits, gfp.visible = (1, 77), False
    go(session, layers, wait, "A02")
    assert keys(viewer) == ["raw/1"]
    assert "Well A02 has no image of GFP" in heard[-1].text
    go(session, layers, wait, "B01")
    assert keys(viewer) == ["raw/1", "raw/2"]
    gfp = layer_of(viewer, "raw/2")
    assert list(gfp.contrast_limits) == [1, 77]
    assert not gfp.visible
    assert heard[-1].text == ""  # this well is fine


def test_a_truncated_file_is_said_and_shows_no_black_image(layers, viewer, session, plate, wait):
    heard = []
    session.message.connect(heard.append)
    for key, source in plate.planes.items():
        if key[:3:2] == ("A01", "1"):
            path = plate.absolute_path(source)
            path.write_bytes(path.read_bytes()[:300])
    session.set_plate(plate)
    wait(lambda: layers.shown[0] == "A01")
    assert keys(viewer) == ["raw/2"]
    assert heard[-1].severity == "warning"
    assert "A01_1_1.tif" in heard[-1].text


def test_another_plate_begins_anew(opened, viewer, session, plate, wait):
    layer_of(viewer, "raw/1").contrast_limits = (5, 500)
    session.set_plate(dataclasses.replace(plate, name="other"))
    wait(lambda: opened.shown == ("A01", "1"))
    assert layer_of(viewer, "raw/1").contrast_limits[1] > 900
    session.set_plate(None)
    assert keys(viewer) == []


def test_layers_of_others_are_left_alone(opened, viewer, session, plate, wait):
    mine = viewer.add_image(np.zeros((8, 8)), name="mine")
    session.set_plate(dataclasses.replace(plate, name="other"))
    wait(lambda: opened.shown == ("A01", "1"))
    assert mine in viewer.layers
    assert keys(viewer)[:2] == ["raw/1", "raw/2"]  # below everything


def test_results_lie_on_the_tuned_field(opened, viewer, session, results, wait):
    session.set_results(results)
    wait(lambda: not opened.busy)
    own = ["result/image/0", "result/image/1", "result/labels/Nuclei"]
    assert keys(viewer)[2:] == ["result/other fields/Nuclei", *own]
    labels = layer_of(viewer, "result/labels/Nuclei")
    assert tuple(labels.scale) == (0.5, 0.5)
    assert list(labels.features["area"]) == [10.0, 20.0, 30.0]
    assert not labels.editable
    assert not layer_of(viewer, "result/image/0").visible
    opened.set_mosaic(False)
    wait(lambda: not opened.busy)
    assert keys(viewer)[2:] == own
    opened.set_mosaic(True)
    wait(lambda: not opened.busy)
    opened.show_results(False)
    assert not labels.visible
    assert not layer_of(viewer, "result/other fields/Nuclei").visible
    go(session, opened, wait, "B01")  # which was not run
    assert keys(viewer) == ["raw/1", "raw/2"]
    opened.show_results(True)
    go(session, opened, wait, "A02")
    assert layer_of(viewer, "result/labels/Nuclei").visible


def test_a_viewer_has_one(viewer):
    assert well_layers_of(viewer) is well_layers_of(viewer)
