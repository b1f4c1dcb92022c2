"""Tests for an adapter of a function library.

Whoever adds one subclasses :class:`LibraryTests`::

    class TestMyLibrary(LibraryTests):
        library = "my_library"
"""

from __future__ import annotations

import datetime
import itertools
import random
import warnings
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import VALID_MEMORY_TYPES, Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.functions.catalogue import Catalogue
from napari_openhcs.functions.classify import (
    draft_spec,
    establish_function,
    main_trial,
    trial_call,
)
from napari_openhcs.functions.declare import declared_shape
from napari_openhcs.functions.establish import establish_library
from napari_openhcs.functions.establish_worker import digest_of
from napari_openhcs.functions.facts import example_of
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, import_function, signature_text
from napari_openhcs.functions.registry import function_id, get_function
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.functions.trial import Trial
from napari_openhcs.functions.trial_images import DTYPES, trial_array
from napari_openhcs.memory_types import get_memory_type
from napari_openhcs.plan import FunctionPlan

__all__ = ["LibraryTests", "main_trial", "untimed"]

TYPES = frozenset(
    ("int", "float", "bool", "str", "choice", "literal", "footprint", "array", "special")
)


def untimed(spec: FunctionSpec) -> FunctionSpec:
    """Return a spec without the one figure that differs from run to run."""
    return replace(spec, seconds_per_megapixel=None)


class LibraryTests:
    """What holds for every function of every library."""

    library: str
    """Key of the adapter."""
    resampled: int = 6
    """How many functions are established again in a default run."""
    alike: frozenset[str] = frozenset()
    """Functions that give the same on the trial image and differ elsewhere."""

    @pytest.fixture
    def adapter(self) -> FunctionLibrary:
        """Return the adapter; skip where its library is not installed."""
        found = LIBRARIES[self.library]
        if not found.is_available():
            pytest.skip(f"{found.title} is not installed")
        return found

    @pytest.fixture
    def device(self, adapter: FunctionLibrary) -> None:
        """Skip where the library finds no device to run on."""
        memory_type = get_memory_type(adapter.memory_type)
        if not memory_type.devices():
            pytest.skip(memory_type.no_device())

    @pytest.fixture
    def catalogue(self, adapter: FunctionLibrary) -> Catalogue:
        """Return the adapter's catalogue."""
        found = adapter.catalogue()
        assert found is not None
        return found

    def test_says_who_it_is(self) -> None:
        """The file's name is the key, and a user is told how to install the library."""
        found = LIBRARIES[self.library]
        assert found.name == self.library
        assert found.memory_type in VALID_MEMORY_TYPES
        assert found.title
        assert found.install

    def test_ids_lead_to_functions_and_back(self, catalogue: Catalogue) -> None:
        """Every id imports as written and no function is listed under two names."""
        functions = {spec.id: get_function(spec.id) for spec in catalogue.functions}
        assert len({id(import_function(name)) for name in functions}) == len(functions)
        for name, function in functions.items():
            assert function_id(function) == name
            assert function_id(import_function(name)) == name

    def test_signatures_are_those_established(
        self, adapter: FunctionLibrary, catalogue: Catalogue
    ) -> None:
        """The catalogue of the installed version describes the installed functions."""
        if adapter.version() != catalogue.version:
            pytest.skip(f"catalogued is {catalogue.version}")
        for spec in catalogue.functions:
            assert signature_text(import_function(spec.id)) == catalogue.signatures[spec.id]

    def test_descriptions_are_those_of_the_code(
        self, adapter: FunctionLibrary, catalogue: Catalogue
    ) -> None:
        """The catalogue was made after the last change of hints and docstrings."""
        if adapter.version() != catalogue.version:
            pytest.skip(f"catalogued is {catalogue.version}")
        for spec in catalogue.functions:
            hints = adapter.hints(spec.id)
            draft = draft_spec(adapter, spec.id, import_function(spec.id), hints)
            for name in ("implementation", "summary", "category", "synonyms", "doc_url"):
                assert getattr(draft, name) == getattr(spec, name), f"{spec.id}: {name}"
            # A twin may have fewer parameters than the library's own signature.
            known = {item.name for item in spec.parameters}
            described = [i for i in draft.form_parameters if not spec.twin or i.name in known]
            assert tuple(described) == spec.form_parameters, spec.id

    def test_descriptions_are_whole(self, catalogue: Catalogue) -> None:
        """Summary, topic and a value for every required parameter are there."""
        for spec in catalogue.functions:
            assert spec.summary, spec.id
            assert spec.category, spec.id
            assert spec.input_kinds, spec.id
            assert spec.dtypes, spec.id
            for item in spec.parameters:
                where = f"{spec.id}: {item}"
                assert item.type in TYPES, where
                if item.required and item.type not in ("array", "special") and not item.fact:
                    assert item.suggested is not None, where
                if item.type == "choice":
                    value = item.suggested if item.required else item.default
                    assert value in item.choices or (item.optional and value is None), where
                if not item.required and item.default is None:
                    assert item.optional, where

    @pytest.mark.usefixtures("device")
    def test_every_function_runs_as_its_form_shows_it(self, catalogue: Catalogue) -> None:
        """With nothing but the suggested values every listed function gives what it promises.

        Each runs as a step of a pipeline, under both dtype policies.
        """
        wrong = [
            f"{spec.id} on {kind}: {problem}"
            for spec in catalogue.functions
            for kind in spec.input_kinds
            for problem in _broken_promises(spec, kind)
        ]
        assert not wrong, "\n".join(wrong)

    @pytest.mark.usefixtures("device")
    def test_no_function_is_listed_under_two_names(self, catalogue: Catalogue) -> None:
        """Functions with the same parameters give different results on one of the images."""
        groups: dict[object, list[FunctionSpec]] = {}
        for spec in catalogue.functions:
            parameters = tuple(
                (item.name, repr(item.default), repr(item.suggested)) for item in spec.parameters
            )
            content = digest_of(_result(spec, main_trial(spec), "native"))
            key = (spec.input_kinds, parameters, content, spec.special_outputs)
            groups.setdefault(key, []).append(spec)
        twice = [
            f"{one.id} and {other.id}"
            for specs in groups.values()
            for one, other in itertools.combinations(specs, 2)
            if not self.alike.issuperset((one.id, other.id)) and _same_elsewhere(one, other)
        ]
        assert not twice, "\n".join(twice)

    @pytest.mark.usefixtures("device")
    def test_a_sample_is_established_alike(
        self, adapter: FunctionLibrary, catalogue: Catalogue
    ) -> None:
        """Running some functions anew, other ones every day, finds what the catalogue says."""
        if adapter.version() != catalogue.version:
            pytest.skip(f"catalogued is {catalogue.version}")
        quick = [item for item in catalogue.functions if (item.seconds_per_megapixel or 0) < 2]
        seed = f"{self.library} {datetime.date.today()}"
        for spec in random.Random(seed).sample(quick, min(self.resampled, len(quick))):
            found = establish_function(adapter, spec.id, import_function(spec.id))
            # Whether two processes agree takes two processes: the nightly test has them.
            found = replace(found, deterministic=spec.deterministic)
            assert untimed(found) == untimed(spec), f"with the sample of '{seed}'"

    @pytest.mark.nightly
    @pytest.mark.timeout(7200)
    @pytest.mark.usefixtures("device")
    def test_all_are_established_alike(
        self, adapter: FunctionLibrary, catalogue: Catalogue
    ) -> None:
        """Making the catalogue anew gives the same, but for the times."""
        if adapter.version() != catalogue.version:
            pytest.skip(f"catalogued is {catalogue.version}")
        found = establish_library(self.library)
        differences = list(_differences(catalogue, found))
        assert not differences, "\n".join(differences)


def _differences(before: Catalogue, after: Catalogue) -> Iterator[str]:
    """Say how two catalogues differ, but for the times."""
    for name in ("signatures", "excluded"):
        one, other = getattr(before, name), getattr(after, name)
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                yield f"{name} of {key}: {one.get(key)!r} became {other.get(key)!r}"
    known = {spec.id: untimed(spec) for spec in before.functions}
    for spec in after.functions:
        for item in fields(spec):
            value = getattr(known.get(spec.id), item.name, None)
            made = getattr(untimed(spec), item.name)
            if value != made:
                yield f"{item.name} of {spec.id}: {value!r} became {made!r}"


def _plan(spec: FunctionSpec, trial: Trial) -> tuple[FunctionPlan, dict[str, np.ndarray]]:
    """Return the call that a new step makes, and its further arrays."""
    first, given = trial_call(spec, trial)
    arrays = {item.name: given[item.name] for item in spec.array_parameters if item.name in given}
    values = {item.name: item.suggested for item in spec.form_parameters if item.required}
    values |= {item.name: example_of(item.fact, first.shape) for item in spec.fact_parameters}
    values |= {item.name: given[item.name] for item in spec.special_parameters}
    return FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping(values),
        memory_type_in=spec.memory_type_in,
        memory_type_out=spec.memory_type_out,
        contract=spec.contract,
        applies_to="stack" if trial.ndim == 3 else "plane",
        output_kind=spec.output_kind_for(trial.kind),
        array_parameters=tuple(arrays),
        unit_scaled=spec.is_unit_scaled(values),
        shared_columns=spec.shared_columns,
        library=spec.library,
        special_outputs=spec.special_outputs,
        library_version=spec.library_version,
        footprints=tuple(item.name for item in spec.parameters if item.type == "footprint"),
    ), arrays


def _same_elsewhere(one: FunctionSpec, other: FunctionSpec) -> bool:
    """Whether two functions give the same on further images: other pixel types and values."""
    main = main_trial(one)
    random_ = np.random.default_rng(30)
    for dtype in DTYPES[main.kind]:
        if dtype not in one.dtypes or dtype not in other.dtypes:
            continue
        trial = replace(main, dtype=dtype)
        first = trial_array(main.kind, main.ndim, dtype)
        further = random_.gamma(0.6, 400, first.shape)
        if main.kind is not Kind.IMAGE:
            # Squares that touch, some of them missing, with holes.
            y, x = np.indices(first.shape)[-2:] // 16
            further = (y * 5 + x) * ((y + x) % 3 > 0) * (further > 40)
        elif dtype == "float32":
            further = further / 100 - 3
        else:
            further = further.clip(0, 255)
        for image in (first, further.astype(dtype)):
            found = [digest_of(_result(spec, trial, "native", image)) for spec in (one, other)]
            if found[0] != found[1]:
                return False
    return True


def _result(spec: FunctionSpec, trial: Trial, policy: str, first: np.ndarray | None = None) -> Any:
    """Return the array or table that a step of this one function gives on a trial."""
    plan, arrays = _plan(spec, trial)
    if first is None:
        first = trial_array(trial.kind, trial.ndim, trial.dtype)

    def planes(array: np.ndarray) -> list[np.ndarray]:
        return list(array) if array.ndim == 3 else [array]

    with warnings.catch_warnings():
        # A library's advice about its own speed or an empty image is no failure.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found = apply_chain(
            [plan],
            planes(first),
            {name: planes(array) for name, array in arrays.items()},
            dtype_policy=policy,
            input_kind=trial.kind,
        )
    single = trial.ndim == 2 or spec.contract is Contract.REDUCE or plan.output_kind is Kind.TABLE
    return found[0] if single else np.stack([np.asarray(plane) for plane in found])


def _broken_promises(spec: FunctionSpec, kind: Kind) -> Iterator[str]:
    trial = main_trial(spec, kind=kind)
    first, parameters = trial_call(spec, trial)
    promised = declared_shape(get_function(spec.id), first.shape, parameters)
    yield from _wrong(spec, kind, first, _result(spec, trial, "native"), promised)
    kept = _result(spec, trial, "preserve")
    if (
        spec.output_kind_for(kind) is Kind.IMAGE
        and kind is Kind.IMAGE
        and kept.dtype != first.dtype
    ):
        yield f"{kept.dtype} instead of {first.dtype} under the policy 'preserve'"


def _wrong(
    spec: FunctionSpec,
    kind: Kind,
    first: np.ndarray,
    result: Any,
    promised: tuple[int, int] | None,
) -> Iterator[str]:
    output_kind = spec.output_kind_for(kind)
    if output_kind is Kind.TABLE:
        lengths = {len(column) for column in result.values()}
        if len(lengths) != 1:
            yield f"columns of lengths {lengths}"
        return
    kept = first.shape[1:] if spec.contract is Contract.REDUCE else first.shape
    expected = kept if promised is None else promised
    if spec.contract is not Contract.VOLUME and result.shape != expected:
        yield f"shape {result.shape} instead of {expected}"
    made = {Kind.MASK: "bool", Kind.LABELS: "int32"}
    dtype = made.get(output_kind, spec.dtypes[str(first.dtype)])
    if str(result.dtype) != dtype:
        yield f"{result.dtype} instead of {dtype}"
    if output_kind is Kind.MASK and len(np.unique(result)) > 2:
        yield "a mask of more than two values"
    if output_kind is Kind.LABELS and result.dtype.kind not in "iu":
        yield f"labels of {result.dtype}"
