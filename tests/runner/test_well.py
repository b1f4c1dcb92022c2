"""The steps of one well, against loops written by hand; and joining tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.plan import Coord
from napari_openhcs.runner import well as well_module
from napari_openhcs.runner.dataset import narrow_context
from napari_openhcs.runner.tables import join_channels, stack_places
from napari_openhcs.runner.well import StepError, StepOutcome, WellExecution
from napari_openhcs.storage import VirtualFileSystem
from napari_openhcs.testing.runner import PlanBuilder, call, make_plane

Build = Callable[..., PlanBuilder]


def execute(builder: PlanBuilder, well: str = "A02", **options: object) -> dict[str, StepOutcome]:
    plan = builder.plan()
    for step in builder.steps:  # keep everything, so that it can be looked at
        builder.keep(step.step_id, "table" if step.output.kind == "table" else "image")
    plan = builder.plan()
    outcomes: dict[str, StepOutcome] = {}
    execution = WellExecution(plan, plan.contexts[well], **options)  # type: ignore[arg-type]
    execution.run(after=lambda outcome: outcomes.__setitem__(outcome.step.name, outcome))
    return outcomes


def test_plane_by_plane(builder: Build) -> None:
    built = builder(z=(1, 2))
    built.step("smooth", [call("smooth", sigma=2.0)])
    data = execute(built)["smooth"].data
    assert len(data.coords()) == 8
    for coord in built.grid.coords():
        expected = ndimage.gaussian_filter(make_plane(1, coord), 2.0)
        np.testing.assert_array_equal(data.read(coord), expected)


def test_a_chain_is_the_same_as_separate_steps(builder: Build) -> None:
    built = builder()
    built.step("one", [call("smooth", sigma=1.0)])
    built.step("two", [call("smooth", sigma=2.0)])
    built.step("chain", [call("smooth", sigma=1.0), call("smooth", sigma=2.0)], source="plate")
    found = execute(built)
    for coord in built.grid.coords():
        np.testing.assert_array_equal(
            found["two"].data.read(coord), found["chain"].data.read(coord)
        )


def test_a_projection_reduces_z_and_keeps_the_rest(builder: Build) -> None:
    built = builder(z=(1, 2, 3))
    built.step("project", [call("project")], variable=("z",))
    built.step("smooth", [call("smooth")])
    data = execute(built)["project"].data
    for field, channel in itertools.product("12", "12"):
        planes = [make_plane(1, Coord(field, channel, z, 1)) for z in (1, 2, 3)]
        np.testing.assert_array_equal(
            data.read(Coord(field, channel, 0, 1)), np.max(planes, axis=0)
        )


def test_dict_patterns_leave_unnamed_values_unchanged_and_drop_on_purpose(builder: Build) -> None:
    built = builder(channels=("1", "2", "3"))
    built.step("some", {"1": [call("smooth")]}, dropped=("3",))
    data = execute(built)["some"].data
    first, second = Coord("1", "1", 1, 1), Coord("1", "2", 1, 1)
    np.testing.assert_array_equal(
        data.read(first), ndimage.gaussian_filter(make_plane(1, first), 1.0)
    )
    np.testing.assert_array_equal(data.read(second), make_plane(1, second))
    assert {coord.channel for coord in data.coords()} == {"1", "2"}


def test_labels_of_one_channel_serve_all_and_tables_are_joined(builder: Build) -> None:
    found = execute(builder().usual())
    tables = found["measure"].data.tables
    assert {coord.field for coord in tables} == {"1", "2"}
    table = tables[next(iter(tables))]
    assert list(table) == ["label", "area", "mean_dye 1", "mean_dye 2"]
    labels = found["objects"].data.read(Coord("1", "1", 1, 1))
    raw = make_plane(1, Coord("1", "2", 1, 1))
    np.testing.assert_allclose(table["mean_dye 2"], ndimage.mean(raw, labels, table["label"]))


def test_spilling_to_disk_changes_nothing(builder: Build, tmp_path: Path) -> None:
    built = builder()
    built.step("smooth", [call("smooth")], backend="disk")
    built.step("again", [call("smooth")])
    scratch = VirtualFileSystem(tmp_path / "scratch")
    data = execute(built, scratch=scratch)
    assert data["smooth"].data.nbytes == 0
    for coord in built.grid.coords():
        expected = ndimage.gaussian_filter(make_plane(1, coord), 1.0)
        np.testing.assert_array_equal(data["smooth"].data.read(coord), expected)


def test_what_is_not_read_again_is_freed(builder: Build) -> None:
    built = builder()
    for name in ("one", "two", "three"):
        built.step(name, [call("smooth")])
    built.keep("03_three", "image", "image")
    plan = built.plan()
    held: list[int] = []
    execution = WellExecution(plan, plan.contexts["A01"])
    execution.run(after=lambda outcome: held.append(len(execution._data)))
    assert held == [1, 2, 2]
    assert set(execution._data) == {"03_three"}
    assert not execution._plate._kept


def test_it_stops_after_a_step_and_narrows_to_a_field(builder: Build) -> None:
    plan = builder().usual().plan()
    context = narrow_context(plan.contexts["A01"], "2")
    seen: list[str] = []
    execution = WellExecution(plan, context)
    execution.run(last_step="02_objects", after=lambda outcome: seen.append(outcome.step.step_id))
    assert seen == ["01_smooth", "02_objects"]
    assert {coord.field for coord in execution._data["02_objects"].coords()} == {"2"}


def test_errors_name_step_function_well_place_and_file(builder: Build) -> None:
    built = builder()
    built.step("smooth", [call("smooth"), call("misbehave", how="raise")])
    with pytest.raises(StepError) as caught:
        execute(built)
    text = str(caught.value)
    assert text.startswith(
        "Step 1 'smooth' (napari_openhcs.testing.faults.misbehave) failed in well A02, field 1, "
        "channel dye 1, z 1, t 1: ZeroDivisionError: there is nothing to divide by [image /"
    )
    assert caught.value.step_id == "01_smooth"
    assert caught.value.reason.endswith("misbehave:ZeroDivisionError")


def test_a_missing_file_is_named_and_is_the_wells_own_affair(builder: Build) -> None:
    built = builder()
    built.step("smooth", [call("smooth")])
    path = Path(built.planes["A02"][2].path)
    path.unlink()
    with pytest.raises(StepError, match=str(path)) as caught:
        execute(built)
    assert caught.value.reason == ""


def column(*values: float) -> np.ndarray:
    return np.array(values)


def test_join_channels_by_object() -> None:
    tables = {
        "1": {"label": column(1, 2), "area": column(5, 6), "mean": column(0.1, 0.2)},
        "2": {"label": column(2, 3), "area": column(6, 7), "mean": column(0.3, 0.4)},
    }
    joined = join_channels(tables, {"1": "DAPI", "2": "GFP"}, {"label", "area"})
    assert list(joined) == ["label", "area", "mean_DAPI", "mean_GFP"]
    np.testing.assert_array_equal(joined["label"], [1, 2, 3])
    np.testing.assert_array_equal(joined["area"], [5, 6, 7])
    np.testing.assert_array_equal(joined["mean_DAPI"], [0.1, 0.2, np.nan])
    np.testing.assert_array_equal(joined["mean_GFP"], [np.nan, 0.3, 0.4])


def test_join_of_nothing_found_and_of_a_single_channel() -> None:
    empty = {"label": np.zeros(0, int), "mean": np.zeros(0)}
    joined = join_channels({"1": empty, "2": empty}, {}, ())
    assert {name: len(values) for name, values in joined.items()} == {
        "label": 0,
        "mean_1": 0,
        "mean_2": 0,
    }
    assert list(join_channels({"1": empty}, {"1": "DAPI"}, ())) == ["label", "mean"]


def test_stack_places_says_where_rows_are_from(builder: Build) -> None:
    grid = builder(z=(1, 2)).grid
    one = {"mean": column(0.5), "label": np.array([7])}
    none = {"mean": np.zeros(0), "label": np.zeros(0, int)}
    stacked = stack_places(
        "A01", [(Coord("1", "1", 1, 1), one), (Coord("1", "1", 2, 1), none)], grid
    )
    assert list(stacked) == ["well", "field", "z", "label", "mean"]
    assert [values.tolist() for values in stacked.values()] == [["A01"], ["1"], [1], [7], [0.5]]
    assert stacked["label"].dtype.kind == "i"


def test_what_the_plan_says_of_memory_reaches_every_call(
    builder: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = builder(wells=("A01",), fields=("1",))
    built.step("strict", [call("smooth")], cpu_fallback=False, oom_retries=0)
    built.step("lenient", [call("smooth")], oom_retries=5)
    seen = []
    apply_chain = well_module.apply_chain

    def noted(*args: Any, **options: Any) -> Any:
        seen.append((options["cpu_fallback"], options["oom_retries"]))
        return apply_chain(*args, **options)

    monkeypatch.setattr(well_module, "apply_chain", noted)
    execute(built, "A01")
    assert list(dict.fromkeys(seen)) == [(False, 0), (True, 5)]
