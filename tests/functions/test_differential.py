"""Calling through a chain gives exactly what calling the library directly gives.

Over everything in the registry that is installed here, on seeded random images: a sample by
default, all with ``-m long``.  New catalogues are covered without a change of this file.
"""

from __future__ import annotations

import random
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.compiler.patterns import EITHER, STACKED
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import special
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.functions.classify import on_numpy
from napari_openhcs.functions.facts import example_of
from napari_openhcs.functions.footprint import with_footprints
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.registry import get_function, is_available, specs
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.memory_types import get_memory_type
from napari_openhcs.pipeline.step import FunctionStep
from napari_openhcs.plan import FunctionPlan

SHAPE = (7, 41, 52)
SAMPLED, SAMPLED_COMPILED = 12, 4
"""Functions of each library in every run; fewer where each is compiled on its first call."""
QUICK_S = 3.0
"""Seconds per megapixel up to which a function may be in the sample."""

DTYPES = {Kind.IMAGE: ("uint8", "uint16", "float32"), Kind.MASK: ("bool",), Kind.LABELS: ("int32",)}
TOP = {"uint8": 255.0, "uint16": 4095.0, "float32": 1.0}

Arrays = dict[str, np.ndarray]


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (intensities from 0 to 1, labels) of a random field: nuclei, background, noise."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(SHAPE).astype(float)
    labels = np.zeros(SHAPE, np.int32)
    image = 0.05 + 0.04 * rng.random() * x / SHAPE[2]
    number = 0
    for row in range(8, SHAPE[1] - 6, 15):
        for column in range(8, SHAPE[2] - 6, 15):
            number += 1
            at = row + rng.uniform(-3, 3), column + rng.uniform(-3, 3)
            radius = rng.uniform(3.5, 6.5)
            distance = np.sqrt((z - 3) ** 2 / 2 + (y - at[0]) ** 2 + (x - at[1]) ** 2)
            labels[(distance < radius) & (labels == 0)] = number
            image += rng.uniform(0.2, 0.5) / (1 + np.exp(distance - radius))
    # Every plane has a brightness of its own.
    image *= rng.uniform(0.6, 1.0, (SHAPE[0], 1, 1))
    return np.clip(rng.poisson(image * 800) / 800, 0, 1), labels


def array_of(kind: Kind, dtype: str, seed: int, *, second: bool = False) -> np.ndarray:
    """Return a random stack of one kind; a `second` array fits the first of the same seed.

    A second image is nowhere darker, a second mask lies around, second labels lie inside.
    """
    image, labels = scene(seed)
    if kind is Kind.IMAGE:
        other = np.maximum(image, scene(seed + 1)[0]) if second else image
        return (other * TOP.get(dtype, 1.0)).astype(dtype)
    if kind is Kind.MASK:
        mask = labels > 0
        return ndimage.binary_dilation(mask, iterations=2) if second else mask
    inside = ndimage.minimum_filter(labels, (1, 3, 3)) == ndimage.maximum_filter(labels, (1, 3, 3))
    return (labels * inside if second else labels).astype(np.int32)


def plan_of(spec: FunctionSpec, kind: Kind, applies_to: str, arrays: Arrays) -> FunctionPlan:
    """Return the call with what a form shows first, as the compiler plans it."""
    parameters = {item.name: item.suggested for item in spec.form_parameters if item.required}
    parameters |= {item.name: example_of(item.fact, SHAPE) for item in spec.fact_parameters}
    return FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping(parameters),
        memory_type_in=spec.memory_type_in,
        memory_type_out=spec.memory_type_out,
        contract=spec.contract,
        applies_to=applies_to,
        output_kind=spec.output_kind_for(kind),
        array_parameters=tuple(arrays),
        unit_scaled=spec.is_unit_scaled(parameters),
        shared_columns=spec.shared_columns,
        special_inputs=tuple(item.name for item in spec.special_parameters),
        special_outputs=spec.special_outputs,
    )


def side_inputs(spec: FunctionSpec, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what earlier steps would hand to a function beside its image."""
    return {item.name: special.example_of(item.special, shape) for item in spec.special_parameters}


def ways(spec: FunctionSpec) -> tuple[str, ...]:
    """Return what a call may be applied to."""
    if spec.contract in STACKED:
        return ("stack",)
    either = spec.contract in EITHER and 3 in spec.ndims
    return (*(("plane",) if 2 in spec.ndims else ()), *(("stack",) if either else ()))


def wirings(spec: FunctionSpec, kind: Kind, dtype: str, seed: int) -> Iterator[Arrays]:
    """Yield the required arrays alone, then with each optional one."""

    def array(name: str, wanted: Kind | None) -> np.ndarray:
        other = wanted or kind
        return array_of(other, dtype if other is kind else DTYPES[other][-1], seed, second=True)

    needed = {i.name: array(i.name, i.kind) for i in spec.array_parameters if i.required}
    yield needed
    for item in spec.array_parameters:
        if not item.required:
            yield {**needed, item.name: array(item.name, item.kind)}


def direct(spec: FunctionSpec, plan: FunctionPlan, stack: np.ndarray, arrays: Arrays) -> list[Any]:
    """Call the library itself, once a plane or once for the stack."""
    function = on_numpy(spec, get_function(spec.id))

    def call(first: np.ndarray, given: Arrays) -> Any:
        parameters = with_footprints(spec, dict(plan.parameters), first.ndim)
        parameters |= side_inputs(spec, first.shape)
        return function(first.copy(), **{k: a.copy() for k, a in given.items()}, **parameters)

    if plan.applies_to == "stack":
        return [call(stack, arrays)]
    return [
        call(plane, {name: array[n] for name, array in arrays.items()})
        for n, plane in enumerate(stack)
    ]


def as_planes(results: list[Any], applies_to: str) -> list[np.ndarray]:
    """Return the planes of what was called once a stack."""
    if applies_to == "plane":
        return results
    (result,) = results
    single = result.reshape(result.shape[-2:]) if result.shape[0] == 1 else result
    return [single] if single.ndim == 2 else list(single)


def same_table(got: Arrays, expected: Any) -> bool:
    return set(got) == {str(column) for column in expected} and all(
        np.array_equal(values, np.asarray(expected[column]), equal_nan=values.dtype.kind == "f")
        for column, values in got.items()
    )


def same_bits(got: np.ndarray, expected: np.ndarray, kind: Kind) -> bool:
    """Whether a result is the library's, bit for bit; masks are bool and labels int32."""
    if kind is Kind.MASK:
        return got.dtype == bool and np.array_equal(got, expected != 0)
    if kind is Kind.LABELS:
        return got.dtype == np.int32 and np.array_equal(got, expected)
    expected = np.asarray(expected)
    return got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


def keeps_meaning(got: np.ndarray, expected: np.ndarray, dtype: str, unit_scaled: bool) -> bool:
    """Whether values are the library's, times the maximum where it divided, rounded, clipped."""
    if got.dtype != np.dtype(dtype):
        return False
    if got.dtype.kind == "f":
        return np.array_equal(got, expected.astype(dtype), equal_nan=True)
    info = np.iinfo(dtype)
    scaled = unit_scaled and expected.dtype.kind == "f"
    exact = np.clip(expected.astype(float) * (info.max if scaled else 1), info.min, info.max)
    return bool((np.abs(got - exact) <= 0.5 + 2**-6).all())


def run(spec: FunctionSpec, kind: Kind, dtype: str, way: str, arrays: Arrays, seed: int) -> str:
    """Return how a call through the chain differs from the library's, or nothing."""
    stack = array_of(kind, dtype, seed)
    if way == "plane":
        stack, arrays = stack[2:5:2], {name: array[2:5:2] for name, array in arrays.items()}
    plan = plan_of(spec, kind, way, arrays)
    wired = {name: list(array) for name, array in arrays.items()}

    def through(policy: str) -> list[Any]:
        sides = side_inputs(spec, stack.shape if way == "stack" else stack.shape[1:])
        calls = 1 if way == "stack" else len(stack)
        found = apply_chain(
            [plan],
            list(stack),
            wired,
            dtype_policy=policy,
            input_kind=kind,
            specials={name: [value] * calls for name, value in sides.items()},
        )
        return list(found)

    raw = direct(spec, plan, stack, arrays)
    native = through("native")
    if plan.output_kind is Kind.TABLE:
        same = len(native) == len(raw) and all(map(same_table, native, raw))
        return "" if same else "another table"
    expected = as_planes(raw, way)
    if len(native) != len(expected):
        return f"{len(native)} planes instead of {len(expected)}"
    if not all(
        same_bits(got, wanted, plan.output_kind)
        for got, wanted in zip(native, expected, strict=True)
    ):
        return "other bits under 'native'"
    finite = all(plane.dtype.kind != "f" or np.isfinite(plane).all() for plane in expected)
    if plan.output_kind is not Kind.IMAGE or kind is not Kind.IMAGE or not finite:
        return ""
    kept = all(
        keeps_meaning(got, wanted, dtype, plan.unit_scaled)
        for got, wanted in zip(through("preserve"), expected, strict=True)
    )
    return "" if kept else "other values under 'preserve'"


def differences(spec: FunctionSpec) -> Iterator[str]:
    """Yield every way in which a function differs through a chain."""
    seed = zlib.crc32(spec.id.encode())
    for kind in spec.input_kinds:
        for dtype in (item for item in DTYPES[kind] if item in spec.dtypes):
            for way in ways(spec):
                for arrays in wirings(spec, kind, dtype, seed):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        found = run(spec, kind, dtype, way, arrays, seed)
                    if found:
                        yield f"{spec.id}({', '.join(arrays)}) on {dtype}, {way}: {found}"


def usable(library: str) -> list[FunctionSpec]:
    """Return a library's functions, or skip the test where it cannot be used here."""
    found = [spec for spec in specs().values() if spec.library == library]
    if not found or not is_available(found[0]):
        pytest.skip(f"{library} is not installed")
    memory_type = get_memory_type(found[0].memory_type_in)
    if not memory_type.devices():
        pytest.skip(memory_type.no_device())
    return found


LISTED = sorted({(spec.library, spec.category) for spec in specs().values()})


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_sample_equals_its_library(library: str) -> None:
    found = [spec for spec in usable(library) if (spec.seconds_per_megapixel or 0) < QUICK_S]
    number = SAMPLED if found[0].memory_type_in in ("numpy", "torch") else SAMPLED_COMPILED
    chosen = random.Random(library).sample(found, min(number, len(found)))
    wrong = [line for spec in chosen for line in differences(spec)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("library", "category"), LISTED)
def test_every_function_equals_its_library(library: str, category: str) -> None:
    chosen = [spec for spec in usable(library) if spec.category == category]
    wrong = [line for spec in chosen for line in differences(spec)]
    assert not wrong, "\n".join(wrong)


BLURS = ("gaussian", "gaussian_filter", "gaussian_blur", "gaussian_blur2d")
GAUSSIANS = [
    name
    for name, spec in specs().items()
    if name.rpartition(".")[2]
    in ("gaussian", "gaussian_filter", "gaussian_blur", "gaussian_blur2d")
    and spec.output_kind is Kind.IMAGE
]


@pytest.mark.parametrize("name", GAUSSIANS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_gaussian_keeps_the_mean_of_every_plane(name: str, dtype: str) -> None:
    spec = specs()[name]
    usable(spec.library)
    if spec.refuses(dtype):
        pytest.skip(f"not for {dtype}")
    stack = np.pad(array_of(Kind.IMAGE, dtype, 5), ((0, 0), (16, 16), (16, 16)), mode="reflect")
    plan = plan_of(spec, Kind.IMAGE, "plane", {})
    smooth = apply_chain([plan], list(stack), {}, dtype_policy="preserve")
    assert any(not np.array_equal(one, other) for one, other in zip(smooth, stack, strict=True))
    for one, other in zip(smooth, stack, strict=True):
        assert one.dtype == other.dtype
        # SciPy cuts off the fraction of an integer after each of the two axes.
        cut = 0.0 if dtype == "float32" else 1.1
        assert one.mean() == pytest.approx(other.mean(), rel=0.005, abs=cut)


@pytest.mark.parametrize("name", GAUSSIANS)
def test_two_planes_are_never_scaled_differently(name: str) -> None:
    spec = specs()[name]
    usable(spec.library)
    dim = array_of(Kind.IMAGE, "uint16", 6)[3]
    plan = plan_of(spec, Kind.IMAGE, "plane", {})
    one, other = apply_chain([plan], [dim, dim * np.uint16(8)], {}, dtype_policy="preserve")
    # A fraction is rounded, or cut off after each axis, before and after: at most 8 × 2.
    np.testing.assert_allclose(other, one * 8.0, atol=16)


def test_no_default_mixes_the_planes_of_a_stack() -> None:
    """What sees a whole stack by default is a projection or needs a volume by its contract."""
    assert FunctionStep("skimage.filters.gaussian").volume is False
    for name, spec in specs().items():
        default = "stack" if spec.contract in STACKED else "plane"
        assert default in ways(spec), name
        if spec.contract in STACKED:
            assert spec.contract in (Contract.REDUCE, Contract.VOLUME), name


def damaged(wrong: Callable[..., Any]) -> list[str]:
    spec = specs()["skimage.filters.gaussian"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.direct", wrong)
        return list(differences(spec))


def test_a_difference_is_seen() -> None:
    honest = direct
    lines = damaged(lambda *given: [np.nextafter(a, a.dtype.type(9)) for a in honest(*given)])
    assert len(lines) == 6
    assert all("other bits" in line for line in lines)
