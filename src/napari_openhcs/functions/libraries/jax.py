"""JAX: our own functions on its arrays."""

from __future__ import annotations

from napari_openhcs.functions.libraries.native import NativeLibrary

EXPORT = NativeLibrary(
    name="jax",
    title="JAX",
    memory_type="jax",
    module="jax",
    distribution="jax",
    install='pip install "napari-openhcs[jax]"',
)
