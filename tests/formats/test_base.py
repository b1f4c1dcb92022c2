import pytest

from napari_openhcs.errors import PlateError
from napari_openhcs.formats.base import PlateDraft, build_plate, plate_name
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, first_problems


def draft(root, *wells, **known):
    made = PlateDraft(root, "test", shape_yx=(2, 2), dtype="uint8", **known)
    made.channels = [Channel("1", "a")]
    for well in wells:
        made.add(PlaneKey(well, "1", "1", 0, 0), PlaneSource(f"{well}.tif"))
    return made


def test_planes_are_sorted_by_well_field_and_channel(tmp_path):
    made = draft(tmp_path)
    for well, field, channel in [("AA01", "1", "1"), ("B10", "10", "2"), ("B10", "2", "2")]:
        made.add(PlaneKey(well, field, channel, 0, 0), PlaneSource(f"{well}{field}"))
    made.add(PlaneKey("B02", "1", "1", 0, 0), PlaneSource("b"))
    order = [(key.well, key.field) for key in build_plate(made).planes]
    assert order == [("B02", "1"), ("B10", "2"), ("B10", "10"), ("AA01", "1")]


@pytest.mark.parametrize(
    ("wells", "size"),
    [(["A01"], (1, 1)), (["B03"], (2, 3)), (["C04"], (3, 4)), (["H12"], (8, 12)),
     (["P24"], (16, 24)), (["AF48"], (32, 48))],
)  # fmt: skip
def test_the_plate_is_the_smallest_that_holds_its_wells(tmp_path, wells, size):
    plate = build_plate(draft(tmp_path, *wells))
    assert (plate.n_rows, plate.n_columns) == size


def test_a_described_size_is_used_where_it_fits(tmp_path):
    plate = build_plate(draft(tmp_path, "B03", n_rows=8, n_columns=12))
    assert (plate.n_rows, plate.n_columns) == (8, 12)
    assert not plate.problems


def test_a_described_size_that_does_not_fit_is_reported(tmp_path):
    plate = build_plate(draft(tmp_path, "P24", n_rows=8, n_columns=12))
    assert (plate.n_rows, plate.n_columns) == (16, 24)
    assert "8 × 12" in plate.problems[0].message


def test_channels_of_the_same_name_are_numbered(tmp_path):
    made = draft(tmp_path, "A01")
    made.channels = [Channel("1", "GFP"), Channel("2", "GFP"), Channel("3", "DAPI")]
    assert [c.name for c in build_plate(made).channels] == ["GFP", "GFP (2)", "DAPI"]


def test_no_plane_is_refused_with_the_reasons(tmp_path):
    made = draft(tmp_path)
    made.report("unknown_file", "x.tif was left out.")
    with pytest.raises(PlateError, match=r"holds no image.*x\.tif was left out"):
        build_plate(made)


def test_the_plate_map_joins(tmp_path):
    (tmp_path / "platemap.csv").write_text("well,dose\nA1,3\nH12,nonsense\n")
    plate = build_plate(draft(tmp_path, "A01"))
    assert plate.conditions["A01"] == {"dose": 3.0}


def test_every_problem_is_kept_and_the_first_of_each_kind_are_shown(tmp_path):
    wells = [f"{row}{column:02}" for row in "ABCD" for column in range(1, 13)]
    made = draft(tmp_path, *wells)
    for number in range(30):
        made.report("unknown_file", f"x{number} was left out.", f"x{number}")
    for well in wells[:-1]:
        made.report("shape", f"{well}.tif is odd.", f"{well}.tif")
    made.report("unreadable", "D12 is odd.", well="D12")
    plate = build_plate(made)
    for well in wells:
        source = plate.planes[plate.keys_of(well)[0]]
        assert plate.bad_data(well, [source.path]) in ([f"{well}.tif is odd."], ["D12 is odd."])
    assert plate.bad_data("A01", []) == []
    assert len(plate.problems) == 30 + 47 + 1
    told = [problem.message for problem in first_problems(plate.problems)]
    assert told[-2:] == [
        "There are 10 more problems of the kind 'unknown_file'.",
        "There are 27 more problems of the kind 'shape'.",
    ]
    assert len(told) == 20 + 20 + 1 + 2
    few = first_problems(plate.problems, most=46)
    assert [problem.message for problem in few][
        -1
    ] == "There is 1 more problem of the kind 'shape'."


@pytest.mark.parametrize(
    ("path", "name"), [("p/images", "p"), ("p/Plate 7", "Plate 7"), ("p/TIFF", "p")]
)
def test_plate_name(tmp_path, path, name):
    assert plate_name(tmp_path / path) == name
