import gc
import subprocess
import sys
import weakref

import pytest

from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.memory_types.numpy import NumpyMemoryType
from napari_openhcs.memory_types.oom import Recovered, cleanup_all_gpu_frameworks, with_recovery


class Counting(NumpyMemoryType):
    def __init__(self):
        self.cleaned = 0

    def cleanup(self):
        self.cleaned += 1


class Big:
    """Something that fills the memory while it is referred to."""


def failing(times, error=None):
    left = [times]

    def call():
        if left[0]:
            left[0] -= 1
            raise error or MemoryError("full")
        return "done"

    return call


@pytest.mark.parametrize("times", [0, 1, 2])
def test_tries_again_as_often_as_told(times):
    memory = Counting()
    message = "MemoryError: full" if times else ""
    assert with_recovery(failing(times), memory) == Recovered("done", times, False, message)
    assert memory.cleaned == times


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_fails_loudly_when_nothing_helps(retries):
    memory = Counting()
    with pytest.raises(MemoryError, match="full"):
        with_recovery(failing(9), memory, retries=retries)
    assert memory.cleaned == retries


@pytest.mark.parametrize("retries", [0, 2])
def test_goes_to_the_cpu_last(retries):
    got = with_recovery(failing(9), Counting(), retries=retries, fallback=lambda: "slow")
    assert got == Recovered("slow", retries, True, "MemoryError: full")


def test_a_fallback_that_fails_too_raises():
    with pytest.raises(MemoryError, match="on the CPU"):
        with_recovery(failing(9), Counting(), fallback=failing(1, MemoryError("on the CPU")))


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), KeyboardInterrupt()])
def test_other_errors_come_through_at_once(error):
    memory = Counting()
    with pytest.raises(type(error)):
        with_recovery(failing(1, error), memory, fallback=lambda: "slow")
    assert memory.cleaned == 0


def test_caches_are_freed_outside_the_except():
    alive = []

    class Watching(Counting):
        def cleanup(self):
            alive.append(reference() is not None)
            assert sys.exc_info() == (None, None, None)

    reference = lambda: None  # noqa: E731
    tries = []

    def call():
        nonlocal reference
        if not tries:
            tries.append(1)
            big = Big()
            reference = weakref.ref(big)
            raise MemoryError
        return 1

    gc.disable()
    try:
        assert with_recovery(call, Watching()).retries == 1
    finally:
        gc.enable()
    assert alive == [False]


def test_cleanup_frees_what_is_loaded_and_imports_nothing():
    code = (
        "import sys\n"
        "from napari_openhcs.memory_types import cleanup_all_gpu_frameworks\n"
        "names = ('torch', 'cupy', 'jax', 'tensorflow', 'pyclesperanto')\n"
        "print(cleanup_all_gpu_frameworks(), [n for n in names if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('numpy',) []"


def test_every_loaded_framework_is_freed(monkeypatch):
    pytest.importorskip("torch")
    freed = []
    monkeypatch.setattr(type(MEMORY_TYPES["torch"]), "cleanup", lambda self: freed.append("torch"))
    assert "torch" in cleanup_all_gpu_frameworks()
    assert freed == ["torch"]
