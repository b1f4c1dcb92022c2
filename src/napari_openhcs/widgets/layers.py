"""The tuned well's raw channels and results as layers of the viewer.

Reading happens in the background; on the GUI thread only layers are made or given new
data.  A layer that is there already keeps its contrast, colormap, visibility and opacity
from well to well, as does the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject

from napari_openhcs.layer_data import LayerData, raw_layers, result_layers
from napari_openhcs.session import Session
from napari_openhcs.storage import PlaneCache
from napari_openhcs.widgets.bridge import Latest, listen, report_error, session_of

__all__ = ["WellLayers", "well_layers_of"]

KEPT = ("name", "colormap", "blending", "contrast_limits", "visible", "opacity", "multiscale")
"""Options that a layer keeps when it gets new data."""


class WellLayers(QObject):
    """Keeps the viewer's raw and result layers in step with the tuned well.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session, optional
        By default the viewer's.
    """

    def __init__(self, viewer: Any, session: Session | None = None) -> None:
        super().__init__(viewer.window._qt_window)
        self._viewer = viewer
        self._session = session or session_of(viewer)
        self._cache = PlaneCache(256 * 2**20)
        self._contrast: dict[str, tuple[float, float]] = {}
        self._raw = Latest(self, delay_ms=0)
        self._results = Latest(self, delay_ms=0)
        self.mosaic = True
        self.shown: tuple[str, str] = ("", "")
        listen(self, self._session.plate_changed, self._plate_changed)
        listen(self, self._session.tuned_changed, lambda _: self.refresh())
        listen(self, self._session.results_changed, lambda _: self._refresh_results())
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

    def refresh(self) -> None:
        """Show the tuned well."""
        self._refresh_raw()
        self._refresh_results()

    def _plate_changed(self, plate: object) -> None:
        self._cache.clear()
        self._contrast.clear()
        self.shown = ("", "")
        if plate is None:
            self._raw.cancel()
            self._remove_others("raw/", [])

    def _refresh_raw(self) -> None:
        state = self._session.state
        plate, tuned, mosaic = state.plate, state.tuned, self.mosaic
        if plate is None or not tuned:
            return
        contrast = dict(self._contrast)
        self._raw.request(
            lambda: raw_layers(
                plate, tuned.well, tuned.field, mosaic=mosaic, cache=self._cache, contrast=contrast
            ),
            lambda found: self._show_raw(found, tuned.well, tuned.field),
            lambda error: report_error(self._session, error),
        )

    def _show_raw(self, found: Sequence[LayerData], well: str, field: str) -> None:
        for layer in found:
            for problem in layer.problems:
                self._session.say(problem, "error" if layer.data is None else "warning")
            if layer.data is not None:
                self._contrast.setdefault(
                    layer.key.removeprefix("raw/"), layer.options["contrast_limits"]
                )
        first = not any(_key(layer).startswith("raw/") for layer in self._viewer.layers)
        self._apply("raw/", found)
        self.shown = (well, field)
        if first and found:
            self._viewer.scale_bar.visible = True
            self._viewer.reset_view()

    def _refresh_results(self) -> None:
        results, tuned = self._session.state.results, self._session.state.tuned
        if results is None or not tuned or tuned.well not in results.wells:
            self._results.cancel()
            self._remove_others("result/", [])
            return
        self._results.request(
            lambda: _result_layers_of(results, tuned.well, tuned.field),
            lambda found: self._apply("result/", found),
            lambda error: report_error(self._session, error),
        )

    def _apply(self, prefix: str, found: Sequence[LayerData]) -> None:
        shown = [layer for layer in found if layer.data is not None]
        self._remove_others(prefix, [layer.key for layer in shown])
        for item in shown:
            layer = self._find(item)
            if layer is None:
                self._add(item)
            else:
                _update(layer, item)

    def _find(self, item: LayerData) -> Any:
        for layer in self._viewer.layers:
            if _key(layer) == item.key:
                if layer.ndim == len(item.options["scale"]):
                    return layer
                self._viewer.layers.remove(layer)
                break
        return None

    def _remove_others(self, prefix: str, keys: Sequence[str]) -> None:
        for layer in list(self._viewer.layers):
            if _key(layer).startswith(prefix) and _key(layer) not in keys:
                self._viewer.layers.remove(layer)

    def _add(self, item: LayerData) -> None:
        selected = set(self._viewer.layers.selection)
        add = self._viewer.add_labels if item.kind == "labels" else self._viewer.add_image
        options = {key: value for key, value in item.options.items() if value is not None}
        layer = add(item.data, **options)
        if "contrast_limits" in options:
            low, high = options["contrast_limits"]
            layer.contrast_limits_range = (min(0.0, low), max(2 * high, high + 1))
        if item.key.startswith("raw/"):
            # Raw channels lie below everything that is made from them.
            below = sum(_key(other).startswith("raw/") for other in self._viewer.layers) - 1
            self._viewer.layers.move(self._viewer.layers.index(layer), below)
        if selected:
            self._viewer.layers.selection = selected


def _key(layer: Any) -> str:
    return str(layer.metadata.get("openhcs", ""))


def _update(layer: Any, item: LayerData) -> None:
    layer.data = item.data
    for name, value in item.options.items():
        if name not in KEPT and value is not None:
            setattr(layer, name, value)


def _result_layers_of(results: Any, well: str, field: str) -> list[LayerData]:
    fields = results.fields(well)
    return result_layers(results, well, field if field in fields else fields[0])


_kept: dict[int, WellLayers] = {}


def well_layers_of(viewer: Any) -> WellLayers:
    """Return the one :class:`WellLayers` of a viewer, made on first use."""
    window = viewer.window._qt_window
    key = id(window)
    if key not in _kept:
        _kept[key] = WellLayers(viewer)
        window.destroyed.connect(lambda: _kept.pop(key, None))
    return _kept[key]
