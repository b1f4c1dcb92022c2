"""Tests that every storage backend passes."""

# The name of a test says what it shows.
# ruff: noqa: D102

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_openhcs.errors import ImageReadError, OpenHCSError, StoreError
from napari_openhcs.storage.base import StorageBackend

__all__ = ["StorageBackendTests"]

DTYPES = ("bool", "uint8", "uint16", "int32", "uint32", "float32", "float64", ">u2", ">f4")


class StorageBackendTests:
    """Subclass it, and override :meth:`backend` to test a backend.

    A subclass is found by pytest when its name starts with ``Test``.
    """

    outside = ("../elsewhere", "a/../../elsewhere")
    """Paths that leave a root."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> StorageBackend:
        """Return an empty backend, rooted in a folder of the test."""
        raise NotImplementedError

    def test_is_a_backend(self, backend: StorageBackend) -> None:
        assert isinstance(backend, StorageBackend)
        assert backend.name

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_gives_back_what_was_written(self, backend: StorageBackend, dtype: str) -> None:
        plane = (np.arange(35).reshape(5, 7) % 2 * 200).astype(dtype)
        backend.write("well/plane", plane)
        read = backend.read("well/plane")
        np.testing.assert_array_equal(read, plane)
        assert read.dtype == plane.dtype.newbyteorder("=")
        assert read.dtype.isnative

    @pytest.mark.parametrize("make", [np.asfortranarray, lambda a: a[::-1, ::2], np.transpose])
    def test_takes_any_memory_layout(self, backend: StorageBackend, make: Any) -> None:
        plane = make(np.arange(24, dtype="uint16").reshape(4, 6))
        backend.write("plane", plane)
        np.testing.assert_array_equal(backend.read("plane"), plane)

    def test_keeps_all_zero_planes(self, backend: StorageBackend) -> None:
        backend.write("black", np.zeros((3, 4), "uint16"))
        np.testing.assert_array_equal(backend.read("black"), np.zeros((3, 4)))

    def test_writes_a_copy(self, backend: StorageBackend) -> None:
        plane = np.ones((3, 4), "uint16")
        backend.write("plane", plane)
        plane[:] = 7
        first = backend.read("plane")
        if first.flags.writeable:
            first[:] = 9
        np.testing.assert_array_equal(backend.read("plane"), np.ones((3, 4)))

    def test_replaces_what_was_there(self, backend: StorageBackend) -> None:
        backend.write("plane", np.ones((3, 4), "uint16"))
        backend.write("plane", np.full((2, 5), 3.5, "float32"))
        np.testing.assert_array_equal(backend.read("plane"), np.full((2, 5), 3.5))

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros(4),
            np.zeros((2, 3, 4)),
            np.zeros((0, 4)),
            np.array([["a"]]),
            np.array([[None]]),
        ],
    )
    def test_refuses_what_is_no_plane(self, backend: StorageBackend, array: np.ndarray) -> None:
        with pytest.raises(StoreError, match="plane"):
            backend.write("no_plane", array)
        assert not backend.exists("no_plane")
        assert backend.list() == ()

    def test_missing_plane_is_an_error_that_names_it(self, backend: StorageBackend) -> None:
        with pytest.raises(ImageReadError, match="A01_s1"):
            backend.read("A01_s1")
        assert not backend.exists("A01_s1")

    def test_selection_beyond_what_is_there_is_an_error(self, backend: StorageBackend) -> None:
        backend.write("plane", np.ones((3, 4)))
        with pytest.raises(ImageReadError, match="plane"):
            backend.read("plane", (5,))
        with pytest.raises(ImageReadError, match="plane"):
            backend.read("plane", (-1,))

    def test_lists_in_natural_order(self, backend: StorageBackend) -> None:
        for name in ("well/10", "well/9", "other/1"):
            backend.write(name, np.ones((1, 1)))
        assert backend.list() == ("other", "well")
        assert backend.list("well") == ("well/9", "well/10")
        assert backend.list("well/9") == ()
        assert backend.list("nowhere") == ()
        assert backend.exists("well/10")
        assert not backend.exists("well")

    def test_deletes_one_or_all_below(self, backend: StorageBackend) -> None:
        for name in ("well/1", "well/2", "wells/1"):
            backend.write(name, np.ones((1, 1)))
        backend.delete("well/1")
        assert backend.list("well") == ("well/2",)
        backend.delete("well")
        assert backend.list() == ("wells",)
        backend.delete("well")

    def test_stays_inside_its_root(self, backend: StorageBackend, tmp_path: Path) -> None:
        for path in (*self.outside, str(tmp_path / "elsewhere")):
            with pytest.raises(OpenHCSError, match="leaves the folder"):
                backend.write(path, np.ones((2, 2)))
            with pytest.raises(OpenHCSError, match="leaves the folder"):
                backend.read(path)
            with pytest.raises(OpenHCSError, match="leaves the folder"):
                backend.delete(path)

    def test_rooted_backends_are_apart(self, backend: StorageBackend, tmp_path: Path) -> None:
        one, two = backend.rooted(tmp_path / "one"), backend.rooted(tmp_path / "two")
        one.write("plane", np.ones((2, 2)))
        assert one.exists("plane")
        assert not two.exists("plane")
