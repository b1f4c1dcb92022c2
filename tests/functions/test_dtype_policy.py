import numpy as np
import pytest
import skimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.filters import gaussian

from napari_openhcs.axes import Kind
from napari_openhcs.errors import ContractError
from napari_openhcs.functions.dtype_policy import apply_dtype_policy, kind_of, unit_scale

IMAGE, MASK, LABELS = Kind.IMAGE, Kind.MASK, Kind.LABELS


def policy(result, given, name="preserve", kind=IMAGE, **options):
    return apply_dtype_policy(
        np.asarray(result), given, policy=name, output_kind=kind, function="lib.f", **options
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int16"])
@pytest.mark.parametrize("to_unit", [skimage.img_as_float64, skimage.img_as_float32])
def test_every_value_comes_back_from_the_unit_scale(dtype, to_unit):
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype).reshape(2, -1)
    back = policy(to_unit(values), dtype, unit_scaled=True)
    assert back.dtype == dtype
    # scikit-image itself maps the lowest signed value and its neighbour to -1.
    np.testing.assert_array_equal(back, np.maximum(values, max(info.min, -info.max)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32"])
def test_the_scale_is_the_one_of_scikit_image(dtype):
    high = np.array([[np.iinfo(dtype).max]], dtype)
    assert skimage.img_as_float64(high)[0, 0] * unit_scale(dtype) == high[0, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
def test_other_dtypes_have_no_scale(dtype):
    assert unit_scale(dtype) == 1.0


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_gaussian_keeps_the_mean_of_every_plane(dtype):
    rng = np.random.default_rng(3)
    for level in (40, 90, 180):
        plane = rng.poisson(level, (64, 64)).clip(0, 255).astype(dtype)
        smooth = policy(gaussian(plane, sigma=2, mode="wrap"), dtype, unit_scaled=True)
        assert smooth.dtype == dtype
        assert smooth.mean() == pytest.approx(plane.mean(), abs=0.1)


def test_planes_are_never_scaled_differently():
    rng = np.random.default_rng(4)
    dim = rng.integers(0, 300, (32, 32)).astype("uint16")
    bright = (dim * 50).astype("uint16")
    one, two = (policy(gaussian(p, sigma=1), "uint16", unit_scaled=True) for p in (dim, bright))
    np.testing.assert_allclose(two, one * 50.0, atol=26)


@pytest.mark.parametrize(
    ("result", "given", "expected"),
    [
        ([[1.4, 1.6, -3.0, 300.0]], "uint8", [[1, 2, 0, 255]]),
        ([[np.inf, -np.inf]], "uint16", [[65535, 0]]),
        ([[70000, -5]], "uint16", [[65535, 0]]),
        ([[True, False]], "uint16", [[1, 0]]),
        ([[1.5, 2.5]], "float32", [[1.5, 2.5]]),
        ([[3, 4]], "float32", [[3.0, 4.0]]),
        ([[1e30, -1e30]], "int32", [[2**31 - 1, -(2**31)]]),
        ([[-7, 2**40]], "uint64", [[0, 2**40]]),
    ],
)
def test_preserve_rounds_and_clips(result, given, expected):
    got = policy(result, given)
    assert got.dtype == given
    np.testing.assert_array_equal(got, np.array(expected, given))


@pytest.mark.parametrize("target", ["int64", "uint64"])
def test_values_beyond_64_bits_do_not_turn_negative(target):
    got = policy([[1e30]], target)
    assert float(got[0, 0]) == pytest.approx(np.iinfo(target).max, rel=1e-12)


REALS = st.sampled_from(
    ["bool", "uint8", "int16", "uint32", "int64", "float16", "float32", "float64"]
)
INTEGERS = st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32"])


@settings(max_examples=150, deadline=None)
@given(REALS.flatmap(lambda d: arrays(d, (3, 4))), INTEGERS)
def test_integer_results_are_the_nearest_value_of_the_dtype(result, target):
    if result.dtype.kind == "f" and np.isnan(result).any():
        with pytest.raises(ContractError, match="NaN"):
            policy(result, target)
        return
    before = result.copy()
    got = policy(result, target)
    info = np.iinfo(target)
    values = [float(v) if result.dtype.kind == "f" else int(v) for v in result.flat]
    expected = [min(max(v, info.min), info.max) for v in values]
    np.testing.assert_array_equal(got, np.array([round(v) for v in expected]).reshape(3, 4))
    np.testing.assert_array_equal(result, before)


@settings(max_examples=50, deadline=None)
@given(REALS.flatmap(lambda d: arrays(d, (3, 4))))
def test_native_is_bit_for_bit(result):
    got = policy(result, "uint8", "native", unit_scaled=True)
    assert got.tobytes() == result.tobytes()
    assert got.dtype == result.dtype


@pytest.mark.parametrize("name", ["uint8", "uint16", "float32"])
def test_a_named_dtype_keeps_the_meaning_of_intensities(name):
    plane = np.array([[0, 100, 200]], "uint16")
    got = policy(skimage.img_as_float(plane), "uint16", name, unit_scaled=True)
    assert got.dtype == name
    np.testing.assert_allclose(got, plane, atol=1e-4)


def test_a_float_input_is_not_unscaled():
    got = policy([[0.25]], "float32", unit_scaled=True)
    np.testing.assert_array_equal(got, np.array([[0.25]], "float32"))


def test_whole_results_of_a_unit_scaled_function_are_not_scaled():
    np.testing.assert_array_equal(policy([[3]], "uint16", unit_scaled=True), [[3]])


@pytest.mark.parametrize("kind", [MASK, LABELS])
def test_an_image_made_from_a_mask_or_labels_keeps_the_dtype_of_the_library(kind):
    distance = np.array([[0.0, 1.4142]])
    got = policy(distance, "bool", input_kind=kind)
    assert got is distance
    assert (
        policy(distance, "int32", "float32", input_kind=kind, unit_scaled=True).dtype == "float32"
    )


@pytest.mark.parametrize("result", [[[0, 255]], [[False, True]], [[0.0, 0.5]]])
@pytest.mark.parametrize("name", ["preserve", "native", "uint16"])
def test_masks_become_bool(result, name):
    got = policy(result, "uint16", name, MASK)
    assert got.dtype == bool
    np.testing.assert_array_equal(got, [[False, True]])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint32", "int64", "float64", "int32"])
@pytest.mark.parametrize("name", ["preserve", "native", "uint16"])
def test_labels_become_int32_and_are_never_scaled(dtype, name):
    got = policy(np.array([[0, 1]], dtype), "uint16", name, LABELS, unit_scaled=True)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, [[0, 1]])


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        ([[0.5]], "whole"),
        ([[np.nan]], "NaN"),
        ([[np.inf]], "at most"),
        ([[2**31]], "at most"),
        ([[1j]], "complex"),
    ],
)
def test_what_are_no_labels_is_refused_with_the_function(labels, word):
    with pytest.raises(ContractError, match=rf"lib\.f.*{word}"):
        policy(labels, "uint16", kind=LABELS)


def test_nan_in_a_mask_and_complex_images_are_refused():
    with pytest.raises(ContractError, match=r"lib\.f gave 1 pixels.*NaN"):
        policy([[np.nan, 1]], "uint16", kind=MASK)
    with pytest.raises(ContractError, match="complex"):
        policy([[1j]], "uint16")


def test_the_kind_is_told_by_the_dtype():
    assert [kind_of(d) for d in ("bool", "int32", "uint16", "float32")] == [
        MASK,
        LABELS,
        IMAGE,
        IMAGE,
    ]
