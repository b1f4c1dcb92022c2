"""Parts of the viewer that napari 0.9 has moved; older ones are asked where they were."""

from __future__ import annotations

from typing import Any

__all__ = ["camera_of", "scale_bar_of"]


def camera_of(viewer: Any) -> Any:
    """Return the viewer's camera."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def scale_bar_of(viewer: Any) -> Any:
    """Return the viewer's scale bar."""
    return viewer.canvas.overlays.scale_bar if hasattr(viewer, "canvas") else viewer.scale_bar
