"""What is known of one of kornia's functions, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.libraries.base import Hints

__all__ = ["BORDERS", "Entry", "entry_hints"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One function of kornia.

    Attributes
    ----------
    summary : str
        What it does, in place of kornia's sentence for users of neural networks.
    pairs : tuple of str
        Parameters for which kornia wants one value an axis; a number stands for both.
    singles : tuple of str
        Parameters for which kornia wants a tuple of one value a channel.
    tensors : tuple of str
        Parameters for which kornia wants a tensor of one value an image.
    exact : bool
        Values are only moved: every dtype stays as it is.
    gives_mask : bool
        What is above 0 in the result is marked.
    keeps_mask : bool
        A mask gives a mask.
    """

    summary: str
    hints: Hints
    pairs: tuple[str, ...] = ()
    singles: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()
    exact: bool = False
    gives_mask: bool = False
    keeps_mask: bool = False


BORDERS: Final = ("reflect", "replicate", "circular", "constant")

HELP: Final = FrozenMapping(
    {
        "kernel_size": "Side of the window, odd.",
        "border_type": "What lies outside: mirrored, the edge pixel, the other side, or 0.",
        "sigma": "Standard deviation of the Gaussian.",
        "kernel": "Neighbourhood of a pixel.",
        "border_value": "Grey value outside, with border_type 'constant'.",
        "angle": "Direction, anti-clockwise.",
        "direction": "From -1 (blurred backwards) over 0 (to both sides) to 1 (forwards).",
        "mode": "How values between pixels are found.",
        "padding_mode": "What comes in from outside: 0, the edge pixel, or the mirrored image.",
        "clip_output": "Limit the result to 0 to 1.",
        "inv": "Use the inverse curve.",
        "grads_mode": "Slopes by Sobel's operator or by plain differences.",
    }
)

UNITS: Final = FrozenMapping(
    {"kernel_size": "px", "sigma": "px", "angle": "°", "window_size": "px", "kernel": "px"}
)
LIMITS: Final[Mapping[str, tuple[float | None, float | None]]] = FrozenMapping(
    {"kernel_size": (1, None), "sigma": (0.01, None), "direction": (-1, 1)}
)


def entry_hints(category: str, *synonyms: str, **known: Any) -> Hints:
    """Return hints with the help, units and limits that functions share."""
    joined = {
        "units": {**UNITS, **known.pop("units", {})},
        "limits": {**LIMITS, **known.pop("limits", {})},
        "help": {**HELP, **known.pop("help", {})},
        "choices": {"border_type": BORDERS, **known.pop("choices", {})},
    }
    known = {"input_kinds": (Kind.IMAGE,), "output_kind": Kind.IMAGE, "ndims": (2,), **known}
    frozen: dict[str, Any] = {
        name: FrozenMapping(value) if isinstance(value, dict) else value
        for name, value in {**known, **joined}.items()
    }
    if frozen["ndims"] == (2,):
        frozen.setdefault("contract", Contract.PLANE)
    return Hints(category=category, synonyms=synonyms, unit_scaled=False, **frozen)
