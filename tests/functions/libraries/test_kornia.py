from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage import filters

from napari_openhcs import api
from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.apply import apply_chain
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.footprint import footprint
from napari_openhcs.functions.registry import function_id, get_function, get_spec, specs
from napari_openhcs.functions.spec import FunctionSpec
from napari_openhcs.functions.trial import Trial
from napari_openhcs.ome_zarr.results import open_results
from napari_openhcs.pipeline import FunctionStep, Pipeline
from napari_openhcs.pipeline.script import export_script, import_script
from napari_openhcs.plan import FunctionPlan
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.testing.libraries import LibraryTests

torch = pytest.importorskip("torch")
kornia = pytest.importorskip("kornia")


class TestKornia(LibraryTests):
    library = "kornia"
    resampled = 15


LISTED = {name: spec for name, spec in specs().items() if spec.library == "kornia"}
PAIR = (2.0, 2.0)
DISK = torch.from_numpy(footprint("disk", 3, 2))


def value(number: float) -> Any:
    return torch.tensor([number])


def similarity(dims: str = "") -> Callable[..., Any]:
    return lambda x, img2: getattr(kornia.metrics, f"ssim{dims}")(x, img2, 5)


def warped(name: str, *given: Any) -> Callable[..., Any]:
    return lambda x: getattr(kornia.geometry.transform, name)(x, torch.tensor([*given]))


def plain(group: Any, name: str, *given: Any) -> Callable[..., Any]:
    return lambda x, **arrays: getattr(group, name)(x, *given, **arrays)


F, E, C, R, T = (
    *(kornia.filters, kornia.enhance, kornia.contrib, kornia.feature),
    kornia.geometry.transform,
)
UNIT = {
    "adjust_brightness": (0.1,),
    "adjust_contrast": (1.5,),
    "adjust_contrast_with_mean_subtraction": (1.5,),
    "adjust_gamma": (0.7,),
    "posterize": (3,),
    "sharpness": (2.0,),
    **dict.fromkeys(("adjust_log", "adjust_sigmoid", "equalize", "equalize3d"), ()),
    **dict.fromkeys(("equalize_clahe", "invert", "solarize"), ()),
}
DIRECT: Mapping[str, Callable[..., Any]] = {
    "filters.box_blur": plain(F, "box_blur", 3),
    "filters.gaussian_blur2d": plain(F, "gaussian_blur2d", 13, PAIR),
    "filters.median_blur": plain(F, "median_blur", 3),
    "filters.bilateral_blur": plain(F, "bilateral_blur", 7, 300.0, (1.5, 1.5)),
    "filters.joint_bilateral_blur": lambda x, guidance: F.joint_bilateral_blur(
        x, guidance, 7, 300.0, (1.5, 1.5)
    ),
    "filters.guided_blur": lambda x, input: F.guided_blur(x, input, 7, 10000.0),
    "filters.edge_aware_blur_pool2d": plain(F, "edge_aware_blur_pool2d", 5),
    "filters.motion_blur": plain(F, "motion_blur", 9, 0.0, 0.0),
    "filters.motion_blur3d": plain(F, "motion_blur3d", 3, (0.0, 0.0, 0.0), 0.0),
    "filters.unsharp_mask": plain(F, "unsharp_mask", 13, PAIR),
    "filters.laplacian": plain(F, "laplacian", 3),
    "filters.sobel": plain(F, "sobel"),
    "filters.canny": lambda x: F.canny(x, kernel_size=5, sigma=(1.0, 1.0))[1] > 0,
    "filters.otsu_threshold": lambda x: F.otsu_threshold(x)[0] > 0,
    "filters.in_range": lambda x: (x >= 500) & (x <= 4000),
    **{
        f"morphology.{name}": plain(kornia.morphology, name, DISK)
        for name in (
            *("dilation", "erosion", "opening", "closing", "gradient", "top_hat", "bottom_hat"),
        )
    },
    "morphology.reconstruction": plain(kornia.morphology, "reconstruction"),
    **{f"enhance.{name}": plain(E, name, *given) for name, given in UNIT.items()},
    "enhance.normalize_min_max": plain(E, "normalize_min_max"),
    "enhance.normalize": lambda x: E.normalize(x, value(500.0), value(200.0)),
    "enhance.denormalize": lambda x: E.denormalize(x, value(0.0), value(2.0)),
    "enhance.add_weighted": lambda x, src2: E.add_weighted(x, 0.5, src2, 0.5, 0.0),
    "enhance.integral_image": plain(E, "integral_image"),
    "enhance.threshold": lambda x: E.threshold(x, 500.0) > 0,
    "feature.harris_response": plain(R, "harris_response"),
    "feature.gftt_response": plain(R, "gftt_response"),
    "feature.hessian_response": plain(R, "hessian_response"),
    "feature.dog_response_single": plain(R, "dog_response_single"),
    "contrib.connected_components_union_find": plain(C, "connected_components_union_find"),
    "contrib.distance_transform": plain(C, "distance_transform", 3),
    "contrib.histogram_matching": plain(C, "histogram_matching"),
    "metrics.ssim": similarity(),
    "metrics.ssim3d": similarity("3d"),
    "geometry.subpix.nms2d": lambda x: kornia.geometry.subpix.nms2d(x, (5, 5), mask_only=True),
    **{f"geometry.transform.{name}": plain(T, name) for name in ("hflip", "vflip", "rot180")},
    "geometry.transform.rotate": warped("rotate", 10.0),
    "geometry.transform.scale": warped("scale", 1.5),
    "geometry.transform.translate": warped("translate", [5.0, 0.0]),
    "geometry.transform.shear": warped("shear", [0.1, 0.0]),
}
"""kornia called as its own documentation says, with what the forms show."""


def through_the_pipeline(
    spec: FunctionSpec, image: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> np.ndarray:
    parameters = {item.name: item.suggested for item in spec.form_parameters if item.required}
    on_stack = image.ndim == 3
    planes = list(image) if on_stack else [image]
    given = {name: list(array) if on_stack else [array] for name, array in arrays.items()}
    plan = FunctionPlan(
        function=spec.id,
        parameters=FrozenMapping(parameters),
        memory_type_in="torch",
        memory_type_out="torch",
        contract=spec.contract,
        applies_to="stack" if on_stack else "plane",
        output_kind=spec.output_kind_for(Kind.MASK if image.dtype == bool else Kind.IMAGE),
        array_parameters=tuple(given),
    )
    found = apply_chain([plan], planes, given, dtype_policy="native")
    return np.stack(found) if on_stack else np.asarray(found[0])


def test_every_listed_function_is_compared() -> None:
    assert {f"kornia.{name}" for name in DIRECT} == set(LISTED)


@pytest.mark.parametrize("spec", LISTED.values(), ids=lambda spec: spec.id[7:])
def test_equal_to_calling_kornia(spec: FunctionSpec) -> None:
    kinds = {Kind.IMAGE: ("uint16", "uint8", "float32"), Kind.MASK: ("bool",), Kind.LABELS: ()}
    ndim = 3 if spec.contract is Contract.VOLUME else 2
    varied = False
    for kind in spec.input_kinds:
        for dtype in kinds[kind]:
            if dtype not in spec.dtypes:
                continue
            image, given = trial_call(spec, Trial(kind, ndim, dtype))
            arrays = {item.name: given[item.name] for item in spec.array_parameters}
            found = through_the_pipeline(spec, image, arrays)
            tensors = {name: torch.from_numpy(item).float() for name, item in arrays.items()}
            expected = DIRECT[spec.id[7:]](
                torch.from_numpy(image).float()[None, None],
                **{name: item[None, None] for name, item in tensors.items()},
            )
            np.testing.assert_array_equal(found, expected[0, 0].numpy().astype(found.dtype))
            varied |= len(np.unique(found)) > 1
    assert varied


def test_integers_are_not_scaled_and_masks_stay_masks() -> None:
    image, _ = trial_call(get_spec("kornia.filters.box_blur"), Trial(Kind.IMAGE, 2, "uint16"))
    found = get_function("kornia.filters.box_blur")(torch.from_numpy(image), kernel_size=3)
    inner = (slice(1, -1),) * 2
    expected = ndimage.uniform_filter(image.astype(float), 3)[inner]
    np.testing.assert_allclose(found.numpy()[inner], expected, rtol=1e-5)
    mask = image > 900
    opened = get_function("kornia.morphology.opening")(torch.from_numpy(mask), kernel=DISK)
    assert opened.dtype == torch.bool
    # Outside does not count for kornia, and is background for scipy's erosion.
    middle = (slice(8, -8),) * 2
    expected = ndimage.binary_opening(mask, DISK.numpy())
    np.testing.assert_array_equal(opened.numpy()[middle], expected[middle])


def test_labels_are_those_of_scipy() -> None:
    mask = np.random.default_rng(4).random((60, 70)) > 0.7
    name = "kornia.contrib.connected_components_union_find"
    found = get_function(name)(torch.from_numpy(mask)).numpy()
    expected, n = ndimage.label(mask, np.ones((3, 3)))
    pairs = {(a, b) for a, b in zip(found.flat, expected.flat, strict=True)}
    assert len(pairs) == n + 1
    assert (0, 0) in pairs


def test_directions_are_as_the_help_says() -> None:
    dot = np.zeros((21, 21), np.float32)
    dot[10, 15] = 1

    def moved(name: str, **parameters: Any) -> tuple[int, ...]:
        result = get_function(f"kornia.geometry.transform.{name}")(
            torch.from_numpy(dot), **parameters
        )
        return tuple(int(at) for at in np.unravel_index(int(result.argmax()), dot.shape))

    assert moved("translate", translation=(5.0, 2.0)) == (12, 20)
    assert moved("rotate", angle=90.0) == (5, 10)
    assert moved("shear", shear=(0.1, 0.0)) == (10, 16)
    volume = torch.zeros(5, 9, 9)
    volume[2, 4, 4] = 1
    streak = get_function("kornia.filters.motion_blur3d")(
        volume, kernel_size=3, angle=(0.0, 0.0, 0.0), direction=0.0
    )
    assert (streak > 0.1).nonzero().tolist() == [[2, 4, 3], [2, 4, 4], [2, 4, 5]]


PIPELINE = Pipeline(
    [
        FunctionStep(
            ("kornia.filters.gaussian_blur2d", {"kernel_size": 9, "sigma": 1.5}), name="Smooth"
        ),
        FunctionStep("napari_openhcs.functions.torch_threshold.otsu_threshold", name="Nuclei"),
    ],
    name="On tensors",
)


def test_a_script_names_kornia_and_reads_back_the_same() -> None:
    text = export_script(PIPELINE)
    assert "from kornia.filters import gaussian_blur2d" in text
    assert import_script(text) == PIPELINE
    assert export_script(import_script(text)) == text
    # Run by Python itself it makes the same pipeline: kornia's own function has an id.
    namespace: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "pipeline.py", "exec"), namespace)
    assert namespace["pipeline"] == PIPELINE
    assert function_id(kornia.filters.gaussian_blur2d) == "kornia.filters.gaussian_blur2d"


def test_a_pipeline_of_kornia_and_torch_runs_on_a_plate(tmp_path: Path) -> None:
    sample = write_sample_plate(tmp_path / "plate", wells=1, fields=1, z=1, size=96)
    output = tmp_path / "output"
    status = api.run(PIPELINE, sample.path, output, workers=1, timeout=120)
    assert status.state == "done", status
    results = open_results(output)
    assert results.script == export_script(PIPELINE)
    (source,) = Path(sample.path).rglob("*_w1.TIF")
    raw = torch.from_numpy(tifffile.imread(source).astype(np.float32))
    smooth = F.gaussian_blur2d(raw[None, None], 9, (1.5, 1.5))[0, 0].numpy().round()
    found = np.asarray(results.labels("nuclei DAPI", "A01", "1").levels[0]).squeeze() > 0
    expected = smooth > filters.threshold_otsu(smooth, nbins=256)
    # A value on the edge of a bin may be counted in the next one.
    assert (found != expected).mean() < 0.005
    assert 0.02 < found.mean() < 0.9
