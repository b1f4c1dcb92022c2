from __future__ import annotations

from napari_openhcs.testing.libraries import LibraryTests


class TestJax(LibraryTests):
    library = "jax"
    resampled = 12
