"""scikit-image."""

from __future__ import annotations

from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="skimage",
    title="scikit-image",
    memory_type="numpy",
    module="skimage",
    distribution="scikit-image",
    install="pip install scikit-image",
)
