from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types import MEMORY_TYPES, convert
from napari_openhcs.memory_types.oom import with_recovery
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestJax(MemoryTypeTests):
    name = "jax"


@pytest.mark.long
@pytest.mark.parametrize("through", ["numpy", "torch"])
def test_processes_that_shared_memory_end(through):
    # Freed on JAX's own thread while Python ends, shared memory ended one process in five by
    # a signal, or left it hanging.
    pytest.importorskip("jax")
    pytest.importorskip(through)
    code = (
        "import numpy as np\n"
        "from napari_openhcs.memory_types import convert\n"
        "plane = np.zeros((2048, 2048), 'uint16')\n"
        "for _ in range(20):\n"
        f"    given = convert(plane, 'numpy', {through!r}).array\n"
        f"    array = convert(given, {through!r}, 'jax').array\n"
    )
    for _ in range(10):
        done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint64", "complex128"])
def test_what_would_be_cut_to_32_bits_is_refused_in_one_sentence(dtype: str) -> None:
    pytest.importorskip("jax")
    with pytest.raises(ConversionError, match=rf"^JAX would cut {dtype} to 32 bits: [^.]+\.$"):
        convert(np.zeros(3, dtype), "numpy", "jax")


def test_real_out_of_memory_is_recognised_and_tried_again() -> None:
    jax = pytest.importorskip("jax")
    memory_type, calls = MEMORY_TYPES["jax"], []

    def fill() -> int:
        calls.append(1)
        size = 10**6 if len(calls) < 3 else 2
        return int(jax.numpy.ones((size, size * 4), "float32").size)

    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED") as caught:
        jax.numpy.ones((10**6, 4 * 10**6), "float32")
    assert memory_type.is_out_of_memory(caught.value)
    assert not memory_type.is_out_of_memory(jax.errors.JaxRuntimeError("INTERNAL: no"))
    recovered = with_recovery(fill, memory_type)
    assert (recovered.value, recovered.retries) == (16, 2)
    assert "RESOURCE_EXHAUSTED" in recovered.message


def test_cleaning_up_drops_programs_and_leaves_functions_usable() -> None:
    jax = pytest.importorskip("jax")
    twice = jax.jit(lambda array: array * 2)
    assert int(twice(jax.numpy.int32(2))) == 4
    assert twice._cache_size() == 1
    MEMORY_TYPES["jax"].cleanup()
    assert twice._cache_size() == 0
    assert int(twice(jax.numpy.int32(3))) == 6
