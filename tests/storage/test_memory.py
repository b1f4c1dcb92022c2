import numpy as np
import pytest

from napari_openhcs.storage.memory import MemoryBackend
from napari_openhcs.testing.storage import StorageBackendTests


class TestMemoryBackend(StorageBackendTests):
    @pytest.fixture
    def backend(self, tmp_path):
        return MemoryBackend(tmp_path / "root")

    def test_reads_without_a_copy(self, backend):
        backend.write("plane", np.ones((2, 2)))
        assert np.shares_memory(backend.read("plane"), backend.read("plane"))
        assert not backend.read("plane").flags.writeable
