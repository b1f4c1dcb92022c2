from napari_openhcs.memory_types.pyclesperanto import bytes_in
from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestPyclesperanto(MemoryTypeTests):
    name = "pyclesperanto"


def test_reads_the_memory_from_a_description():
    info = "(OpenCL) Some GPU\n\tGlobal Memory Size:  5155 MB\n\tLocal Memory Size: 1024 KB\n"
    assert bytes_in(info) == 5155 * 2**20
    assert bytes_in("nothing") is None
