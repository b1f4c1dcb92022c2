"""Tiny plates of TIFF files, and a small registry whose functions are known to the last pixel."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_openhcs.axes import Contract, Kind, SpecialKind
from napari_openhcs.compiler import trials
from napari_openhcs.compiler.draft import Draft
from napari_openhcs.compiler.wells import plan_layouts
from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.pipeline import FunctionStep, Pipeline, wiring
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate

MakePlate = Callable[..., Plate]


@pytest.fixture
def make_plate(tmp_path: Path) -> MakePlate:
    """Write a plate of small TIFF planes and return its index."""

    def make(
        wells: tuple[str, ...] = ("A01", "A02"),
        fields: tuple[str, ...] = ("1",),
        channels: tuple[tuple[str, str], ...] = (("1", "DAPI"), ("2", "GFP")),
        z: tuple[int, ...] = (0,),
        t: tuple[int, ...] = (0,),
        size: int = 40,
        without: Callable[[PlaneKey], bool] = lambda key: False,
        name: str = "tiny",
        **changes: Any,
    ) -> Plate:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        planes = {}
        for well in wells:
            for field in fields:
                for channel, _ in channels:
                    for z_ in z:
                        for t_ in t:
                            key = PlaneKey(well, field, channel, z_, t_)
                            if without(key):
                                continue
                            path = f"{well}_f{field}_c{channel}_z{z_}_t{t_}.tif"
                            image = rng.integers(0, 200, (size, size)).astype(np.uint16)
                            image[5:15, 5:15] += 1000
                            image[20:30, 20:30] += 2000
                            tifffile.imwrite(root / path, image)
                            planes[key] = PlaneSource(path)
        values: dict[str, Any] = {
            "root": str(root),
            "name": name,
            "format": "tiff",
            "channels": tuple(Channel(*item) for item in channels),
            "planes": FrozenMapping(planes),
            "shape_yx": (size, size),
            "dtype": "uint16",
            "n_rows": 8,
            "n_columns": 12,
            "pixel_size_um": 0.5,
        }
        return Plate(**(values | changes))

    return make


def smooth(image: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image.astype(float), sigma)


def invert(image: np.ndarray) -> np.ndarray:
    return image.max() - image


def threshold(image: np.ndarray, level: float = 500.0) -> np.ndarray:
    return image > level


def label(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label as label_

    return label_(mask)[0]


def split(mask: np.ndarray, image: np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
    return label(mask & (image > 0))


def measure(image: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    numbers = np.unique(labels)[1:]
    return {
        "label": numbers,
        "area": np.array([(labels == n).sum() for n in numbers]),
        "mean": np.array([image[labels == n].mean() for n in numbers]),
    }


def outline(image: np.ndarray, labels: np.ndarray, properties: Any) -> dict[str, np.ndarray]:
    numbers = np.unique(labels)[1:]
    coords = np.empty(len(numbers), dtype=object)
    coords[:] = [np.argwhere(labels == n) for n in numbers]
    columns = {"label": numbers, "coords": coords}
    return {name: columns[name] for name in properties}


def points(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return image, np.argwhere(image > 2000)[:3].astype(float)


def rows_of_points(image: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return image, {"y": np.arange(2)}


def mark(image: np.ndarray, points: np.ndarray, size: int = 1) -> np.ndarray:
    marked = image.copy()
    marked[tuple(np.rint(points).astype(int).T[-2:])] = 0
    return marked


def mark_if_any(image: np.ndarray, points: np.ndarray | None = None) -> np.ndarray:
    return image if points is None else mark(image, points)


def mark_stack(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    return image


def project(image: np.ndarray) -> np.ndarray:
    return image.max(axis=0)


def stitch(image: np.ndarray, overlap: int = 0) -> np.ndarray:
    return np.hstack(list(image))


def deconvolve(image: np.ndarray) -> np.ndarray:
    return image - image.mean(axis=0, keepdims=True)


def fail(image: np.ndarray) -> np.ndarray:
    raise ValueError("needs an 8 bit\n image")


def picky(image: np.ndarray) -> np.ndarray:
    if min(image.shape) < 200:
        raise ValueError("too small")
    return image


def fraction(image: np.ndarray) -> np.ndarray:
    return image / (2.0 * image.max())


def rank(image: np.ndarray) -> np.ndarray:
    if image.dtype.itemsize > 2:
        raise TypeError(f"Image type {image.dtype} not supported: needs uint8 or uint16")
    return image


def shuffle(image: np.ndarray, seed: int | None = None) -> np.ndarray:
    return np.random.default_rng(seed).permutation(image)


def hang(image: np.ndarray) -> np.ndarray:
    time.sleep(5)
    return image


def wrong_shape(image: np.ndarray) -> np.ndarray:
    return image[::2]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        smooth,
        invert,
        threshold,
        label,
        split,
        measure,
        outline,
        points,
        rows_of_points,
        mark,
        mark_if_any,
        mark_stack,
        project,
        stitch,
        deconvolve,
        fail,
        picky,
        fraction,
        rank,
        shuffle,
        hang,
        wrong_shape,
    )
}


def _spec(name: str, contract: Contract, kind: Kind, **values: Any) -> FunctionSpec:
    defaults: dict[str, Any] = {
        "id": f"lab.{name}",
        "implementation": f"lab:{name}",
        "library": "lab",
        "library_version": "1.0",
        "memory_type_in": "numpy",
        "memory_type_out": "numpy",
        "contract": contract,
        "output_kind": kind,
        "category": "filter",
        "summary": name,
    }
    return FunctionSpec(**(defaults | values))


def _array(name: str, kind: Kind | None, required: bool = True) -> ParameterSpec:
    return ParameterSpec(
        name=name, type="array", kind=kind, required=required, optional=not required
    )


def _points(*, required: bool = True) -> ParameterSpec:
    return ParameterSpec(
        name="points",
        type="special",
        required=required,
        optional=not required,
        special=SpecialKind.POSITIONS,
    )


_COUNT_OF_MARK = ParameterSpec(name="size", type="int", default=1)
_SIGMA = ParameterSpec(name="sigma", type="float", default=1.0, minimum=0, maximum=100, unit="px")
_MODE = ParameterSpec(name="mode", type="choice", default="a", choices=("a", "b"))
_COUNT = ParameterSpec(name="count", type="int", required=True, suggested=3, minimum=1)

SPECS: dict[str, FunctionSpec] = {
    spec.id: spec
    for spec in (
        _spec("smooth", Contract.FLEXIBLE, Kind.IMAGE, parameters=(_SIGMA,)),
        _spec("invert", Contract.PLANE, Kind.IMAGE),
        _spec(
            "threshold",
            Contract.FLEXIBLE,
            Kind.MASK,
            parameters=(ParameterSpec(name="level", type="float", default=500.0, optional=True),),
        ),
        _spec("label", Contract.LABELS, Kind.LABELS, first="mask", input_kinds=(Kind.MASK,)),
        _spec(
            "split",
            Contract.LABELS,
            Kind.LABELS,
            first="mask",
            input_kinds=(Kind.MASK,),
            parameters=(_array("image", Kind.IMAGE), _array("seeds", Kind.LABELS, False)),
        ),
        _spec(
            "measure",
            Contract.TABLE,
            Kind.TABLE,
            ndims=(2,),
            parameters=(_array("labels", Kind.LABELS),),
            shared_columns=("label", "area"),
        ),
        _spec(
            "outline",
            Contract.TABLE,
            Kind.TABLE,
            ndims=(2,),
            parameters=(
                _array("labels", Kind.LABELS),
                ParameterSpec(name="properties", type="literal", default=()),
            ),
        ),
        _spec(
            "points",
            Contract.FLEXIBLE,
            Kind.IMAGE,
            special_outputs=(("points", SpecialKind.POSITIONS),),
        ),
        _spec(
            "rows_of_points",
            Contract.PLANE,
            Kind.IMAGE,
            special_outputs=(("points", SpecialKind.TABLE),),
        ),
        _spec("mark", Contract.PLANE, Kind.IMAGE, parameters=(_points(), _COUNT_OF_MARK)),
        _spec("mark_if_any", Contract.PLANE, Kind.IMAGE, parameters=(_points(required=False),)),
        _spec("mark_stack", Contract.VOLUME, Kind.IMAGE, ndims=(3,), parameters=(_points(),)),
        _spec("project", Contract.REDUCE, Kind.IMAGE),
        _spec("project_labels", Contract.REDUCE, Kind.LABELS, input_kinds=(Kind.LABELS,)),
        _spec(
            "stitch",
            Contract.REDUCE,
            Kind.IMAGE,
            stack_component="field",
            parameters=(ParameterSpec(name="overlap", type="int", default=0),),
        ),
        _spec("deconvolve", Contract.VOLUME, Kind.IMAGE, ndims=(3,)),
        _spec("fail", Contract.PLANE, Kind.IMAGE),
        _spec("picky", Contract.PLANE, Kind.IMAGE),
        _spec("fraction", Contract.PLANE, Kind.IMAGE),
        _spec(
            "rank",
            Contract.PLANE,
            Kind.IMAGE,
            dtypes=FrozenMapping({"uint8": "uint8", "uint16": "uint16"}),
        ),
        _spec(
            "rank_filter",
            Contract.PLANE,
            Kind.IMAGE,
            dtypes=FrozenMapping({"float64": "float64", "float32": "float32"}),
        ),
        _spec(
            "shuffle",
            Contract.PLANE,
            Kind.IMAGE,
            deterministic=False,
            parameters=(ParameterSpec(name="seed", type="int", optional=True),),
        ),
        _spec("hang", Contract.PLANE, Kind.IMAGE),
        _spec("wrong_shape", Contract.PLANE, Kind.IMAGE),
        _spec(
            "many",
            Contract.PLANE,
            Kind.IMAGE,
            parameters=(
                _COUNT,
                _MODE,
                ParameterSpec(name="flag", type="bool", default=False),
                ParameterSpec(name="text", type="str", default=""),
                ParameterSpec(name="shape", type="footprint", default=None, optional=True),
                ParameterSpec(name="free", type="literal", default=None, optional=True),
            ),
        ),
        _spec("absent", Contract.PLANE, Kind.IMAGE),
        _spec(
            "on_gpu", Contract.PLANE, Kind.IMAGE, memory_type_in="torch", memory_type_out="torch"
        ),
        _spec("elsewhere", Contract.PLANE, Kind.IMAGE, memory_type_in="fortran"),
    )
}

FUNCTIONS["project_labels"] = project
FUNCTIONS["rank_filter"] = lambda image: image
FUNCTIONS["many"] = lambda image, **parameters: image
FUNCTIONS["on_gpu"] = lambda image: image
FUNCTIONS["elsewhere"] = lambda image: image


def get_spec(name: str) -> FunctionSpec:
    if name not in SPECS:
        raise FunctionNotFoundError(
            f"There is no registered function '{name}': did you mean lab.smooth?"
        )
    return SPECS[name]


def get_function(name: str) -> Callable[..., Any]:
    get_spec(name)
    if name == "lab.absent":
        raise FunctionUnavailableError(
            "lab.absent needs Lab, which is not installed: run 'pip install lab'."
        )
    return FUNCTIONS[name.removeprefix("lab.")]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[..., Any]]]:
    """A registry of a few functions, and no memory of earlier trials."""
    monkeypatch.setattr(registry, "get_spec", get_spec)
    monkeypatch.setattr(registry, "get_function", get_function)
    monkeypatch.setattr(registry, "specs", lambda: SPECS)
    monkeypatch.setattr(registry, "nearest", lambda name: difflib.get_close_matches(name, SPECS))
    monkeypatch.setattr(registry, "is_available", lambda spec: True)
    # The names under which other modules know it.
    monkeypatch.setattr(wiring, "get_spec", get_spec)
    trials.CACHE.clear()
    yield FUNCTIONS
    trials.CACHE.clear()


@pytest.fixture
def make_draft(make_plate: MakePlate) -> Callable[..., Draft]:
    """Return the draft of a tiny plate before the first phase."""

    def make(steps: list[FunctionStep], **plate: Any) -> Draft:
        made = make_plate(**plate)
        layouts = plan_layouts(made, made.wells, None)
        return Draft(made, Pipeline(steps), layouts.wells[0][0], layouts.depth)

    return make
