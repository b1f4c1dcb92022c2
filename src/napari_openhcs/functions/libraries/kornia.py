"""kornia: filters, morphology, grey values and features on torch tensors.

kornia works on batches of images with channels, (B, C, Y, X), or of volumes, (B, C, Z, Y, X).
A listed function gets a tensor (Y, X) or (Z, Y, X) all the same::

    (Y, X) ─▶ (1, 1, Y, X) ─▶ kornia ─▶ (1, 1, Y, X) ─▶ (Y, X)

Integers become float32 of the same values, never scaled; what expects values from 0 to 1 is
listed for float images only.  One number stands for a value along both axes where kornia
wants a pair, and for a tensor of one element where it wants that.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

from napari_openhcs.functions.libraries._kornia_entries import ENTRIES, EXCLUDED
from napari_openhcs.functions.libraries._kornia_entry import Entry
from napari_openhcs.functions.libraries.base import Function, FunctionLibrary, Hints, adapt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EXPORT", "Kornia"]

PAGES: Final = {
    "kornia.filters": "filters",
    "kornia.morphology": "morphology",
    "kornia.enhance": "enhance",
    "kornia.feature": "feature",
    "kornia.contrib": "contrib",
    "kornia.geometry.transform": "geometry.transform",
    "kornia.geometry.subpix": "geometry.subpix",
    "kornia.metrics": "metrics",
}
"""Page of the documentation by submodule; a function in several is listed in the first."""


class Kornia(FunctionLibrary):
    """Adapter of kornia."""

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        if name in ENTRIES:
            return ""
        return next((why for pattern, why in EXCLUDED if re.search(pattern, name)), "a helper")

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        entry = ENTRIES.get(name)
        return Hints() if entry is None else entry.hints

    def adapted(self, name: str, function: Function) -> Function:
        """Return the function as one of tensors (Y, X) or (Z, Y, X)."""
        entry = ENTRIES.get(name)
        if entry is None:
            return function

        def call(first: Tensor, **parameters: Any) -> Tensor:
            return _call(function, entry, first, parameters)

        return adapt(function, call, summary=entry.summary, signature=_unannotated(function))

    def doc_url(self, name: str) -> str:
        """Return the address of the function's page."""
        page = PAGES[name.rpartition(".")[0]]
        return f"https://kornia.readthedocs.io/en/latest/{page}.html#{name}"


def _call(function: Function, entry: Entry, first: Tensor, parameters: dict[str, Any]) -> Tensor:
    import torch

    image = _batch(first, entry)
    given = dict(entry.hints.fixed)
    for name, value in parameters.items():
        if name in entry.hints.arrays:
            # Two images of one operation have one dtype.
            given[name] = _batch(value, entry).to(image.dtype)
        elif name in entry.pairs:
            given[name] = tuple(value) if isinstance(value, tuple | list) else (value, value)
        elif name in entry.singles:
            given[name] = (value,)
        elif name in entry.tensors:
            given[name] = image.new_tensor([value])
        else:
            given[name] = value
    result = function(image, **given)
    if entry.hints.part is not None:
        result = result[entry.hints.part]
    # A batch of one image with one channel.
    found: Tensor = result[0, 0]
    if entry.exact:
        return found.to(first.dtype)
    is_mask = entry.gives_mask or (entry.keeps_mask and first.dtype == torch.bool)
    return found > 0 if is_mask else found


def _batch(array: Tensor, entry: Entry) -> Tensor:
    import torch

    image = array[None, None]
    if image.is_floating_point() or (entry.exact and image.dtype == torch.bool):
        return image
    # torch turns no uint16 around; what is only turned is not made a float.
    return image.long() if entry.exact else image.float()


def _unannotated(function: Function) -> inspect.Signature:
    """Return the signature without annotations: a number may stand where they say tensor."""
    signature = inspect.signature(function)
    bare = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)


EXPORT = Kornia(
    name="kornia",
    title="kornia",
    memory_type="torch",
    module="kornia",
    distribution="kornia",
    install="pip install 'napari-openhcs[kornia]'",
    submodules=tuple(PAGES),
)
