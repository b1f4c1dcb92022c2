import pytest

from napari_openhcs.words import byte_size, counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 wells"), (1, "1 well"), (2, "2 wells"), (1536, "1,536 wells")]
)
def test_counted(number, text):
    assert counted(number, "well") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (-5, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_900, "99.9 kB"),
        (123_456, "123 kB"),
        (999_700, "1.0 MB"),
        (2**30, "1.1 GB"),
        (8e15, "8000 TB"),
    ],
)
def test_byte_size(count, text):
    assert byte_size(count) == text
