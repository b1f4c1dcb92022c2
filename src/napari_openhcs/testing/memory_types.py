"""Tests that every memory type passes."""

# The name of a test says what it shows.
# ruff: noqa: D102

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from napari_openhcs.errors import ConversionError, MemoryTypeError
from napari_openhcs.memory_types import MEMORY_TYPES, MemoryType, convert, route
from napari_openhcs.memory_types.convert import ROUTES

__all__ = ["MemoryTypeTests", "make_error"]


def make_error(qualified_name: str, text: str = "") -> BaseException:
    """Return an exception whose class has a library's name, without that library."""
    module, _, name = qualified_name.rpartition(".")
    base = MemoryError if module == "builtins" else RuntimeError
    kind = type(name, (base,), {"__module__": module, "__qualname__": name})
    error: BaseException = kind(text)
    return error


class MemoryTypeTests:
    """Subclass it and set `name` to test a memory type.

    Tests of arrays are skipped where the library or a device for it is missing; all others
    run everywhere.
    """

    name: str

    @pytest.fixture
    def memory_type(self) -> MemoryType:
        return MEMORY_TYPES[self.name]

    @pytest.fixture
    def usable(self, memory_type: MemoryType) -> MemoryType:
        if not memory_type.is_available():
            pytest.skip(f"{memory_type.library} is not installed: {memory_type.install}")
        if not memory_type.devices():
            pytest.skip(memory_type.no_device())
        return memory_type

    def test_the_file_name_is_the_key(self, memory_type: MemoryType) -> None:
        assert memory_type.name == self.name
        assert type(memory_type).__module__.endswith(f".{self.name}")

    def test_looking_imports_nothing(self) -> None:
        code = (
            "import sys\n"
            "from napari_openhcs.memory_types import MEMORY_TYPES\n"
            f"m = MEMORY_TYPES[{self.name!r}]\n"
            "m.is_available(), m.is_array(object()), m.cleanup()\n"
            "print(m.library in sys.modules and m.library != 'numpy')"
        )
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"

    def test_a_missing_library_says_how_to_get_it(
        self, memory_type: MemoryType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, memory_type.library, None)
        assert not memory_type.is_available()
        assert not memory_type.is_loaded()
        with pytest.raises(MemoryTypeError) as caught:
            _ = memory_type.module
        assert memory_type.install in str(caught.value)

    def test_routes_are_known_without_arrays(self) -> None:
        for other in MEMORY_TYPES:
            assert route(self.name, other) in ROUTES
            assert route(self.name, other) == route(other, self.name)
        assert route(self.name, self.name) == "none"

    def test_recognises_running_out_of_memory(self, memory_type: MemoryType) -> None:
        for kind in memory_type.out_of_memory_types:
            assert memory_type.is_out_of_memory(make_error(kind))
        for text in memory_type.out_of_memory_texts:
            assert memory_type.is_out_of_memory(RuntimeError(f"Error: {text} (2 GiB)"))
        assert memory_type.out_of_memory_types or memory_type.out_of_memory_texts

    def test_takes_no_other_error_for_it(self, memory_type: MemoryType) -> None:
        for error in (RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError(1)):
            assert not memory_type.is_out_of_memory(error)

    def test_looks_at_the_cause(self, memory_type: MemoryType) -> None:
        outer = ValueError("the library wrapped it")
        kinds = memory_type.out_of_memory_types
        outer.__cause__ = (
            make_error(kinds[0]) if kinds else RuntimeError(memory_type.out_of_memory_texts[0])
        )
        assert memory_type.is_out_of_memory(outer)

    def test_gives_back_what_it_took(self, usable: MemoryType) -> None:
        for dtype in sorted(usable.dtypes):
            array = (np.arange(12).reshape(3, 4) % 2 * 3).astype(dtype)
            try:
                usable.check_dtype(dtype)
            except ConversionError:
                continue
            there = convert(array, "numpy", self.name)
            assert usable.is_array(there.array)
            assert usable.device_of(there.array) in usable.devices()
            back = convert(there.array, self.name, "numpy")
            np.testing.assert_array_equal(back.array, array, err_msg=dtype)
            assert there.route == route("numpy", self.name)

    @pytest.mark.parametrize(
        "make",
        [
            lambda a: a[::-1],
            lambda a: a[:, ::-2],
            lambda a: a.T,
            np.asfortranarray,
            lambda a: a.astype(a.dtype.newbyteorder(">")),
            lambda a: np.broadcast_to(a[0], a.shape),
            lambda a: a[1:, 1:],
            lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
        ],
        ids=[
            "flipped",
            "strided",
            "transposed",
            "fortran",
            "big_endian",
            "broadcast",
            "crop",
            "ro",
        ],
    )
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
    def test_takes_any_memory_layout(self, usable: MemoryType, make: Any, dtype: str) -> None:
        array = make(np.arange(30, dtype=dtype).reshape(5, 6))
        there = convert(array, "numpy", self.name).array
        np.testing.assert_array_equal(convert(there, self.name, "numpy").array, array)

    @pytest.mark.parametrize("dtype", ["O", "U3", "M8[s]", "V4", "longdouble"])
    def test_refuses_what_is_no_number(self, usable: MemoryType, dtype: str) -> None:
        other = self.name
        if other == "numpy":
            pytest.importorskip("torch", reason="NumPy is tried against torch")
            other = "torch"
        with pytest.raises(ConversionError, match=r"cannot be converted|no dtype"):
            convert(np.zeros((2, 3), dtype), "numpy", other)

    def test_refuses_dtypes_it_would_change(self, usable: MemoryType) -> None:
        for dtype in {"float64", "int64", "float16", "complex128"} - usable.dtypes:
            with pytest.raises(ConversionError, match=dtype):
                convert(np.zeros((2, 3), dtype), "numpy", self.name)

    def test_an_array_of_another_type_is_refused(self, usable: MemoryType) -> None:
        assert not usable.is_array([1, 2])
        with pytest.raises(MemoryTypeError, match=r"builtins\.list"):
            convert([1, 2], self.name, "numpy")

    def test_a_device_that_is_not_there_is_refused(self, usable: MemoryType) -> None:
        with pytest.raises(MemoryTypeError, match="'tpu:99'"):
            convert(np.zeros((2, 3), "float32"), "numpy", self.name, "tpu:99")

    def test_tells_its_memory(self, usable: MemoryType) -> None:
        device = usable.default_device()
        assert 0 < usable.free_memory(device) <= usable.total_memory(device)

    def test_works_on_its_stream_and_cleans_up(self, usable: MemoryType) -> None:
        array = np.ones((3, 4), "float32")
        with usable.stream(usable.default_device()):
            there = convert(array, "numpy", self.name).array
        usable.cleanup()
        np.testing.assert_array_equal(convert(there, self.name, "numpy").array, array)
