from __future__ import annotations

import pytest

from napari_openhcs.functions.registry import get_spec
from napari_openhcs.testing.libraries import LibraryTests


class TestScipyNdimage(LibraryTests):
    library = "scipy_ndimage"


@pytest.mark.parametrize(
    "name",
    ["laplace", "sobel", "prewitt", "gaussian_laplace", "gaussian_gradient_magnitude"],
)
def test_what_overflows_on_integers_is_for_floats(name: str) -> None:
    spec = get_spec(f"scipy.ndimage.{name}")
    assert spec.refuses("uint16")
    assert not spec.refuses("float32")
