"""A small registry, a plate of files that are there, and a session for the widgets' tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.spec import FunctionSpec, ParameterSpec
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate


def _spec(name: str, contract: Contract, output: Kind, **more: object) -> FunctionSpec:
    base: dict[str, object] = {
        "id": f"toy.{name}",
        "implementation": f"toy:{name}",
        "library": "native",
        "library_version": "1",
        "memory_type_in": "numpy",
        "memory_type_out": "numpy",
        "category": "filter",
        "summary": f"Make everything {name}.",
    }
    return FunctionSpec(**{**base, **more}, contract=contract, output_kind=output)  # type: ignore


SMOOTH = (
    ParameterSpec(name="sigma", type="float", default=1.0, unit="px", minimum=0, help="Width."),
    ParameterSpec(name="mode", type="choice", default="nearest", choices=("nearest", "wrap")),
    ParameterSpec(name="truncate", type="float", default=0.001),
    ParameterSpec(name="radius", type="int", default=None, optional=True, unit="px"),
    ParameterSpec(name="mask_value", type="literal", default=None, optional=True),
)
TOY_SPECS = (
    _spec("smooth", Contract.PLANE, Kind.IMAGE, parameters=SMOOTH, synonyms=("blur",)),
    _spec(
        "opening",
        Contract.FLEXIBLE,
        Kind.IMAGE,
        category="morphology",
        parameters=(
            ParameterSpec(name="footprint", type="footprint", required=True, suggested=("disk", 3)),
        ),
    ),
    _spec("threshold", Contract.PLANE, Kind.MASK, category="threshold"),
    _spec("split", Contract.LABELS, Kind.LABELS, category="segment", input_kinds=(Kind.MASK,)),
    _spec(
        "measure",
        Contract.TABLE,
        Kind.TABLE,
        category="measure",
        parameters=(ParameterSpec(name="labels", type="array", required=True, kind=Kind.LABELS),),
    ),
    _spec("far_away", Contract.PLANE, Kind.IMAGE, library="nowhere", memory_type_in="cupy"),
)


class _Library:
    title = "Nowhere"
    install = "pip install nowhere"

    def __init__(self, available: bool) -> None:
        self._available = available

    def is_available(self) -> bool:
        return self._available


class _Libraries(dict[str, _Library]):
    problems: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def no_trials_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the functions of other library versions than those catalogued untried."""
    monkeypatch.setattr("napari_openhcs.functions.refresh_library.outdated", lambda: ())


@pytest.fixture
def toy_registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, FunctionSpec]:
    """Put six toy functions in place of the real registry."""
    from napari_openhcs.functions import registry

    found = {spec.id: spec for spec in TOY_SPECS}
    content = registry._Content(
        specs=found,
        by_memory_type={"numpy": found},
        by_implementation={},
        catalogued={},
        signatures={},
    )
    monkeypatch.setattr(registry, "_content", content)
    libraries = _Libraries(native=_Library(True), nowhere=_Library(False))
    monkeypatch.setattr(registry, "LIBRARIES", libraries)
    return found


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Three wells, two fields, two channels of 64 × 64 px with a few bright squares."""
    import tifffile

    root = tmp_path / "plate"
    root.mkdir()
    planes = {}
    for well in ("A01", "A02", "B01"):
        for field in ("1", "2"):
            for channel in ("1", "2"):
                image = np.full((64, 64), 100, np.uint16)
                image[8:20, 8:20] = 1000
                image[36:50, 30:44] = 900
                name = f"{well}_{field}_{channel}.tif"
                tifffile.imwrite(root / name, image)
                planes[PlaneKey(well, field, channel, 0, 0)] = PlaneSource(name)
    return Plate(
        root=str(root),
        name="toy",
        format="imagexpress",
        channels=(Channel("1", "DAPI", "#0000ff"), Channel("2", "GFP", "#00ff00")),
        planes=FrozenMapping(planes),
        shape_yx=(64, 64),
        dtype="uint16",
        n_rows=2,
        n_columns=3,
        pixel_size_um=0.5,
    )


@pytest.fixture
def session(toy_registry: dict[str, FunctionSpec]) -> Iterator[object]:
    """Return a session on the toy registry that never compiles (the compiler has its tests)."""
    from napari_openhcs.session import Session

    return Session()


@pytest.fixture
def wait(qtbot: object) -> Callable[..., None]:
    """Wait until a condition holds, with events processed."""

    def until(condition: Callable[[], object], timeout: float = 10.0) -> None:
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + timeout * (4 if os.environ.get("CI") else 1)
        while not condition():
            assert time.monotonic() < end, "what was waited for did not happen"
            QApplication.processEvents()
            time.sleep(0.005)

    return until


@pytest.fixture
def results(plate: Plate, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Results of wells A01 and A02 of the plate: two images, labels "Nuclei", a table."""
    from napari_openhcs.ome_zarr.results import open_results
    from napari_openhcs.plan import Grid
    from napari_openhcs.testing.ome_zarr import example_plan, write_example

    grid = Grid(("1", "2"), ("1", "2"), (0,), (0,))
    output = tmp_path_factory.mktemp("results")
    plan = example_plan(output, wells=("A01", "A02"), grid=grid, shape_yx=plate.shape_yx)
    write_example(plan)
    return open_results(output)
