from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.testing.libraries import LibraryTests


class TestCuCim(LibraryTests):
    library = "cucim"


def test_lists_what_skimage_lists_and_nothing_else():
    ours = LIBRARIES["cucim"].catalogue().functions
    twins = {spec.id for spec in LIBRARIES["skimage"].catalogue().functions}
    assert len(ours) >= 100
    assert {spec.twin for spec in ours} <= twins
