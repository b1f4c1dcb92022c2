"""PyTorch: our own functions on torch tensors."""

from __future__ import annotations

from napari_openhcs.functions.libraries.native import NativeLibrary

EXPORT = NativeLibrary(
    name="torch",
    title="PyTorch",
    memory_type="torch",
    module="torch",
    distribution="torch",
    install="pip install 'napari-openhcs[torch]'",
)
