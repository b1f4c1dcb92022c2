import subprocess
import sys

import numpy as np
import pytest

from napari_openhcs.memory_types import convert
from napari_openhcs.memory_types.oom import with_recovery
from napari_openhcs.memory_types.pyclesperanto import bytes_in
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestPyclesperanto(MemoryTypeTests):
    name = "pyclesperanto"

    def test_masks_come_back_as_zeros_and_ones_and_labels_as_they_were(self, usable):
        mask = np.eye(4, dtype=bool)
        there = convert(mask, "numpy", "pyclesperanto").array
        assert usable.dtype_of(there) == "uint8"
        assert np.array_equal(convert(there, "pyclesperanto", "numpy").array, mask)
        labels = np.array([[0, 2**31 - 1]], "int32")
        there = convert(labels, "numpy", "pyclesperanto").array
        assert usable.dtype_of(there) == "int32"
        assert np.array_equal(convert(there, "pyclesperanto", "numpy").array, labels)

    def test_an_array_that_is_too_large_is_out_of_memory(self, usable):
        tried = []

        def allocate():
            tried.append(1)
            return usable.module.create((4000, 40000, 40000), dtype=np.float32)

        with pytest.raises(RuntimeError) as caught:
            with_recovery(allocate, usable, retries=1)
        assert usable.is_out_of_memory(caught.value)
        assert len(tried) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="drivers are found in other ways")
def test_without_a_driver_it_says_what_to_install():
    pytest.importorskip("pyclesperanto")
    code = (
        "import os; os.environ['OCL_ICD_VENDORS'] = os.devnull\n"
        "from napari_openhcs.memory_types import get_memory_type\n"
        "m = get_memory_type('pyclesperanto')\n"
        "assert m.is_available() and m.devices() == (), m.devices()\n"
        "print(m.no_device())"
    )
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pocl-opencl-icd" in done.stdout


def test_reads_the_memory_from_a_description():
    info = "(OpenCL) Some GPU\n\tGlobal Memory Size:  5155 MB\n\tLocal Memory Size: 1024 KB\n"
    assert bytes_in(info) == 5155 * 2**20
    assert bytes_in("nothing") is None
