"""High-content screening in napari, and without it.

The public names below are imported on first use, so that importing the package (or
napari reading the manifest) stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_openhcs.api import run
    from napari_openhcs.cli import main
    from napari_openhcs.compiler import compile_pipeline
    from napari_openhcs.formats import open_plate
    from napari_openhcs.ome_zarr.results import open_results
    from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig
    from napari_openhcs.pipeline.notebook import export_notebook
    from napari_openhcs.well_preview import WellPreview

__version__ = "0.1.0"

__all__ = [
    "FunctionStep",
    "Pipeline",
    "PipelineConfig",
    "WellPreview",
    "compile_pipeline",
    "export_notebook",
    "main",
    "open_plate",
    "open_results",
    "run",
]

_HOMES = {
    "FunctionStep": "pipeline",
    "Pipeline": "pipeline",
    "PipelineConfig": "pipeline",
    "WellPreview": "well_preview",
    "compile_pipeline": "compiler",
    "export_notebook": "pipeline.notebook",
    "main": "cli",
    "open_plate": "formats",
    "open_results": "ome_zarr.results",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
