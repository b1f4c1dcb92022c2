import numpy as np
import pytest

from napari_openhcs.errors import ContractError, ParameterError
from napari_openhcs.functions import threshold_level as level

AUTOMATIC = [
    level.threshold_half_maximum,
    level.threshold_local,
    level.threshold_percentile,
    level.threshold_robust_background,
]
ALL = [*AUTOMATIC, lambda image: level.threshold_fixed(image, 500)]


def _noise(seed=0):
    return np.random.default_rng(seed).normal(200, 10, (128, 128))


def _field(heights=(800,), seed=0):
    """Noise around 200 with a blurred disk of radius 9 for each height."""
    image = _noise(seed)
    y, x = np.indices(image.shape)
    disks = []
    for number, height in enumerate(heights):
        distance = np.hypot(y - 30 - 60 * (number // 2), x - 30 - 60 * (number % 2))
        image += height / (1 + np.exp((distance - 9) * 2))
        disks.append(distance <= 9)
    return image, disks


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_finds_bright_objects(function, dtype):
    image, (disk,) = _field()
    image = image.astype(dtype)
    before = image.copy()
    mask = function(image)
    assert mask.dtype == bool
    assert mask[disk].mean() > 0.8
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    "function", [level.threshold_half_maximum, level.threshold_robust_background]
)
@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_gives_no_objects(function, seed):
    assert not function(_noise(seed)).any()
    assert not function(_noise(seed).astype(np.uint16)).any()


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("value", [0, 200])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_constant_image_has_no_objects(function, value, dtype):
    assert not function(np.full((32, 32), value, dtype)).any()


@pytest.mark.parametrize(
    "function", [level.threshold_half_maximum, level.threshold_robust_background]
)
def test_dim_objects_survive_a_very_bright_one(function):
    image, disks = _field(heights=(60000, 300, 800, 150))
    mask = function(image)
    for disk in disks[1:3]:
        assert mask[disk].mean() > 0.8


def test_half_maximum_gives_bright_and_dim_objects_the_same_outline():
    image, disks = _field(heights=(4000, 400, 1500, 800))
    mask = level.threshold_half_maximum(image, fraction=0.5)
    robust = level.threshold_robust_background(image)
    y, x = np.indices(image.shape)
    sizes, loose = [], []
    for number in range(4):
        around = np.hypot(y - 30 - 60 * (number // 2), x - 30 - 60 * (number % 2)) < 20
        sizes.append(mask[around].sum())
        loose.append(robust[around].sum())
    assert max(sizes) / min(sizes) < 1.1
    assert max(loose) / min(loose) > 1.2
    assert all(abs(size - disks[0].sum()) < 0.1 * disks[0].sum() for size in sizes)


def test_robust_background_is_median_and_mad():
    image = _field()[0]
    kept = np.sort(image, axis=None)
    kept = kept[int(0.05 * kept.size) : kept.size - int(0.05 * kept.size)]
    expected = np.median(kept) + 4 * 1.4826 * np.median(np.abs(kept - np.median(kept)))
    mask = level.threshold_robust_background(image, deviations=4, method="trimmed")
    assert np.array_equal(mask, image > expected)


def test_clipping_is_not_widened_by_crowding():
    image = _noise()
    image[:, :50] += 1000
    clipped = level.threshold_robust_background(image, deviations=6)
    assert clipped[:, :50].all()
    assert not clipped[:, 50:].any()


def test_robust_background_on_a_log_scale_and_within_bounds():
    image, (disk,) = _field()
    mask = level.threshold_robust_background(image, log=True)
    assert mask[disk].mean() > 0.9
    assert np.array_equal(
        level.threshold_robust_background(image, lower=950, upper=950), image > 950
    )
    with pytest.raises(ParameterError, match="method"):
        level.threshold_robust_background(image, method="mode")


def test_local_threshold_follows_the_illumination():
    y, x = np.indices((96, 96))
    image = 100 + 20.0 * x + np.random.default_rng(0).normal(0, 3, x.shape)
    disk = np.hypot(y - 48, x - 20) < 6
    image[disk] += 150
    mask = level.threshold_local(image, sigma=10)
    assert mask[disk].all()
    # Beyond the border the image is mirrored, so a ramp looks like an edge there.
    assert mask[12:-12, 12:-12][~disk[12:-12, 12:-12]].mean() < 0.02
    assert not level.threshold_local(image, sigma=10, offset=1e6).any()


def test_fixed_and_its_upper_end():
    image = np.array([[1.0, 5.0, 9.0, np.nan, np.inf]])
    assert level.threshold_fixed(image, 4).tolist() == [[False, True, True, False, False]]
    assert level.threshold_fixed(image, 4, upper=6).tolist() == [[False, True] + [False] * 3]
    with pytest.raises(ParameterError, match="upper"):
        level.threshold_fixed(image, 4, upper=3)


def test_percentile_marks_its_share():
    image = np.arange(1000.0).reshape(20, 50)
    assert level.threshold_percentile(image, 90).sum() == 100
    assert level.threshold_percentile(image, 90, lower=980).sum() == 19
    with pytest.raises(ParameterError, match="percentile"):
        level.threshold_percentile(image, 100.5)


def test_nan_is_background_or_refused():
    image = _field()[0]
    image[30, 30] = np.nan
    assert not level.threshold_percentile(image)[30, 30]
    assert not level.threshold_robust_background(image)[30, 30]
    assert not level.threshold_robust_background(np.full((3, 3), np.nan)).any()
    for function in (level.threshold_half_maximum, level.threshold_local):
        with pytest.raises(ContractError, match="NaN"):
            function(image)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(0, 4), (4,), (1, 2, 3, 4)])
def test_refuses_empty_and_other_axes(function, shape):
    with pytest.raises(ContractError, match="shape"):
        function(np.zeros(shape))


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (level.threshold_half_maximum, "fraction", 1.5),
        (level.threshold_half_maximum, "sigma", 0),
        (level.threshold_half_maximum, "deviations", -1),
        (level.threshold_local, "sigma", 0),
        (level.threshold_local, "min_contrast", -1),
        (level.threshold_robust_background, "deviations", -1),
    ],
)
def test_refuses_parameters_by_name(function, name, value):
    with pytest.raises(ParameterError, match=name):
        function(np.ones((8, 8)), **{name: value})
