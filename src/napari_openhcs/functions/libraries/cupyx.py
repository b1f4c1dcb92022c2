"""cupyx.scipy.ndimage: scipy.ndimage on CUDA devices."""

from __future__ import annotations

from napari_openhcs.functions.libraries._twin import TwinLibrary

__all__ = ["EXPORT", "CupyxNdimage"]


class CupyxNdimage(TwinLibrary):
    """Adapter of cupyx.scipy.ndimage."""

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        return f"https://docs.cupy.dev/en/stable/reference/generated/{name}.html"


EXPORT = CupyxNdimage(
    name="cupyx",
    title="CuPy",
    memory_type="cupy",
    module="cupyx",
    distribution="cupy-cuda12x",
    distributions=("cupy-cuda13x", "cupy-cuda11x", "cupy"),
    install="pip install 'napari-openhcs[cupy]'",
    submodules=("cupyx.scipy.ndimage",),
    twin="scipy_ndimage",
    roots=("cupyx.scipy.ndimage.", "scipy.ndimage."),
)
