from __future__ import annotations

from napari_openhcs.testing.libraries import LibraryTests


class TestScikitImage(LibraryTests):
    library = "skimage"
