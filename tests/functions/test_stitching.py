"""Mosaics of a known picture that is cut into overlapping fields."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.formats import open_plate
from napari_openhcs.functions._registration import measure_shift, registered_corners
from napari_openhcs.functions.declare import declared_shape
from napari_openhcs.functions.stitching import stitch_fields, stitch_grid


def picture(shape, seed=0, sparse=False):
    """A cloudy picture, or one of blobs on a dark ground; 12 bit in uint16."""
    rng = np.random.default_rng(seed)
    if sparse:
        points = np.zeros(shape)
        where = rng.random(shape) < 1 / 900
        points[where] = rng.uniform(40000, 120000, where.sum())
        image = 200 + ndimage.gaussian_filter(points, 4)
    else:
        noise = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
        image = 1500 + 600 * noise / noise.std()
    return np.clip(image, 0, 4095).astype(np.uint16)


def nominal(grid, step):
    rows, columns = grid
    return np.array([(r * step[0], c * step[1]) for r in range(rows) for c in range(columns)])


def cut(image, corners, size):
    return np.stack([image[y : y + size[0], x : x + size[1]] for y, x in corners])


def noisy(stack, seed=1):
    """Each field with shot noise of its own."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(stack, 2 + np.sqrt(stack)), 0, 65535).astype(np.uint16)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    overlap=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    blending=st.sampled_from(["linear", "cut"]),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "uint32", "float32"]),
)
def test_a_picture_that_was_cut_comes_back_bit_for_bit(
    rows, columns, height, width, overlap, blending, dtype
):
    step = height - overlap[0], width - overlap[1]
    corners = nominal((rows, columns), step)
    shape = corners.max(axis=0) + np.array((height, width))
    image = np.random.default_rng(rows + columns).integers(0, 250, shape).astype(dtype)
    mosaic = stitch_fields(cut(image, corners, (height, width)), corners, blending=blending)
    assert mosaic.dtype == dtype
    assert np.array_equal(mosaic, image)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("grid", [(1, 2), (3, 3), (2, 4)])
def test_position_errors_of_several_px_are_found(grid, sparse, noise):
    size, step, error = (160, 180), (136, 150), 7
    rng = np.random.default_rng(grid[0])
    planned = nominal(grid, step) + error
    real = planned + rng.integers(-error, error + 1, planned.shape)
    image = picture(planned.max(axis=0) + size + np.array((error, error)), sparse=sparse)
    stack = cut(image, real, size)
    reference = noisy(stack) if noise else stack
    found = registered_corners(reference, planned - planned.min(axis=0), 20, 0.5)
    assert np.array_equal(found - found[0], real - real[0])
    mosaic = stitch_fields(stack, planned, reference, max_shift=20)
    # Where the first field lies in the mosaic is where the picture's own piece begins.
    inner = tuple(slice(error, -error) for _ in range(2))
    begin = real[0] - found[0]
    expected = image[begin[0] :, begin[1] :][: mosaic.shape[0], : mosaic.shape[1]]
    assert np.array_equal(mosaic[inner], expected[inner])


def test_without_a_reference_the_stage_decides():
    image = picture((100, 150))
    stack = cut(image, [(0, 0), (2, 70)], (80, 80))
    mosaic = stitch_fields(stack, [(0, 0), (0, 70)], blending="cut")
    assert mosaic.shape == (80, 150)
    assert np.array_equal(mosaic[:, :70], image[:80, :70])
    assert np.array_equal(mosaic[:, 80:], image[2:82, 80:150])


def test_an_overlap_that_says_nothing_keeps_the_stage():
    rng = np.random.default_rng(3)
    stack = rng.poisson(100, (4, 64, 64)).astype(np.uint16)
    corners = nominal((2, 2), (54, 54))
    assert np.array_equal(registered_corners(stack, corners, 8, 0.5), corners)
    assert np.array_equal(registered_corners(np.zeros_like(stack), corners, 8, 0.5), corners)


def test_an_empty_field_moves_with_its_neighbours():
    planned = nominal((2, 3), (100, 100)) + 10
    real = planned.copy()
    real[3:] += (5, 4)
    image = picture(planned.max(axis=0) + 140, seed=5)
    stack = cut(image, real, (124, 124))
    stack[4] = 100
    found = registered_corners(stack, planned - 10, 16, 0.5)
    moved = found - (planned - 10)
    known = [0, 1, 2, 3, 5]
    assert np.array_equal((moved - moved[0])[known], (real - planned)[known])
    assert np.abs(moved[4] - moved[1]).max() <= 5


def test_a_shift_that_contradicts_the_others_is_left_out():
    planned = nominal((2, 2), (90, 90)) + 10
    image = picture((240, 240), seed=2)
    stack = cut(image, planned, (120, 120))
    # A scratch seen twice: the overlap of fields 0 and 1 fits best 9 px too far down.
    scratch = 4095 * np.random.default_rng(9).integers(0, 2, (40, 26))
    stack[0, 39:79, 92:118] = stack[1, 30:70, 2:28] = scratch
    by, correlation = measure_shift(stack[0], stack[1], (0, 90), 16)
    assert by == (9, 0)
    assert correlation > 0.5
    found = registered_corners(stack, planned - 10, 16, 0.5)
    assert np.array_equal(found, planned - 10)


def test_shifts_agree_with_scikit_image():
    from skimage.registration import phase_cross_correlation

    image = noisy(picture((200, 200), seed=4))
    mask = np.ones((160, 160), bool)
    for by in [(0, 0), (6, -9), (-11, 3)]:
        first = image[20:180, 20:180]
        second = image[20 + by[0] : 180 + by[0], 20 + by[1] : 180 + by[1]]
        found, _ = measure_shift(first, second, (0, 0), 16)
        plain, *_ = phase_cross_correlation(first, second, normalization=None)
        masked, *_ = phase_cross_correlation(
            first, second, reference_mask=mask, moving_mask=mask, overlap_ratio=0.7
        )
        assert found == tuple(plain) == tuple(masked) == by


def test_shading_alone_is_no_reason_to_move():
    rng = np.random.default_rng(7)
    ramp = np.linspace(1, 0.6, 120)[::-1] * np.linspace(0.8, 1, 120)[:, np.newaxis]
    stack = rng.poisson(np.stack([400 * ramp, 400 * ramp[:, ::-1]])).astype(np.uint16)
    corners = np.array([(0, 0), (0, 94)])
    assert np.array_equal(registered_corners(stack, corners, 24, 0.5), corners)


def test_real_fields_lie_where_they_were_registered_by_hand(real_data):
    plate = open_plate(real_data("imagexpress-9987") / "9987_Plate_3434")

    def found(well, channel):
        keys = sorted(k for k in plate.keys_of(well) if k.channel == channel and k.z == 1)
        paths = [plate.absolute_path(plate.planes[key]) for key in keys]
        stack = np.stack([tifffile.imread(path) for path in paths])
        corners = registered_corners(stack, np.array([(0, 0), (0, 230)]), 32, 0.5)
        return tuple(corners[1] - corners[0])

    assert found("B03", "1") == (0, 232)
    assert found("B03", "2") == (0, 233)
    # Almost nothing is in the overlap of these.
    assert [found("B02", channel) for channel in "1234"] == [(0, 230)] * 4
    assert found("B03", "4") == (0, 230)


def test_the_correlation_is_pearsons():
    image = noisy(picture((100, 130), seed=8))
    first, second = image[:90, :80], noisy(image)[3:93, 48:128]
    (down, right), correlation = measure_shift(first, second, (0, 50), 8)
    assert (down, right) == (3, -2)
    expected = np.corrcoef(first[3:, 48:].ravel(), second[:-3, :32].ravel())[0, 1]
    assert correlation == pytest.approx(expected, abs=0.01)


def test_shifts_end_at_the_limit():
    image = picture((120, 160), seed=6)
    first, second = image[:100, :100], image[12:112, 60:160]
    assert measure_shift(first, second, (0, 60), 16)[0] == (12, 0)
    by, correlation = measure_shift(first, second, (0, 60), 8)
    assert max(map(abs, by)) <= 8
    assert correlation < 0.9


@pytest.mark.parametrize(
    ("order", "places"),
    [
        ("rows", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("snake rows", [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)]),
        ("columns", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]),
        ("snake columns", [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]),
    ],
)
def test_grid_orders(order, places):
    step = 45
    corners = np.array(places) * step
    image = picture((95, 140))
    stack = cut(image, corners, (50, 50))
    mosaic = stitch_grid(stack, columns=3, order=order, overlap=0.1)
    assert np.array_equal(mosaic, image)
    shape = declared_shape(stitch_grid, stack.shape, {"columns": 3, "order": order})
    assert shape == mosaic.shape


def test_grid_is_refined():
    planned = nominal((2, 2), (90, 90)) + 5
    real = planned + np.array([(0, 0), (3, -4), (-2, 5), (4, 4)])
    stack = cut(picture((210, 210)), real, (100, 100))
    mosaic = stitch_grid(stack, stack)
    moved = stitch_fields(stack, planned, stack)
    assert np.array_equal(mosaic, moved)
    assert not np.array_equal(mosaic, stitch_grid(stack))


def test_a_grid_that_is_not_full_is_black_there():
    mosaic = stitch_grid(np.full((5, 20, 20), 7, np.uint8), overlap=0)
    assert mosaic.shape == (40, 60)
    assert (mosaic[20:, 40:] == 0).all()
    assert (mosaic == 7).sum() == 5 * 400


def test_one_field_stays_as_it_is():
    plane = picture((1, 30, 40))
    assert np.array_equal(stitch_fields(plane, [(17.2, 4)], plane), plane[0])
    assert np.array_equal(stitch_grid(plane), plane[0])


def test_linear_blending_fades_and_cut_does_not():
    stack = np.stack([np.full((10, 30), 100), np.full((10, 30), 200)]).astype(np.uint16)
    places = [(0, 0), (0, 20)]
    faded = stitch_fields(stack, places)[5]
    assert (np.diff(faded.astype(int)) >= 0).all()
    assert 100 < faded[24] < faded[26] < 200
    assert set(stitch_fields(stack, places, blending="cut").ravel()) == {100, 200}


def test_nine_large_fields_need_little_more_than_the_mosaic():
    stack = np.ones((9, 1024, 1024), np.uint16)
    corners = nominal((3, 3), (922, 922))
    tracemalloc.start()
    mosaic = stitch_fields(stack, corners)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (mosaic == 1).all()
    assert peak < 4 * mosaic.nbytes


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"positions": [(0, 0)]}, "positions"),
        ({"positions": [(0, 0), (0, np.nan)]}, "positions"),
        ({"positions": [(0, 0), (0, 9000)]}, "far apart"),
        ({"blending": "max"}, "blending"),
        ({"max_shift": 0}, "max_shift"),
        ({"min_correlation": -1}, "min_correlation"),
    ],
)
def test_refuses_parameters(change, match):
    given_ = {"positions": [(0, 0), (0, 9)], **change}
    with pytest.raises(ParameterError, match=match):
        stitch_fields(np.ones((2, 10, 10)), **given_)


@pytest.mark.parametrize(
    "change", [{"columns": 0}, {"columns": 3}, {"overlap": 1.0}, {"overlap": -0.1}, {"order": "up"}]
)
def test_refuses_a_grid(change):
    with pytest.raises(ParameterError, match=next(iter(change))):
        stitch_grid(np.ones((2, 10, 10)), **change)


def test_refuses_other_arrays():
    stack = np.ones((2, 10, 10))
    places = [(0, 0), (0, 9)]
    with pytest.raises(ContractError, match="shape"):
        stitch_fields(stack[0], places)
    with pytest.raises(ContractError, match="mask"):
        stitch_fields(stack > 0, places)
    with pytest.raises(ContractError, match="reference"):
        stitch_fields(stack, places, stack[:, :5])
    with pytest.raises(ContractError, match="NaN"):
        stitch_fields(stack, places, np.full_like(stack, np.nan))
