from __future__ import annotations

from napari_openhcs.testing.libraries import LibraryTests


class TestScipyNdimage(LibraryTests):
    library = "scipy_ndimage"
