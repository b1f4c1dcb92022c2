import sys
import types

from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.memory_types.oom import with_recovery
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestTensorflow(MemoryTypeTests):
    name = "tensorflow"


def test_its_own_exception_is_caught_though_it_is_no_runtime_error(monkeypatch):
    error = type(
        "ResourceExhaustedError",
        (Exception,),
        {"__module__": "tensorflow.python.framework.errors_impl"},
    )
    cleared = []
    fake = types.SimpleNamespace(
        errors=types.SimpleNamespace(ResourceExhaustedError=error),
        keras=types.SimpleNamespace(
            backend=types.SimpleNamespace(clear_session=lambda: cleared.append(1))
        ),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    left = [2]

    def call():
        if left[0]:
            left[0] -= 1
            raise error("OOM when allocating tensor")
        return 5

    recovered = with_recovery(call, MEMORY_TYPES["tensorflow"])
    assert (recovered.value, recovered.retries, cleared) == (5, 2, [1, 1])
