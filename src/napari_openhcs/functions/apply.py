"""Applying a planned chain of calls to a stack of planes.

::

    apply_chain ─▶ for each call of the chain
        _Call.on_planes | on_stack      once a plane | once for (N, Y, X)
          └ with_recovery ─▶ _Call.once
              private copies ─▶ convert in ─▶ function ─▶ convert out
          └ checked against the contract ─▶ dtype policy

The function sees copies, so one that changes its input changes nothing that is stored.
Between calls data is in NumPy arrays: a chain gives the same as separate steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ContractError, FunctionNotFoundError, MemoryTypeError
from napari_openhcs.functions.dtype_policy import apply_dtype_policy, kind_of
from napari_openhcs.functions.footprint import make_footprints, with_footprints
from napari_openhcs.functions.registry import get_function, get_spec
from napari_openhcs.functions.special import checked_special, split_result
from napari_openhcs.memory_types import MemoryType, convert, get_memory_type
from napari_openhcs.memory_types.oom import with_recovery
from napari_openhcs.plan import FunctionPlan

__all__ = ["ApplyReport", "Table", "apply_chain"]

T = TypeVar("T")

Table = dict[str, np.ndarray]
"""Equally long columns by name."""


@dataclass
class ApplyReport:
    """What happened besides the results; every call adds to it.

    Attributes
    ----------
    conversions : counter of route
        How many arrays came or went by each route of
        :data:`napari_openhcs.memory_types.convert.ROUTES` except ``none``.
    fallbacks : list of str
        One sentence for each call that ended on the CPU after running out of GPU memory.
    retries : int
        Calls made again after running out of memory.
    """

    conversions: Counter[str] = field(default_factory=Counter)
    fallbacks: list[str] = field(default_factory=list)
    retries: int = 0


def apply_chain(
    chain: Sequence[FunctionPlan],
    planes: Sequence[np.ndarray],
    arrays: Mapping[str, Sequence[np.ndarray]],
    *,
    dtype_policy: str,
    device: str = "cpu",
    oom_retries: int = 2,
    cpu_fallback: bool = True,
    report: ApplyReport | None = None,
    input_kind: Kind | None = None,
    resolve: Callable[[str], Callable[..., Any]] = get_function,
    specials: dict[str, list[Any]] | None = None,
) -> list[np.ndarray] | list[Table]:
    """Apply the calls of a chain one after another.

    Parameters
    ----------
    chain : sequence of FunctionPlan
    planes : sequence of ndarray, (Y, X); left unchanged
    arrays : mapping of parameter to sequence of ndarray
        As many planes as the stack has, or one for all; a call gets those it names.
    dtype_policy : str
        Of :func:`~napari_openhcs.functions.dtype_policy.apply_dtype_policy`, for every call.
    device : str
        For memory types other than NumPy.
    oom_retries, cpu_fallback : int, bool
        How often a call is made again after running out of memory, and whether one on a
        GPU may end on the CPU.
    report : ApplyReport, optional
        Added to.
    input_kind : Kind, optional
        Kind of `planes`; by default told by the dtype: bool is a mask, int32 labels.
    resolve : callable
        Gives the function of a registry id.
    specials : dict of name to list, optional
        Special outputs of earlier steps, one a plane or one for all, for the calls that take
        them; those of this chain are added, one a plane or one for the stack.

    Returns
    -------
    list of ndarray, (Y, X), or list of Table
        Planes: as many as there were, one after a reduction, or what a volume function
        gives.  Tables, when the last call measures: one a plane, or one for the stack.

    Raises
    ------
    ContractError, MemoryTypeError
        A function gave something other than it promises, or its memory type or device is
        not available; the sentence names it.
    """
    data: list[Any] = list(planes)
    if not data:
        raise ContractError("There is no plane to work on: the stack is empty.")
    kind = kind_of(data[0].dtype) if input_kind is None else input_kind
    options = _Options(dtype_policy, device, oom_retries, cpu_fallback, report or ApplyReport())
    _check_tables_last(chain)
    carried: dict[str, list[Any]] = {} if specials is None else specials
    for plan in chain:
        call = _Call(plan, resolve(plan.function), options, kind)
        given = {name: arrays[name] for name in plan.array_parameters if name in arrays}
        taken = {name: carried[name] for name in plan.special_inputs}
        data = (call.on_stack if plan.applies_to == "stack" else call.on_planes)(data, given, taken)
        carried.update(call.found)
        kind = plan.output_kind
    return data


def _check_tables_last(chain: Sequence[FunctionPlan]) -> None:
    for plan, following in pairwise(chain):
        if plan.output_kind is Kind.TABLE:
            raise ContractError(
                f"{plan.function} gives a table, and {following.function} comes after it: a "
                "measuring function must be the last of its chain."
            )


@dataclass(frozen=True)
class _Options:
    dtype_policy: str
    device: str
    oom_retries: int
    cpu_fallback: bool
    report: ApplyReport


class _Call:
    """One call of a chain, made once for a plane or for a stack."""

    def __init__(
        self,
        plan: FunctionPlan,
        function: Callable[..., Any],
        options: _Options,
        input_kind: Kind,
    ) -> None:
        self.plan = plan
        self.function = function
        self.options = options
        self.input_kind = input_kind
        self.memory_type: MemoryType = get_memory_type(plan.memory_type_in)
        self.parameters = _with_footprints(plan)
        self.found: dict[str, list[Any]] = {name: [] for name, _ in plan.special_outputs}

    def on_planes(
        self, planes: list[np.ndarray], arrays: Mapping[str, Any], specials: Mapping[str, list[Any]]
    ) -> list[Any]:
        """Call the function once a plane."""
        results: list[Any] = []
        n = len(planes)
        for number, plane in enumerate(planes):
            given = {name: _one_of(array, number, n, name, self) for name, array in arrays.items()}
            taken = {name: _one_of(item, number, n, name, self) for name, item in specials.items()}
            result = self._recovered(partial(plane.copy, order="K"), given, taken)
            results.append(self._finished(result, plane.shape, plane.dtype))
        return results

    def on_stack(
        self, planes: list[np.ndarray], arrays: Mapping[str, Any], specials: Mapping[str, list[Any]]
    ) -> list[Any]:
        """Call the function once for all planes as (N, Y, X)."""
        taken = {name: _one_of(item, 0, 1, name, self) for name, item in specials.items()}
        given = {}
        for name, array in arrays.items():
            wired = [_one_of(array, n, len(planes), name, self) for n in range(len(planes))]
            self._check_uniform(wired)
            given[name] = np.stack(wired)
        self._check_uniform(planes)
        result = self._recovered(partial(np.stack, planes), given, taken)
        shape = (len(planes), *planes[0].shape)
        finished = self._finished(result, shape, planes[0].dtype)
        if self.plan.output_kind is Kind.TABLE:
            return [finished]
        return [finished] if finished.ndim == 2 else list(finished)

    def _recovered(
        self,
        first: Callable[[], np.ndarray],
        arrays: Mapping[str, np.ndarray],
        specials: Mapping[str, Any],
    ) -> Any:
        """Make the call, trying again and going to the CPU where memory runs out.

        What it gives beside its main result is added to `found`.
        """
        options = self.options
        device = self.memory_type.resolve_device(
            "cpu" if self.plan.memory_type_in == "numpy" else options.device
        )
        leaves_gpu = options.cpu_fallback and device != "cpu" and self.memory_type.has_cpu
        recovered = with_recovery(
            lambda: self._once(first(), arrays, specials, device),
            self.memory_type,
            retries=options.oom_retries,
            fallback=(lambda: self._once(first(), arrays, specials, "cpu")) if leaves_gpu else None,
        )
        options.report.retries += recovered.retries
        if recovered.fell_back:
            options.report.fallbacks.append(
                f"{self.plan.function} was done on the CPU: {device} ran out of memory "
                f"{recovered.retries + 1} times ({recovered.message})."
            )
        main, found = recovered.value
        for (name, _), value in zip(self.plan.special_outputs, found, strict=True):
            self.found[name].append(value)
        return main

    def _once(
        self,
        image: np.ndarray,
        arrays: Mapping[str, np.ndarray],
        specials: Mapping[str, Any],
        device: str,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the main result and the special outputs of one call, on NumPy arrays."""
        plan = self.plan
        with self.memory_type.stream(device):
            first = self._enter(image, device)
            given = {name: self._enter(a.copy(order="K"), device) for name, a in arrays.items()}
            parameters = {
                name: self._enter(value, device) if isinstance(value, np.ndarray) else value
                for name, value in self.parameters(image.ndim).items()
            }
            taken = {name: self._enter_special(value, device) for name, value in specials.items()}
            result = self.function(first, **given, **taken, **parameters)
            main, values = split_result(result, plan.special_outputs, plan.function)
            found = tuple(
                checked_special(kind, self._plain(value), f"{plan.function} gave '{name}'")
                for (name, kind), value in zip(plan.special_outputs, values, strict=True)
            )
            return self._table(main) if plan.output_kind is Kind.TABLE else self._leave(main), found

    def _enter_special(self, value: Any, device: str) -> Any:
        """Return a copy for the function: an array in its memory type, all else as it is."""
        own = deepcopy(value)
        return self._enter(own, device) if isinstance(own, np.ndarray) else own

    def _plain(self, value: Any) -> Any:
        """Return a special output with the arrays in it as NumPy's."""
        if isinstance(value, Mapping):
            return {name: self._plain(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        kind = get_memory_type(self.plan.memory_type_out)
        return self._leave(value) if kind.name != "numpy" and kind.is_array(value) else value

    def _enter(self, array: np.ndarray, device: str) -> Any:
        converted = convert(array, "numpy", self.plan.memory_type_in, device)
        self._count(converted.route)
        return converted.array

    def _leave(self, result: Any) -> np.ndarray:
        try:
            converted = convert(result, self.plan.memory_type_out, "numpy")
        except MemoryTypeError as error:
            raise ContractError(
                f"{self.plan.function} promises one array of memory type "
                f"'{self.plan.memory_type_out}' and gave something else: {error}"
            ) from error
        if isinstance(converted.array, np.ma.MaskedArray):
            raise ContractError(
                f"{self.plan.function} gave a masked array, whose mask would be lost: expected a "
                "plain array; fill it in the function."
            )
        self._count(converted.route)
        array: np.ndarray = converted.array
        return array

    def _count(self, route: str) -> None:
        if route != "none":
            self.options.report.conversions[route] += 1

    def _table(self, result: Any) -> Table:
        name = self.plan.function
        if not isinstance(result, Mapping):
            raise ContractError(
                f"{name} gave {type(result).__name__}: expected a table, a dictionary of equally "
                "long columns."
            )
        table = {str(column): self._column(values) for column, values in result.items()}
        shapes = {column: values.shape for column, values in table.items()}
        if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
            raise ContractError(
                f"{name} gave columns of different lengths or more than one dimension ({shapes}): "
                "expected one value an object in every column."
            )
        for column, values in table.items():
            if not _can_be_stored(values):
                raise ContractError(self._column_sentence(column, values))
        return table

    def _column_sentence(self, column: str, values: np.ndarray) -> str:
        found = type(values[0]).__name__ if values.dtype.kind == "O" else str(values.dtype)
        asked = (
            f"leave '{name}' out of '{parameter}'"
            for parameter, value in self.plan.parameters.items()
            if isinstance(value, (tuple, list))
            for name in value
            if column == name or column.startswith(f"{name}-")
        )
        return (
            f"{self.plan.function} gave a column '{column}' whose values are of type {found}: a "
            "table holds one number, text or boolean an object in every column; "
            f"{next(asked, 'leave this column out')}."
        )

    def _column(self, values: Any) -> np.ndarray:
        kind = get_memory_type(self.plan.memory_type_out)
        return (
            self._leave(values)
            if kind.name != "numpy" and kind.is_array(values)
            else (np.asarray(values))
        )

    def _finished(self, result: Any, shape: tuple[int, ...], given: np.dtype[Any]) -> Any:
        """Check a result against the contract and bring it to its dtype."""
        if self.plan.output_kind is Kind.TABLE:
            return result
        self._check_shape(result.shape, shape)
        return apply_dtype_policy(
            result.reshape(result.shape[-2:]) if self._is_single(result.shape) else result,
            given,
            policy=self.options.dtype_policy,
            output_kind=self.plan.output_kind,
            input_kind=self.input_kind,
            unit_scaled=self.plan.unit_scaled,
            function=self.plan.function,
        )

    def _is_single(self, shape: tuple[int, ...]) -> bool:
        return self.plan.contract is Contract.REDUCE and len(shape) == 3

    def _check_shape(self, found: tuple[int, ...], given: tuple[int, ...]) -> None:
        contract = self.plan.contract
        if contract is Contract.REDUCE:
            fine = len(found) == 2 or (len(found) == 3 and found[0] == 1)
            expected = "one plane"
        elif contract is Contract.VOLUME and len(given) == 3:
            fine = len(found) in (2, 3) and 0 not in found
            expected = "one or more planes"
        else:
            fine = found == given
            expected = "the same shape"
        if not fine:
            raise ContractError(
                f"{self.plan.function} gave an array of shape {found} for one of {given}: its "
                f"contract '{contract}' promises {expected}; choose another function or other "
                "parameters."
            )

    def _check_uniform(self, planes: Sequence[np.ndarray]) -> None:
        kinds = {(plane.shape, plane.dtype) for plane in planes}
        if len(kinds) > 1:
            found = ", ".join(sorted(f"{dtype} {shape}" for shape, dtype in kinds))
            raise ContractError(
                f"{self.plan.function} works on a stack, and its planes differ ({found}): expected "
                "one shape and dtype."
            )


def _can_be_stored(values: np.ndarray) -> bool:
    """Whether a column holds numbers, text or booleans; what is missing may be None."""
    if values.dtype.kind != "O":
        return values.dtype.kind in "biufU"
    known = [value for value in values if value is not None]
    number = (int, float, np.integer, np.floating)
    return any(
        all(isinstance(value, kind) for value in known) for kind in (str, (bool, np.bool_), number)
    )


def _one_of(array: Sequence[T], number: int, n: int, name: str, call: _Call) -> T:
    if len(array) not in (1, n):
        raise ContractError(
            f"{call.plan.function} works on {n} planes, and '{name}' has {len(array)}: expected as "
            "many, or one for all."
        )
    return array[number if len(array) > 1 else 0]


def _with_footprints(plan: FunctionPlan) -> Callable[[int], dict[str, Any]]:
    """Return the parameters as a function of the image's dimensions."""
    if plan.footprints:
        return lambda ndim: make_footprints(plan.footprints, plan.function, plan.parameters, ndim)
    try:
        spec = get_spec(plan.function)
    except FunctionNotFoundError:
        # Functions that a caller resolves itself have no footprints to make.
        return lambda ndim: dict(plan.parameters)
    return lambda ndim: with_footprints(spec, plan.parameters, ndim)
