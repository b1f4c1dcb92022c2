from __future__ import annotations

from napari_openhcs.testing.libraries import LibraryTests


class TestNative(LibraryTests):
    library = "native"
    resampled = 1000
