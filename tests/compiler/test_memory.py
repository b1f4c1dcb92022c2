"""Phase 4: what is measured on a crop of a real well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_openhcs.compiler import compile_pipeline, trials
from napari_openhcs.pipeline import FunctionStep as Step
from napari_openhcs.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("lab")


def outputs(plate, steps, **options):
    plan = compile_pipeline(plate, Pipeline(steps), **options)
    assert not [item for item in plan.problems if item.severity == "error"], plan.problems
    layout = next(iter(plan.contexts.values())).layout
    return [step.output for step in layout.steps]


@pytest.mark.parametrize(
    ("step", "dtype"),
    [
        (Step("lab.smooth"), "uint16"),
        (Step("lab.smooth", dtype="native"), "float64"),
        (Step("lab.smooth", dtype="float32"), "float32"),
        (Step("lab.threshold"), "bool"),
        (Step(["lab.threshold", "lab.label"]), "int32"),
        (Step({"1": "lab.smooth", "2": "lab.invert"}, group_by="channel"), "uint16"),
    ],
)
def test_dtype(step, dtype, make_plate):
    (output,) = outputs(make_plate(), [step])
    assert output.dtype == dtype
    assert output.shape_yx == (40, 40)


@pytest.mark.parametrize("size", [40, 200])
def test_changed_shape_is_scaled_to_the_whole_plane(size, make_plate):
    plate = make_plate(fields=("1", "2", "3"), size=size)
    wide, smooth = outputs(plate, [Step("lab.stitch"), Step("lab.smooth")])
    assert wide.shape_yx == (size, 3 * size)
    assert smooth.shape_yx == (size, 3 * size)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda image: image[0], (200, 200)),
        (lambda image: image[0][::2, ::2], (100, 100)),
        (lambda image: np.pad(image[0], ((3, 3), (10, 0))), (206, 210)),
        (lambda image: np.zeros((50, 60), image.dtype), (50, 60)),
        (lambda image: np.repeat(image[0], 3, axis=1), (200, 600)),
    ],
)
def test_rule_of_the_shape(function, expected, make_plate, monkeypatch, lab):
    monkeypatch.setitem(lab, "project", function)
    (output,) = outputs(make_plate(size=200, z=(0, 1)), [Step("lab.project")])
    assert output.shape_yx == expected


@pytest.mark.parametrize(
    ("plate", "measured", "columns"),
    [
        ({}, "plate", ("well", "field", "label", "area", "mean_DAPI", "mean_GFP")),
        ({"channels": (("1", "DAPI"),)}, "plate", ("well", "field", "label", "area", "mean")),
        (
            {"z": (0, 1), "t": (0, 2)},
            "plate",
            ("well", "field", "z", "t", "label", "area", "mean_DAPI", "mean_GFP"),
        ),
        ({}, "Smooth", ("well", "field", "label", "area", "mean")),
    ],
)
def test_columns(plate, measured, columns, make_plate):
    steps = [
        Step("lab.smooth", name="Smooth", select={"channel": "DAPI"}),
        Step(["lab.threshold", "lab.label"], name="Nuclei"),
        Step("lab.measure", input_source=measured, inputs={"labels": "Nuclei"}),
    ]
    assert outputs(make_plate(**plate), steps)[-1].columns == columns


@pytest.mark.parametrize(
    ("dtype", "warned"),
    [("preserve", True), ("uint8", True), ("float32", False), ("native", False)],
)
def test_an_image_that_rounding_takes_away_is_pointed_out(
    make_plate, monkeypatch, lab, dtype, warned
):
    monkeypatch.setitem(lab, "smooth", lambda image, sigma=1: image / image.max())
    plan = compile_pipeline(make_plate(), Pipeline([Step("lab.smooth", name="S", dtype=dtype)]))
    assert plan.ok
    assert [item.code for item in plan.problems] == ["rounded_away"] * warned
    for item in plan.problems:
        assert "2 different values" in item.message
        assert "dtype='float32'" in item.message


NUCLEI_OF_EACH = Step(["lab.threshold", "lab.label"], name="Nuclei")
MEASURE_EACH = Step("lab.measure", input_source="plate", inputs={"labels": "Nuclei"})


def test_columns_of_objects_that_differ_by_channel_are_never_shared(make_plate):
    # Object 1 of DAPI and object 1 of GFP are two objects: their areas are two columns.
    (_, output) = outputs(make_plate(), [NUCLEI_OF_EACH, MEASURE_EACH])
    expected = ("well", "field", "label", "area_DAPI", "mean_DAPI", "area_GFP", "mean_GFP")
    assert output.columns == expected


def test_rows_that_cannot_be_told_apart_are_refused(make_plate, monkeypatch, lab):
    monkeypatch.setitem(lab, "measure", lambda image, labels: {"area": np.arange(labels.max())})
    plan = compile_pipeline(make_plate(), Pipeline([NUCLEI_OF_EACH, MEASURE_EACH]))
    (problem,) = plan.problems
    assert problem.code == "rows_without_label"
    assert "DAPI, GFP" in problem.message
    plan = compile_pipeline(
        make_plate(),
        Pipeline(
            [
                NUCLEI_OF_EACH,
                MEASURE_EACH.replace(select={"channel": "DAPI"}, inputs={"labels": "Nuclei/DAPI"}),
            ]
        ),
    )
    assert plan.ok


def test_one_row_an_image_is_no_row_of_different_objects(make_plate, monkeypatch, lab):
    monkeypatch.setitem(
        lab,
        "measure",
        lambda image, labels: {"label": np.zeros(1, int), "count": np.array([labels.max()])},
    )
    plan = compile_pipeline(make_plate(), Pipeline([NUCLEI_OF_EACH, MEASURE_EACH]))
    assert not plan.problems


def test_an_edit_runs_only_what_it_changed(make_plate, monkeypatch, lab):
    calls = []

    def counted(name):
        function = lab[name]

        def call(*args, **parameters):
            calls.append(name)
            return function(*args, **parameters)

        return call

    for name in ("smooth", "threshold", "label"):
        monkeypatch.setitem(lab, name, counted(name))
    plate = make_plate()

    def compiled(level):
        calls.clear()
        steps = [
            Step("lab.smooth"),
            Step(("lab.threshold", {"level": level})),
            Step("lab.label"),
        ]
        outputs(plate, steps)
        return list(calls)

    assert compiled(1.0) == ["smooth", "threshold", "label"]
    assert compiled(1.0) == []
    assert compiled(2.0) == ["threshold", "label"]
    # A file that changed is looked at again.
    file = Path(plate.root, "A01_f1_c1_z0_t0.tif")
    file.write_bytes(file.read_bytes() + b"\0")
    assert compiled(2.0) == ["smooth", "threshold", "label"]


def test_a_step_that_fails_on_a_small_crop_is_tried_on_a_larger_one(make_plate):
    plate = make_plate(size=300)
    steps = [Step("lab.smooth"), Step("lab.picky"), Step("lab.invert")]
    assert [output.dtype for output in outputs(plate, steps)] == ["uint16"] * 3


def test_a_blank_well_is_not_blamed_on_the_step(make_plate, monkeypatch, lab):
    def strict(image):
        if image.max() < 1000:
            raise ValueError("nothing there")
        return image

    monkeypatch.setitem(lab, "invert", strict)
    plate = make_plate(wells=("A01", "A02", "A03"))
    blank = Path(plate.root, "A01_f1_c1_z0_t0.tif")
    import tifffile

    tifffile.imwrite(blank, np.zeros((40, 40), np.uint16))
    assert outputs(plate, [Step("lab.invert")])[0].dtype == "uint16"


def test_file_that_breaks_off_in_a_later_step(make_plate):
    plate = make_plate(wells=("A01", "A02"))
    broken = Path(plate.root, "A01_f1_c2_z0_t0.tif")
    broken.write_bytes(broken.read_bytes()[:300])
    steps = [
        Step("lab.smooth", select={"channel": "DAPI"}, dtype="float32"),
        Step(
            "lab.smooth", name="B", select={"channel": "GFP"}, input_source="plate", dtype="native"
        ),
    ]
    assert [output.dtype for output in outputs(plate, steps)] == ["float32", "float64"]


def test_wells_of_other_fields_are_not_tried_again(make_plate, monkeypatch, lab):
    calls = []
    monkeypatch.setitem(lab, "invert", lambda image: calls.append(1) or image)
    plate = make_plate(
        fields=("1", "2"), without=lambda key: key.well == "A02" and key.field == "2"
    )
    plan = compile_pipeline(plate, Pipeline([Step("lab.invert")]))
    assert plan.problems == ()
    layouts = {id(context.layout): context.layout for context in plan.contexts.values()}
    assert [layout.grid.field for layout in layouts.values()] == [("1", "2"), ("1",)]
    assert {layout.steps[0].output.dtype for layout in layouts.values()} == {"uint16"}
    assert len(calls) == 1


def test_warnings_of_libraries_stay_inside(make_plate, monkeypatch, lab):
    def warns(image):
        import warnings

        warnings.warn("careful", UserWarning, stacklevel=1)
        return image

    monkeypatch.setitem(lab, "invert", warns)
    assert outputs(make_plate(), [Step("lab.invert")])[0].dtype == "uint16"


def test_within_gives_what_the_work_gives():
    assert trials.within(5, lambda: 3) == 3
    with pytest.raises(KeyError):
        trials.within(5, lambda: {}["x"])
    with pytest.raises(RuntimeError, match="end the program"):
        trials.within(5, lambda: exec("raise SystemExit"))


def test_cache_forgets_the_oldest():
    cache = trials.TrialCache(max_bytes=3000)
    for number in range(5):
        cache.get(number, lambda: np.zeros(500, np.uint8))
    assert len(cache) == 3
    assert cache.get(4, lambda: None) is not None
    assert cache.get(0, lambda: "made anew") == "made anew"
