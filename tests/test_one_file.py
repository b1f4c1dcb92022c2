"""A new memory type, function library and custom function are one file each, and no other change.

Each test writes that one file into an empty folder, puts the folder where such files are
looked for, and uses what it holds as far as a run of it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_openhcs import memory_types
from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import libraries, registry
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.plan import FunctionPlan

PLANE = np.arange(64, dtype=np.float32).reshape(8, 8)


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write a file into an empty folder that counts as part of a room."""

    def add(package: ModuleType, name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        memory_types.MEMORY_TYPES.refresh()
        registry.refresh()

    yield add
    monkeypatch.undo()
    memory_types.MEMORY_TYPES.refresh()
    registry.refresh()


def plan(function: str, memory_type: str, library: str, version: str = "") -> FunctionPlan:
    return FunctionPlan(
        function=function,
        parameters=FrozenMapping(),
        memory_type_in=memory_type,
        memory_type_out=memory_type,
        contract=Contract.PLANE,
        applies_to="plane",
        output_kind=Kind.IMAGE,
        library=library,
        library_version=version,
    )


MEMORY_TYPE = """
import numpy as np
from napari_openhcs.memory_types.base import MemoryType, host_free_memory, host_memory

class Boxed:
    def __init__(self, values):
        self.values = values

class BoxedMemoryType(MemoryType):
    name = "boxed"
    library = "numpy"
    install = "pip install numpy"

    def is_array(self, value):
        return isinstance(value, Boxed)

    def dtype_of(self, array):
        return array.values.dtype.name

    def from_numpy(self, array, device="cpu"):
        return Boxed(array)

    def to_numpy(self, array):
        return array.values

    def devices(self):
        return ("cpu",)

    def device_of(self, array):
        return "cpu"

    def free_memory(self, device):
        return host_free_memory()

    def total_memory(self, device):
        return host_memory()

EXPORT = BoxedMemoryType()
"""


def test_a_memory_type_is_one_file(add: Callable[..., None]) -> None:
    add(memory_types, "boxed.py", MEMORY_TYPE)
    boxed = memory_types.MEMORY_TYPES["boxed"]

    def double(image):
        assert boxed.is_array(image)
        return type(image)(image.values * 2)

    (result,) = apply_chain(
        (plan("double", "boxed", ""),), [PLANE], {}, dtype_policy="native", resolve=lambda _: double
    )
    assert np.array_equal(result, PLANE * 2)
    there = memory_types.convert(PLANE, "numpy", "boxed")
    assert np.array_equal(memory_types.convert(there.array, "boxed", "numpy").array, PLANE)


LIBRARY = '''
from pathlib import Path
from napari_openhcs.functions.catalogue import Catalogue
from napari_openhcs.functions.classify import establish_function
from napari_openhcs.functions.libraries.base import FunctionLibrary

def triple(image):
    """Multiply by three."""
    return image * 3

class OneLibrary(FunctionLibrary):
    def candidates(self):
        yield f"{__name__}.triple", triple

    def catalogue(self):
        found = [establish_function(self, name, item) for name, item in self.candidates()]
        return Catalogue(self.name, self.version(), tuple(found))

EXPORT = OneLibrary(
    name="one", title="One", memory_type="numpy", module="numpy", distribution="numpy",
    install="pip install numpy",
)
'''


def test_a_function_library_is_one_file(add: Callable[..., None]) -> None:
    add(libraries, "one.py", LIBRARY)
    spec = registry.get_spec("napari_openhcs.functions.libraries.one.triple")
    assert (spec.library, spec.contract) == ("one", Contract.PLANE)
    assert registry.search("multiply three")[0].id == spec.id
    (result,) = apply_chain((plan(spec.id, "numpy", "one"),), [PLANE], {}, dtype_policy="native")
    assert np.array_equal(result, PLANE * 3)


CUSTOM = '''
from napari_openhcs.memory_types.decorators import numpy as numpy_function

@numpy_function
def quadruple(image):
    """Multiply by four."""
    return image * 4
'''


def test_a_custom_function_is_one_file_that_was_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_openhcs.functions.custom_files import read_file, trust_file

    monkeypatch.setenv("OPENHCS_FUNCTIONS", str(tmp_path))
    monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "trusted"))
    path = tmp_path / "mine.py"
    path.write_text(CUSTOM)
    assert trust_file(path, read_file(path).sha256).state == "ready"
    spec = registry.get_spec("napari_openhcs.functions.custom.mine.quadruple")
    call = plan(spec.id, "numpy", "custom", spec.library_version)
    (result,) = apply_chain((call,), [PLANE], {}, dtype_policy="native")
    assert np.array_equal(result, PLANE * 4)
