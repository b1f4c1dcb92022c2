"""Pipelines: frozen tuples of steps, their configuration, and their form as a script."""

from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep

__all__ = ["FunctionCall", "FunctionStep", "Pipeline", "PipelineConfig"]
