"""Phase 3: what is written, and what stays in memory while a well runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_openhcs.compiler import materialization
from napari_openhcs.compiler.materialization import live_bytes
from napari_openhcs.compiler.materialization import (
    plan_materialization_flags_for_context as phase,
)
from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.compiler.stores import declare_zarr_stores_for_context
from napari_openhcs.pipeline import FunctionStep as Step

pytestmark = pytest.mark.usefixtures("lab")

STEPS = [
    Step("lab.smooth", name="Smooth"),
    Step("lab.threshold", name="Mask"),
    Step("lab.label", name="Nuclei"),
]


@pytest.fixture
def draft(make_draft):
    made = make_draft(STEPS, fields=("1", "2", "3"), size=40)
    return declare_zarr_stores_for_context(initialize_step_plans_for_context(made))


def test_what_is_written(draft):
    steps = phase(draft).steps
    assert [step.materialize for step in steps] == [True, False, True]


def test_all_in_memory_where_it_fits(draft):
    assert [step.backend for step in phase(draft).steps] == ["memory"] * 3


@pytest.mark.parametrize(
    ("budget", "backends"),
    [
        (0, ["disk", "disk", "disk"]),
        # The labels (4 bytes a pixel) are the largest: without them the rest fits.
        (80_000, ["memory", "memory", "disk"]),
        (200_000, ["memory", "memory", "memory"]),
    ],
)
def test_largest_outputs_go_to_disk(budget, backends, draft, monkeypatch):
    monkeypatch.setattr(materialization, "memory_budget", lambda draft: budget)
    assert [step.backend for step in phase(draft).steps] == backends


def test_live_bytes(draft):
    planes, pixels = 6, 40 * 40
    working = 3 * pixels * 8
    smooth, mask, labels = (planes * pixels * size for size in (2, 1, 4))
    # The smoothed image is kept to the end; the mask until the labels are made of it.
    assert live_bytes(phase(draft)) == smooth + mask + labels + working
    on_disk = replace(draft, steps=tuple(replace(s, backend="disk") for s in draft.steps))
    assert live_bytes(on_disk) == 2 * pixels + working
