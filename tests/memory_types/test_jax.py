from napari_openhcs.testing.memory_types import MemoryTypeTests


class TestJax(MemoryTypeTests):
    name = "jax"
