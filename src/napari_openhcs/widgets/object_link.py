"""Labels and rows: a click on an object of the canvas tells its label; a row marks its object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_openhcs.layer_data import placing
from napari_openhcs.result_layers import LABELS
from napari_openhcs.widgets.bridge import unwrapped
from napari_openhcs.widgets.layers import key_of
from napari_openhcs.widgets.viewer_parts import camera_of

__all__ = ["ObjectLink"]

MARK = "selected"
CLICK_PX = 4
"""A press and release closer than this is a click, farther a drag of the camera."""


class ObjectLink(QObject):
    """Connects the objects of result labels on the canvas with whoever shows their rows.

    Parameters
    ----------
    viewer : napari.Viewer
    owner : QObject

    Attributes
    ----------
    picked : Signal
        Carries the label of the object that was clicked.
    """

    picked = Signal(int)

    def __init__(self, viewer: Any, owner: QObject) -> None:
        super().__init__(owner)
        self._viewer = unwrapped(viewer)
        callbacks, callback = self._viewer.mouse_drag_callbacks, self._pressed
        callbacks.append(callback)
        self.destroyed.connect(lambda: callback in callbacks and callbacks.remove(callback))

    def _pressed(self, _: Any, event: Any) -> Iterator[None]:
        """Tell a click on an object from a drag of the camera; napari resumes it at each event."""
        start = event.pos
        moved = False
        yield
        while event.type == "mouse_move":
            moved = moved or max(abs(event.pos - start)) > CLICK_PX
            yield
        active = self._viewer.layers.selection.active
        if not moved and str(getattr(active, "mode", "pan_zoom")) == "pan_zoom":
            label = self.label_at(event)
            if label:
                self.picked.emit(label)

    def label_at(self, event: Any) -> int:
        """Return the label under the mouse in the topmost result labels; 0 for none."""
        for layer in reversed(self._viewer.layers):
            if layer.visible and key_of(layer).startswith(LABELS):
                value = layer.get_value(
                    event.position,
                    view_direction=event.view_direction,
                    dims_displayed=list(event.dims_displayed),
                    world=True,
                )
                value = value[-1] if isinstance(value, tuple) else value
                if value:
                    return int(value)
        return 0

    def mark(
        self, label: int, center_yx: tuple[float, float], diameter: float, pixel_um: float | None
    ) -> None:
        """Ring an object and bring it into sight.

        Parameters
        ----------
        label : int
        center_yx : (y, x)
            In px of the labels the object is in.
        diameter : float
            Of the ring, px.
        pixel_um : float or None
            Size of a pixel.
        """
        corner = (0.0, 0.0)
        for layer in self._viewer.layers:
            if key_of(layer).startswith(LABELS):
                layer.selected_label = label
                corner = (float(layer.translate[-2]), float(layer.translate[-1]))
        self.unmark()
        selected = set(self._viewer.layers.selection)
        layer = self._viewer.add_points(
            [center_yx],
            name="Selected object",
            size=max(diameter, 6.0),
            face_color="transparent",
            border_color="#ffffff",
            border_width=0.08,
            **placing(("y", "x"), pixel_um, None),
            translate=corner,
            metadata={"openhcs": MARK},
        )
        layer.editable = False
        if selected:
            self._viewer.layers.selection = selected
        size = pixel_um or 1.0
        y, x = (corner[axis] + center_yx[axis] * size for axis in range(2))
        self._bring_into_sight((y, x), diameter * size)

    def _bring_into_sight(self, place: tuple[float, float], diameter: float) -> None:
        """Move the camera only where the object lies outside of what it shows."""
        camera = camera_of(self._viewer)
        canvas = self._viewer.window._qt_viewer.canvas.native
        for axis, pixels in ((-2, canvas.height()), (-1, canvas.width())):
            half = pixels / 2 / camera.zoom
            if abs(place[axis] - camera.center[axis]) + diameter / 2 > half:
                camera.center = (*camera.center[:-2], *place)
                return

    def unmark(self) -> None:
        """Take the ring away."""
        for layer in list(self._viewer.layers):
            if key_of(layer) == MARK:
                self._viewer.layers.remove(layer)
