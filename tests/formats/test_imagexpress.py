import itertools
import os
import shutil

import numpy as np
import pytest
import tifffile

from napari_openhcs.errors import PlateError
from napari_openhcs.formats import open_plate
from napari_openhcs.plate import PlaneKey, first_problems
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.formats import FormatTests, read_key

GUID = "1F0A2B3C-4D5E-6F70-8192-A3B4C5D6E7F8"


class TestImageXpress(FormatTests):
    key = "imagexpress"

    def write_plate(self, folder):
        plate = write_sample_plate(folder / "plate", wells=4, fields=2, z=2, size=64)
        return type(folder)(plate.path)


class TestImageXpressWithoutHtd(FormatTests):
    key = "imagexpress"

    def write_plate(self, folder):
        return write_images(folder / "flat", [f"p_{w}_w1{GUID}.tif" for w in ("A01", "B12")])


def write_images(folder, names, shape=(8, 9), dtype="uint16"):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        plane = np.full(shape, number, dtype)
        tifffile.imwrite(path, plane, photometric="minisblack", metadata=None)
    return folder


def codes(plate):
    return sorted(problem.code for problem in plate.problems)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("exp_B02_s3_w2.TIF", PlaneKey("B02", "3", "2", 1, 1)),
        ("exp_with_words_AF48_s12_w4.tiff", PlaneKey("AF48", "12", "4", 1, 1)),
        ("B2_s1_w1.tif", PlaneKey("B02", "1", "1", 1, 1)),
        ("IXM_A02_s1_w1051DAA7C-7042-435F-99F0-1E847D9B42CB.tif", PlaneKey("A02", "1", "1", 1, 1)),
        (f"x_A02_s10_w2{GUID}.tif", PlaneKey("A02", "10", "2", 1, 1)),
        (f"x_A02_s1{GUID}.tif", PlaneKey("A02", "1", "1", 1, 1)),
        (f"x_A02_w3{GUID}.tif", PlaneKey("A02", "1", "3", 1, 1)),
        ("x_A02_s1_w1_z4.tif", PlaneKey("A02", "1", "1", 4, 1)),
        ("x_A02_s1_w1_z004_t002.tif", PlaneKey("A02", "1", "1", 4, 2)),
        ("TimePoint_3/x_A02_s1_w1.TIF", PlaneKey("A02", "1", "1", 1, 3)),
        ("TimePoint_3/ZStep_7/x_A02_s1_w1.TIF", PlaneKey("A02", "1", "1", 7, 3)),
        ("ZStep_7/x_A02_s1_w1.TIF", PlaneKey("A02", "1", "1", 7, 1)),
        ("timepoint_2/zstep_2/x_A02_s1_w1.tif", PlaneKey("A02", "1", "1", 2, 2)),
    ],
)
def test_reads_a_name(tmp_path, name, key):
    plate = open_plate(write_images(tmp_path / "plate", [name]))
    assert list(plate.planes) == [key]
    assert plate.planes[key].path == name
    assert not plate.problems


@pytest.mark.parametrize(
    "name", ["cells_s1_w1.tif", "AS_09047_O01f00d0.TIF", "scan_w1DAPI_s1_t1.TIF"]
)
def test_names_of_other_microscopes_are_not_recognised(tmp_path, name):
    with pytest.raises(PlateError, match="known format"):
        open_plate(write_images(tmp_path / "plate", [name]))


def test_thumbnails_and_hidden_files_are_ignored(tmp_path):
    names = ["p_A01_s1_w1.TIF", f"p_A01_s1_w1_thumb{GUID}.tif", "._p_A01_s1_w1.TIF"]
    plate = open_plate(write_images(tmp_path / "plate", names))
    assert [source.path for source in plate.planes.values()] == names[:1]
    assert not plate.problems


def test_a_projection_is_no_plane(tmp_path):
    names = [f"TimePoint_1/ZStep_{z}/p_A01_s1_w1.TIF" for z in range(4)]
    assert open_plate(write_images(tmp_path / "plate", names)).z == (1, 2, 3)


def test_a_projection_is_the_plane_when_there_is_nothing_else(tmp_path):
    plate = open_plate(write_images(tmp_path / "plate", ["TimePoint_1/ZStep_0/p_A01_s1_w1.TIF"]))
    assert plate.z == (0,)
    assert not plate.problems


def test_a_channel_with_only_a_projection_is_kept_and_reported(tmp_path):
    names = [f"TimePoint_1/ZStep_{z}/p_A01_s1_w1.TIF" for z in range(3)]
    plate = open_plate(
        write_images(tmp_path / "plate", [*names, "TimePoint_1/ZStep_0/p_A01_s1_w2.TIF"])
    )
    assert [(key.channel, key.z) for key in plate.planes] == [("1", 1), ("1", 2), ("2", 0)]
    assert codes(plate) == ["metadata"]
    assert "Channel 2" in plate.problems[0].message


def test_unknown_files_are_reported(tmp_path):
    names = ["p_A01_s1_w1.TIF", "p_overview.tif", "p_ZZ99_s1_w1.TIF"]
    plate = open_plate(write_images(tmp_path / "plate", names))
    assert {problem.path for problem in plate.problems} == set(names[1:])
    assert codes(plate) == ["unknown_file", "unknown_file"]


def test_many_unknown_files_do_not_drown_the_rest(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1_w1.TIF"])
    for number in range(100):
        (folder / f"strange{number}.tif").touch()
    plate = open_plate(folder)
    assert len(plate.problems) == 100
    told = list(first_problems(plate.problems))
    assert len(told) == 21
    assert "80 more" in told[-1].message


def test_duplicates_are_reported_and_the_first_kept(tmp_path):
    names = [f"a_A01_s1_w1{GUID}.tif", "b_A01_s1_w1.TIF"]
    plate = open_plate(write_images(tmp_path / "plate", names))
    assert [source.path for source in plate.planes.values()] == names[:1]
    assert codes(plate) == ["duplicate"]
    assert plate.problems[0].path == names[1]
    assert names[0] in plate.problems[0].message


def test_missing_planes_are_reported_at_their_well(tmp_path):
    names = [f"p_{w}_s{s}_w{c}.TIF" for w, s, c in itertools.product(("A01", "A02"), "12", "12")]
    plate = open_plate(write_images(tmp_path / "plate", [n for n in names if n != names[6]]))
    assert plate.missing == (PlaneKey("A02", "2", "1", 1, 1),)
    (problem,) = plate.problems
    assert (problem.code, problem.well) == ("missing", "A02")
    assert problem.message.startswith("Well A02 lacks 1 plane that the rest of the plate has: ")
    assert "channel 1" in problem.message
    assert problem.path == names[7]


def test_uneven_fields_are_reported(tmp_path):
    names = ["p_A01_s1.TIF", "p_A01_s2.TIF", "p_A02_s1.TIF", "p_A02_s2.TIF", "p_A03_s1.TIF"]
    plate = open_plate(write_images(tmp_path / "plate", names))
    assert [(problem.code, problem.well) for problem in plate.problems] == [
        ("uneven_fields", "A03")
    ]
    assert plate.problems[0].message.startswith("Well A03 has 1 field where most wells have 2: ")


def test_shape_and_dtype_that_differ_are_reported(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1.TIF", "p_A01_s2.TIF"])
    write_images(folder, ["p_A02_s1.TIF"], shape=(4, 4))
    write_images(folder, ["p_A02_s2.TIF"], dtype="uint8")
    plate = open_plate(folder)
    assert (plate.shape_yx, plate.dtype) == ((8, 9), "uint16")
    assert [(problem.code, problem.path) for problem in plate.problems] == [
        ("shape", "p_A02_s1.TIF"),
        ("dtype", "p_A02_s2.TIF"),
    ]


def test_the_first_image_is_no_measure_where_it_is_the_odd_one(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1.TIF"], shape=(4, 4))
    write_images(folder, ["p_A02_s1.TIF", "p_A03_s1.TIF"])
    plate = open_plate(folder)
    assert plate.shape_yx == (8, 9)
    assert [(problem.code, problem.path) for problem in plate.problems] == [
        ("shape", "p_A01_s1.TIF")
    ]


def test_a_truncated_image_is_reported_and_does_not_hide_the_plate(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1.TIF", "p_A02_s1.TIF"])
    (folder / "p_A01_s1.TIF").write_bytes((folder / "p_A01_s1.TIF").read_bytes()[:-20])
    plate = open_plate(folder)
    assert plate.shape_yx == (8, 9)
    assert len(plate.planes) == 2
    assert [(problem.code, problem.path) for problem in plate.problems] == [
        ("unreadable", "p_A01_s1.TIF")
    ]


def test_a_first_well_of_damaged_files_does_not_hide_the_plate(tmp_path):
    wells = [f"p_{row}{column:02d}_s1.TIF" for row in "ABCD" for column in range(1, 13)]
    folder = write_images(tmp_path / "plate", wells)
    for name in wells[:12]:
        (folder / name).write_bytes(b"II*\0")
    assert open_plate(folder).shape_yx == (8, 9)


def test_a_plate_of_damaged_files_is_refused(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1.TIF"])
    (folder / "p_A01_s1.TIF").write_bytes(b"")
    with pytest.raises(PlateError, match=r"None of the 1 images.*p_A01_s1\.TIF"):
        open_plate(folder)


def test_links_out_of_the_plate_are_left_out(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1_w1.TIF", "inside/p.tif"])
    outside = write_images(tmp_path / "outside", ["secret.tif", "ZStep_1/p_A03_s1_w1.TIF"])
    os.symlink(outside / "secret.tif", folder / "p_A02_s1_w1.TIF")
    os.symlink(outside / "ZStep_1", folder / "ZStep_1")
    os.symlink(folder / "inside" / "p.tif", folder / "p_A04_s1_w1.TIF")
    plate = open_plate(folder)
    assert plate.wells == ("A01", "A04")
    assert ("unknown_file", "p_A02_s1_w1.TIF") in {(p.code, p.path) for p in plate.problems}
    assert ("unknown_file", "ZStep_1") in {(p.code, p.path) for p in plate.problems}


def test_the_htd_announces_more_than_is_there(tmp_path):
    path = tmp_path / "plate"
    write_sample_plate(path, wells=6, fields=2, channels=2, size=64)
    for name in path.glob("TimePoint_1/*_A02_*"):
        name.unlink()
    for name in path.glob("TimePoint_1/*_w2.TIF"):
        name.unlink()
    plate = open_plate(path)
    assert "A02" not in plate.wells
    assert [channel.name for channel in plate.channels] == ["DAPI"]
    messages = [problem.message for problem in plate.problems]
    assert all(problem.code == "missing" for problem in plate.problems)
    assert any("1 of 6 wells have no image (A02)" in message for message in messages)
    assert any("channel 2 (GFP) has no image" in message for message in messages)


def test_a_damaged_htd_is_reported(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1_w1.TIF"])
    (folder / "p.HTD").write_bytes(bytes(range(256)))
    plate = open_plate(folder)
    assert codes(plate) == ["metadata"]
    assert plate.problems[0].path == "p.HTD"


def test_an_htd_without_images_is_refused(tmp_path):
    (tmp_path / "p.HTD").write_text('"XWells", 12\n"YWells", 8\n')
    with pytest.raises(PlateError, match="no image"):
        open_plate(tmp_path)


@pytest.mark.parametrize("inside", ["{name}.HTD", "TimePoint_1", "TimePoint_1/ZStep_1", ""])
def test_opens_from_anything_inside(tmp_path, inside):
    path = tmp_path / "some"
    write_sample_plate(path, wells=1, fields=1, z=2, size=64)
    plate = open_plate(path / inside.format(name="some"))
    assert plate.root == str(path)
    assert len(plate.planes) == 4


def test_positions_of_a_large_plate_follow_from_a_few_images(tmp_path, monkeypatch):
    path = tmp_path / "large"
    write_sample_plate(path, wells=96, fields=4, channels=1, size=64)
    opened = count_opened(monkeypatch)
    plate = open_plate(path)
    assert len(opened) <= 12
    assert len(plate.positions_um) == 96 * 4
    for key in list(plate.planes)[::37]:
        with tifffile.TiffFile(plate.absolute_path(plate.planes[key])) as tif:
            text = tif.pages[0].description
        x, y = plate.positions_um[f"{key.well}/{key.field}"]
        assert f'"stage-position-x" type="float" value="{x:.10g}"' in text
        assert f'"stage-position-y" type="float" value="{y:.10g}"' in text


def test_positions_off_the_grid_are_not_guessed(tmp_path):
    path = tmp_path / "large"
    write_sample_plate(path, wells=96, fields=1, channels=1, size=64)
    last = path / "TimePoint_1" / "large_H12_s1_w1.TIF"
    shutil.copy(path / "TimePoint_1" / "large_C03_s1_w1.TIF", last)
    plate = open_plate(path)
    assert len(plate.positions_um) < 10
    assert codes(plate) == ["metadata"]


def count_opened(monkeypatch):
    from napari_openhcs.formats import stage

    opened = []
    read = stage.read_tiff_metadata
    monkeypatch.setattr(stage, "read_tiff_metadata", lambda path: opened.append(path) or read(path))
    return opened


def test_indexing_looks_at_few_files_of_many(tmp_path, monkeypatch):
    folder = tmp_path / "plate"
    write_sample_plate(folder, wells=1, fields=1, channels=1, size=64)
    source = next(folder.glob("TimePoint_1/*.TIF"))
    for row, column, site in itertools.product("ABCDEFGHIJKLMNOP", range(1, 25), range(1, 10)):
        link = folder / "TimePoint_1" / f"{folder.name}_{row}{column:02d}_s{site}_w2.TIF"
        os.link(source, link)
    opened = count_opened(monkeypatch)
    plate = open_plate(folder)
    assert len(plate.planes) == 16 * 24 * 9 + 1
    assert len(opened) <= 40


# The set imagexpress-9987; what is expected stands in its README.


@pytest.fixture
def plate_3434(real_data):
    return open_plate(real_data("imagexpress-9987") / "9987_Plate_3434")


def test_9987_planes(plate_3434):
    assert plate_3434.name == "9987_Plate_3434"
    assert plate_3434.wells == ("B02", "B03")
    assert (plate_3434.n_rows, plate_3434.n_columns) == (8, 12)
    assert {plate_3434.fields_of(well) for well in plate_3434.wells} == {("1", "2")}
    assert (plate_3434.z, plate_3434.t) == ((1, 2, 3), (1,))
    assert len(plate_3434.planes) == 2 * 2 * 4 * 3
    assert (plate_3434.shape_yx, plate_3434.dtype) == ((256, 256), "uint16")
    assert not plate_3434.missing
    assert not plate_3434.problems


def test_9987_metadata(plate_3434):
    assert plate_3434.pixel_size_um == pytest.approx(1.3672)
    assert plate_3434.z_step_um == pytest.approx(3.0)
    channels = plate_3434.channels
    assert [channel.name for channel in channels] == ["DAPI", "FITC", "Texas Red", "Cy5"]
    assert [channel.wavelength_nm for channel in channels[:3]] == [452, 520, 624]
    assert [channel.color for channel in channels[:3]] == ["#0051ff", "#35ff00", "#ff6700"]
    assert {channel.exposure_ms for channel in channels} == {100}


def test_9987_positions_say_that_field_2_is_right_of_field_1(plate_3434):
    for well in plate_3434.wells:
        x1, y1 = plate_3434.positions_um[f"{well}/1"]
        x2, y2 = plate_3434.positions_um[f"{well}/2"]
        assert y1 == y2
        assert (x2 - x1) / plate_3434.pixel_size_um == pytest.approx(230.4, abs=0.2)
    assert plate_3434.positions_um["B02/1"] == (22985, 19885)


def test_9987_zstep_0_is_the_projection(plate_3434):
    keys = [key for key in plate_3434.planes if key.z == 1]
    assert len(keys) == 16
    for key in keys:
        stack = [read_key(plate_3434, key._replace(z=z)) for z in (1, 2, 3)]
        path = plate_3434.absolute_path(plate_3434.planes[key])
        projection = tifffile.imread(str(path).replace("ZStep_1", "ZStep_0"))
        np.testing.assert_array_equal(np.max(stack, axis=0), projection)


def test_9987_one_file_without_site_and_wave(real_data):
    plate = open_plate(real_data("imagexpress-9987") / "9987_Plate_3420")
    assert list(plate.planes) == [PlaneKey("B02", "1", "1", 1, 1)]
    assert [channel.name for channel in plate.channels] == ["DAPI"]
    assert plate.pixel_size_um == pytest.approx(1.3672)
    assert plate.z_step_um is None
    assert not plate.problems


def test_9987_opens_from_an_htd_deep_inside(real_data, plate_3434):
    root = real_data("imagexpress-9987") / "9987_Plate_3434"
    assert open_plate(root / "TimePoint_1" / "ZStep_2" / "9987.HTD") == plate_3434


def test_9987_two_plates_are_not_chosen_between(real_data):
    with pytest.raises(PlateError, match=r"2 plates \(9987_Plate_3420, 9987_Plate_3434\)"):
        open_plate(real_data("imagexpress-9987"))


def test_bbbc039(real_data):
    root = real_data("bbbc039-nuclei")
    plate = open_plate(root)
    assert plate.name == "bbbc039-nuclei"
    assert len(plate.planes) == 16
    assert len(plate.wells) == 14
    assert plate.fields_of("K12") == ("1", "7")
    assert [channel.id for channel in plate.channels] == ["1"]
    assert plate.channels[0].name == "DAPI"
    assert (plate.shape_yx, plate.dtype) == ((520, 696), "uint16")
    # In the UIC tags, although not in the description: 6.45 µm × 2 / 20.
    assert plate.pixel_size_um == pytest.approx(0.645)
    assert {problem.code for problem in plate.problems} == {"uneven_fields"}
    for key in plate.planes:
        assert read_key(plate, key).max() <= 4095


def test_a_name_that_is_no_text_is_reported(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1_w1.TIF"])
    (folder / os.fsdecode(b"caf\xe9_A02_s1_w1.TIF")).touch()
    plate = open_plate(folder)
    assert plate.wells == ("A01",)
    assert codes(plate) == ["unknown_file"]
    assert plate.problems[0].message.isascii()


def test_duplicates_among_projections_are_reported_where_these_are_the_planes(tmp_path):
    names = ["ZStep_0/a_A01_s1_w1.TIF", "ZStep_0/b_A01_s1_w1.TIF"]
    plate = open_plate(write_images(tmp_path / "plate", names))
    assert [source.path for source in plate.planes.values()] == names[:1]
    assert codes(plate) == ["duplicate"]


def test_a_folder_named_like_an_image_is_no_image(tmp_path):
    folder = write_images(tmp_path / "plate", ["p_A01_s1_w1.TIF"])
    (folder / "p_A02_s1_w1.TIF").mkdir()
    plate = open_plate(folder)
    assert plate.wells == ("A01",)
    assert not plate.problems
