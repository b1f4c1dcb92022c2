import os
import re
import shutil
from pathlib import Path

import pytest

from napari_openhcs.errors import PlateError
from napari_openhcs.formats import open_plate
from napari_openhcs.plate import PlaneKey
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.formats import FormatTests, read_key


class TestOperaPhenix(FormatTests):
    key = "opera_phenix"

    def write_plate(self, folder):
        return sample(folder / "plate", wells=4, fields=2, z=2)


def sample(folder, **given):
    given = {"wells": 1, "fields": 1, "size": 64, **given}
    return Path(write_sample_plate(folder, format="opera_phenix", **given).path)


def edit(folder, *changes):
    index = folder / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    index.write_text(text, "utf-8-sig")


V6 = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="1" xmlns="http://www.perkinelmer.com/PEHH/HarmonyV6">
<Plates><Plate><PlateID>P6</PlateID><PlateRows>8</PlateRows><PlateColumns>12</PlateColumns>
</Plate></Plates>
<Maps><Map><Entry ChannelID="1"><ChannelName>HOECHST 33342</ChannelName>
<ImageResolutionX Unit="m">2.9E-07</ImageResolutionX><ImageSizeX>64</ImageSizeX>
<ImageSizeY>64</ImageSizeY><MainEmissionWavelength Unit="nm">456</MainEmissionWavelength>
<ExposureTime Unit="s">0.1</ExposureTime></Entry></Map>
<Map><Entry ChannelID="1"><FlatfieldProfile>{}</FlatfieldProfile></Entry></Map></Maps>
<Images><Image Version="1"><id>0101K1F1P1R1</id><State>Ok</State>
<URL>r01c01f01p01-ch1sk1fk1fl1.tiff</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID>
<PlaneID>1</PlaneID><TimepointID>0</TimepointID><ChannelID>1</ChannelID>
<PositionX Unit="m">0.001</PositionX><PositionY Unit="m">0.002</PositionY></Image></Images>
</EvaluationInputData>"""


def test_an_index_of_version_6_says_things_once_a_channel(tmp_path):
    folder = sample(tmp_path / "plate", channels=1)
    (folder / "Images" / "Index.idx.xml").unlink()
    (folder / "Images" / "Index.xml").write_text(V6)
    plate = open_plate(folder)
    (channel,) = plate.channels
    assert (channel.name, channel.wavelength_nm, channel.exposure_ms) == ("HOECHST 33342", 456, 100)
    assert plate.name == "P6"
    assert plate.pixel_size_um == 0.29
    assert (plate.n_rows, plate.n_columns) == (8, 12)
    assert dict(plate.positions_um) == {"A01/1": (1000.0, -2000.0)}
    assert not plate.problems


def test_images_without_their_index_say_what_is_missing(tmp_path):
    folder = sample(tmp_path / "plate")
    (folder / "Images" / "Index.idx.xml").unlink()
    with pytest.raises(PlateError, match=r"holds 2 image\(s\).*Index\.idx\.xml or Index\.xml"):
        open_plate(folder)


def test_a_cut_index_is_refused(tmp_path):
    folder = sample(tmp_path / "plate")
    index = folder / "Images" / "Index.idx.xml"
    index.write_bytes(index.read_bytes()[:-100])
    with pytest.raises(PlateError, match=r"Index\.idx\.xml is damaged"):
        open_plate(folder)


def test_an_index_with_a_doctype_is_refused(tmp_path):
    folder = sample(tmp_path / "plate")
    edit(folder, ("<EvaluationInputData", '<!DOCTYPE a [<!ENTITY b "c">]><EvaluationInputData'))
    with pytest.raises(PlateError, match="DOCTYPE"):
        open_plate(folder)


def test_an_index_without_images_is_refused(tmp_path):
    folder = sample(tmp_path / "plate")
    (folder / "Images" / "Index.idx.xml").write_text("<EvaluationInputData/>")
    with pytest.raises(PlateError, match="names no image"):
        open_plate(folder)


def test_an_image_that_is_not_there_is_reported(tmp_path):
    folder = sample(tmp_path / "plate", fields=2)
    gone = "Images/r01c01f02p01-ch2sk1fk1fl1.tiff"
    (folder / gone).unlink()
    plate = open_plate(folder)
    assert plate.missing == (PlaneKey("A01", "2", "2", 1, 0),)
    assert ("missing", gone, "A01") in {(p.code, p.path, p.well) for p in plate.problems}


def test_an_image_the_index_does_not_name_is_reported(tmp_path):
    folder = sample(tmp_path / "plate")
    extra = folder / "Images" / "r09c09f01p01-ch1sk1fk1fl1.tiff"
    shutil.copy(folder / "Images" / "r01c01f01p01-ch1sk1fk1fl1.tiff", extra)
    plate = open_plate(folder)
    assert plate.wells == ("A01",)
    assert [(p.code, p.path) for p in plate.problems] == [("unknown_file", f"Images/{extra.name}")]


@pytest.mark.parametrize("url", ["../secret.tiff", "/etc/passwd", "..\\secret.tiff", "a/b.tiff"])
def test_an_index_cannot_point_out_of_the_plate(tmp_path, url):
    folder = sample(tmp_path / "plate")
    shutil.copy(folder / "Images" / "r01c01f01p01-ch1sk1fk1fl1.tiff", folder / "secret.tiff")
    edit(folder, ("r01c01f01p01-ch1sk1fk1fl1.tiff", url))
    plate = open_plate(folder)
    assert [key.channel for key in plate.planes] == ["2"]
    assert any(p.code == "metadata" and url in p.message for p in plate.problems)


def test_a_link_out_of_the_plate_is_left_out(tmp_path):
    folder = sample(tmp_path / "plate")
    image = folder / "Images" / "r01c01f01p01-ch1sk1fk1fl1.tiff"
    image.rename(tmp_path / "elsewhere.tiff")
    os.symlink(tmp_path / "elsewhere.tiff", image)
    plate = open_plate(folder)
    assert [key.channel for key in plate.planes] == ["2"]
    assert any(p.code == "unknown_file" for p in plate.problems)


def test_a_file_that_differs_from_the_index_is_believed(tmp_path):
    folder = sample(tmp_path / "plate")
    edit(folder, ("<ImageSizeX>64<", "<ImageSizeX>32<"))
    plate = open_plate(folder)
    assert plate.shape_yx == (64, 64)
    # No fault of the well of that file, which can run.
    assert [problem.code for problem in plate.problems] == ["metadata"]


def test_one_image_that_differs_is_told_by_its_path(tmp_path):
    folder = sample(tmp_path / "plate", wells=3)
    index = folder / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    index.write_text(text.replace("<ImageSizeX>64<", "<ImageSizeX>32<", 1), "utf-8-sig")
    plate = open_plate(folder)
    assert plate.shape_yx == (64, 64)
    assert [(p.code, p.path) for p in plate.problems] == [
        ("shape", "Images/r01c01f01p01-ch1sk1fk1fl1.tiff")
    ]
    assert plate.problems[0].path in {source.path for source in plate.planes.values()}


def test_a_well_off_every_plate_is_reported(tmp_path):
    folder = sample(tmp_path / "plate", wells=2)
    edit(folder, ("<Col>2<", "<Col>77<"))
    plate = open_plate(folder)
    assert plate.wells == ("A01",)
    assert any("no well of a plate" in problem.message for problem in plate.problems)


def test_opens_from_images_and_index(tmp_path):
    folder = sample(tmp_path / "plate", z=3)
    plate = open_plate(folder)
    assert plate.root == str(folder)
    assert plate.z_step_um == 3.0
    assert open_plate(folder / "Images") == plate
    assert open_plate(folder / "Images" / "Index.idx.xml") == plate


def test_opens_images_and_index_without_a_folder_around_them(tmp_path):
    folder = sample(tmp_path / "plate")
    flat = (folder / "Images").rename(tmp_path / "flat")
    plate = open_plate(flat)
    assert plate.root == str(flat)
    read_key(plate, next(iter(plate.planes)))


def test_operetta_ball(real_data):
    plate = open_plate(real_data("operetta-ball") / "operetta_plate")
    assert plate.name == "Test_Sample_BALL"
    assert (plate.n_rows, plate.n_columns) == (16, 24)
    assert plate.wells == ("C03",)
    assert plate.fields_of("C03") == ("1", "2")
    assert len(plate.planes) == 2
    assert plate.pixel_size_um == 1.1959521619135234
    (channel,) = plate.channels
    assert (channel.name, channel.wavelength_nm) == ("Fluorescein (FITC)", 525)
    assert channel.exposure_ms == 6
    assert (plate.shape_yx, plate.dtype) == ((1080, 1080), "uint16")
    (x1, y1), (x2, y2) = (plate.positions_um[f"C03/{field}"] for field in "12")
    assert y1 == y2 == -645.814
    assert (x2 - x1) / plate.pixel_size_um == pytest.approx(1080.0, abs=0.01)
    assert not plate.problems


def test_operetta_ball_pixels(real_data):
    plate = open_plate(real_data("operetta-ball") / "operetta_plate")
    for key in plate.planes:
        plane = read_key(plate, key)
        assert plane.shape == (1080, 1080)
        assert 0 < plane.min() < plane.max() <= 65535


def test_an_index_of_any_form_is_read_or_refused(tmp_path):
    folder = sample(tmp_path / "plate", wells=2)
    index = folder / "Images" / "Index.idx.xml"
    whole = index.read_bytes()
    tags = re.findall(rb"<(\w+)(?: Unit=\"\w+\")?>[^<]+</", whole)
    for tag in dict.fromkeys(tags):
        for junk in (b"", b"x", b"-1", b"1e999", "²".encode()):
            pattern = rb"(<" + tag + rb"( Unit=\"\w+\")?>)[^<]+</"
            index.write_bytes(re.sub(pattern, rb"\g<1>" + junk + b"</", whole))
            try:
                open_plate(folder)
            except PlateError as error:
                assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
