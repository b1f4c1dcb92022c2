"""pyclesperanto: OpenCL functions of the CLIJ family, on any GPU or on the CPU through PoCL."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from napari_openhcs.errors import FunctionUnavailableError
from napari_openhcs.functions.libraries._pyclesperanto_hints import (
    BUFFERS,
    EXCLUDED,
    HINTS,
    SHAPES,
    WORDS,
)
from napari_openhcs.functions.libraries._words import synonyms_of
from napari_openhcs.functions.libraries.base import (
    Function,
    FunctionLibrary,
    Hints,
    adapt,
    import_function,
)

__all__ = ["EXPORT", "Pyclesperanto"]

_SIGMAS = [f"{name}_{axis}" for name in ("sigma", "sigma1", "sigma2", "radius") for axis in "xyz"]

UNITS: Final = {
    **dict.fromkeys(_SIGMAS, "px"),
    **{f"{name}_{axis}": "px" for name in ("shift", "translate") for axis in "xyz"},
    **{f"angle_{axis}": "°" for axis in "xyz"},
    **dict.fromkeys(("minimum_size", "maximum_size", "spot_sigma", "outline_sigma"), "px"),
    **dict.fromkeys(("sigma_minimum", "sigma_maximum", "sigma_step"), "px"),
    **dict.fromkeys(("min_distance", "max_distance"), "px"),
    **dict.fromkeys(("low_percentile", "high_percentile"), "%"),
}

LIMITS: Final = {
    **dict.fromkeys(_SIGMAS, (0.0, None)),
    **dict.fromkeys(("minimum_size", "maximum_size", "radius"), (0.0, None)),
    **dict.fromkeys(("spot_sigma", "outline_sigma", "number_of_erosions"), (0.0, None)),
    "ddof": (0, 1),
    "label": (1, None),
}


class Pyclesperanto(FunctionLibrary):
    """Adapter of pyclesperanto."""

    def candidates(self) -> Iterator[tuple[str, Function]]:
        """Iterate over (public name, function) of what the library marks as an operation."""
        module = importlib.import_module("pyclesperanto")
        for name in sorted(dir(module)):
            function = getattr(module, name)
            if not name.startswith("_") and hasattr(function, "categories"):
                yield f"pyclesperanto.{name}", function

    def load(self, name: str, version: str) -> Function:
        """Import and return a function.

        Raises
        ------
        FunctionUnavailableError
            There is no OpenCL device: the library has no functions then.
        """
        # It needs NumPy, which listing the functions must not load.
        from napari_openhcs.memory_types import get_memory_type

        memory_type = get_memory_type(self.memory_type)
        if not memory_type.devices():
            raise FunctionUnavailableError(f"{name} cannot run here. {memory_type.no_device()}")
        return super().load(name, version)

    def excluded(self, name: str) -> str:
        """Return why a function is never listed, or an empty text."""
        # The library's decorator keeps its text where Python's own has `__deprecated__`.
        message = inspect.getclosurevars(import_function(name)).nonlocals.get("message", "")
        if "deprecated" in str(message):
            return "is deprecated"
        last = name.rpartition(".")[2]
        return next((why for pattern, why in EXCLUDED if re.search(pattern, last)), "")

    def hints(self, name: str) -> Hints:
        """Return what running the function cannot tell."""
        last = name.rpartition(".")[2]
        found = Hints()
        for pattern, hints in HINTS:
            if re.search(pattern, last):
                found = hints
        words = next((words for pattern, words in WORDS if re.search(pattern, last)), ())
        return replace(
            found,
            category=found.category or "filter",
            synonyms=tuple(dict.fromkeys((*words, *synonyms_of(last)))),
            hidden=(*BUFFERS, *found.hidden),
            choices={"connectivity": SHAPES, **found.choices},
            units={**UNITS, **found.units},
            limits={**LIMITS, **found.limits},
            # Values are computed as they are; few are divided by the largest of their type.
            unit_scaled=bool(found.unit_scaled),
        )

    def adapted(self, name: str, function: Function) -> Function:
        """Return what is called: the function itself, or one that gives it what it can use."""
        last = name.rpartition(".")[2]
        if last == "labels_statistics":
            return _without_empty_rows(function)
        if last.endswith("_of_touching_neighbors_map"):
            return _on_one_value_a_label(function)
        if last.startswith("remove_labels_with_map_values_"):
            return _with_values_read(function)
        return super().adapted(name, function)

    def doc_url(self, name: str) -> str:
        """Return the address in the function's docstring, else the library's documentation."""
        found = re.search(r"https?://clij\S+", import_function(name).__doc__ or "")
        return found[0] if found else "https://clesperanto.github.io/pyclesperanto/"


def _without_empty_rows(function: Function) -> Function:
    def call(label: Any, *, intensity: Any) -> dict[str, list[float]]:
        return _rows_of_objects(function(label, intensity=intensity))

    return adapt(function, call)


def _largest_of_label(values: Any, labels: Any) -> Any:
    """Return a map of one value a label: itself, where it is one already.

    The library reads the value of any of a label's pixels, another one every time.
    """
    return import_function("pyclesperanto.maximum_intensity_map")(values, labels)


_LARGEST: Final = "(of a label with several values, the largest counts)"


def _on_one_value_a_label(function: Function) -> Function:
    def call(map: Any, *, labels: Any, **parameters: Any) -> Any:
        return function(_largest_of_label(map, labels), labels=labels, **parameters)

    return adapt(function, call, summary=f"{_first_line(function)} {_LARGEST}")


def _with_values_read(function: Function) -> Function:
    """Take the values from a map; the library takes a list with one for each number."""

    def call(input_image: Any, *, values: Any, **parameters: Any) -> Any:
        read = import_function("pyclesperanto.read_map_values")
        listed = read(_largest_of_label(values, input_image), input_image)
        return function(input_image, values=listed, **parameters)

    says = function.__name__.removeprefix("remove_labels_with_map_values_").replace("_", " ")
    return adapt(
        function, call, summary=f"Remove labels whose value in a map is {says} {_LARGEST}."
    )


def _first_line(function: Function) -> str:
    return " ".join(inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].split())


def _rows_of_objects(table: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return the label and then the other columns by name, of labels that have pixels.

    The library has a row for every number up to the largest: one that no object has gets an
    area of 0 and limits of ±3.4e38.
    """
    there = [row for row, area in enumerate(table["area"]) if area > 0]
    columns = {name: [table[name][row] for row in there] for name in sorted(table)}
    return {"label": [int(number) for number in columns.pop("label")], **columns}


EXPORT = Pyclesperanto(
    name="pyclesperanto",
    title="pyclesperanto",
    memory_type="pyclesperanto",
    module="pyclesperanto",
    distribution="pyclesperanto",
    install='pip install "napari-openhcs[pyclesperanto]"',
)
