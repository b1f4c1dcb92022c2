"""What is known about a function without importing its library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_openhcs.axes import Contract, Kind, SpecialKind
from napari_openhcs.frozen import FrozenMapping

__all__ = ["FunctionSpec", "ParameterSpec"]


@dataclass(frozen=True, kw_only=True)
class ParameterSpec:
    """One parameter after the first array.

    Attributes
    ----------
    type : str
        ``int``, ``float``, ``bool``, ``str``, ``choice``, ``literal`` (any Python
        literal: tuple, number or None), ``footprint`` (a shape name and radius), or
        ``array`` (wired to an earlier step or a plate channel).
    default : literal
        The function's own default; None when `required`.
    required : bool
        The function has no default for it.
    suggested : literal
        What a form shows first for a required parameter; established by running.
    optional : bool
        None is a valid value.
    unit : str
        ``px``, ``µm``, ``s`` or empty.
    kind : Kind or None
        For arrays: the kind of data expected; None accepts any.
    per_axis : bool
        A tuple with one value an axis is valid too.
    fact : str
        The compiler fills it in from the plate, by
        :data:`napari_openhcs.functions.facts.PLATE_FACTS`; no form shows it.
    special : SpecialKind or None
        A special output of an earlier step, of the parameter's name and of this kind, fills it
        in; no form shows it.
    """

    name: str
    type: str
    default: Any = None
    required: bool = False
    suggested: Any = None
    optional: bool = False
    choices: tuple[Any, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    unit: str = ""
    help: str = ""
    kind: Kind | None = None
    per_axis: bool = False
    fact: str = ""
    special: SpecialKind | None = None


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """One registered function.

    Attributes
    ----------
    id : str
        Public dotted name, e.g. ``skimage.filters.gaussian``; import it as written.
    implementation : str
        ``module:qualname`` under which the callable knows itself.
    library : str
        Key of the adapter in :mod:`napari_openhcs.functions.libraries`.
    category : str
        Topic for people: ``filter``, ``threshold``, ``segment``, ``morphology``,
        ``measure``, ``projection``, ``intensity``, ``transform``, ``restoration`` …
    first : str
        Name of the first array parameter.
    input_kinds : tuple of Kind
        Kinds the first array may have.
    ndims : tuple of int
        Numbers of dimensions on which it was run: 2, 3 or both.
    dtypes : FrozenMapping of str to str
        dtype in → dtype out as established, on all dtypes it runs with.
    unit_scaled : bool
        Integer input is divided by its dtype's maximum inside.
    shared_columns : tuple of str
        For tables: columns that do not depend on the channel measured.
    stack_component : str
        Component a stack runs over when the step does not say: ``z`` for projections and
        volumes, ``channel`` for a composite, ``field`` for stitching.
    seconds_per_megapixel : float or None
    keeps_kind : bool
        A mask gives a mask and labels give labels, whatever `output_kind` says; see
        :meth:`output_kind_for`.
    deterministic : bool
        Two processes with other random seeds gave the same result, bit for bit.
    twin : str
        Id of the function on NumPy arrays whose kinds, contract and pixel types this one
        inherits; it is compared with it when it is first called.  Empty where this function
        was run itself.
    special_outputs : tuple of (str, SpecialKind)
        Names and kinds of the side results that come after the main one.
    """

    id: str
    implementation: str
    library: str
    library_version: str
    memory_type_in: str
    memory_type_out: str
    contract: Contract
    output_kind: Kind
    category: str
    summary: str
    first: str = "image"
    input_kinds: tuple[Kind, ...] = (Kind.IMAGE,)
    ndims: tuple[int, ...] = (2, 3)
    parameters: tuple[ParameterSpec, ...] = ()
    dtypes: FrozenMapping[str, str] = field(default_factory=FrozenMapping)
    unit_scaled: bool = False
    shared_columns: tuple[str, ...] = ()
    stack_component: str = "z"
    doc_url: str = ""
    synonyms: tuple[str, ...] = ()
    seconds_per_megapixel: float | None = None
    keeps_kind: bool = False
    deterministic: bool = True
    twin: str = ""
    special_outputs: tuple[tuple[str, SpecialKind], ...] = ()

    def parameter(self, name: str) -> ParameterSpec | None:
        """Return a parameter by name, or None."""
        return next((item for item in self.parameters if item.name == name), None)

    def output_kind_for(self, kind: Kind) -> Kind:
        """Return the kind of the output when the first array is of `kind`."""
        return kind if self.keeps_kind and kind in self.input_kinds else self.output_kind

    def refuses(self, dtype: str) -> bool:
        """Whether images of this dtype were tried and do not work (or overflow).

        A dtype that was not tried is not refused, nor any while nothing was tried.
        """
        tried = ("uint8", "uint16", "float32") if Kind.IMAGE in self.input_kinds else ()
        return bool(self.dtypes) and dtype in tried and dtype not in self.dtypes

    def is_unit_scaled(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a call with these parameters gives integer intensities divided by the maximum.

        scikit-image's ``preserve_range=True`` switches the scaling off.
        """
        return self.unit_scaled and not parameters.get("preserve_range", False)

    @property
    def array_parameters(self) -> tuple[ParameterSpec, ...]:
        """Further arrays: parameters to be wired."""
        return tuple(item for item in self.parameters if item.type == "array")

    @property
    def form_parameters(self) -> tuple[ParameterSpec, ...]:
        """Parameters a form shows: all that the plate, other steps or wires do not fill in."""
        return tuple(
            item
            for item in self.parameters
            if item.type != "array" and not item.fact and item.special is None
        )

    @property
    def fact_parameters(self) -> tuple[ParameterSpec, ...]:
        """Parameters that the compiler fills in from the plate."""
        return tuple(item for item in self.parameters if item.fact)

    @property
    def special_parameters(self) -> tuple[ParameterSpec, ...]:
        """Parameters that special outputs of earlier steps fill in."""
        return tuple(item for item in self.parameters if item.special is not None)
