from __future__ import annotations

import numpy as np
import pytest

from napari_openhcs.errors import ParameterError
from napari_openhcs.functions.footprint import footprint, with_footprints
from napari_openhcs.functions.registry import get_spec


@pytest.mark.parametrize(
    ("shape", "ndim", "reference"),
    [
        ("disk", 2, "disk"),
        ("disk", 3, "ball"),
        ("diamond", 2, "diamond"),
        ("diamond", 3, "octahedron"),
    ],
)
@pytest.mark.parametrize("radius", [1, 2, 5])
def test_equals_that_of_scikit_image(shape: str, ndim: int, reference: str, radius: int) -> None:
    from skimage import morphology

    made = footprint(shape, radius, ndim)
    np.testing.assert_array_equal(made, getattr(morphology, reference)(radius))
    assert made.dtype == np.uint8


def test_a_square_is_full() -> None:
    assert footprint("square", 2, 3).shape == (5, 5, 5)
    assert footprint("square", 2, 3).all()
    assert footprint("disk", 0, 2).tolist() == [[1]]


@pytest.mark.parametrize(
    "value", [("circle", 3), ("disk", 2.5), ("disk", -1), ("disk", True), "disk", (1, 2, 3)]
)
def test_what_is_no_footprint_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match=r"footprint|expected"):
        with_footprints(get_spec("skimage.filters.rank.mean"), {"footprint": value}, 2)


def test_arrays_and_none_pass() -> None:
    spec = get_spec("skimage.filters.median")
    array = np.ones((3, 3))
    assert with_footprints(spec, {"footprint": None}, 2) == {"footprint": None}
    assert with_footprints(spec, {"footprint": array}, 2)["footprint"] is array
    assert with_footprints(spec, {"mode": "nearest"}, 2) == {"mode": "nearest"}
