import csv
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.errors import OutputError, ParameterError
from napari_openhcs.formats import open_plate
from napari_openhcs.sample_data import WRITERS, write_sample_plate
from napari_openhcs.testing.formats import read_key

FORMATS = ("imagexpress", "ome_zarr", "opera_phenix")


def truth_of(sample):
    with open(sample.truth, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def planes_of(sample):
    plate = open_plate(sample.path)
    return {
        (key.well, key.field, plate.channel(key.channel).name): read_key(plate, key)
        for key in plate.planes
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample_plate(
        tmp_path_factory.mktemp("home") / "sample", wells=24, fields=1, size=256
    )


def count_nuclei(plane):
    """Count by threshold and peaks of the distance to the background."""
    smooth = ndimage.gaussian_filter(plane.astype(float), 1)
    mask = ndimage.binary_fill_holes(smooth > smooth.min() + 0.3 * (np.percentile(smooth, 99.5)
                                                                   - smooth.min()))  # fmt: skip
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    peaks = (depth == ndimage.maximum_filter(depth, 11)) & mask
    return ndimage.label(peaks)[1]


def test_the_writers():
    assert tuple(WRITERS) == FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_our_own_reader_reads_everything_back(tmp_path, format):
    sample = write_sample_plate(
        tmp_path / "My plate", wells=5, fields=3, channels=3, z=2, size=64, format=format
    )
    plate = open_plate(sample.path)
    assert plate == open_plate(tmp_path / "My plate")
    assert (plate.format, plate.problems) == (format, ())
    assert plate.name == "My-plate" or plate.root.endswith("My plate")
    assert (plate.n_rows, plate.n_columns) == (2, 3)
    assert plate.wells == ("A01", "A02", "A03", "B01", "B02")
    assert plate.fields_of("B02") == ("1", "2", "3")
    assert [channel.name for channel in plate.channels] == ["DAPI", "GFP", "TRITC"]
    assert len({channel.color for channel in plate.channels}) == 3
    assert len(plate.planes) == sample.planes == 5 * 3 * 3 * 2
    assert (plate.shape_yx, plate.dtype) == ((64, 64), "uint16")
    assert (plate.pixel_size_um, plate.z_step_um) == (0.65, 3.0)
    x, y = np.transpose([plate.positions_um[f"A02/{field}"] for field in "123"])
    np.testing.assert_allclose(np.diff(x), [0.65 * 64, -0.65 * 64], atol=1e-6)
    np.testing.assert_allclose(np.diff(y), [0, 0.65 * 64], atol=1e-6)
    assert plate.conditions["A03"] == {"dose": 100.0, "control": "positive"}


def test_every_format_has_the_same_pixels_and_truth(tmp_path):
    given = {"wells": 2, "fields": 2, "channels": 2, "z": 1, "size": 96, "seed": 5}
    first, *others = [
        write_sample_plate(tmp_path / format, format=format, **given) for format in FORMATS
    ]
    expected = planes_of(first)
    for other in others:
        assert truth_of(other) == truth_of(first)
        found = planes_of(other)
        assert found.keys() == expected.keys()
        for key, plane in found.items():
            np.testing.assert_array_equal(plane, expected[key])


def test_the_seed_decides(tmp_path):
    a, b, c = (
        planes_of(write_sample_plate(tmp_path / name, wells=1, fields=1, size=64, seed=seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])
        assert (a[key] != c[key]).any()


def test_the_files_are_the_same_byte_for_byte(tmp_path):
    for format in FORMATS:
        folders = [tmp_path / side / format for side in "ab"]
        for folder in folders:
            write_sample_plate(folder, wells=1, fields=1, z=2, size=64, format=format)
        files = [
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")
             if path.is_file()}
            for folder in folders
        ]  # fmt: skip
        assert files[0] == files[1]


def test_a_well_does_not_depend_on_how_many_there_are(tmp_path, sample):
    few = write_sample_plate(tmp_path / "few", wells=13, fields=1, size=256)
    many = planes_of(sample)
    for key, plane in planes_of(few).items():
        np.testing.assert_array_equal(plane, many[key])


def test_fills_the_smallest_plate_from_a01(sample):
    plate = open_plate(sample.path)
    assert (plate.n_rows, plate.n_columns) == (4, 6)
    assert len(plate.wells) == 24
    assert sample.planes == 48


def test_truth_and_plate_map_agree(sample):
    rows = truth_of(sample)
    assert list(rows[0]) == ["well", "field", "nuclei", "dose"]
    plate = open_plate(sample.path)
    assert {(row["well"], row["field"]) for row in rows} == {key[:2] for key in plate.planes}
    for row in rows:
        conditions = plate.conditions[row["well"]]
        assert conditions["dose"] == float(row["dose"])
        assert conditions["control"] == {"01": "negative", "06": "positive"}.get(
            row["well"][1:], "no"
        )


def test_bytes_are_those_of_the_images(sample):
    images = Path(sample.path).rglob("*.TIF")
    assert sample.bytes == sum(path.stat().st_size for path in images)


def test_the_dose_lowers_the_number_of_nuclei(sample):
    by_dose = {}
    for row in truth_of(sample):
        by_dose.setdefault(float(row["dose"]), []).append(int(row["nuclei"]))
    means = [np.mean(by_dose[dose]) for dose in sorted(by_dose)]
    assert means[0] > 30
    assert means[-1] < 0.4 * means[0]
    assert means[-2] < 0.8 * means[0]


def test_the_dose_raises_the_reporter(sample):
    planes = planes_of(sample)
    bright = [np.percentile(planes[f"A0{column}", "1", "GFP"], 99.5) for column in range(1, 7)]
    assert bright[-1] > 3 * bright[0]
    assert all(b > 0.9 * a for a, b in itertools.pairwise(bright))


def test_the_truth_is_what_can_be_counted(sample):
    planes = planes_of(sample)
    truth = {row["well"]: int(row["nuclei"]) for row in truth_of(sample)}
    counted = {well: count_nuclei(planes[well, "1", "DAPI"]) for well in truth}
    wrong = sum(abs(counted[well] - truth[well]) for well in truth)
    assert wrong <= 0.02 * sum(truth.values())


def test_some_nuclei_touch(sample):
    planes = planes_of(sample)
    touching = 0
    for row in truth_of(sample):
        plane = planes[row["well"], "1", "DAPI"]
        touching += int(row["nuclei"]) - ndimage.label(plane > 500)[1]
    assert touching > 10


def test_pixels_are_of_twelve_bit_with_noise_and_background(sample):
    for (_, _, channel), plane in planes_of(sample).items():
        assert plane.max() <= 4095
        assert plane.min() > 50
        if channel == "DAPI":
            assert plane.max() > 1000
            assert 5 < np.median(np.abs(np.diff(plane.astype(int)))) < 40


def test_z_planes_off_focus_are_blurred(tmp_path):
    sample = write_sample_plate(tmp_path / "p", wells=1, fields=1, channels=1, z=5, size=96)
    plate = open_plate(sample.path)
    sharpness = [read_key(plate, key).std() for key in plate.planes]
    assert np.argmax(sharpness) == 2


def test_a_pyramid_is_written_where_it_helps(tmp_path):
    sample = write_sample_plate(
        tmp_path / "p", wells=1, fields=1, channels=1, size=520, format="ome_zarr"
    )
    assert sorted(path.name for path in Path(sample.path, "A/01/1").iterdir()) == [
        "0",
        "1",
        "zarr.json",
    ]


def test_the_zarr_plate_is_valid(tmp_path):
    hcs = pytest.importorskip("ome_zarr_models.v05.hcs")
    import zarr

    sample = write_sample_plate(tmp_path / "p", wells=3, fields=2, size=64, format="ome_zarr")
    plate = hcs.HCS.from_zarr(zarr.open_group(sample.path, mode="r"))
    assert len(plate.ome_attributes.plate.wells) == 3


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"wells": 0}, "wells=0: expected a whole number from 1 to 1536"),
        ({"wells": 1537}, "wells"),
        ({"wells": 2.5}, "wells=2.5"),
        ({"fields": -1}, "fields"),
        ({"channels": 7}, "channels"),
        ({"z": 0}, "z=0"),
        ({"size": 8}, "size"),
        ({"size": True}, "size"),
        ({"seed": -1}, "seed"),
        ({"format": "czi"}, "'czi': expected one of imagexpress, ome_zarr, opera_phenix"),
        ({"wells": 1536, "fields": 100, "z": 100, "channels": 6, "size": 4320}, "GB are free"),
    ],
)
def test_absurd_arguments_are_refused(tmp_path, given, word):
    with pytest.raises(ParameterError, match=word):
        write_sample_plate(tmp_path / "p", **given)
    assert not (tmp_path / "p").exists()


def test_a_small_disk_is_told_in_megabytes(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    with pytest.raises(ParameterError, match=r"needs 8\.0 MB and 3\.0 MB are free"):
        write_sample_plate(tmp_path / "p", wells=1, fields=1, channels=1, size=2000)


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        write_sample_plate(tmp_path, wells=1, size=64)
    with pytest.raises(OutputError, match="is a file"):
        write_sample_plate(tmp_path / "mine.txt", wells=1, size=64)
    with pytest.raises(OutputError, match="cannot be written"):
        write_sample_plate(tmp_path / "mine.txt" / "below", wells=1, size=64)
