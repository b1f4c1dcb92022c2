"""Tests for an adapter of a function library.

Whoever adds one subclasses :class:`LibraryTests`::

    class TestMyLibrary(LibraryTests):
        library = "my_library"
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_openhcs.axes import VALID_MEMORY_TYPES, Contract, Kind
from napari_openhcs.functions.catalogue import Catalogue
from napari_openhcs.functions.classify import (
    draft_spec,
    establish_function,
    main_trial,
    on_numpy,
    trial_call,
)
from napari_openhcs.functions.declare import declared_shape
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, import_function, signature_text
from napari_openhcs.functions.registry import function_id, get_function
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.memory_types import get_memory_type

__all__ = ["LibraryTests", "main_trial", "untimed"]

TYPES = frozenset(("int", "float", "bool", "str", "choice", "literal", "footprint", "array"))


def untimed(spec: FunctionSpec) -> FunctionSpec:
    """Return a spec without the one figure that differs from run to run."""
    return replace(spec, seconds_per_megapixel=None)


class LibraryTests:
    """What holds for every function of every library."""

    library: str
    """Key of the adapter."""
    resampled: int = 4
    """How many functions are established again."""

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
                if item.required and item.type != "array" and not item.fact:
                    assert item.suggested is not None, where
                if item.type == "choice":
                    value = item.suggested if item.required else item.default
                    assert value in item.choices or (item.optional and value is None), where
                if not item.required and item.default is None:
                    assert item.optional, where

    @pytest.mark.usefixtures("device")
    def test_every_function_runs_as_its_form_shows_it(self, catalogue: Catalogue) -> None:
        """With nothing but the suggested values every listed function gives what it promises."""
        wrong = [
            f"{spec.id} on {kind}: {problem}"
            for spec in catalogue.functions
            for kind in spec.input_kinds
            for problem in _broken_promises(spec, kind)
        ]
        assert not wrong, "\n".join(wrong)

    @pytest.mark.usefixtures("device")
    def test_a_sample_is_established_alike(
        self, adapter: FunctionLibrary, catalogue: Catalogue
    ) -> None:
        """Running some functions anew finds what the catalogue says."""
        if adapter.version() != catalogue.version:
            pytest.skip(f"catalogued is {catalogue.version}")
        quick = [item for item in catalogue.functions if (item.seconds_per_megapixel or 0) < 2]
        for spec in random.Random(1).sample(quick, min(self.resampled, len(quick))):
            found = establish_function(adapter, spec.id, import_function(spec.id))
            assert untimed(found) == untimed(spec)


def _broken_promises(spec: FunctionSpec, kind: Kind) -> Iterator[str]:
    trial = main_trial(spec, kind=kind)
    first, parameters = trial_call(spec, trial)
    with warnings.catch_warnings():
        # A library's advice about its own speed or an empty image is no failure.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = on_numpy(spec, get_function(spec.id))(first.copy(), **parameters)
    promised = declared_shape(get_function(spec.id), first.shape, parameters)
    yield from _wrong(spec, kind, first, result, promised)


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
    if str(result.dtype) != spec.dtypes[str(first.dtype)]:
        yield f"{result.dtype} instead of {spec.dtypes[str(first.dtype)]}"
    if output_kind is Kind.MASK and len(np.unique(result)) > 2:
        yield "a mask of more than two values"
    if output_kind is Kind.LABELS and result.dtype.kind not in "iu":
        yield f"labels of {result.dtype}"
