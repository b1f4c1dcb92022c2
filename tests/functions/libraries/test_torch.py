from __future__ import annotations

from napari_openhcs.testing.libraries import LibraryTests


class TestTorch(LibraryTests):
    library = "torch"
    resampled = 20
