"""A step: a pattern of functions and which data they see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from napari_openhcs.axes import COMPONENTS
from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping, freeze
from napari_openhcs.functions.registry import function_id

__all__ = ["Chain", "FunctionCall", "FunctionStep", "Pattern", "slug"]


@attrs.frozen
class FunctionCall:
    """A registered function with the parameters that were set.

    Parameters
    ----------
    function : str
        Registry id, e.g. ``skimage.filters.gaussian``.
    parameters : mapping of str to literal
        A parameter that is not here keeps the function's own default.
    """

    function: str
    parameters: FrozenMapping[str, Any] = attrs.field(factory=FrozenMapping, converter=freeze)

    def with_parameter(self, name: str, value: Any) -> FunctionCall:
        """Return a copy with one parameter set."""
        return attrs.evolve(self, parameters={**self.parameters, name: value})

    def without_parameter(self, name: str) -> FunctionCall:
        """Return a copy in which a parameter has the function's own default again."""
        kept = {key: value for key, value in self.parameters.items() if key != name}
        return attrs.evolve(self, parameters=kept)


Chain = tuple[FunctionCall, ...]
Pattern = FunctionCall | Chain | FrozenMapping[str, FunctionCall | Chain | None]


def _call(value: Any) -> FunctionCall:
    if isinstance(value, FunctionCall):
        return value
    if isinstance(value, str):
        return FunctionCall(value)
    if callable(value):
        return FunctionCall(function_id(value))
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping):
        return FunctionCall(_call(value[0]).function, value[1])
    raise PipelineError(
        f"{value!r} is not a function: expected a function, its id as text, or "
        "(function, {parameters})."
    )


def _chain(value: Any) -> FunctionCall | Chain:
    is_list = isinstance(value, list) or (
        isinstance(value, tuple) and not (len(value) == 2 and isinstance(value[1], Mapping))
    )
    if not is_list:
        return _call(value)
    if not value:
        raise PipelineError("A chain needs at least one function; this one is empty.")
    return tuple(_call(item) for item in value)


def as_pattern(value: Any) -> Pattern:
    """Bring any of the four ways to write a pattern into its frozen form.

    Parameters
    ----------
    value : object
        A function (or its id); ``(function, {parameters})``; a list of those; or a mapping
        from component value to any of those or None.
    """
    if isinstance(value, Mapping):
        return FrozenMapping(
            {str(key): None if item is None else _chain(item) for key, item in value.items()}
        )
    return _chain(value)


def _components(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = (value,) if isinstance(value, str) else tuple(value)
    for component in values:
        if component not in COMPONENTS:
            raise PipelineError(
                f"'{component}' is not a component: expected one of {', '.join(COMPONENTS)}."
            )
    return values


def _selection(value: Any) -> FrozenMapping[str, tuple[str | int, ...]]:
    selection = {
        str(key): tuple(item) if isinstance(item, list | tuple) else (item,)
        for key, item in dict(value or {}).items()
    }
    _components(tuple(selection))
    return FrozenMapping(selection)


def slug(name: str) -> str:
    """Return `name` as a lower-case word fit for a file: ``Split nuclei`` → ``split_nuclei``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "step"


@attrs.frozen
class FunctionStep:
    """One step of a pipeline.

    Parameters
    ----------
    func : pattern
        A function; ``(function, {parameters})``; a list of those (a chain, kept in memory);
        or a mapping from component value to any of those (with `group_by`).  A value that
        the mapping does not name passes unchanged; a value mapped to None is dropped.
    name : str
        By which later steps, layers, label groups and tables know the output; by default
        made from the last function's name.
    variable_components : tuple of str, optional
        Components that vary inside the stack the functions see; all others are looped over.
        By default ``z`` for functions that need a stack (projections, volumes; ``channel``
        for a composite) and ``field`` for all others, which work plane by plane anyway.
    group_by : str, optional
        Component whose values the keys of a mapping `func` name.
    input_source : str
        ``previous``, ``plate``, or the name of an earlier step.
    select : mapping, optional
        Narrows what is read: ``{"channel": "DAPI"}``; what is not read is not in the output.
    inputs : mapping, optional
        Wires further array parameters: ``{"labels": "Split nuclei",
        "intensity_image": "plate/GFP"}``.
    volume : bool
        Apply functions that can do either to the whole stack instead of plane by plane.
    materialize : bool
        Keep the output on disk.
    dtype : str
        ``preserve`` (images keep dtype and intensity scale), ``native`` (bit for bit what the
        library gives), or a dtype name.
    enabled : bool
        A step that is not enabled is skipped; its input passes on.
    time_limit_s : float, optional
        Seconds one well may spend in this step before it fails.
    cpu_fallback : bool
        After running out of GPU memory, do the step on the CPU and record it.
    """

    func: Pattern = attrs.field(converter=as_pattern)
    name: str = attrs.field(kw_only=True, default="")
    variable_components: tuple[str, ...] | None = attrs.field(
        kw_only=True, default=None, converter=_components
    )
    group_by: str | None = attrs.field(kw_only=True, default=None)
    input_source: str = attrs.field(kw_only=True, default="previous")
    select: FrozenMapping[str, tuple[str | int, ...]] = attrs.field(
        kw_only=True, default=None, converter=_selection
    )
    inputs: FrozenMapping[str, str] = attrs.field(
        kw_only=True, factory=FrozenMapping, converter=FrozenMapping
    )
    volume: bool = attrs.field(kw_only=True, default=False)
    materialize: bool = attrs.field(kw_only=True, default=False)
    dtype: str = attrs.field(kw_only=True, default="preserve")
    enabled: bool = attrs.field(kw_only=True, default=True)
    time_limit_s: float | None = attrs.field(kw_only=True, default=None)
    cpu_fallback: bool = attrs.field(kw_only=True, default=True)

    def replace(self, **changes: Any) -> FunctionStep:
        """Return a copy with some attributes changed."""
        return attrs.evolve(self, **changes)

    @property
    def title(self) -> str:
        """The name, or one made from the last function: ``Gaussian``."""
        if self.name:
            return self.name
        last = next((call.function for _, call in reversed(tuple(self.calls()))), "step")
        return last.rpartition(".")[2].replace("_", " ").capitalize()

    def chains(self) -> Iterator[tuple[str, Chain]]:
        """Iterate over (key, chain); the key is ``""`` when there is one chain for all."""
        if isinstance(self.func, FrozenMapping):
            for key, item in self.func.items():
                if item is not None:
                    yield key, (item,) if isinstance(item, FunctionCall) else item
        else:
            yield "", (self.func,) if isinstance(self.func, FunctionCall) else self.func

    def calls(self) -> Iterator[tuple[str, FunctionCall]]:
        """Iterate over (key, call) of all chains in order."""
        for key, chain in self.chains():
            for call in chain:
                yield key, call
