import subprocess
import sys

import pytest

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
