"""Phase 2: which outputs are kept, where, and how their arrays are laid out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.compiler.stores import (
    declare_zarr_stores_for_context,
    plate_store_name,
)
from napari_openhcs.pipeline import FunctionStep as Step
from napari_openhcs.plan import Grid

pytestmark = pytest.mark.usefixtures("lab")

DAPI = {"channel": "DAPI"}
SMOOTH = Step("lab.smooth", name="Smooth", select=DAPI)
MASK = Step("lab.threshold", name="Mask")
LABEL = Step("lab.label", name="Nuclei")
GROWN = Step("lab.label", name="Grown", input_source="Mask")
TABLE = Step("lab.measure", name="Counts", input_source="plate", inputs={"labels": "Nuclei"})
FLAT = Step("lab.project", name="Flat")
WIDE = Step("lab.stitch", name="Wide")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([SMOOTH], ["image image 01_smooth"]),
        ([SMOOTH, MASK], ["image image 01_smooth", "labels mask 02_mask"]),
        (
            [SMOOTH, MASK, LABEL, TABLE],
            ["image image 01_smooth", "labels nuclei 03_nuclei", "table counts 04_counts"],
        ),
        # A mask is kept beside labels only when asked for.
        (
            [SMOOTH, MASK.replace(materialize=True), LABEL],
            ["image image 01_smooth", "labels mask 02_mask", "labels nuclei 03_nuclei"],
        ),
        # The last labels, and those that are measured.
        (
            [SMOOTH, MASK, LABEL, GROWN, TABLE],
            [
                "image image 01_smooth",
                "labels nuclei 03_nuclei",
                "labels grown 04_grown",
                "table counts 05_counts",
            ],
        ),
        ([MASK, LABEL], ["image image plate", "labels nuclei 02_nuclei"]),
        (
            [SMOOTH.replace(materialize=True), Step("lab.invert", name="Inverse")],
            ["image image 02_inverse", "image smooth 01_smooth steps/01_smooth.ome.zarr"],
        ),
        # The last image does not have the fields of the labels; the one before does.
        (
            [SMOOTH, MASK, LABEL, WIDE.replace(input_source="plate")],
            ["image image 01_smooth", "labels nuclei 03_nuclei"],
        ),
        # Labels of single fields do not lie on a stitched image.
        (
            [
                MASK,
                LABEL.replace(materialize=True),
                WIDE.replace(input_source="plate"),
                Step(["lab.threshold", "lab.label"], name="Of all"),
            ],
            [
                "image image 03_wide",
                "image nuclei 02_nuclei steps/02_nuclei.ome.zarr",
                "labels of_all 04_of_all",
            ],
        ),
        (
            [TABLE.replace(inputs={"labels": "plate"})],
            ["image image plate", "table counts 01_counts"],
        ),
    ],
)
def test_outputs(steps, expected, make_draft):
    draft = initialize_step_plans_for_context(make_draft(steps, fields=("1", "2")))
    outputs = declare_zarr_stores_for_context(draft).outputs
    found = [
        f"{item.role} {item.name} {item.dataset}"
        + ("" if item.store == "tiny.ome.zarr" else f" {item.store}")
        for item in outputs
    ]
    assert found == expected


def test_raw_image_is_what_the_pipeline_reads(make_draft):
    steps = [Step(["lab.threshold", "lab.label"], select={"channel": "GFP"})]
    draft = make_draft(steps, z=(0, 1), without=lambda key: key.channel == "2" and key.z == 1)
    image = declare_zarr_stores_for_context(initialize_step_plans_for_context(draft)).outputs[0]
    assert image.dataset == "plate"
    assert image.select == {"channel": ("2",), "z": (0,)}
    assert image.data.grid == Grid(("1",), ("2",), (0,), (0,))


@pytest.mark.parametrize(
    ("name", "store"),
    [
        ("Plate 1", "Plate_1.ome.zarr"),
        ("../../etc", "etc.ome.zarr"),
        ("a/b\\c:d", "a_b_c_d.ome.zarr"),
        ("µm α", "m.ome.zarr"),
        ("", "plate.ome.zarr"),
        ("x" * 300, "x" * 100 + ".ome.zarr"),
    ],
)
def test_name_of_the_store(name, store, make_plate):
    assert plate_store_name(replace(make_plate(), name=name)) == store
