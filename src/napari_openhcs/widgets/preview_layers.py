"""Layers that show the output of each step on the tuned well and field.

A layer is made once a step (and channel) and then only given new pixels, so that contrast,
colormap, opacity and the camera stay as the person set them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils import DirectLabelColormap

from napari_openhcs.axes import Kind
from napari_openhcs.layer_data import COLORS, contrast_of, placing
from napari_openhcs.plan import Grid
from napari_openhcs.plate import Plate
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import unwrapped

__all__ = ["PreviewLayers", "StepPreview", "channel_stack"]

KEY = "openhcs_step"
"""Key in a layer's metadata under which the step's title and the channel stand."""


_MASK = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: "#ffd23f"})
"""One colour for what is inside a mask, seen through; labels keep napari's many."""


@dataclass(frozen=True, eq=False)
class StepPreview:
    """What one step gave on the tuned well and field.

    Attributes
    ----------
    title : str
    kind : Kind
    grid : Grid
        Values along the first four axes of `array`; one field.
    array : (field, channel, z, t, Y, X) array or None
        None for tables.
    table : mapping of str to 1-D array
        Empty unless `kind` is table.
    measured : str
        Title of the labels step a table's rows belong to.
    corner : (int, int)
        Row and column of the planes' corner seen from that of the tuned field, px.
    """

    title: str
    kind: Kind
    grid: Grid
    array: np.ndarray | None = None
    table: Mapping[str, np.ndarray] = field(default_factory=dict)
    measured: str = ""
    corner: tuple[int, int] = (0, 0)


def channel_stack(array: np.ndarray, channel: int, n_z: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return one channel of the first field and the names of its axes; nothing is copied.

    z and t are axes only where there are several; with t but one z the plane is repeated
    over the plate's z so that time sliders of all layers agree.

    Parameters
    ----------
    array : (field, channel, z, t, Y, X) array
    channel : int
        Position of the channel.
    n_z : int
        Number of z planes of the plate.
    """
    stack = array[0, channel].swapaxes(0, 1)
    n_t, depth = stack.shape[:2]
    if n_t == 1 and depth == 1:
        return stack[0, 0], ("y", "x")
    if n_t == 1:
        return stack[0], ("z", "y", "x")
    if depth == 1 and n_z <= 1:
        return stack[:, 0], ("t", "y", "x")
    if depth == 1:
        stack = np.broadcast_to(stack, (n_t, n_z, *stack.shape[2:]))
    return stack, ("t", "z", "y", "x")


class PreviewLayers:
    """Keeps one layer a step and channel in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = unwrapped(viewer)
        self._session = session

    def layers(self) -> dict[tuple[str, str], Any]:
        """Return the preview layers that are there, by step title and channel id."""
        return {
            layer.metadata[KEY]: layer for layer in self._viewer.layers if KEY in layer.metadata
        }

    def show(self, plate: Plate, previews: Iterable[StepPreview]) -> None:
        """Show what steps gave; steps that are not named keep their layers."""
        for preview in previews:
            if preview.array is None:
                self._show_table(preview)
                continue
            channels = preview.grid.channel
            for position, channel in enumerate(channels):
                array, names = channel_stack(preview.array, position, len(plate.z))
                label = _layer_name(plate, preview, channel)
                key = (preview.title, channel)
                options = _options(plate, preview, names) | {"name": label}
                self._show_array(plate, preview.kind, key, array, options, position)
            self._remove(lambda key, p=preview: key[0] == p.title and key[1] not in p.grid.channel)
        self.arrange()

    def _show_array(
        self,
        plate: Plate,
        kind: Kind,
        key: tuple[str, str],
        array: np.ndarray,
        placed: Mapping[str, Any],
        position: int,
    ) -> None:
        """Give a layer new pixels, or make it where there is none that can take them."""
        if array.dtype == np.bool_:
            array = array.view(np.uint8)
        layer = self.layers().get(key)
        wanted = Labels if kind in (Kind.LABELS, Kind.MASK) else Image
        if layer is not None and not (isinstance(layer, wanted) and layer.ndim == array.ndim):
            self._viewer.layers.remove(layer)
            layer = None
        if layer is not None:
            layer.data = array
            if tuple(layer.translate) != placed["translate"]:
                layer.translate = placed["translate"]
            return
        options = dict(placed) | {
            "metadata": {KEY: key, "openhcs": "step/" + "/".join(key)},
            "visible": key[0] not in self._session.state.hidden_steps,
        }
        before = list(self._viewer.layers.selection)
        if wanted is Labels:
            look = {"colormap": _MASK, "opacity": 0.3} if kind is Kind.MASK else {"opacity": 0.6}
            layer = self._viewer.add_labels(array, **look, **options)
            layer.editable = False
        else:
            layer = self._viewer.add_image(
                array,
                contrast_limits=contrast_of(array[(0,) * (array.ndim - 2)]),
                colormap=_colormap(plate, key[1]),
                blending="translucent_no_depth" if position == 0 else "additive",
                **options,
            )
        layer.events.visible.connect(lambda _: self._eye(layer))
        if before:
            self._viewer.layers.selection = before

    def _eye(self, layer: Any) -> None:
        """Tell the session when a layer was shown or hidden in napari's own list."""
        title = layer.metadata[KEY][0]
        for index, step in enumerate(self._session.pipeline):
            if step.title == title:
                self._session.set_shown(index, layer.visible)

    def _show_table(self, preview: StepPreview) -> None:
        """Put the rows on the labels they describe, where napari's features table finds them."""
        for (title, _), layer in self.layers().items():
            if title == preview.measured and isinstance(layer, Labels):
                columns = dict(preview.table)
                if "label" in columns:
                    columns = {"index": columns["label"], **columns}
                layer.features = columns

    def show_hidden(self, hidden: frozenset[str]) -> None:
        """Show and hide layers as the eyes of the step list say."""
        for (title, _), layer in self.layers().items():
            visible = title not in hidden
            if layer.visible != visible:
                layer.visible = visible

    def keep_only(self, titles: Iterable[str]) -> None:
        """Remove the layers of steps that are not in the pipeline any more."""
        kept = set(titles)
        self._remove(lambda key: key[0] not in kept)

    def _remove(self, unwanted: Any) -> None:
        for key, layer in self.layers().items():
            if unwanted(key):
                self._viewer.layers.remove(layer)

    def arrange(self) -> None:
        """Put the layers in the order of the steps, labels and masks above images."""
        order = {step.title: number for number, step in enumerate(self._session.pipeline)}
        found = self.layers()
        wanted = sorted(
            found,
            key=lambda key: (isinstance(found[key], Labels), order.get(key[0], -1)),
        )
        if list(found) == wanted:
            return
        for key in wanted:
            layer = found[key]
            layers = self._viewer.layers
            layers.move(layers.index(layer), len(layers))


def _options(plate: Plate, preview: StepPreview, names: tuple[str, ...]) -> dict[str, Any]:
    """Return scale, units, axis labels and translation of a preview's layers."""
    options = placing(names, plate.pixel_size_um, plate.z_step_um)
    *_, height, width = options["scale"]
    row, column = preview.corner
    lead = (0.0,) * (len(names) - 2)
    return options | {"translate": (*lead, row * height, column * width)}


def _layer_name(plate: Plate, preview: StepPreview, channel: str) -> str:
    if len(preview.grid.channel) == 1:
        return preview.title
    names = {item.id: item.name for item in plate.channels}
    return f"{preview.title} {names.get(channel, channel)}"


def _colormap(plate: Plate, channel: str) -> str:
    """Return the channel's colour where the plate has several channels, else grey."""
    if len(plate.channels) < 2:
        return "gray"
    for number, item in enumerate(plate.channels):
        if item.id == channel:
            return item.color or COLORS[number % len(COLORS)]
    return "gray"
