"""A step: a pattern of functions and which data they see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from napari_openhcs.axes import COMPONENTS
from napari_openhcs.errors import PipelineError
from napari_openhcs.frozen import FrozenMapping, freeze
from napari_openhcs.functions.registry import function_id
from napari_openhcs.pipeline.literals import shown, why_no_literal

__all__ = ["Chain", "FunctionCall", "FunctionStep", "Pattern"]


def _parameters(value: Any) -> FrozenMapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PipelineError(
            f"The parameters of a function are {shown(value)}: expected a mapping such as "
            '{"sigma": 1.5}.'
        )
    for name, item in value.items():
        expected = why_no_literal(item) if isinstance(name, str) else "a name that is text"
        if expected or (expected := why_no_literal(name)):
            raise PipelineError(f"Parameter {shown(name)} is {shown(item)}: expected {expected}.")
    frozen: FrozenMapping[str, Any] = freeze(value)
    return frozen


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
    parameters: FrozenMapping[str, Any] = attrs.field(factory=FrozenMapping, converter=_parameters)

    def with_parameter(self, name: str, value: Any) -> FunctionCall:
        """Return a copy with one parameter set."""
        return attrs.evolve(self, parameters={**self.parameters, name: value})

    def without_parameter(self, name: str) -> FunctionCall:
        """Return a copy in which a parameter has the function's own default again."""
        kept = {key: value for key, value in self.parameters.items() if key != name}
        return attrs.evolve(self, parameters=kept)


NAMED_DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "int8",
    "int16",
    "int32",
    "float32",
    "float64",
)
"""dtypes a step's output can be given."""

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
        f"{shown(value)} is not a function: expected a function, its id as text, or "
        "(function, {parameters})."
    )


def _chain(value: Any) -> FunctionCall | Chain:
    is_list = isinstance(value, list) or (
        isinstance(value, tuple) and not (len(value) == 2 and isinstance(value[1], Mapping))
    )
    if not is_list:
        return _call(value)
    if not value:
        raise PipelineError("A chain of functions is empty: expected at least one.")
    return tuple(_call(item) for item in value)


def as_pattern(value: Any) -> Pattern:
    """Bring any of the four ways to write a pattern into its frozen form.

    Parameters
    ----------
    value : object
        A function (or its id); ``(function, {parameters})``; a list of those; or a mapping
        from component value to any of those or None.
    """
    if not isinstance(value, Mapping):
        return _chain(value)
    pattern: dict[str, FunctionCall | Chain | None] = {}
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, str | int) or why_no_literal(key):
            raise PipelineError(
                f"{shown(key)} is no key of a pattern: expected the value of a component as text "
                "or a whole number."
            )
        if str(key) in pattern:
            raise PipelineError(
                f"The key {shown(key)} stands twice in a pattern: expected each value once."
            )
        pattern[str(key)] = None if item is None else _chain(item)
    return FrozenMapping(pattern)


def _components(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    for component in values:
        if component not in COMPONENTS:
            raise PipelineError(
                f"{shown(component)} is not a component: expected one of {', '.join(COMPONENTS)}."
            )
    return values


def _selection(value: Any) -> FrozenMapping[str, tuple[str | int, ...]]:
    if value is not None and not isinstance(value, Mapping):
        raise PipelineError(
            f'A step\'s select is {shown(value)}: expected a mapping such as {{"channel": "DAPI"}}.'
        )
    selection = {
        key: freeze(item) if isinstance(item, list | tuple) else (freeze(item),)
        for key, item in dict(value or {}).items()
    }
    _components(tuple(selection))
    for key, items in selection.items():
        for item in items:
            if why_no_literal(item):
                raise PipelineError(
                    f"A step's select is {shown(item)} for {key}: expected names or numbers."
                )
    return FrozenMapping(selection)


def _check(expected: str, accepts: Callable[[Any], bool]) -> Any:
    """Return an attrs validator that refuses a value in one sentence."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not accepts(value):
            raise PipelineError(
                f"A step's {attribute.name} is {shown(value)}: expected {expected}."
            )

    return validate


_is_bool = _check("True or False", lambda value: isinstance(value, bool))
_is_choice = _check("True, False or None", lambda value: value is None or isinstance(value, bool))
_is_count = _check(
    "None or a whole number from 0 to 100",
    lambda value: value is None or (type(value) is int and 0 <= value <= 100),
)
_is_text = _check("text", lambda value: isinstance(value, str))
_is_component = _check(
    f"None or one of {', '.join(COMPONENTS)}", lambda value: value is None or value in COMPONENTS
)
_is_seconds = _check(
    "None or a number of seconds above 0",
    lambda value: (
        value is None
        or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0)
    ),
)
_is_dtype = _check(
    f"'preserve', 'native' or one of {', '.join(NAMED_DTYPES)}",
    lambda value: value in ("preserve", "native", *NAMED_DTYPES),
)
_is_wiring = _check(
    'a mapping such as {"labels": "Split nuclei"}',
    lambda value: all(isinstance(item, str) for pair in value.items() for item in pair),
)


def _wiring(value: Any) -> FrozenMapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PipelineError(
            f"A step's inputs is {shown(value)}: expected a mapping such as "
            '{"labels": "Split nuclei"}.'
        )
    return FrozenMapping(value)


def _formats(value: Any) -> FrozenMapping[str, Any]:
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and (item is None or isinstance(item, str))
        for key, item in value.items()
    ):
        raise PipelineError(
            f"A step's special_outputs is {shown(value)}: expected a mapping such as "
            '{"positions": "csv"}.'
        )
    return FrozenMapping(value)


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
        "intensity_image": "plate/GFP"}``.  For a special input it names the step that gives it,
        where that is not the nearest earlier one: ``{"positions": "Detect spots"}``.
    special_outputs : mapping, optional
        In which format special outputs are written: ``{"positions": "csv"}``; one that is not
        named has the usual format of its kind, one with None is kept in memory only.
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
        Seconds one well may spend in this step before it fails; by default as the pipeline's
        configuration says, like the two that follow.
    oom_retries : int, optional
        How often the step is tried again after running out of GPU memory.
    cpu_fallback : bool, optional
        After that, do the step on the CPU and record it.
    """

    func: Pattern = attrs.field(converter=as_pattern)
    name: str = attrs.field(kw_only=True, default="", validator=_is_text)
    variable_components: tuple[str, ...] | None = attrs.field(
        kw_only=True, default=None, converter=_components
    )
    group_by: str | None = attrs.field(kw_only=True, default=None, validator=_is_component)
    input_source: str = attrs.field(kw_only=True, default="previous", validator=_is_text)
    select: FrozenMapping[str, tuple[str | int, ...]] = attrs.field(
        kw_only=True, default=None, converter=_selection
    )
    inputs: FrozenMapping[str, str] = attrs.field(
        kw_only=True, factory=FrozenMapping, converter=_wiring, validator=_is_wiring
    )
    special_outputs: FrozenMapping[str, str | None] = attrs.field(
        kw_only=True, factory=FrozenMapping, converter=_formats
    )
    volume: bool = attrs.field(kw_only=True, default=False, validator=_is_bool)
    materialize: bool = attrs.field(kw_only=True, default=False, validator=_is_bool)
    dtype: str = attrs.field(kw_only=True, default="preserve", validator=_is_dtype)
    enabled: bool = attrs.field(kw_only=True, default=True, validator=_is_bool)
    time_limit_s: float | None = attrs.field(kw_only=True, default=None, validator=_is_seconds)
    oom_retries: int | None = attrs.field(kw_only=True, default=None, validator=_is_count)
    cpu_fallback: bool | None = attrs.field(kw_only=True, default=None, validator=_is_choice)

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
