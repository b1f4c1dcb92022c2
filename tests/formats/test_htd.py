import pytest

from napari_openhcs.errors import PlateError
from napari_openhcs.formats.htd import read_htd

HTD = """"HTSInfoFile", Version 1.0\r
"Description", "µ-slide\r
"ZSteps" are 7\r
"\r
"TimePoints", 3\r
"ZSeries", TRUE\r
"ZSteps", 5\r
"XWells", 3\r
"YWells", 2\r
"WellsSelection1", FALSE, TRUE, FALSE\r
"WellsSelection2", FALSE, FALSE, TRUE\r
"Sites", TRUE\r
"XSites", 2\r
"YSites", 2\r
"SiteSelection1", TRUE, TRUE\r
"SiteSelection2", FALSE, TRUE\r
"NWavelengths", 2\r
"WaveName1", "DAPI, blue"\r
"WaveName2", "Texas Red"\r
"EndFile"\r
"""


def test_reads_latin_1_with_line_ends_in_the_description(tmp_path):
    path = tmp_path / "plate.HTD"
    path.write_bytes(HTD.encode("latin-1"))
    htd = read_htd(path)
    assert (htd.n_rows, htd.n_columns) == (2, 3)
    assert htd.wells == ("A02", "B03")
    assert htd.n_fields == 3
    assert htd.channel_names == ("DAPI, blue", "Texas Red")
    assert (htd.n_time_points, htd.n_z) == (3, 5)


def test_without_sites_there_is_one_field(tmp_path):
    path = tmp_path / "plate.HTD"
    path.write_text('"XWells", 12\n"YWells", 8\n"Sites", FALSE\n"ZSeries", FALSE\n"ZSteps", 0\n')
    htd = read_htd(path)
    assert (htd.n_fields, htd.n_z, htd.wells, htd.channel_names) == (1, 1, (), ())


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 50, b'"Description", "no wells"'])
def test_refuses_what_describes_no_plate(tmp_path, content):
    path = tmp_path / "plate.HTD"
    path.write_bytes(content)
    with pytest.raises(PlateError, match=r"plate\.HTD does not describe a plate"):
        read_htd(path)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(PlateError, match="cannot be read"):
        read_htd(tmp_path / "plate.HTD")


def test_9987(real_data):
    htd = read_htd(real_data("imagexpress-9987") / "9987_Plate_3434" / "9987.HTD")
    assert (htd.n_rows, htd.n_columns, htd.wells) == (8, 12, ("B02", "B03"))
    assert htd.channel_names == ("DAPI", "FITC", "Texas Red", "Cy5")
    assert (htd.n_fields, htd.n_z, htd.n_time_points) == (2, 3, 1)
