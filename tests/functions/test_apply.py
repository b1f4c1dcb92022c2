import inspect

import numpy as np
import pytest
from scipy import ndimage
from skimage import exposure, filters, measure

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import ContractError, FunctionNotFoundError, MemoryTypeError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import apply as apply_module
from napari_openhcs.functions import registry
from napari_openhcs.functions.apply import ApplyReport, apply_chain
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.memory_types import MEMORY_TYPES
from napari_openhcs.memory_types.torch import TorchMemoryType
from napari_openhcs.plan import FunctionPlan

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
PLANES = [RNG.integers(0, 1000 * (n + 1), (12, 15), dtype="uint16") for n in range(3)]


def plan(function="f", **options):
    defaults = {
        "parameters": FrozenMapping(),
        "memory_type_in": "numpy",
        "memory_type_out": options.get("memory_type_in", "numpy"),
        "contract": Contract.FLEXIBLE,
        "applies_to": "plane",
        "output_kind": Kind.IMAGE,
    }
    return FunctionPlan(function=function, **(defaults | options))


def run(functions, planes=PLANES, arrays=None, *, chain=None, dtype_policy="preserve", **options):
    """Apply a chain of (function, plan options) or functions."""
    named = [item if isinstance(item, tuple) else (item, {}) for item in functions]
    table = {f"f{n}": function for n, (function, _) in enumerate(named)}
    chain = tuple(plan(f"f{n}", **given) for n, (_, given) in enumerate(named))
    return apply_chain(
        chain, planes, arrays or {}, dtype_policy=dtype_policy, resolve=table.__getitem__, **options
    )


def same(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_planes_are_worked_on_one_by_one():
    shapes = []

    def double(image):
        shapes.append(image.shape)
        return image * 2

    same(run([double]), [plane * 2 for plane in PLANES])
    assert shapes == [(12, 15)] * 3


def test_a_stack_of_fields_is_not_blurred_into_each_other():
    got = run(
        [(filters.gaussian, {"parameters": FrozenMapping({"sigma": 2.0}), "unit_scaled": True})]
    )
    same(got, [np.rint(filters.gaussian(p, sigma=2.0) * 65535).astype("uint16") for p in PLANES])
    for smooth, plane in zip(got, PLANES, strict=True):
        assert smooth.mean() == pytest.approx(plane.mean(), rel=0.05)


def test_a_volume_function_sees_the_stack():
    got = run(
        [
            (
                ndimage.gaussian_filter,
                {"parameters": FrozenMapping({"sigma": 1.0}), "applies_to": "stack"},
            )
        ]
    )
    same(got, list(ndimage.gaussian_filter(np.stack(PLANES), 1.0)))


@pytest.mark.parametrize("keep", [False, True])
def test_a_reduction_gives_one_plane(keep):
    def project(stack):
        return stack.max(axis=0, keepdims=keep)

    got = run([(project, {"contract": Contract.REDUCE, "applies_to": "stack"})])
    same(got, [np.max(PLANES, axis=0)])


def test_a_volume_function_may_give_fewer_planes():
    got = run([(lambda s: s[::2], {"contract": Contract.VOLUME, "applies_to": "stack"})])
    same(got, PLANES[::2])


def test_a_chain_equals_separate_steps():
    first = (filters.gaussian, {"unit_scaled": True})
    second = (ndimage.median_filter, {"parameters": FrozenMapping({"size": 3})})
    same(run([first, second]), run([second], run([first])))


def test_native_is_bit_identical_to_the_library():
    got = run([(filters.gaussian, {"unit_scaled": True})], dtype_policy="native")
    for one, plane in zip(got, PLANES, strict=True):
        assert one.tobytes() == filters.gaussian(plane).tobytes()


def test_two_planes_are_never_scaled_differently():
    planes = [PLANES[0], (PLANES[0] * 10).astype("uint16")]
    dim, bright = run([(filters.gaussian, {"unit_scaled": True})], planes)
    np.testing.assert_allclose(bright, dim * 10.0, atol=6)


def test_the_caller_keeps_its_pixels():
    def spoil(image, labels):
        image[:] = 0
        labels[:] = 0
        return image

    before = [plane.copy() for plane in PLANES]
    labels = [np.ones((12, 15), "int32")]
    for applies_to in ("plane", "stack"):
        run(
            [(spoil, {"array_parameters": ("labels",), "applies_to": applies_to})],
            arrays={"labels": labels},
        )
    same(PLANES, before)
    assert labels[0].all()


def test_read_only_planes_can_be_worked_on_in_place():
    plane = PLANES[0].copy()
    plane.flags.writeable = False

    def in_place(image):
        image += 1
        return image

    same(run([in_place], [plane]), [plane + np.uint16(1)])


def test_wired_arrays_go_plane_by_plane_or_one_for_all():
    def add(image, other):
        return image + other

    wired = {"array_parameters": ("other",)}
    same(run([(add, wired)], arrays={"other": PLANES}), [plane * 2 for plane in PLANES])
    one = [np.full((12, 15), 7, "uint16")]
    same(run([(add, wired)], arrays={"other": one}), [plane + np.uint16(7) for plane in PLANES])
    stacked = wired | {"applies_to": "stack"}
    same(run([(add, stacked)], arrays={"other": one}), [plane + np.uint16(7) for plane in PLANES])
    with pytest.raises(ContractError, match=r"f0 works on 3 planes, and 'other' has 2"):
        run([(add, wired)], arrays={"other": PLANES[:2]})


def test_a_wired_array_goes_to_every_call_that_names_it():
    def add(image, other=0):
        return image + other

    one = {"other": [np.ones((12, 15), "uint16")]}
    wired = {"array_parameters": ("other",)}
    same(run([(add, wired), add, (add, wired)], arrays=one), [p + np.uint16(2) for p in PLANES])


def test_a_reference_image_is_wired():
    wired = {"array_parameters": ("reference",)}
    got = run([(exposure.match_histograms, wired)], arrays={"reference": [PLANES[2]]})
    expected = np.rint(exposure.match_histograms(PLANES[0], PLANES[2])).astype("uint16")
    np.testing.assert_array_equal(got[0], expected)


def test_parameters_not_set_keep_their_default():
    seen = {}

    def f(image, a=3, *, b=4):
        seen.update(a=a, b=b)
        return image

    run([(f, {"parameters": FrozenMapping({"b": 9})})])
    assert seen == {"a": 3, "b": 9}


def test_kinds_follow_the_chain():
    threshold = (lambda image: (image > 500).astype("uint8") * 255, {"output_kind": Kind.MASK})
    label = (measure.label, {"output_kind": Kind.LABELS, "contract": Contract.LABELS})
    distance = (ndimage.distance_transform_edt, {})
    (mask,) = run([threshold], PLANES[:1])
    (labels,) = run([threshold, label], PLANES[:1])
    assert (mask.dtype, labels.dtype) == (bool, np.int32)
    np.testing.assert_array_equal(labels, measure.label(PLANES[0] > 500))
    for chain in ([threshold, distance], [threshold, label, distance]):
        (far,) = run(chain, PLANES[:1])
        assert far.dtype == np.float64
    same(run([distance], [mask]), run([threshold, distance], PLANES[:1]))
    (cast,) = run([distance], [labels], input_kind=Kind.IMAGE)
    assert cast.dtype == np.int32


TABLE = {"output_kind": Kind.TABLE, "contract": Contract.TABLE, "array_parameters": ("labels",)}


def areas(image, labels):
    return measure.regionprops_table(labels, image, properties=("label", "area", "mean_intensity"))


def test_tables_come_one_a_plane_or_one_a_stack():
    labels = [measure.label(PLANES[0] > 500)]
    tables = run([(areas, TABLE)], arrays={"labels": labels})
    assert len(tables) == 3
    np.testing.assert_array_equal(tables[0]["area"], np.bincount(labels[0].ravel())[1:])
    (whole,) = run([(areas, TABLE | {"applies_to": "stack"})], arrays={"labels": labels})
    assert len(whole["label"]) == labels[0].max()


def test_tables_hold_numbers_text_and_booleans():
    table = {
        "text": np.array(["a", None], dtype=object),
        "flag": np.array([True, False]),
        "number": np.array([1.5, None], dtype=object),
        "empty": np.array(["", "b"]),
    }
    (found, *_) = run([(lambda image: table, TABLE)])
    assert list(found) == list(table)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"a": [1, 2], "b": [1]}, "different lengths"),
        ({"a": 3}, "different lengths"),
        ({"a": np.zeros((2, 2))}, "more than one dimension"),
        ([1, 2], "list"),
        (None, "NoneType"),
        ({"a": [1], "b": np.array([slice(1)], dtype=object)}, "column 'b' .*slice"),
        ({"a": np.array([1j])}, "column 'a' .*complex128"),
        ({"a": np.array([1, "x"], dtype=object)}, "column 'a' "),
    ],
)
def test_what_is_no_table_is_refused_with_the_function(table, word):
    with pytest.raises(ContractError, match=rf"(?s)^f0 gave .*{word}"):
        run([(lambda image: table, TABLE)])


def test_an_empty_table_and_plain_lists_are_tables():
    (table, *_) = run([(lambda image: {"label": [], "name": []}, TABLE)])
    assert {name: values.shape for name, values in table.items()} == {"label": (0,), "name": (0,)}
    (table, *_) = run([(lambda image: {"name": ["a", "b"]}, TABLE)])
    assert table["name"].tolist() == ["a", "b"]


def test_a_table_ends_a_chain():
    with pytest.raises(ContractError, match="f0 gives a table, and f1 comes after it"):
        run([(lambda image: {}, TABLE), lambda image: image])


@pytest.mark.parametrize(
    ("function", "options", "word"),
    [
        (lambda image: image[1:], {}, r"shape \(11, 15\) for one of \(12, 15\)"),
        (lambda image: image[None], {}, "the same shape"),
        (lambda image: image.sum(), {}, "numpy.uint64"),
        (lambda image: (image, image), {}, "builtins.tuple"),
        (lambda image: None, {}, "NoneType"),
        (lambda image: np.ma.masked_less(image, 3), {}, "masked array"),
        (lambda image: torch.zeros(12, 15), {}, "torch.Tensor"),
        (
            lambda stack: stack[:2],
            {"contract": Contract.REDUCE, "applies_to": "stack"},
            "one plane",
        ),
        (lambda stack: stack[:2], {"applies_to": "stack"}, "the same shape"),
        (
            lambda stack: stack[:0],
            {"contract": Contract.VOLUME, "applies_to": "stack"},
            "or more planes",
        ),
        (lambda image: image * np.nan, {}, "NaN"),
        (lambda image: image + 0.5, {"output_kind": Kind.LABELS}, "whole numbers"),
    ],
)
def test_a_broken_contract_names_the_function(function, options, word):
    with pytest.raises(ContractError, match=rf"^f0 .*{word}"):
        run([(function, options)])


def test_planes_that_differ_are_no_stack():
    with pytest.raises(ContractError, match=r"f0 works on a stack.*uint16.*uint8"):
        run([(lambda s: s, {"applies_to": "stack"})], [PLANES[0], PLANES[1].astype("uint8")])
    with pytest.raises(ContractError, match="empty"):
        run([lambda image: image], [])


def test_errors_of_the_function_come_through():
    def broken(image):
        raise ZeroDivisionError("by the function")

    with pytest.raises(ZeroDivisionError, match="by the function"):
        run([broken])


def test_torch_functions_get_tensors_and_conversions_are_counted():
    report = ApplyReport()

    def double(image, other):
        assert isinstance(image, torch.Tensor)
        assert isinstance(other, torch.Tensor)
        return image * 2 + other

    options = {"memory_type_in": "torch", "array_parameters": ("other",)}
    # torch has no arithmetic for uint16.
    planes = [plane.astype("int16") for plane in PLANES]
    got = run([(double, options)], planes, {"other": planes[:1]}, report=report)
    same(got, [plane * 2 + planes[0] for plane in planes])
    assert report.conversions == {"dlpack": 9}
    run([lambda image: image], report=report)
    assert report.conversions == {"dlpack": 9}


def test_torch_tables_and_mixed_memory_types():
    to_numpy = {"memory_type_in": "torch", "memory_type_out": "numpy"}
    same(
        run([(lambda t: t.numpy() + np.uint16(1), to_numpy)]),
        [plane + np.uint16(1) for plane in PLANES],
    )
    table = TABLE | {"memory_type_in": "torch", "array_parameters": ()}
    (first, *_) = run([(lambda t: {"sum": t.sum(dtype=torch.int64)[None]}, table)])
    assert first["sum"].tolist() == [PLANES[0].sum()]


def test_a_memory_type_that_is_not_installed_says_how_to_get_it():
    if MEMORY_TYPES["cupy"].is_available():
        pytest.skip("cupy is installed here")
    with pytest.raises(MemoryTypeError, match=r"napari-openhcs\[cupy\]"):
        run([(lambda image: image, {"memory_type_in": "cupy"})])


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(MemoryTypeError, match="'cuda:17'"):
        run([(lambda image: image, {"memory_type_in": "torch"})], device="cuda:17")


class FakeGpu(TorchMemoryType):
    """torch that claims to have a GPU and keeps everything on the CPU."""

    def devices(self):
        return ("cuda:0", "cpu")

    def to_device(self, array, device):
        return array

    def stream(self, device="cpu"):
        self.device = device
        return super().stream("cpu")

    def __init__(self):
        super().__init__()
        self.cleaned = 0

    def cleanup(self):
        self.cleaned += 1


@pytest.fixture
def gpu(monkeypatch):
    fake = FakeGpu()
    monkeypatch.setitem(MEMORY_TYPES._loaded, "torch", fake)
    return fake


def full_for(gpu, times):
    left = [times]

    def f(image):
        if gpu.device != "cpu" and left[0]:
            left[0] -= 1
            image.zero_()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return image

    return f


def test_running_out_of_memory_is_tried_again_on_fresh_input(gpu):
    report = ApplyReport()
    options = {"memory_type_in": "torch"}
    same(run([(full_for(gpu, 2), options)], PLANES[:1], device="cuda:0", report=report), PLANES[:1])
    assert (report.retries, report.fallbacks, gpu.cleaned) == (2, [], 2)


def test_the_cpu_comes_last_and_is_recorded(gpu):
    report = ApplyReport()
    options = {"memory_type_in": "torch"}
    got = run([(full_for(gpu, 99), options)], PLANES[:1], device="cuda:0", report=report)
    same(got, PLANES[:1])
    (sentence,) = report.fallbacks
    assert "f0 was done on the CPU: cuda:0 ran out of memory 3 times" in sentence
    assert "Tried to allocate" in sentence


def test_without_the_cpu_it_fails_loudly(gpu):
    with pytest.raises(torch.OutOfMemoryError):
        run([(full_for(gpu, 99), {"memory_type_in": "torch"})], device="cuda:0", cpu_fallback=False)
    assert gpu.cleaned == 2


def test_numpy_runs_out_of_memory_too():
    left = [1]

    def f(image):
        if left[0]:
            left[0] -= 1
            raise MemoryError
        return image

    report = ApplyReport()
    same(run([f], PLANES[:1], report=report), PLANES[:1])
    assert report.retries == 1


def test_functions_come_from_the_registry():
    assert inspect.signature(apply_chain).parameters["resolve"].default is registry.get_function
    with pytest.raises(FunctionNotFoundError, match="no_library"):
        apply_chain((plan("no_library.f"),), PLANES, {}, dtype_policy="preserve")


def test_footprints_fit_planes_and_stacks(monkeypatch):
    spec = FunctionSpec(
        id="f0",
        implementation="",
        library="",
        library_version="",
        memory_type_in="numpy",
        memory_type_out="numpy",
        contract=Contract.FLEXIBLE,
        output_kind=Kind.IMAGE,
        category="",
        summary="",
        parameters=(ParameterSpec(name="footprint", type="footprint"),),
    )
    monkeypatch.setattr(apply_module, "get_spec", lambda name: spec)
    shapes = []

    def f(image, footprint):
        shapes.append(footprint.shape)
        return image

    options = {"parameters": FrozenMapping({"footprint": ("disk", 2)})}
    run([(f, options)], PLANES[:1])
    run([(f, options | {"applies_to": "stack"})])
    assert shapes == [(5, 5), (5, 5, 5)]
