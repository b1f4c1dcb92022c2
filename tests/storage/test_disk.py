import numpy as np
import pytest
import tifffile

from napari_openhcs.errors import ImageReadError, StoreError
from napari_openhcs.storage.disk import DiskBackend
from napari_openhcs.testing.storage import StorageBackendTests


class TestDiskBackend(StorageBackendTests):
    @pytest.fixture
    def backend(self, tmp_path):
        return DiskBackend(tmp_path / "root")


@pytest.fixture
def tiff(tmp_path):
    path = tmp_path / "A01_s1_w1.tif"
    planes = np.arange(3 * 40 * 50, dtype="uint16").reshape(3, 40, 50)
    tifffile.imwrite(path, planes, photometric="minisblack", byteorder=">")
    return path, planes


def test_reads_the_selected_page_in_native_byte_order(tiff):
    path, planes = tiff
    backend = DiskBackend()
    np.testing.assert_array_equal(backend.read(str(path)), planes[0])
    for page in range(3):
        read = backend.read(str(path), (page,))
        np.testing.assert_array_equal(read, planes[page])
        assert read.dtype.isnative


@pytest.mark.parametrize("compression", [None, "zlib", "packbits"])
def test_every_truncation_is_refused_with_the_path(tmp_path, compression):
    plane = np.random.default_rng(0).integers(0, 4096, (60, 70), dtype="uint16")
    whole, path = tmp_path / "whole.tif", tmp_path / "A01.tif"
    kinds = {} if compression == "packbits" else {"compression": compression}
    tifffile.imwrite(whole, plane, photometric="minisblack", metadata=None, **kinds)
    content = whole.read_bytes()
    for length in [*range(0, len(content), max(1, len(content) // 40)), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ImageReadError, match=r"A01\.tif"):
            DiskBackend().read(str(path))


def read_or_refusal(path):
    try:
        return DiskBackend().read(str(path))
    except ImageReadError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(5))
def test_damaged_headers_give_one_sentence_or_an_image(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "A01.tif"
    tifffile.imwrite(path, np.ones((20, 30), "uint16"), photometric="minisblack")
    content = bytearray(path.read_bytes())
    for _ in range(40):
        damaged = content.copy()
        for place in rng.integers(0, 300, 3):
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        outcome = read_or_refusal(path)
        assert isinstance(outcome, np.ndarray) or ("A01.tif" in outcome and "\n" not in outcome)


def test_parts_never_written_are_not_a_black_image(tmp_path):
    path = tmp_path / "A01.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter([b"\x01" * 512, b""]),
            shape=(32, 16),
            dtype="uint16",
            tile=(16, 16),
            photometric="minisblack",
        )
    with pytest.raises(ImageReadError, match="never written"):
        DiskBackend().read(str(path))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("color.tif", lambda p: tifffile.imwrite(p, np.ones((8, 9, 3), "u1"), photometric="rgb")),
        ("text.tif", lambda p: p.write_text("no image")),
        ("empty.tif", lambda p: p.touch()),
        ("folder.tif", lambda p: p.mkdir()),
        ("absent.tif", lambda p: None),
    ],
)
def test_what_is_no_plane_is_refused_with_its_name(tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(ImageReadError, match=name):
        DiskBackend().read(str(tmp_path / name))


def test_a_selection_of_two_numbers_is_refused(tiff):
    with pytest.raises(ImageReadError, match="one number"):
        DiskBackend().read(str(tiff[0]), (0, 1))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_compressions_of_microscopes_are_read_exactly(tmp_path, dtype, compression):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 250, (40, 70)).astype(dtype)
    Image.fromarray(pixels).save(tmp_path / "p.tif", compression=compression)
    plane = DiskBackend().read(str(tmp_path / "p.tif"))
    assert plane.dtype == pixels.dtype
    assert np.array_equal(plane, pixels)


def test_harmony_s_lzw_is_read(real_data):
    for file in real_data("operetta-ball").rglob("*.tiff"):
        plane = DiskBackend().read(str(file))
        assert (plane.shape, plane.dtype) == ((1080, 1080), np.uint16)


def test_a_missing_codec_says_how_to_get_it(tmp_path, monkeypatch):
    from PIL import Image

    Image.fromarray(np.ones((8, 9), "u2")).save(tmp_path / "p.tif", compression="tiff_lzw")

    def refuse(*args, **kwargs):
        raise Image.DecompressionBombError("too large")

    def lacks(*args, **kwargs):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lacks)
    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(ImageReadError, match="pip install imagecodecs"):
        DiskBackend().read(str(tmp_path / "p.tif"))


def test_a_failed_write_leaves_what_was_there_and_no_rest(tmp_path, monkeypatch):
    backend = DiskBackend(tmp_path)
    backend.write("plane.tif", np.ones((2, 3), "u2"))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(StoreError, match="No space left"):
        backend.write("plane.tif", np.zeros((2, 3), "u2"))
    monkeypatch.undo()
    assert backend.read("plane.tif").all()
    assert [item.name for item in tmp_path.iterdir()] == ["plane.tif"]


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    outside = DiskBackend()
    outside.write(str(tmp_path / "secret.tif"), np.ones((2, 2)))
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link.tif").symlink_to(tmp_path / "secret.tif")
    with pytest.raises(StoreError, match="leaves the folder"):
        DiskBackend(tmp_path / "root").read("link.tif")


def test_the_root_itself_is_not_deleted(tmp_path):
    for path in ("", "a/.."):
        with pytest.raises(StoreError, match="itself"):
            DiskBackend(tmp_path).delete(path)
    assert tmp_path.is_dir()


def test_reads_real_planes(real_data):
    files = sorted(real_data("imagexpress-9987").rglob("*.TIF"))
    assert DiskBackend().read(str(files[0])).shape == (256, 256)
