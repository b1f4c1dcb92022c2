"""cuCIM: scikit-image on CUDA devices."""

from __future__ import annotations

from napari_openhcs.functions.libraries._twin import TwinLibrary

__all__ = ["EXPORT", "CuCim"]


class CuCim(TwinLibrary):
    """Adapter of cuCIM."""

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        return f"https://docs.rapids.ai/api/cucim/stable/api/#{name}"


EXPORT = CuCim(
    name="cucim",
    title="cuCIM",
    memory_type="cupy",
    module="cucim",
    distribution="cucim-cu12",
    distributions=("cucim-cu13", "cucim"),
    install="pip install 'napari-openhcs[cupy,cucim]'",
    submodules=("cucim.skimage",),
    twin="skimage",
    roots=("cucim.skimage.", "skimage."),
)
