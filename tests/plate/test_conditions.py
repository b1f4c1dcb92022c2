import pytest

from napari_openhcs.frozen import from_json, to_json
from napari_openhcs.plate.conditions import Conditions, find_plate_map, read_plate_map


def read(tmp_path, text, name="platemap.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_plate_map(path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("well,dose,drug\nA1,0.5,DMSO\nb02,,x\n", "platemap.csv"),
        ("Well;dose;drug\r\nA01;0,5;DMSO\r\nB2;;x\r\n", "platemap.csv"),
        ("well\tdose\tdrug\nA01\t5e-1\tDMSO\nB02\t\tx\n", "platemap.tsv"),
        ("row,column,dose,drug\nA,1,0.5,DMSO\n2,02,,x\n", "platemap.csv"),
        ("\ufeffwell , dose,drug\n A01 , 0.5 , DMSO \nB02,,x\n", "platemap.csv"),
        ("dose,Row,Col,drug\n0.5,1,1,DMSO\n,2,2,x\n", "platemap.csv"),
    ],
)
def test_reads_tables_as_people_write_them(tmp_path, text, name):
    conditions, problems = read(tmp_path, text, name)
    assert conditions == {"A01": {"dose": 0.5, "drug": "DMSO"}, "B02": {"drug": "x"}}
    assert not problems


def test_latin_1_is_read_too(tmp_path):
    conditions, _ = read(tmp_path, "well,unit\nA01,µM\n", encoding="latin-1")
    assert conditions["A01"]["unit"] == "µM"


def test_rows_that_cannot_be_used_are_reported_and_left_out(tmp_path):
    conditions, problems = read(tmp_path, "well,dose\nA01,1\nZZ9,2\nA1,3\n,4\n")
    assert dict(conditions) == {"A01": {"dose": 1.0}}
    assert [problem.code for problem in problems] == ["metadata"] * 3
    assert "line 3" in problems[0].message
    assert "names well A01 again" in problems[1].message


@pytest.mark.parametrize("text", ["", "dose,drug\n1,2\n", "\0\0\0"])
def test_a_table_without_wells_is_one_problem(tmp_path, text):
    conditions, problems = read(tmp_path, text)
    assert not conditions
    (problem,) = problems
    assert "no column 'well'" in problem.message


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path):
    conditions, problems = read_plate_map(tmp_path / "platemap.csv")
    assert not conditions
    assert "cannot be read" in problems[0].message


def test_found_in_the_folder_before_its_parent(tmp_path):
    folder = tmp_path / "plate"
    folder.mkdir()
    assert find_plate_map(folder) is None
    (tmp_path / "platemap.csv").touch()
    assert find_plate_map(folder) == tmp_path / "platemap.csv"
    (folder / "platemap.tsv").touch()
    assert find_plate_map(folder) == folder / "platemap.tsv"


def test_bbbc016(real_data):
    conditions, problems = read_plate_map(real_data("bbbc016-dose") / "platemap.csv")
    assert not problems
    assert len(conditions) == 12
    assert conditions["O01"]["dose"] == 100.0
    assert conditions["O03"] == {
        "dose": 0.0,
        "role": "control",
        "third_party_total_cells_3_fields": 224.0,
    }


def test_not_a_number_is_no_value_and_infinity_no_number(tmp_path):
    conditions, problems = read(tmp_path, "well,dose,drug\nA01,NaN,x\nA02,inf,nan\n")
    assert conditions == {"A01": {"drug": "x"}, "A02": {"dose": "inf"}}
    assert not problems
    assert from_json(to_json(conditions), Conditions) == conditions
