"""Preview layers: made once, then only given new pixels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from napari.layers import Image, Labels

from napari_openhcs.axes import Kind
from napari_openhcs.plan import Grid
from napari_openhcs.widgets.preview_layers import PreviewLayers, StepPreview, channel_stack

pytestmark = pytest.mark.window


def grid(channels=("1",), z=(0,), t=(0,)):
    return Grid(("1",), channels, z, t)


def array_of(where, value=1, dtype=np.uint16):
    shape = (len(where.field), len(where.channel), len(where.z), len(where.t), 8, 10)
    return np.full(shape, value, dtype)


def eye(dtype, value=1):
    return (np.eye(8, 10) * value).astype(dtype)[None, None, None, None]


@pytest.mark.parametrize(
    ("z", "t", "n_z", "shape", "names"),
    [
        ((0,), (0,), 3, (8, 10), ("y", "x")),
        ((0, 1), (0,), 2, (2, 8, 10), ("z", "y", "x")),
        ((0, 1), (0, 1, 2), 2, (3, 2, 8, 10), ("t", "z", "y", "x")),
        ((0,), (0, 1), 1, (2, 8, 10), ("t", "y", "x")),
        ((0,), (0, 1), 5, (2, 5, 8, 10), ("t", "z", "y", "x")),
    ],
)
def test_axes_agree_with_those_of_the_raw_layers(z, t, n_z, shape, names):
    where = grid(z=z, t=t)
    array, found = channel_stack(array_of(where), 0, n_z)
    assert array.shape == shape
    assert found == names


@pytest.fixture
def layers(make_napari_viewer_proxy, session, plate):
    viewer = make_napari_viewer_proxy()
    session.set_plate(plate)
    for name in ("smooth", "threshold", "split", "measure"):
        session.add_function(f"toy.{name}")
    return PreviewLayers(viewer, session)


def show(layers, plate, value=1):
    one, two = grid(), grid(("1", "2"))
    table = {"label": np.array([value]), "area": np.array([8.0])}
    layers.show(
        plate,
        [
            StepPreview("Smooth", Kind.IMAGE, two, array_of(two, value)),
            StepPreview("Threshold", Kind.MASK, one, eye(bool)),
            StepPreview("Split", Kind.LABELS, one, eye(np.int32, value)),
            StepPreview("Measure", Kind.TABLE, one, table=table, measured="Split"),
        ],
    )


def test_layers_have_names_scale_and_units(layers, plate):
    show(layers, plate)
    found = layers.layers()
    names = [layer.name for layer in found.values()]
    assert names == ["Smooth DAPI", "Smooth GFP", "Threshold", "Split"]
    for layer in found.values():
        assert tuple(layer.scale) == (0.5, 0.5)
        assert {str(unit) for unit in layer.units} == {"micrometer"}
        assert tuple(layer.axis_labels) == ("y", "x")
    assert found["Threshold", "1"].__class__ is Labels
    assert list(found["Split", "1"].features["area"]) == [8.0]


def test_new_pixels_leave_what_the_person_set(layers, plate):
    show(layers, plate)
    before = layers.layers()
    image, labels = before["Smooth", "1"], before["Split", "1"]
    image.contrast_limits = (3, 33)
    image.colormap = "magma"
    labels.opacity = 0.2
    camera = getattr(layers._viewer, "scene", layers._viewer).camera
    camera.zoom = 7.5
    show(layers, plate, value=5)
    assert layers.layers() == before
    assert tuple(image.contrast_limits) == (3, 33)
    assert image.colormap.name == "magma"
    assert labels.opacity == 0.2
    assert camera.zoom == 7.5
    assert image.data.max() == 5
    assert list(labels.features["label"]) == [5]


def test_eyes_hide_and_show_both_ways(layers, plate, session):
    show(layers, plate)
    session.set_shown(2, False)
    layers.show_hidden(session.state.hidden_steps)
    assert not layers.layers()["Split", "1"].visible
    layers.layers()["Split", "1"].visible = True
    assert session.state.hidden_steps == frozenset()


def test_layers_follow_the_order_of_steps_and_go_with_them(layers, plate, session):
    show(layers, plate)
    session.move_step(2, 1)
    layers.arrange()
    assert [key[0] for key in layers.layers()] == ["Smooth", "Smooth", "Split", "Threshold"]
    layers.keep_only(["Split"])
    assert [key[0] for key in layers.layers()] == ["Split"]


def test_a_step_whose_kind_changes_gets_a_new_layer(layers, plate):
    show(layers, plate)
    one = grid()
    layers.show(plate, [StepPreview("Threshold", Kind.IMAGE, one, array_of(one))])
    assert layers.layers()["Threshold", "1"].__class__ is Image
    layers.show(plate, [StepPreview("Smooth", Kind.IMAGE, one, array_of(one))])
    assert ("Smooth", "2") not in layers.layers()


def test_a_mosaic_lies_where_its_fields_lie_from_whichever_is_looked_at(layers, plate):
    def shown(corner):
        where = grid()
        layers.show(
            plate, [StepPreview("Smooth", Kind.IMAGE, where, array_of(where), corner=corner)]
        )
        return tuple(layers.layers()["Smooth", "1"].translate)

    assert plate.pixel_size_um == 0.5
    assert shown((0, 0)) == (0, 0)
    assert shown((-6, -20)) == (-3, -10)
    assert shown((0, -20)) == (0, -10)
