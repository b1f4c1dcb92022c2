"""A library on a device that is none: its arrays are NumPy's."""

import importlib
import sys

import pytest

from napari_openhcs.errors import FunctionUnavailableError
from napari_openhcs.functions import registry, verify
from napari_openhcs.functions.catalogue import Catalogue, write_catalogue
from napari_openhcs.functions.classify import NotEstablished, establish_function
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import signature_text
from napari_openhcs.functions.trial_images import trial_array

LIBRARY = """
from pathlib import Path
from napari_openhcs.functions.libraries._twin import TwinLibrary

EXPORT = TwinLibrary(
    name="toygpu", title="Toy", memory_type="numpy", module="toygpu", distribution="toygpu",
    install="pip install toygpu", twin="scipy_ndimage", roots=("toygpu.", "scipy.ndimage."),
    folder=Path(__file__).parent,
)
"""

MODULE = """
from scipy import ndimage

def gaussian_filter(input, sigma, order=0, output=None, mode="reflect", cval=0.0):
    "Blur with a Gaussian."
    return ndimage.gaussian_filter(input, sigma, order, output, mode, cval)

def sobel(input, axis=-1, output=None, mode="reflect", cval=0.0):
    "Find edges the wrong way."
    return -ndimage.sobel(input, axis, output, mode, cval)

def median_filter(input, output=None):
    "Take no size."
    return input

def not_in_scipy(input):
    "Do what no twin does."
    return input
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toygpu.py").write_text(MODULE)
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    (adapters / "toygpu.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    package = importlib.import_module("napari_openhcs.functions.libraries")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(adapters)])
    monkeypatch.setattr(verify, "_found", {})
    LIBRARIES.refresh()
    yield LIBRARIES["toygpu"]
    monkeypatch.undo()
    for name in ("toygpu", "napari_openhcs.functions.libraries.toygpu"):
        sys.modules.pop(name, None)
    registry.refresh()


def test_offers_what_its_twin_lists(toy):
    assert {name for name, _ in toy.candidates()} == {
        "toygpu.gaussian_filter",
        "toygpu.sobel",
        "toygpu.median_filter",
    }


@pytest.mark.parametrize(
    ("name", "works"), [("toygpu.gaussian_filter", True), ("toygpu.sobel", False)]
)
def test_is_compared_with_its_twin_when_called(toy, name, works):
    functions = dict(toy.candidates())
    with pytest.raises(NotEstablished, match="takes no size"):
        establish_function(toy, "toygpu.median_filter", functions.pop("toygpu.median_filter"))
    specs = tuple(establish_function(toy, key, value) for key, value in functions.items())
    signatures = {key: signature_text(value) for key, value in functions.items()}
    write_catalogue(Catalogue("toygpu", "1", specs, signatures), toy.folder)
    registry.refresh()
    spec = registry.get_spec(name)
    assert spec.twin == name.replace("toygpu", "scipy.ndimage")
    assert spec.contract is registry.get_spec(spec.twin).contract
    mode = spec.parameter("mode")
    assert mode is not None
    assert mode.help == registry.get_spec(spec.twin).parameter("mode").help != ""
    image = trial_array(spec.input_kinds[0], 2, "float32")
    given = {item.name: item.suggested for item in spec.form_parameters if item.required}
    if works:
        assert registry.get_function(name)(image, **given).shape == image.shape
    else:
        with pytest.raises(FunctionUnavailableError, match=r"does not do what scipy\.ndimage"):
            registry.get_function(name)(image, **given)


def test_a_form_shows_first_what_the_twin_s_shows():
    known = registry.specs()
    pairs = [
        (item, known[spec.twin].parameter(item.name))
        for spec in known.values()
        if spec.twin
        for item in spec.parameters
    ]
    assert pairs
    assert all(
        other is not None
        and (item.required, item.suggested) == (other.required, other.suggested)
        and bool(item.help) >= bool(other.help)
        for item, other in pairs
    )
