"""scikit-image."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from napari_openhcs.functions.libraries._skimage_hints import EXCLUDED, HINTS
from napari_openhcs.functions.libraries._words import synonyms_of
from napari_openhcs.functions.libraries.base import FunctionLibrary, Hints

__all__ = ["EXPORT", "ScikitImage"]

CATEGORIES: Final = {
    "skimage.filters": "filter",
    "skimage.filters.rank": "filter",
    "skimage.segmentation": "segment",
    "skimage.measure": "measure",
    "skimage.metrics": "measure",
    "skimage.registration": "measure",
    "skimage.morphology": "morphology",
    "skimage.restoration": "restoration",
    "skimage.exposure": "intensity",
    "skimage.feature": "feature",
    "skimage.transform": "transform",
    "skimage.util": "intensity",
}
"""Topic by submodule; a function that stands in several is listed in the first."""


class ScikitImage(FunctionLibrary):
    """Adapter of scikit-image."""

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        return next((why for pattern, why in EXCLUDED if re.search(pattern, name)), "")

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        module, _, last = name.rpartition(".")
        found = Hints()
        for pattern, hints in HINTS:
            if re.search(pattern, name):
                found = hints
        return replace(
            found,
            category=found.category or CATEGORIES.get(module, "filter"),
            synonyms=synonyms_of(last),
        )

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        module = name.rpartition(".")[0]
        return f"https://scikit-image.org/docs/stable/api/{module}.html#{name}"


EXPORT = ScikitImage(
    name="skimage",
    title="scikit-image",
    memory_type="numpy",
    module="skimage",
    distribution="scikit-image",
    install="pip install scikit-image",
    submodules=tuple(CATEGORIES),
    calls="napari_openhcs.functions.libraries._skimage_calls",
)
