"""scipy.ndimage."""

from __future__ import annotations

from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="scipy_ndimage",
    title="SciPy",
    memory_type="numpy",
    module="scipy",
    distribution="scipy",
    install="pip install scipy",
    submodules=("scipy.ndimage",),
)
