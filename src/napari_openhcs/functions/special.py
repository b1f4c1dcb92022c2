"""Special outputs and inputs: named side results that functions hand to later steps.

::

    @special_outputs("positions")
    @declare(contract="labels", output_kind="labels", category="segment")
    @numpy
    def detect(image): ...
        return labels, positions              # the main result, then each special output

    @special_inputs("positions")
    @declare(contract="plane", output_kind="mask", category="segment")
    @numpy
    def draw(image, positions): ...           # filled in from the nearest earlier step

The decorators change no result and wrap nothing: who calls the function directly gets the tuple
and gives the parameter.  In a pipeline the compiler links inputs to outputs by name, and what
a step gives is kept in memory for later steps and written with the results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from napari_openhcs.axes import SpecialKind
from napari_openhcs.errors import ContractError, ParameterError

__all__ = [
    "FORMATS",
    "Specials",
    "checked_special",
    "example_of",
    "main_result",
    "special_inputs",
    "special_inputs_of",
    "special_outputs",
    "special_outputs_of",
    "split_result",
]

F = TypeVar("F", bound=Callable[..., Any])

Specials = tuple[tuple[str, SpecialKind], ...]
"""Names and kinds, in the order of the results."""

FORMATS: Final[Mapping[SpecialKind, tuple[str, ...]]] = {
    SpecialKind.POSITIONS: ("csv", "parquet", "json", "roi"),
    SpecialKind.REGIONS: ("roi", "json"),
    SpecialKind.TABLE: ("parquet", "csv", "json"),
    SpecialKind.JSON: ("json",),
    SpecialKind.IMAGE: ("tiff",),
}
"""Formats in which each kind can be written; the first one where a step does not say."""

_OUTPUTS, _INPUTS = "special_outputs", "special_inputs"


def special_outputs(*names: str, **kinds: SpecialKind | str) -> Callable[[F], F]:
    """Return a decorator for a function that gives side results after its main one.

    Parameters
    ----------
    *names : str
        Special outputs that are called as their kind: ``"positions"``.
    **kinds : SpecialKind or str
        Further ones by name: ``spots="positions"``.

    Raises
    ------
    ParameterError
        There is no such kind, or a name twice.
    """
    return _mark(_OUTPUTS, _named(names, kinds))


def special_inputs(*names: str, **kinds: SpecialKind | str) -> Callable[[F], F]:
    """Return a decorator for a function with parameters that earlier steps fill in.

    Parameters
    ----------
    *names : str
        Parameters that are called as their kind: ``"positions"``.
    **kinds : SpecialKind or str
        Further ones by name.  One whose default is None need not be filled in.

    Raises
    ------
    ParameterError
        There is no such kind, or a name twice.
    """
    return _mark(_INPUTS, _named(names, kinds))


def _named(names: Sequence[str], kinds: Mapping[str, SpecialKind | str]) -> Specials:
    pairs = [*((name, name) for name in names), *kinds.items()]
    found: dict[str, SpecialKind] = {}
    for name, kind in pairs:
        if kind not in list(SpecialKind):
            raise ParameterError(
                f"'{kind}' is no kind of special output: expected one of "
                f"{', '.join(SpecialKind)}, given as {name}='positions' for example."
            )
        if name in found:
            raise ParameterError(f"The special output '{name}' is named twice: name it once.")
        found[name] = SpecialKind(kind)
    return tuple(found.items())


def _mark(attribute: str, specials: Specials) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, attribute, specials)
        return function

    return mark


def special_outputs_of(function: Callable[..., Any]) -> Specials:
    """Return the special outputs that a function is marked with."""
    found: Specials = getattr(function, _OUTPUTS, ())
    return found


def special_inputs_of(function: Callable[..., Any]) -> Specials:
    """Return the special inputs that a function is marked with."""
    found: Specials = getattr(function, _INPUTS, ())
    return found


def split_result(result: Any, specials: Specials, function: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the main result and the side results of a call.

    Raises
    ------
    ContractError
        The call gave no tuple of as many results as it promises.
    """
    if not specials:
        return result, ()
    if not isinstance(result, tuple) or len(result) != 1 + len(specials):
        found = f"{len(result)} results" if isinstance(result, tuple) else type(result).__name__
        names = ", ".join(name for name, _ in specials)
        raise ContractError(
            f"{function} gave {found}: expected its main result and then {names}, as a tuple."
        )
    return result[0], result[1:]


def main_result(function: Callable[..., Any], specials: Specials, name: str) -> Callable[..., Any]:
    """Return a function that checks its side results and gives the main one alone."""
    if not specials:
        return function

    def call(first: Any, **parameters: Any) -> Any:
        main, values = split_result(function(first, **parameters), specials, name)
        for (special, kind), value in zip(specials, values, strict=True):
            checked_special(kind, value, f"{name} gave '{special}'")
        return main

    return call


def checked_special(kind: SpecialKind, value: Any, who: str) -> Any:
    """Return a side result in the one form in which it is kept.

    Parameters
    ----------
    kind : SpecialKind
    value : object
        Arrays are NumPy's.
    who : str
        Begins the sentence of an error: ``spots.detect gave 'positions'``.

    Returns
    -------
    object
        Positions: (N, 2) or (N, 3) float64.  Regions: a tuple of (M, 2) float64.  A table:
        a dict of one-dimensional arrays.  JSON: plain dicts, lists and scalars.  An image:
        an array.

    Raises
    ------
    ContractError
        The value is not of this kind.
    """
    return _CHECKS[kind](value, who)


def _positions(value: Any, who: str) -> np.ndarray:
    array = _numbers(value)
    if array is None or array.ndim != 2 or array.shape[1] not in (2, 3):
        found = type(value).__name__ if array is None else f"an array of shape {array.shape}"
        raise ContractError(
            f"{who} as {found}: expected finite positions (N, 2), or (N, 3) in a stack."
        )
    return array


def _regions(value: Any, who: str) -> tuple[np.ndarray, ...]:
    outlines = tuple(map(_numbers, value)) if isinstance(value, list | tuple) else (None,)
    for outline in outlines:
        if outline is None or outline.ndim != 2 or outline.shape[1] != 2 or len(outline) < 3:
            raise ContractError(
                f"{who} as something else than outlines: expected a list of arrays (M, 2) of at "
                "least three finite vertices each."
            )
    return tuple(outline for outline in outlines if outline is not None)


def _numbers(value: Any) -> np.ndarray | None:
    """Return finite numbers as float64; None for anything else."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        return None
    return array.astype(np.float64)


def _table(value: Any, who: str) -> dict[str, np.ndarray]:
    if not isinstance(value, Mapping):
        raise ContractError(
            f"{who} as {type(value).__name__}: expected a table, a dictionary of equally long "
            "columns."
        )
    columns = {str(name): np.asarray(column) for name, column in value.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        raise ContractError(
            f"{who} with columns of shapes {', '.join(map(str, sorted(shapes)))}: expected one "
            "value a row in every column."
        )
    for name, column in columns.items():
        if column.dtype.kind not in "biufU":
            raise ContractError(
                f"{who} with a column '{name}' of {column.dtype}: expected numbers, text or "
                "booleans."
            )
    return columns


def _json(value: Any, who: str) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ContractError(f"{who} with a key that is no text: expected text as keys.")
        return {key: _json(item, who) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, who) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and np.isfinite(value):
        return value
    raise ContractError(
        f"{who} with {value!r} in it: expected text, finite numbers, True, False, None, and lists "
        "and dictionaries of those."
    )


def _image(value: Any, who: str) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        found = type(value).__name__
    elif value.ndim not in (2, 3) or value.dtype.kind not in "biuf":
        found = f"{value.dtype} {value.shape}"
    else:
        return value
    raise ContractError(f"{who} as {found}: expected an image (Y, X) or (Z, Y, X) of numbers.")


_CHECKS: Final[Mapping[SpecialKind, Callable[[Any, str], Any]]] = {
    SpecialKind.POSITIONS: _positions,
    SpecialKind.REGIONS: _regions,
    SpecialKind.TABLE: _table,
    SpecialKind.JSON: _json,
    SpecialKind.IMAGE: _image,
}


def example_of(kind: SpecialKind, shape: tuple[int, ...]) -> Any:
    """Return a special input that goes with a first array of `shape`, for trying a function.

    A point, an outline or a row at a third and at two thirds of every side.
    """
    places = np.array([[side * part / 3 for side in shape] for part in (1, 2)])
    if kind is SpecialKind.POSITIONS:
        return places
    if kind is SpecialKind.REGIONS:
        corners = np.array([(-3.0, -3.0), (-3.0, 3.0), (3.0, 3.0), (3.0, -3.0)])
        return tuple(place[-2:] + corners for place in places)
    if kind is SpecialKind.TABLE:
        return {"label": np.array([1, 2]), "y": places[:, -2], "x": places[:, -1]}
    if kind is SpecialKind.JSON:
        return {"count": 2}
    return np.zeros(shape, np.float32)
