"""CuPy needs a CUDA device; without one its module is replaced by one over NumPy."""

import contextlib
import sys
import threading
import types

import numpy as np
import pytest

from napari_openhcs.errors import MemoryTypeError
from napari_openhcs.memory_types import MEMORY_TYPES, cleanup_all_gpu_frameworks, convert
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestCupy(MemoryTypeTests):
    name = "cupy"


class FakeArray:
    """Pixels that only the fake's own functions can reach, as on a device."""

    def __init__(self, values):
        self._values = values.copy()
        self.dtype = values.dtype
        self.shape = values.shape
        self.device = types.SimpleNamespace(id=0)


class FakeStream(contextlib.AbstractContextManager):
    def __init__(self, log, non_blocking):
        assert not non_blocking
        self.log = log

    def __enter__(self):
        self.log.append(("enter", id(self)))

    def __exit__(self, *error):
        self.log.append(("leave", id(self)))

    def synchronize(self):
        self.log.append(("synchronize", id(self)))


class Pool:
    def __init__(self):
        self.freed = 0

    def free_all_blocks(self):
        self.freed += 1

    def free_bytes(self):
        return 100


@pytest.fixture
def cupy(monkeypatch):
    log, pools = [], (Pool(), Pool())
    error = type("CUDARuntimeError", (RuntimeError,), {})
    runtime = types.SimpleNamespace(
        CUDARuntimeError=error, getDeviceCount=lambda: 1, memGetInfo=lambda: (1000, 2000)
    )
    plans = types.SimpleNamespace(clear=lambda: log.append("plans"))
    module = types.ModuleType("cupy")
    module.ndarray = FakeArray
    module.asarray = lambda a: a if isinstance(a, FakeArray) else FakeArray(a)
    module.asnumpy = lambda a: a._values.copy()
    module.get_default_memory_pool = lambda: pools[0]
    module.get_default_pinned_memory_pool = lambda: pools[1]
    module.fft = types.SimpleNamespace(config=types.SimpleNamespace(get_plan_cache=lambda: plans))
    module.cuda = types.SimpleNamespace(
        runtime=runtime,
        Device=lambda number: contextlib.nullcontext(),
        Stream=lambda non_blocking: FakeStream(log, non_blocking),
    )
    module.log, module.pools = log, pools
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_goes_over_the_cpu(cupy):
    array = np.arange(12, dtype="uint16").reshape(3, 4)[::-1]
    there = convert(array, "numpy", "cupy")
    back = convert(there.array, "cupy", "numpy")
    assert (there.route, back.route) == ("cpu", "cpu")
    assert isinstance(there.array, FakeArray)
    np.testing.assert_array_equal(back.array, array)


def test_a_tensor_on_the_cpu_goes_over_the_cpu_though_dlpack_is_known(cupy):
    torch = pytest.importorskip("torch")
    there = convert(torch.arange(5), "torch", "cupy")
    assert there.route == "cpu"
    np.testing.assert_array_equal(cupy.asnumpy(there.array), np.arange(5))


def test_each_thread_has_its_own_stream_and_waits_for_it(cupy):
    memory_type = type(MEMORY_TYPES["cupy"])()

    def work():
        for _ in range(2):
            with memory_type.stream("cuda:0"):
                pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    streams = {number for _, number in cupy.log}
    assert len(streams) == 2
    for stream in streams:
        events = [event for event, number in cupy.log if number == stream]
        assert events == ["enter", "synchronize", "leave"] * 2


def test_empties_its_pools(cupy):
    assert "cupy" in cleanup_all_gpu_frameworks()
    assert [pool.freed for pool in cupy.pools] == [1, 1]
    assert cupy.log == ["plans"]


def test_counts_its_own_pool_as_free(cupy):
    assert MEMORY_TYPES["cupy"].free_memory("cuda:0") == 1100
    assert MEMORY_TYPES["cupy"].total_memory("cuda:0") == 2000


def test_without_a_driver_it_says_so(cupy):
    def no_driver():
        raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver")

    cupy.cuda.runtime.getDeviceCount = no_driver
    MEMORY_TYPES["cupy"].cleanup()
    with pytest.raises(MemoryTypeError, match="finds no device"):
        convert(np.zeros((2, 3)), "numpy", "cupy")
