"""Chains inside a mapping of channels, and limits of time, from pipeline to results."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.api import run
from napari_openhcs.compiler import compile_pipeline
from napari_openhcs.formats import open_plate
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline, PipelineConfig
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.storage import read_plane

CHAINS = FunctionStep(
    {
        "DAPI": [
            ("scipy.ndimage.median_filter", {"size": 3}),
            ("scipy.ndimage.minimum_filter", {"size": 5}),
        ],
        "GFP": ("scipy.ndimage.uniform_filter", {"size": 3}),
        "TRITC": None,
    },
    group_by="channel",
    name="Chains",
)
AGAIN = CHAINS.replace(
    func={key: chain for key, chain in CHAINS.func.items() if chain is not None}, name="Again"
)
SLOW = FunctionStep(
    ("scipy.ndimage.median_filter", {"size": 15}), name="Slow", select={"channel": "DAPI"}
)


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patterns") / "plate"
    return open_plate(write_sample_plate(folder, wells=1, fields=2, channels=4, size=400).path)


def test_each_channel_has_its_own_chain(plate, tmp_path):
    pipeline = Pipeline([CHAINS, AGAIN])
    status = run(pipeline, plate, tmp_path / "out", workers=1, timeout=120)
    assert status.state == "done", status
    results = open_results(tmp_path / "out")
    assert results.channels == ("DAPI", "GFP", "Cy5")
    names = {item.id: item.name for item in plate.channels}

    def expected(name, plane):
        if name == "DAPI":
            return ndimage.minimum_filter(ndimage.median_filter(plane, 3), 5)
        return ndimage.uniform_filter(plane, 3) if name == "GFP" else plane

    compared = 0
    for planned in compile_pipeline(plate, pipeline).contexts["A01"].planes:
        name = names[planned.channel]
        if name == "TRITC":
            continue
        wanted = expected(name, expected(name, read_plane(planned)))
        image = results.image("A01", planned.field).levels[0]
        assert np.array_equal(np.asarray(image)[0, results.channels.index(name), 0], wanted), name
        compared += 1
    assert compared == 6


@pytest.mark.parametrize(
    ("limits", "config", "state"),
    [
        ({"time_limit_s": 0.2}, {}, "failed"),
        ({}, {"step_time_limit_s": 0.2}, "failed"),
        ({"time_limit_s": 100}, {"step_time_limit_s": 0.2}, "done"),
    ],
)
def test_the_step_s_limit_of_time_counts_before_the_pipeline_s(
    plate, tmp_path, limits, config, state
):
    pipeline = Pipeline([SLOW.replace(**limits)], config=PipelineConfig(**config))
    status = run(pipeline, plate, tmp_path / "out", workers=1, timeout=120)
    (well,) = status.wells.values()
    assert str(well.state) == state
    if state == "failed":
        assert "0.2 s" in well.message
        assert "Slow" in well.message
