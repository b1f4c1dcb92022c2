"""Establishing what a function takes and gives: it is run, and what came back is judged.

::

    establish_function
        describe_signature        parameters, values for the required ones
        _observe                  2D and 3D × kinds × pixel types (trial.py)
        _input_kinds, _output_kind, _contract
        _proven_arrays            optional further arrays that really work
        _is_unit_scaled, _seconds_per_megapixel
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ConversionError, OpenHCSError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import special
from napari_openhcs.functions.declare import declared_shape
from napari_openhcs.functions.facts import example_of
from napari_openhcs.functions.footprint import with_footprints
from napari_openhcs.functions.libraries.base import FunctionLibrary, Hints
from napari_openhcs.functions.signature import Described, describe_signature
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.functions.trial import Observation, Trial, try_function
from napari_openhcs.functions.trial_images import DTYPES, trial_array
from napari_openhcs.memory_types import convert, get_memory_type

__all__ = ["NotEstablished", "draft_spec", "establish_function", "main_trial", "trial_call"]

Function = Callable[..., Any]


class NotEstablished(OpenHCSError, ValueError):
    """A function is not listed; the text says why."""


def draft_spec(
    library: FunctionLibrary, name: str, function: Function, hints: Hints
) -> FunctionSpec:
    """Return what signature, docstring and hints say, before anything was run.

    Raises
    ------
    NotEstablished
        A parameter has no default, and no value for it is known.
    """
    function = library.adapted(name, function)
    described = describe_signature(function, hints)
    if described.unknown:
        raise NotEstablished(f"no value is known for {', '.join(described.unknown)}")
    return _spec(library, name, function, hints, described)


def _spec(
    library: FunctionLibrary, name: str, function: Function, hints: Hints, described: Described
) -> FunctionSpec:
    return FunctionSpec(
        id=name,
        implementation=f"{function.__module__}:{function.__qualname__}",
        library=library.name,
        library_version=library.version() or "",
        memory_type_in=getattr(function, "input_memory_type", library.memory_type),
        memory_type_out=getattr(function, "output_memory_type", library.memory_type),
        contract=hints.contract or Contract.PLANE,
        output_kind=hints.output_kind or Kind.IMAGE,
        category=hints.category,
        summary=described.summary,
        first=described.first,
        input_kinds=hints.input_kinds or (Kind.IMAGE,),
        ndims=hints.ndims or (2, 3),
        parameters=described.parameters,
        shared_columns=hints.shared_columns,
        stack_component=hints.stack_component,
        doc_url=library.doc_url(name),
        synonyms=hints.synonyms,
        special_outputs=special.special_outputs_of(function),
    )


def main_trial(spec: FunctionSpec, *, kind: Kind | None = None) -> Trial:
    """Return the smallest trial on which a function was established."""
    kind = kind or spec.input_kinds[0]
    dtype = next(item for item in DTYPES[kind] if item in spec.dtypes)
    ndim = 3 if spec.contract in (Contract.REDUCE, Contract.VOLUME) else min(spec.ndims)
    return Trial(kind, ndim, dtype)


def trial_call(
    spec: FunctionSpec,
    trial: Trial,
    *,
    arrays: Iterable[str] = (),
    size: int | None = None,
    make: Callable[..., np.ndarray] = trial_array,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the first array and the keyword arguments of one trial.

    Passed are the suggested values of required parameters, the required arrays, and of the
    optional arrays those named in `arrays`.  `make` gives the arrays, as
    :func:`~napari_openhcs.functions.trial_images.trial_array` does.
    """
    first = make(trial.kind, trial.ndim, trial.dtype, size=size)
    wanted = set(arrays)
    values: dict[str, Any] = {}
    for item in spec.parameters:
        if item.type == "array":
            if item.required or item.name in wanted:
                kind = item.kind or trial.kind
                same = kind is trial.kind
                dtype = trial.dtype if same else DTYPES[kind][0]
                values[item.name] = make(kind, trial.ndim, dtype, second=True, size=size)
        elif item.fact:
            values[item.name] = example_of(item.fact, first.shape)
        elif item.special is not None:
            values[item.name] = special.example_of(item.special, first.shape)
        elif item.required:
            values[item.name] = item.suggested
    return first, with_footprints(spec, values, trial.ndim)


def on_numpy(spec: FunctionSpec, function: Function) -> Function:
    """Return the function as one of NumPy arrays that gives its main result alone."""
    function = special.main_result(function, spec.special_outputs, spec.id)
    if spec.memory_type_in == spec.memory_type_out == "numpy":
        return function

    def converted(first: np.ndarray, **parameters: Any) -> Any:
        def enter(value: Any) -> Any:
            is_array = isinstance(value, np.ndarray)
            return convert(value, "numpy", spec.memory_type_in).array if is_array else value

        given = {key: enter(value) for key, value in parameters.items()}
        result = function(enter(first), **given)
        if isinstance(result, Mapping):
            return dict(result)
        return convert(result, spec.memory_type_out, "numpy").array

    return converted


@dataclass(frozen=True)
class _Runner:
    """A function and its draft, run on trials."""

    spec: FunctionSpec
    function: Function
    declared: Function
    """The function itself, with what it declares; `function` is one of NumPy arrays."""

    def run(self, trial: Trial, arrays: Iterable[str] = ()) -> Observation:
        first, parameters = trial_call(self.spec, trial, arrays=arrays)
        shape = declared_shape(self.declared, first.shape, parameters)
        return try_function(self.function, trial, first, parameters, shape=shape)


def establish_function(library: FunctionLibrary, name: str, function: Function) -> FunctionSpec:
    """Run a function and return what was found.

    Raises
    ------
    NotEstablished
        It is no image function, or it could not be run; the text says why.
    """
    reason = library.excluded(name)
    if reason:
        raise NotEstablished(reason)
    hints = library.hints(name)
    spec = draft_spec(library, name, function, hints)
    if twin := library.twin_of(name):
        return _inherited(spec, twin)
    runner = _Runner(spec, on_numpy(spec, library.adapted(name, function)), function)
    seen = _observe(runner, hints)
    useful = [item for item in seen if not item.problem and not _wraps(runner, item)]
    if not useful:
        reasons = Counter(item.problem for item in seen)
        raise NotEstablished(reasons.most_common(1)[0][0])
    kinds = _input_kinds(useful, hints)
    used = [item for item in useful if item.trial.kind in kinds]
    if not used:
        raise NotEstablished(f"runs on none of {', '.join(kinds)}")
    output_kind = _output_kind(used, hints)
    established = replace(
        spec,
        contract=hints.contract or _contract(runner, used, output_kind),
        output_kind=output_kind,
        input_kinds=kinds,
        keeps_kind=_keeps_kind(used, kinds, output_kind, hints),
        ndims=hints.ndims or tuple(sorted({item.trial.ndim for item in used})),
        dtypes=FrozenMapping(_dtypes(used)),
        parameters=_proven_arrays(runner, used[0].trial),
        unit_scaled=_is_unit_scaled(runner, used)
        if hints.unit_scaled is None
        else bool(hints.unit_scaled),
        seconds_per_megapixel=_seconds_per_megapixel(runner, used),
    )
    if established.contract is Contract.PLANE and hints.contract is None:
        established = replace(established, ndims=(2,))
    return established


def _inherited(spec: FunctionSpec, twin: FunctionSpec) -> FunctionSpec:
    """Return a function with what was established for its twin on NumPy arrays."""
    taken = {item.name for item in spec.parameters}
    lacking = [item.name for item in twin.parameters if item.required and item.name not in taken]
    if lacking:
        raise NotEstablished(f"takes no {', '.join(lacking)}, which {twin.id} needs")
    known = {item.name: item for item in twin.parameters}
    # CuPy's docstrings are shorter than SciPy's.
    parameters = tuple(
        replace(item, help=item.help or known[item.name].help)
        for item in spec.parameters
        if item.name in known
    )
    return replace(
        spec,
        contract=twin.contract,
        output_kind=twin.output_kind,
        input_kinds=twin.input_kinds,
        keeps_kind=twin.keeps_kind,
        ndims=twin.ndims,
        dtypes=twin.dtypes,
        parameters=parameters,
        unit_scaled=twin.unit_scaled,
        twin=twin.id,
    )


def _observe(runner: _Runner, hints: Hints) -> list[Observation]:
    return [
        runner.run(Trial(kind, ndim, dtype))
        for ndim in (hints.ndims or (2, 3))
        for kind in (hints.input_kinds or tuple(DTYPES))
        for dtype in DTYPES[kind]
        if not hints.dtypes or dtype in hints.dtypes
    ]


def _floats(spec: FunctionSpec) -> type[np.floating[Any]]:
    """Return the widest float that the function's memory type holds."""
    try:
        get_memory_type(spec.memory_type_in).check_dtype("float64")
    except ConversionError:
        return np.float32
    return np.float64


def _wraps(runner: _Runner, seen: Observation) -> bool:
    """Whether values outside the range of an unsigned integer come out as others inside it."""
    if seen.is_table or not seen.trial.dtype.startswith("uint") or seen.result.dtype.kind != "u":
        return False
    first, parameters = trial_call(runner.spec, seen.trial)
    exact = try_function(
        runner.function, seen.trial, first.astype(_floats(runner.spec)), parameters
    )
    if exact.problem or exact.is_table or exact.result.shape != seen.result.shape:
        return False
    # Overflowed values are the exact ones modulo the size of the dtype; a function that
    # treats floats in another way (an inversion) gives others, one that clips the ends.
    size = float(np.iinfo(seen.result.dtype).max) + 1
    outside = (exact.result < -1) | (exact.result > size)
    apart = (seen.result[outside] - exact.result[outside] + size / 2) % size - size / 2
    lost = np.abs(seen.result[outside] - exact.result[outside]) > size / 2
    return bool(lost.any() and (np.abs(apart) < 1.1).all())


def _input_kinds(useful: list[Observation], hints: Hints) -> tuple[Kind, ...]:
    """Return the kinds that make sense, the main one first."""
    works = {item.trial.kind for item in useful}
    if hints.input_kinds:
        return tuple(kind for kind in hints.input_kinds if kind in works)
    if Kind.IMAGE not in works:
        return (Kind.MASK,) if Kind.MASK in works else (Kind.LABELS,)
    masks = [item for item in useful if item.trial.kind is Kind.MASK]
    keeps = bool(masks) and all(item.dtype_out == "bool" for item in masks)
    images = [item for item in useful if item.trial.kind is Kind.IMAGE]
    makes_masks = all(item.dtype_out == "bool" for item in images)
    return (Kind.IMAGE, Kind.MASK) if keeps and not makes_masks else (Kind.IMAGE,)


def _output_kind(used: list[Observation], hints: Hints) -> Kind:
    if hints.output_kind is not None:
        return hints.output_kind
    if used[0].is_table:
        return Kind.TABLE
    main = [item for item in used if item.trial.kind is used[0].trial.kind]
    return Kind.MASK if all(item.dtype_out == "bool" for item in main) else Kind.IMAGE


def _keeps_kind(
    used: list[Observation], kinds: tuple[Kind, ...], output_kind: Kind, hints: Hints
) -> bool:
    """Whether masks give masks and labels give labels."""
    if len(kinds) < 2 or output_kind not in kinds or hints.contract is Contract.LABELS:
        return False
    return all(item.dtype_out == "bool" for item in used if item.trial.kind is Kind.MASK) and all(
        item.result.dtype.kind in "iu" for item in used if item.trial.kind is Kind.LABELS
    )


def _contract(runner: _Runner, used: list[Observation], output_kind: Kind) -> Contract:
    if output_kind is Kind.TABLE:
        return Contract.TABLE
    if any(item.reduced for item in used):
        return Contract.REDUCE
    if output_kind is Kind.LABELS:
        return Contract.LABELS
    ndims = {item.trial.ndim for item in used}
    if ndims == {3}:
        return Contract.VOLUME
    if ndims == {2}:
        return Contract.PLANE
    volumes = [item for item in used if item.trial.ndim == 3]
    return (
        Contract.PLANE
        if all(_is_plane_by_plane(runner, item) for item in volumes[:2])
        else Contract.FLEXIBLE
    )


def _is_plane_by_plane(runner: _Runner, volume: Observation) -> bool:
    """Whether a stack comes out as its planes one by one would."""
    stack, parameters = trial_call(runner.spec, volume.trial)
    planes = []
    for number, plane in enumerate(stack):
        given = with_footprints(runner.spec, _required(runner.spec), 2)
        for key, value in parameters.items():
            parameter = runner.spec.parameter(key)
            if parameter is not None and parameter.type == "array":
                given[key] = value[number]
        found = try_function(runner.function, Trial(volume.trial.kind, 2, ""), plane, given)
        if found.problem:
            return False
        planes.append(found.result)
    return np.array_equal(np.stack(planes), volume.result)


def _required(spec: FunctionSpec) -> dict[str, Any]:
    return {item.name: item.suggested for item in spec.form_parameters if item.required}


def _dtypes(used: list[Observation]) -> dict[str, str]:
    found = {item.trial.dtype: item.dtype_out for item in used if not item.is_table}
    tables = {item.trial.dtype: "table" for item in used if item.is_table}
    return dict(sorted({**found, **tables}.items()))


def _proven_arrays(runner: _Runner, trial: Trial) -> tuple[ParameterSpec, ...]:
    """Return the parameters without optional arrays that do not run."""
    return tuple(
        item
        for item in runner.spec.parameters
        if item.type != "array" or item.required or not runner.run(trial, (item.name,)).problem
    )


def _is_unit_scaled(runner: _Runner, used: list[Observation]) -> bool:
    """Whether integers come back divided by the largest value of their dtype.

    So it is when an integer image gives the same as its values divided by that maximum,
    and its plain values as floats do not: a result that does not depend on the scale of the
    image has no scale to undo.
    """
    integer = {
        item.trial.dtype: item
        for item in used
        if item.trial.kind is Kind.IMAGE and item.trial.dtype.startswith("uint")
    }
    if not integer or any(
        item.is_table or item.result.dtype.kind != "f" for item in integer.values()
    ):
        return False
    return all(_divides(runner, item) for item in integer.values())


def _divides(runner: _Runner, seen: Observation) -> bool:
    first, parameters = trial_call(runner.spec, seen.trial)
    maximum = float(np.iinfo(seen.trial.dtype).max)

    def on(array: np.ndarray, scale: float) -> np.ndarray | None:
        given = {
            key: value / scale if _is_image(runner.spec, key) else value
            for key, value in parameters.items()
        }
        divided = (array / scale).astype(_floats(runner.spec))
        found = try_function(runner.function, seen.trial, divided, given)
        return None if found.problem else found.result

    divided, plain = on(first, maximum), on(first, 1.0)
    return (
        divided is not None
        and _close(seen.result, divided)
        and (plain is None or not _close(seen.result, plain))
    )


def _is_image(spec: FunctionSpec, name: str) -> bool:
    parameter = spec.parameter(name)
    return parameter is not None and parameter.type == "array" and parameter.kind is Kind.IMAGE


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    span = float(np.nanmax(np.abs(one))) or 1.0
    return np.allclose(one, other, rtol=1e-3, atol=1e-3 * span, equal_nan=True)


def _seconds_per_megapixel(runner: _Runner, used: list[Observation]) -> float | None:
    """Return the time on a larger plane, to two digits; from the trial where that is slow."""
    planes = [item for item in used if item.trial.ndim == 2] or used
    seen = planes[0]
    seconds, pixels = seen.seconds, float(np.prod(seen.shape_in))
    if seen.trial.ndim == 2 and seconds < 1.0:
        first, parameters = trial_call(runner.spec, seen.trial, size=256)
        try:
            # Libraries that compile do so for each shape, the first time: the second counts.
            for _ in range(2):
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    runner.function(first, **parameters)
                seconds, pixels = time.perf_counter() - start, float(first.size)
        except (ValueError, IndexError, TypeError):
            # A value suggested for the small image does not fit this one: the trial's time stands.
            pass
    return float(f"{seconds / pixels * 1e6:.2g}")
