"""pyclesperanto on whatever OpenCL device there is; on a machine without a GPU through PoCL."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters, measure, morphology

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, import_function
from napari_openhcs.functions.registry import get_spec, specs
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.functions.trial_images import trial_array
from napari_openhcs.memory_types import get_memory_type
from napari_openhcs.plan import FunctionPlan
from napari_openhcs.testing.libraries import LibraryTests, main_trial

LISTED = tuple(name for name, spec in specs().items() if spec.library == "pyclesperanto")
SAMPLE = tuple(random.Random(3).sample(LISTED, 24))
AXES = {"x": -1, "y": -2}


class TestPyclesperanto(LibraryTests):
    library = "pyclesperanto"
    # These differ where an object has several neighbours of unlike values.
    alike = frozenset(
        f"pyclesperanto.{name}_of_touching_neighbors_map"
        for name in ("maximum", "mean", "median", "minimum", "standard_deviation")
    )

    @pytest.fixture
    def adapter(self, cle: Any) -> FunctionLibrary:
        """Return the adapter; without a device the library has no functions."""
        return LIBRARIES[self.library]


@pytest.fixture
def cle() -> Any:
    memory_type = get_memory_type("pyclesperanto")
    if not memory_type.is_available():
        pytest.skip(f"pyclesperanto is not installed: {memory_type.install}")
    if not memory_type.devices():
        pytest.skip(memory_type.no_device())
    return memory_type.module


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return trial_array(Kind.IMAGE, 2, "uint16", size=128)


def applied(
    name: str, planes: list[np.ndarray], arrays: Any = None, *, policy: str = "native", **given: Any
) -> list[Any]:
    """Apply a listed function as a step would, plane by plane unless its contract says else."""
    spec = get_spec(f"pyclesperanto.{name}")
    stacked = spec.contract in (Contract.REDUCE, Contract.VOLUME)
    suggested = {item.name: item.suggested for item in spec.form_parameters if item.required}
    plan = FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping(suggested | given),
        memory_type_in="pyclesperanto",
        memory_type_out="pyclesperanto",
        contract=spec.contract,
        applies_to="stack" if stacked else "plane",
        output_kind=spec.output_kind,
        unit_scaled=spec.unit_scaled,
        array_parameters=tuple(arrays or ()),
    )
    return apply_chain((plan,), planes, arrays or {}, dtype_policy=policy)


def direct(cle: Any, spec: FunctionSpec, first: np.ndarray, parameters: Any) -> Any:
    """Call the library itself, with nothing of ours in between."""

    def push(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return cle.push(value.astype("uint8") if value.dtype == bool else value)

    name = spec.id.rpartition(".")[2]
    given = {key: push(value) for key, value in parameters.items()}
    result = getattr(cle, name)(push(first), **given)
    if spec.output_kind is Kind.TABLE:
        return result
    plain = np.asarray(cle.pull(result[-1] if isinstance(result, list) else result))
    if spec.output_kind is Kind.MASK:
        return plain != 0
    return plain.astype("int32") if spec.output_kind is Kind.LABELS else plain


def largest_of_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the largest value of each number up to the largest label, 0 for the background."""
    largest = ndimage.maximum(values, labels, range(labels.max() + 1))
    largest[0] = 0
    return np.asarray(largest)


def one_value_a_label(values: np.ndarray, parameters: Any) -> np.ndarray:
    """Return the map of the largest values; labels of a label image have one already."""
    if "labels" not in parameters:
        return values
    labels = parameters["labels"]
    return largest_of_labels(values, labels)[labels].astype(values.dtype)


def differences(cle: Any, name: str) -> Iterator[str]:
    """Iterate over what differs between a step of one function and the library itself."""
    spec = get_spec(name)
    for kind in spec.input_kinds:
        trial = main_trial(spec, kind=kind)
        first, parameters = trial_call(spec, trial)
        first = one_value_a_label(first, parameters) if "touching" in name else first
        listed = dict(parameters)
        if "map_values" in name:
            listed["values"] = largest_of_labels(parameters["values"], first)[None].astype(
                "float32"
            )
        expected = direct(cle, spec, first, listed)
        stacked = first.ndim == 3
        arrays = {
            item.name: list(parameters[item.name]) if stacked else [parameters[item.name]]
            for item in spec.array_parameters
            if item.name in parameters
        }
        short = name.rpartition(".")[2]
        found = applied(short, list(first) if stacked else [first], arrays)
        if spec.output_kind is Kind.TABLE:
            for column, values in found[0].items():
                if not np.array_equal(values, np.asarray(expected[column]), equal_nan=True):
                    yield f"{name}: column {column}"
            continue
        whole = np.stack(found) if expected.ndim == 3 else found[0]
        if whole.dtype != expected.dtype or not np.array_equal(
            whole, expected, equal_nan=whole.dtype.kind == "f"
        ):
            yield f"{name} on {kind}"


def test_a_sample_gives_what_the_library_gives(cle: Any) -> None:
    assert [line for name in SAMPLE for line in differences(cle, name)] == []


@pytest.mark.long
def test_every_function_gives_what_the_library_gives(cle: Any) -> None:
    assert [line for name in LISTED for line in differences(cle, name)] == []


@pytest.mark.usefixtures("cle")
def test_no_deprecated_name_is_listed() -> None:
    adapter = LIBRARIES["pyclesperanto"]
    assert adapter.excluded("pyclesperanto.top_hat_box") == "is deprecated"
    assert [name for name in LISTED if adapter.excluded(name)] == []


@pytest.mark.usefixtures("cle")
def test_no_function_stands_under_two_names() -> None:
    functions = [import_function(name) for name in LISTED]
    assert len({id(function) for function in functions}) == len(functions)


def test_gaussian_blur_is_that_of_scipy(cle: Any, image: np.ndarray) -> None:
    found = applied("gaussian_blur", [image], sigma_x=2.0, sigma_y=2.0)[0]
    expected = ndimage.gaussian_filter(image.astype("float32"), 2.0, mode="nearest")
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_x_is_the_last_axis(cle: Any, image: np.ndarray, axis: str) -> None:
    sigmas = [2.0 if axis == other else 0.0 for other in ("y", "x")]
    found = applied("gaussian_blur", [image], sigma_x=sigmas[1], sigma_y=sigmas[0])[0]
    expected = ndimage.gaussian_filter(image.astype("float32"), sigmas, mode="nearest")
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    shifts = {f"shift_{other}": 3 if other == axis else 0 for other in "xyz"}
    shifted = applied("circular_shift", [image], **shifts)[0]
    np.testing.assert_array_equal(shifted, np.roll(image, 3, axis=AXES[axis]))


def test_z_is_the_first_axis_of_a_stack(cle: Any) -> None:
    stack = trial_array(Kind.IMAGE, 3, "uint16")
    for name, function in (("maximum", np.max), ("minimum", np.min)):
        found = applied(f"{name}_z_projection", list(stack))
        np.testing.assert_array_equal(found[0], function(stack, axis=0))
    mean = applied("mean_z_projection", list(stack), policy="preserve")[0]
    np.testing.assert_array_equal(mean, np.rint(stack.mean(axis=0)).astype("uint16"))


def test_filters_with_a_box_are_those_of_scipy(cle: Any, image: np.ndarray) -> None:
    for name, function in (
        ("maximum_filter", ndimage.maximum_filter),
        ("minimum_filter", ndimage.minimum_filter),
        ("median", ndimage.median_filter),
    ):
        found = applied(name, [image], radius_x=2, radius_y=2, radius_z=0)[0]
        inside = (slice(4, -4), slice(4, -4))
        np.testing.assert_array_equal(found[inside], function(image, 5)[inside], err_msg=name)


@pytest.mark.parametrize("shape", [(64, 78), (300, 500), (7, 40, 46)])
def test_the_largest_radius_of_a_median_is_survived(cle: Any, shape: tuple[int, ...]) -> None:
    limits = {item.name: item.maximum for item in get_spec("pyclesperanto.median").parameters}
    radii = {name: limit for name, limit in limits.items() if limit is not None}
    assert len(radii) == 3
    image = np.random.default_rng(0).integers(0, 4000, shape).astype("float32")
    assert cle.median(cle.push(image), **radii).shape == shape


def test_top_hat_is_that_of_scikit_image(cle: Any, image: np.ndarray) -> None:
    found = applied("top_hat", [image], radius_x=5, radius_y=5, radius_z=0)[0]
    expected = morphology.white_tophat(image, np.ones((11, 11)))
    inside = (slice(10, -10), slice(10, -10))
    np.testing.assert_array_equal(found[inside], expected[inside])


def test_otsu_is_that_of_scikit_image(cle: Any, image: np.ndarray) -> None:
    found = applied("threshold_otsu", [image])[0]
    expected = image > filters.threshold_otsu(image)
    assert found.dtype == bool
    # The bins of the two histograms are not the same.
    assert np.mean(found == expected) > 0.995


@pytest.mark.parametrize(("connectivity", "neighbours"), [("box", 2), ("sphere", 1)])
def test_components_are_those_of_scikit_image(cle: Any, connectivity: str, neighbours: int) -> None:
    mask = trial_array(Kind.MASK, 2, "bool")
    found = applied("connected_component_labeling", [mask], connectivity=connectivity)[0]
    expected = measure.label(mask, connectivity=neighbours)
    assert found.dtype == "int32"
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert found.max() == expected.max() == pairs.shape[1] - 1


def test_voronoi_gives_nearly_every_pixel_its_nearest_label(cle: Any) -> None:
    labels = trial_array(Kind.LABELS, 2, "int32")
    found = applied("extend_labeling_via_voronoi", [labels])[0]
    nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)[1]
    assert found.dtype == "int32"
    # It grows in boxes and diamonds by turns, which is nearly a circle.
    assert np.mean(found == labels[tuple(nearest)]) > 0.95


def test_voronoi_otsu_counts_nuclei(cle: Any, image: np.ndarray) -> None:
    found = applied("voronoi_otsu_labeling", [image], spot_sigma=4.0, outline_sigma=1.0)[0]
    truth = trial_array(Kind.LABELS, 2, "int32", size=128)
    assert found.max() == truth.max()
    at = np.rint(ndimage.center_of_mass(truth > 0, truth, range(1, truth.max() + 1))).astype(int)
    assert len(set(found[tuple(at.T)]) - {0}) == truth.max()


def test_statistics_have_a_row_for_each_object_and_no_other(cle: Any) -> None:
    labels = trial_array(Kind.LABELS, 2, "int32")
    labels[labels == 2] = 0
    values = trial_array(Kind.IMAGE, 2, "uint16")
    table = applied("labels_statistics", [labels], {"intensity": [values]})[0]
    expected = measure.regionprops_table(
        labels, values, properties=("label", "area", "centroid", "intensity_mean", "bbox")
    )
    assert next(iter(table)) == "label"
    assert table["label"].dtype == np.int64
    np.testing.assert_array_equal(table["label"], expected["label"])
    np.testing.assert_array_equal(table["area"], expected["area"])
    np.testing.assert_allclose(table["centroid_x"], expected["centroid-1"], rtol=1e-5)
    np.testing.assert_allclose(table["mean_intensity"], expected["intensity_mean"], rtol=1e-5)
    np.testing.assert_array_equal(table["bbox_min_y"], expected["bbox-0"])


@pytest.fixture
def touching() -> np.ndarray:
    """Five labels: 2 touches 3 and 5, the others touch none."""
    labels = np.zeros((12, 14), "int32")
    labels[0:3, 0:3] = 1
    labels[4:8, 4:7] = 2
    labels[4:8, 7:10] = 3
    labels[5:8, 11:13] = 4
    labels[8:10, 4:7] = 5
    return labels


VALUES = np.array([0, 300, 1000, 2000, 40, 6000], "uint16")


def of_labels(image: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return the one value that each label has in an image."""
    found = [np.unique(image[labels == number]) for number in range(1, labels.max() + 1)]
    assert [len(values) for values in found] == [1] * len(found)
    return [float(values[0]) for values in found]


def test_neighbours_that_touch_are_counted_and_their_values_compared(
    cle: Any, touching: np.ndarray
) -> None:
    count = applied("touching_neighbor_count_map", [touching])[0]
    assert of_labels(count, touching) == [0, 2, 1, 0, 1]
    wired = {"labels": [touching]}
    values = VALUES[touching]
    # Each label counts among its neighbours.
    for name, expected in (
        ("mean", [300, 3000, 1500, 40, 3500]),
        ("minimum", [300, 1000, 1000, 40, 1000]),
        ("maximum", [300, 6000, 2000, 40, 6000]),
        ("median", [300, 2000, 2000, 40, 6000]),
    ):
        found = applied(f"{name}_of_touching_neighbors_map", [values], wired)[0]
        assert of_labels(found, touching) == expected, name


def test_values_of_neighbours_are_the_same_every_time(cle: Any) -> None:
    labels = trial_array(Kind.LABELS, 2, "int32", size=128)
    values = trial_array(Kind.IMAGE, 2, "uint16", size=128)
    runs = [
        applied("median_of_touching_neighbors_map", [values], {"labels": [labels]})[0]
        for _ in range(10)
    ]
    assert len({run.tobytes() for run in runs}) == 1


def test_labels_are_removed_by_their_value_in_a_map(cle: Any, touching: np.ndarray) -> None:
    wired = {"values": [VALUES[touching]]}
    for name, kept in (("out_of_range", {1, 2, 3}), ("within_range", {4, 5})):
        found = applied(
            f"remove_labels_with_map_values_{name}",
            [touching],
            wired,
            min_value=100.0,
            max_value=3000.0,
        )[0]
        assert set(np.unique(touching[found > 0])) == kept, name


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("remove_small_labels", {1, 2, 3}),
        ("remove_large_labels", {4, 5}),
        ("remove_labels_on_edges", {2, 3, 4, 5}),
    ],
)
def test_labels_are_removed_by_size_and_place(
    cle: Any, touching: np.ndarray, name: str, kept: set[int]
) -> None:
    size = {"remove_small_labels": "minimum_size", "remove_large_labels": "maximum_size"}
    given = {size[name]: 8.0} if name in size else {}
    found = applied(name, [touching], **given)[0]
    assert set(np.unique(touching[found > 0])) == kept


def test_masks_stay_masks_and_intensities_their_type(cle: Any, image: np.ndarray) -> None:
    mask = trial_array(Kind.MASK, 2, "bool")
    assert applied("binary_dilate", [mask], policy="preserve")[0].dtype == bool
    assert applied("mask", [image], {"mask": [image > 500]}, policy="preserve")[0].dtype == "uint16"
    found = applied("gaussian_blur", [image], policy="preserve")[0]
    assert found.dtype == "uint16"
    assert found.mean() == pytest.approx(image.mean(), rel=0.01)


def test_normalized_intensities_fill_the_range_of_their_type(cle: Any, image: np.ndarray) -> None:
    found = applied("normalize", [image], policy="preserve")[0]
    assert found.dtype == "uint16"
    assert found.min() == 0
    assert found.max() == 65535


def test_listing_does_not_import_it() -> None:
    code = (
        "import sys\n"
        "from napari_openhcs.functions.registry import FUNC_REGISTRY\n"
        "assert len(FUNC_REGISTRY['pyclesperanto']) > 150\n"
        "assert 'pyclesperanto' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
