"""How a function of our own says what it takes and gives.

::

    @declare(contract=Contract.PLANE, output_kind=Kind.IMAGE, category="filter",
             units={"sigma": "px"}, limits={"sigma": (0, None)})
    @numpy
    def smooth(image: np.ndarray, sigma: float = 2.0) -> np.ndarray:
        '''Blur an image with a Gaussian. ...'''

The declaration is attached to the function, which is returned unchanged; what is not
declared comes from the signature (types and defaults) and the numpydoc docstring (summary
and help of each parameter).  It stands above or below the memory-type decorator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping

__all__ = ["Declaration", "declaration_of", "declare", "declared_shape"]

F = TypeVar("F", bound=Callable[..., Any])

OutputShape = Callable[[tuple[int, ...], Mapping[str, Any]], tuple[int, int]]

_ATTRIBUTE = "openhcs_declaration"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a function takes and gives, as :func:`declare` attached it.

    Attributes
    ----------
    contract : Contract
        ``plane volume flexible reduce labels table``.
    output_kind : Kind
        ``image mask labels table``.
    category : str
        Topic for people: ``filter threshold segment morphology measure projection
        intensity background transform restoration``.
    input_kinds : tuple of Kind
        Kinds the first array may have.
    ndims : tuple of int
        Dimensions the first array may have; by default 2 for `plane`, 3 for `volume` and
        `reduce`, both for the others.
    synonyms : tuple of str
        What a biologist would type instead of the name: ``"blur"``, ``"count cells"``.
    shared_columns : tuple of str
        For tables: columns that do not depend on the channel measured.
    stack_component : str
        Component a stack runs over when the step does not say.
    units : mapping of parameter to unit
        ``px``, ``µm``, ``s``.
    limits : mapping of parameter to (minimum, maximum)
        None where there is no limit.
    array_kinds : mapping of parameter to Kind or None
        Further arrays, to be wired; None accepts any kind.  An array whose default is None
        need not be wired.
    suggested : mapping of parameter to literal
        What a form shows first for parameters without a default.
    plate_facts : mapping of parameter to fact
        Parameters that the compiler fills in from the plate; see
        :mod:`napari_openhcs.functions.facts`.
    output_shape : callable, optional
        For functions whose planes have another shape than the input's: called with the
        shape of the first array and all parameters (defaults included), returns (Y, X).
    """

    contract: Contract
    output_kind: Kind
    category: str
    input_kinds: tuple[Kind, ...] = (Kind.IMAGE,)
    ndims: tuple[int, ...] = ()
    synonyms: tuple[str, ...] = ()
    shared_columns: tuple[str, ...] = ()
    stack_component: str = "z"
    units: FrozenMapping[str, str] = field(default_factory=FrozenMapping)
    limits: FrozenMapping[str, tuple[float | None, float | None]] = field(
        default_factory=FrozenMapping
    )
    array_kinds: FrozenMapping[str, Kind | None] = field(default_factory=FrozenMapping)
    suggested: FrozenMapping[str, Any] = field(default_factory=FrozenMapping)
    plate_facts: FrozenMapping[str, str] = field(default_factory=FrozenMapping)
    output_shape: OutputShape | None = None


def declare(
    *,
    contract: Contract | str,
    output_kind: Kind | str,
    category: str,
    input_kinds: Sequence[Kind] = (Kind.IMAGE,),
    ndims: Sequence[int] = (),
    synonyms: Sequence[str] = (),
    shared_columns: Sequence[str] = (),
    stack_component: str = "z",
    units: Mapping[str, str] | None = None,
    limits: Mapping[str, tuple[float | None, float | None]] | None = None,
    array_kinds: Mapping[str, Kind | None] | None = None,
    suggested: Mapping[str, Any] | None = None,
    plate_facts: Mapping[str, str] | None = None,
    output_shape: OutputShape | None = None,
) -> Callable[[F], F]:
    """Declare what a function takes and gives, for the registry.

    Sequences and mappings may be given in any form; what each means is said at the
    attribute of the same name of :class:`Declaration`.

    Returns
    -------
    callable
        Decorator that returns the function itself.
    """
    declaration = Declaration(
        contract=Contract(contract),
        output_kind=Kind(output_kind),
        category=category,
        input_kinds=tuple(Kind(kind) for kind in input_kinds),
        ndims=tuple(ndims),
        synonyms=tuple(synonyms),
        shared_columns=tuple(shared_columns),
        stack_component=stack_component,
        units=FrozenMapping(units or {}),
        limits=FrozenMapping(limits or {}),
        array_kinds=FrozenMapping(array_kinds or {}),
        suggested=FrozenMapping(suggested or {}),
        plate_facts=FrozenMapping(plate_facts or {}),
        output_shape=output_shape,
    )

    def attach(function: F) -> F:
        setattr(function, _ATTRIBUTE, declaration)
        return function

    return attach


def declaration_of(function: Callable[..., Any]) -> Declaration | None:
    """Return what was declared for `function`, or None."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


def declared_shape(
    function: Callable[..., Any], shape: tuple[int, ...], parameters: Mapping[str, Any]
) -> tuple[int, int] | None:
    """Return the (Y, X) that a function promises; None where it keeps that of the input.

    Parameters
    ----------
    function : callable
    shape : tuple of int
        Of the first array.
    parameters : mapping
        Those that are set; the others have their defaults.

    Raises
    ------
    ParameterError
        The parameters do not go with such an array.
    """
    declaration = declaration_of(function)
    if declaration is None or declaration.output_shape is None:
        return None
    defaults = {
        name: item.default
        for name, item in inspect.signature(function).parameters.items()
        if item.default is not item.empty
    }
    return declaration.output_shape(shape, {**defaults, **parameters})
