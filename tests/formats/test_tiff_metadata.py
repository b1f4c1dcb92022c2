import contextlib
import math

import numpy as np
import pytest
import tifffile

from napari_openhcs.errors import ImageReadError
from napari_openhcs.formats.tiff_metadata import _from_uic, read_tiff_metadata

PROPERTIES = {
    "spatial-calibration-state": "on",
    "spatial-calibration-x": "0.325",
    "spatial-calibration-y": "0.325",
    "spatial-calibration-units": "um",
    "stage-position-x": "-10.5",
    "stage-position-y": "20",
    "z-position": "9.5",
    "wavelength": "452",
    "_IllumSetting_": "DAPI &amp; more",
    "Exposure Time": "0.5 s",
}


def write(path, **changes):
    values = {**PROPERTIES, **{key.replace("_", "-"): value for key, value in changes.items()}}
    lines = [f'<prop id="{key}" type="x" value="{value}"/>' for key, value in values.items()]
    xml = "<MetaData>" + "\n".join(lines) + "</MetaData>"
    tifffile.imwrite(
        path, np.zeros((5, 6), "uint16"), description=xml, software="MetaSeries", metadata=None
    )
    return path


def test_reads_metamorph_xml(tmp_path):
    found = read_tiff_metadata(write(tmp_path / "a.tif"))
    assert (found.shape_yx, found.dtype, found.n_pages) == ((5, 6), "uint16", 1)
    assert found.pixel_size_um == (0.325, 0.325)
    assert found.position_um == (-10.5, 20)
    assert (found.z_um, found.wavelength_nm, found.exposure_ms) == (9.5, 452, 500)
    assert found.channel_name == "DAPI & more"


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"spatial_calibration_units": "nm", "spatial_calibration_y": "650"}, (0.65, 0.000325)),
        ({"spatial_calibration_units": "pixel"}, None),
        ({"spatial_calibration_state": "off"}, None),
        ({"spatial_calibration_x": "0"}, None),
        ({"spatial_calibration_x": "much"}, None),
        ({"spatial_calibration_x": "nan"}, None),
    ],
)
def test_a_pixel_size_is_positive_and_in_micrometers(tmp_path, changes, size):
    found = read_tiff_metadata(write(tmp_path / "a.tif", **changes)).pixel_size_um
    assert found == pytest.approx(size) if size else found is None


def test_a_plain_tiff_says_nothing_more(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), "float32"), metadata=None)
    found = read_tiff_metadata(tmp_path / "a.tif")
    assert (found.shape_yx, found.dtype) == ((5, 6), "float32")
    assert found.pixel_size_um is found.position_um is found.wavelength_nm is None


def test_counts_pages(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 5, 6), "uint8"), photometric="minisblack")
    assert read_tiff_metadata(tmp_path / "a.tif").n_pages == 3


def test_a_colour_picture_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6, 3), "uint8"), photometric="rgb")
    with pytest.raises(ImageReadError, match="not one grey plane"):
        read_tiff_metadata(tmp_path / "a.tif")


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageReadError, match="is missing"):
        read_tiff_metadata(tmp_path / "a.tif")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    # Root may read everything, so that the mode of a file refuses nobody here.
    monkeypatch.setattr(tifffile, "TiffFile", refuse)
    with pytest.raises(ImageReadError, match="may not be read by this user") as caught:
        read_tiff_metadata(write(tmp_path / "a.tif"))
    assert "microscope" not in str(caught.value)


def test_cut_anywhere_it_is_refused_and_never_crashes(tmp_path):
    path = write(tmp_path / "a.tif")
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageReadError, match=r"a\.tif"):
            read_tiff_metadata(path)


def test_flipped_bytes_never_crash(tmp_path):
    path = write(tmp_path / "a.tif")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[rng.integers(min(300, len(whole)))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with contextlib.suppress(ImageReadError):
            read_tiff_metadata(path)


def test_uic_tags(real_data):
    folder = real_data("bbbc039-nuclei") / "images"
    found = read_tiff_metadata(next(folder.glob("IXMtest_A02*")))
    assert found.pixel_size_um == pytest.approx((0.645, 0.645))
    assert found.position_um == pytest.approx((15915.96, 174826.78))
    assert (found.wavelength_nm, found.exposure_ms, found.channel_name) == (458, 25, "DAPI")
    assert found.z_um == pytest.approx(11703.04)


@pytest.mark.parametrize(
    ("tags", "position"),
    [
        ({"StagePosition": np.array([[10.5, -20.0], [0, 0]])}, (10.5, -20.0)),
        ({"StagePosition": np.array([[math.nan, 20.0]])}, None),
        ({"StagePosition": np.array([[10.5, math.inf]])}, None),
        ({}, None),
    ],
)
def test_a_stage_position_of_uic_tags_is_two_finite_numbers(tags, position):
    assert _from_uic(tags, "")["position_um"] == position
