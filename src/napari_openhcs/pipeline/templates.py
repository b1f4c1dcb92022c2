"""Ready pipelines to start from; each runs on the sample plate."""

from __future__ import annotations

from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import FunctionStep

__all__ = ["count_nuclei"]

_OURS = "napari_openhcs.functions"


def count_nuclei(channel: str = "DAPI") -> Pipeline:
    """Return a pipeline that finds nuclei and measures them on every channel.

    Parameters
    ----------
    channel : str
        Name or id of the channel with stained nuclei.
    """
    return Pipeline(
        [
            FunctionStep(
                ("skimage.filters.gaussian", {"sigma": 1.5}),
                name="Smooth",
                select={"channel": channel},
            ),
            FunctionStep(f"{_OURS}.threshold.threshold_otsu", name="Threshold"),
            FunctionStep(
                [
                    f"{_OURS}.mask.fill_holes",
                    (f"{_OURS}.mask.remove_small_regions", {"min_area": 40}),
                ],
                name="Clean",
            ),
            FunctionStep(f"{_OURS}.segmentation.split_touching", name="Nuclei"),
            FunctionStep(
                f"{_OURS}.measure.measure_objects",
                name="Measurements",
                input_source="plate",
                inputs={"labels": "Nuclei"},
            ),
        ],
        name="Count nuclei",
    )
