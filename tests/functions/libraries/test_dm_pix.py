from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import exposure

from napari_openhcs.axes import Kind
from napari_openhcs.functions.registry import get_function, get_spec, specs
from napari_openhcs.functions.trial_images import trial_array
from napari_openhcs.testing.libraries import LibraryTests

jnp = pytest.importorskip("jax.numpy")
dm_pix = pytest.importorskip("dm_pix")

LISTED = [spec for spec in specs().values() if spec.library == "dm_pix"]
SHEAR = ((1.0, 0.1, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class TestDmPix(LibraryTests):
    library = "dm_pix"
    resampled = 8


def direct(name: str, image: np.ndarray) -> np.ndarray:
    """Call the library as its documentation says, with the values a form shows first."""
    given = {item.name: item.suggested for item in get_spec(name).form_parameters if item.required}
    if "matrix" in given:
        given["matrix"] = jnp.asarray(given["matrix"])
    function = getattr(dm_pix, name.removeprefix("dm_pix."))
    return np.asarray(function(jnp.asarray(image)[..., None], **given))[..., 0]


def through_us(name: str, image: np.ndarray) -> np.ndarray:
    given = {item.name: item.suggested for item in get_spec(name).form_parameters if item.required}
    return np.asarray(get_function(name)(jnp.asarray(image), **given))


@pytest.mark.parametrize("name", [spec.id for spec in LISTED])
def test_gives_exactly_what_the_library_gives(name: str) -> None:
    image = trial_array(Kind.IMAGE, 2, "float32")
    np.testing.assert_array_equal(through_us(name, image), direct(name, image))
    whole = trial_array(Kind.IMAGE, 2, "uint16")
    found = through_us(name, whole)
    if "flip" in name:
        np.testing.assert_array_equal(found, direct(name, whole))
    else:
        unit = whole.astype("float32") / np.float32(65535)
        np.testing.assert_allclose(found, direct(name, unit), rtol=1e-6)
        assert get_spec(name).unit_scaled


def turned(image: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(0.1), np.sin(0.1)
    matrix = np.array([[cos, sin], [-sin, cos]])
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - matrix @ centre
    return ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")


REFERENCES: dict[str, Any] = {
    "adjust_brightness": lambda image: image + 0.1,
    "adjust_contrast": lambda image: image.mean() + 1.5 * (image - image.mean()),
    "adjust_gamma": lambda image: exposure.adjust_gamma(image, 0.5),
    "solarize": lambda image: np.where(image < 0.5, image, 1 - image),
    "flip_left_right": lambda image: image[:, ::-1],
    "flip_up_down": lambda image: image[::-1],
    "rotate": turned,
    "affine_transform": lambda image: ndimage.affine_transform(
        image, np.array(SHEAR)[:2, :2], order=1, mode="nearest"
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_gives_what_its_name_says(name: str) -> None:
    image = trial_array(Kind.IMAGE, 2, "float32")
    expected = REFERENCES[name](image.astype(float))
    np.testing.assert_allclose(through_us(f"dm_pix.{name}", image), expected, atol=1e-4)


def test_every_listed_function_has_a_reference() -> None:
    assert {spec.id for spec in LISTED} == {f"dm_pix.{name}" for name in REFERENCES}


def test_parameters_have_help_and_labels_are_only_turned() -> None:
    gamma = get_spec("dm_pix.adjust_gamma").parameter("gamma")
    assert gamma is not None
    assert gamma.help == "the exponent to apply."
    labels = trial_array(Kind.LABELS, 2, "int32")
    found = through_us("dm_pix.flip_up_down", labels)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, labels[::-1])
