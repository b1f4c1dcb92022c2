"""The tuned well's raw channels and results as layers of the viewer.

Reading happens in the background; on the GUI thread only layers are made or given new
data.  A layer keeps its contrast, colormap, visibility and opacity from well to well, as
does the camera; one that a well lacks comes back with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_openhcs.layer_data import LayerData, ShownPlanes, place_of_mosaic, raw_layers
from napari_openhcs.result_layers import (
    LABELS,
    OTHER_FIELDS,
    other_field_layers,
    result_layers,
)
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Latest, listen, report_error, session_of, unwrapped
from napari_openhcs.widgets.viewer_parts import scale_bar_of

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.plate import Plate

__all__ = ["WellLayers", "key_of", "well_layers_of"]

LOOK = ("colormap", "blending", "contrast_limits", "visible", "opacity")
"""Options a person sets; a layer keeps them when it gets new data."""

FIXED = (*LOOK, "name", "multiscale")
"""Options that are given to a new layer only."""

RAW, RESULT = "raw/", "result/"
ALL_LABELS = (LABELS, OTHER_FIELDS)


class WellLayers(QObject):
    """Keeps the viewer's raw and result layers in step with the tuned well.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session, optional
        By default the viewer's.

    Attributes
    ----------
    shown : (str, str)
        Well and field whose raw layers are there; empty before the first.
    results_shown : Signal
        The result layers are those of the tuned well now.
    """

    results_shown = Signal()
    _damaged = Signal(str)

    def __init__(self, viewer: Any, session: Session | None = None) -> None:
        self._viewer = unwrapped(viewer)
        super().__init__(self._viewer.window._qt_window)
        self._session = session or session_of(viewer)
        self._planes = ShownPlanes()
        self._result_planes = ShownPlanes()
        self._contrast: dict[str, tuple[float, float]] = {}
        self._looks: dict[str, dict[str, Any]] = {}
        self._raw = Latest(self, delay_ms=0)
        self._results = Latest(self, delay_ms=0)
        self._said = ""
        self._results_visible = True
        self.mosaic = True
        self.shown: tuple[str, str] = ("", "")
        # Damage is found in whatever thread reads; the signal brings it to the window's.
        self._damaged.connect(self._say)
        listen(self, self._session.plate_changed, self._plate_changed)
        listen(self, self._session.tuned_changed, self._tuned_changed)
        listen(self, self._session.results_changed, self._results_changed)
        self.refresh()

    @property
    def busy(self) -> bool:
        """Whether anything is being read."""
        return self._raw.busy or self._results.busy

    def set_mosaic(self, mosaic: bool) -> None:
        """Show all fields of the well placed by stage position, or the tuned field alone."""
        if mosaic != self.mosaic:
            self.mosaic = mosaic
            self.refresh()

    def show_results(self, shown: bool) -> None:
        """Show or hide the labels of results, those of other wells and runs included."""
        self._results_visible = shown
        for layer in self._viewer.layers:
            if key_of(layer).startswith(ALL_LABELS):
                layer.visible = shown
        for key, look in self._looks.items():
            if key.startswith(ALL_LABELS):
                look["visible"] = shown

    def refresh(self) -> None:
        """Show the tuned well."""
        self._refresh_raw()
        self._refresh_results()

    # What happens to the session

    def _plate_changed(self, _: object) -> None:
        """Begin anew: another plate has other channels, names and intensities."""
        self._raw.cancel()
        self._planes.clear()
        self._contrast.clear()
        self._remove(RAW)
        self._looks.clear()
        self.shown = ("", "")

    def _tuned_changed(self, _: object) -> None:
        self.refresh()

    def _results_changed(self, _: object) -> None:
        self._result_planes.clear()
        self._refresh_results()

    # Raw channels

    def _refresh_raw(self) -> None:
        state = self._session.state
        plate, tuned, mosaic = state.plate, state.tuned, self.mosaic
        if plate is None or not tuned:
            return
        contrast, shown, cache = dict(self._contrast), self._place(), self._planes
        report = self._damaged.emit
        self._raw.request(
            lambda: raw_layers(
                plate, tuned.well, tuned.field, mosaic=mosaic, shown=shown, cache=cache,
                contrast=contrast, report=report,
            ),
            lambda found: self._show_raw(found, tuned.well, tuned.field),
            lambda error: report_error(self._session, error),
        )  # fmt: skip

    def _place(self) -> dict[str, int]:
        """Return where the viewer stands on each axis; empty before the first layer."""
        dims = self._viewer.dims
        if not any(key_of(layer).startswith(RAW) for layer in self._viewer.layers):
            return {}
        return dict(zip(dims.axis_labels, dims.current_step, strict=True))

    def _show_raw(self, found: Sequence[LayerData], well: str, field: str) -> None:
        for layer in found:
            limits = layer.options.get("contrast_limits")
            if limits is not None:
                self._contrast.setdefault(layer.key.removeprefix(RAW), limits)
        first = not any(self.shown)
        self._apply(RAW, found)
        self.shown = (well, field)
        self._tell(found)
        if first and any(layer.data is not None for layer in found):
            scale_bar_of(self._viewer).visible = True
            self._viewer.reset_view()

    # Results

    def _refresh_results(self) -> None:
        results, tuned = self._session.state.results, self._session.state.tuned
        if results is None or not tuned or tuned.well not in results.wells:
            self._results.cancel()
            self._remove(RESULT)
            self.results_shown.emit()
            return
        cache, report, mosaic = self._result_planes, self._damaged.emit, self.mosaic
        plate = self._session.plate
        own = plate is not None and Path(plate.root) == results.plate_path
        self._results.request(
            lambda: [
                layer
                for layer in _layers_of(
                    results, plate, mosaic, tuned.well, tuned.field, cache, report
                )
                # Where the results are the open plate, their images are shown already.
                if not (own and layer.kind == "image")
            ],
            self._show_results,
            lambda error: report_error(self._session, error),
        )

    def _show_results(self, found: Sequence[LayerData]) -> None:
        self._apply(RESULT, found)
        self._tell(found)
        self.results_shown.emit()

    # Messages

    def _tell(self, found: Sequence[LayerData]) -> None:
        """Say what is wrong with the well; take back what was said of the one before."""
        problems = [problem for layer in found for problem in layer.problems]
        if problems:
            rest = len(problems) - 1
            more = f" ({rest} more of this kind)" if rest else ""
            self._say(problems[0] + more)
        elif self._said and found and found[0].key.startswith(RAW):
            self._said = ""
            self._session.say("")

    def _say(self, text: str) -> None:
        self._said = text
        self._session.say(text, "warning")

    # Layers

    def _apply(self, prefix: str, found: Sequence[LayerData]) -> None:
        shown = [layer for layer in found if layer.data is not None]
        self._remove(prefix, [layer.key for layer in shown])
        for item in shown:
            layer = self._find(item)
            if layer is None:
                self._add(item)
            else:
                _update(layer, item)

    def _find(self, item: LayerData) -> Any:
        """Return the layer that can take new data; one that cannot is removed."""
        for layer in self._viewer.layers:
            if key_of(layer) == item.key:
                same_axes = layer.ndim == len(item.options["scale"])
                if same_axes and layer.multiscale == item.options.get("multiscale", False):
                    return layer
                self._take_off(layer)
                break
        return None

    def _remove(self, prefix: str, keys: Sequence[str] = ()) -> None:
        for layer in list(self._viewer.layers):
            if key_of(layer).startswith(prefix) and key_of(layer) not in keys:
                self._take_off(layer)

    def _take_off(self, layer: Any) -> None:
        self._looks[key_of(layer)] = {
            name: getattr(layer, name)
            for name in LOOK
            if hasattr(layer, name) and not (name == "colormap" and _is_labels(layer))
        }
        self._viewer.layers.remove(layer)

    def _add(self, item: LayerData) -> None:
        selected = set(self._viewer.layers.selection)
        add = self._viewer.add_labels if item.kind == "labels" else self._viewer.add_image
        options = {**item.options, **self._looks.pop(item.key, {})}
        if item.key.startswith(ALL_LABELS):
            options["visible"] = self._results_visible and options.get("visible", True)
        layer = add(item.data, **{name: v for name, v in options.items() if v is not None})
        if item.kind == "labels":
            layer.editable = False
        else:
            low, high = layer.contrast_limits
            layer.contrast_limits_range = (min(0.0, low), max(2 * high, high + 1))
        if item.key.startswith(RAW):
            # Raw channels lie below everything that is made from them.
            below = sum(key_of(other).startswith(RAW) for other in self._viewer.layers) - 1
            self._viewer.layers.move(self._viewer.layers.index(layer), below)
        if selected:
            self._viewer.layers.selection = selected


def key_of(layer: Any) -> str:
    """Return what a layer is for us (``raw/1``, ``result/labels/nuclei``); empty for others."""
    return str(layer.metadata.get("openhcs", ""))


def _is_labels(layer: Any) -> bool:
    return str(layer._type_string) == "labels"


def _update(layer: Any, item: LayerData) -> None:
    layer.data = item.data
    options: Mapping[str, Any] = item.options
    for name in ("scale", "translate", "units", "axis_labels"):
        if name in options and tuple(map(str, getattr(layer, name))) != tuple(
            map(str, options[name])
        ):
            setattr(layer, name, options[name])
    if item.kind == "labels":
        # Rows of the well before must not stay where this one has none.
        layer.features = options.get("features") or {}
    layer.metadata = options["metadata"]


def _layers_of(
    results: Results,
    plate: Plate | None,
    mosaic: bool,
    well: str,
    field: str,
    cache: ShownPlanes,
    report: Any,
) -> list[LayerData]:
    """Return the result layers of a field; in a mosaic with those of the others."""
    shown = results.field_with(well, field)
    position = results.image(well, shown).position_um if shown != field else None
    corner = place_of_mosaic(plate, well, field, position)
    found = result_layers(results, well, shown, cache=cache, report=report, corner=corner)
    if plate is None or not mosaic:
        return found
    others = other_field_layers(results, plate, well, field, cache=cache, report=report)
    return [*others, *found]


def well_layers_of(viewer: Any) -> WellLayers:
    """Return the one :class:`WellLayers` of a viewer, made on first use."""
    window = unwrapped(viewer).window._qt_window
    for child in window.children():
        if isinstance(child, WellLayers):
            return child
    return WellLayers(viewer)
