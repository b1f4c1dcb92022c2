import sys

import numpy as np
import pytest

from napari_openhcs import memory_types as room
from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.errors import ConversionError, MemoryTypeError
from napari_openhcs.memory_types import MEMORY_TYPES, convert, get_memory_type, route
from napari_openhcs.memory_types.numpy import NumpyMemoryType


def test_the_memory_types_are_the_files_of_the_room():
    assert set(MEMORY_TYPES) == set(VALID_MEMORY_TYPES)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("numpy", "numpy", "none"),
        ("numpy", "torch", "dlpack"),
        ("torch", "numpy", "dlpack"),
        ("numpy", "jax", "dlpack"),
        ("cupy", "torch", "dlpack"),
        ("jax", "tensorflow", "dlpack"),
        ("numpy", "cupy", "cpu"),
        ("cupy", "numpy", "cpu"),
        ("pyclesperanto", "torch", "cpu"),
    ],
)
def test_routes(source, target, expected):
    assert route(source, target) == expected


def test_an_unknown_memory_type_names_those_there_are():
    for call in (
        lambda: route("numpy", "mxnet"),
        lambda: convert(np.zeros(3), "mxnet", "numpy"),
        lambda: get_memory_type("mxnet"),
    ):
        with pytest.raises(MemoryTypeError, match=r"'mxnet'.*numpy.*torch"):
            call()


class Fake(NumpyMemoryType):
    """A framework whose arrays are wrapped, and whose ways in can be broken."""

    cuda_array_interface = True

    class Array(np.ndarray):
        pass

    def __init__(self, broken=()):
        self.broken = broken

    def is_array(self, value):
        return isinstance(value, self.Array)

    def from_numpy(self, array, device="cpu"):
        return self._way("cpu", array.copy())

    def import_dlpack(self, exporter):
        return self._way("dlpack", super().import_dlpack(exporter))

    def import_cuda_array_interface(self, exporter):
        return self._way("cuda_array_interface", np.asarray(exporter))

    def _way(self, name, array):
        if name in self.broken:
            raise self.broken[name]
        return array.view(self.Array)


@pytest.fixture
def frameworks(monkeypatch):
    def use(broken):
        giver, taker = Fake(), Fake(broken)
        giver.name, taker.name = "cupy", "jax"
        monkeypatch.setitem(MEMORY_TYPES._loaded, "cupy", giver)
        monkeypatch.setitem(MEMORY_TYPES._loaded, "jax", taker)
        return np.arange(4.0).view(Fake.Array)

    return use


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({}, "dlpack"),
        ({"dlpack": BufferError("no")}, "cuda_array_interface"),
        ({"dlpack": TypeError("no"), "cuda_array_interface": RuntimeError("no")}, "cpu"),
    ],
)
def test_the_next_route_is_taken_where_one_is_closed(frameworks, broken, expected):
    array = frameworks(broken)
    converted = convert(array, "cupy", "jax")
    assert converted.route == expected
    np.testing.assert_array_equal(converted.array, np.arange(4.0))
    assert np.shares_memory(converted.array, array) == (expected != "cpu")


def test_where_all_are_closed_one_sentence_says_why(frameworks):
    no = RuntimeError("the framework says no")
    array = frameworks({"dlpack": no, "cuda_array_interface": no, "cpu": no})
    with pytest.raises(ConversionError, match=r"from 'cupy' to 'jax'.*says no"):
        convert(array, "cupy", "jax")


def test_running_out_of_memory_is_not_taken_for_a_closed_route(frameworks):
    array = frameworks(
        {"cpu": MemoryError(), "dlpack": BufferError(), "cuda_array_interface": BufferError()}
    )
    with pytest.raises(MemoryError):
        convert(array, "cupy", "jax")


def test_a_memory_type_is_added_by_one_file(tmp_path, monkeypatch):
    (tmp_path / "listing.py").write_text(
        "import numpy as np\n"
        "from napari_openhcs.memory_types.base import MemoryType\n"
        "class Listing(MemoryType):\n"
        "    name, library, install = 'listing', 'array', 'it is there'\n"
        "    dtypes = frozenset({'float64'})\n"
        "    def is_array(self, value): return isinstance(value, list)\n"
        "    def to_numpy(self, array): return np.array(array)\n"
        "    def from_numpy(self, array, device='cpu'): return array.tolist()\n"
        "    def devices(self): return ('cpu',)\n"
        "    def device_of(self, array): return 'cpu'\n"
        "    def dtype_of(self, array): return 'float64'\n"
        "EXPORT = Listing()\n"
    )
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "napari_openhcs.memory_types.listing", raising=False)
    MEMORY_TYPES.refresh()
    try:
        there = convert(np.eye(2), "numpy", "listing")
        assert there == ([[1.0, 0.0], [0.0, 1.0]], "cpu")
        np.testing.assert_array_equal(convert(there.array, "listing", "numpy").array, np.eye(2))
    finally:
        monkeypatch.undo()
        MEMORY_TYPES.refresh()
    assert "listing" not in MEMORY_TYPES
