from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from napari_openhcs.axes import VALID_MEMORY_TYPES
from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError
from napari_openhcs.functions import registry
from napari_openhcs.functions.catalogue import read_catalogue, write_catalogue
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.registry import (
    FUNC_REGISTRY,
    counts,
    describe,
    function_id,
    get_function,
    get_functions_by_memory_type,
    get_spec,
    install_command,
    is_available,
    specs,
)

GAUSSIAN = "skimage.filters.gaussian"


@pytest.fixture
def fresh_registry():
    registry.refresh()
    yield
    registry.refresh()


def with_library(monkeypatch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    monkeypatch.setitem(LIBRARIES._loaded, name, replace(LIBRARIES[name], **changes))


def test_lists_more_than_two_hundred_functions_by_memory_type() -> None:
    assert set(FUNC_REGISTRY) == set(VALID_MEMORY_TYPES)
    assert counts()["numpy"] >= 210
    assert counts()["torch"] >= 4
    assert sum(counts().values()) == len(specs())
    assert get_functions_by_memory_type("numpy")[GAUSSIAN] is get_spec(GAUSSIAN)
    by_library = [spec.library for spec in specs().values()]
    assert by_library.count("skimage") >= 100
    assert by_library.count("scipy_ndimage") >= 40


def test_an_unknown_memory_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(FunctionNotFoundError, match="numpy, cupy"):
        get_functions_by_memory_type("opencl")


def test_ids_are_in_order_and_cannot_be_changed() -> None:
    assert list(specs()) == sorted(specs())
    with pytest.raises(TypeError):
        specs()["mine"] = get_spec(GAUSSIAN)  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("skimage.filter.gaussian", "skimage.filters.gaussian"),
        ("gaussian_filter", "scipy.ndimage.gaussian_filter"),
        ("skimage.filters.gausian", "skimage.filters.gaussian"),
    ],
)
def test_an_unknown_function_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(FunctionNotFoundError, match=hint) as caught:
        get_spec(name)
    assert f"'{name}'" in str(caught.value)


def test_a_function_is_imported_as_written_and_found_again() -> None:
    from scipy import ndimage
    from skimage import filters

    assert get_function(GAUSSIAN) is filters.gaussian
    assert function_id(filters.gaussian) == GAUSSIAN
    assert function_id(ndimage.gaussian_filter) == "scipy.ndimage.gaussian_filter"


def test_a_callable_that_is_not_registered_is_refused() -> None:
    with pytest.raises(FunctionNotFoundError, match="no registered function"):
        function_id(json.loads)
    with pytest.raises(FunctionNotFoundError):
        function_id(lambda image: image)


def test_a_function_moved_inside_its_library_is_found_by_identity(
    monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    moved = {"skimage.elsewhere:gaussian": GAUSSIAN}
    content = registry._registry()
    monkeypatch.setattr(registry, "_content", replace(content, by_implementation=moved))
    from skimage.filters import gaussian

    assert function_id(gaussian) == GAUSSIAN


def test_a_library_that_is_not_installed_is_listed_with_its_command(
    monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    with_library(monkeypatch, "torch", module="no_such_module", distribution="no-such-thing")
    spec = next(item for item in specs().values() if item.library == "torch")
    assert not is_available(spec)
    assert "pip install" in install_command(spec)
    assert describe(spec)["available"] is False
    with pytest.raises(FunctionUnavailableError, match="pip install") as caught:
        get_function(spec.id)
    assert spec.id in str(caught.value)
    assert isinstance(caught.value, ImportError)


def test_another_version_is_trusted_while_the_signature_is_unchanged(
    monkeypatch: pytest.MonkeyPatch, fresh_registry: None, tmp_path: Path
) -> None:
    catalogue = read_catalogue(next(LIBRARIES["skimage"].folder.glob("skimage-*.json")))
    changed = replace(
        catalogue,
        version="0.1.0",
        signatures=catalogue.signatures.replace(**{GAUSSIAN: "(image, sigma)"}),
    )
    write_catalogue(changed, tmp_path)
    with_library(monkeypatch, "skimage", folder=tmp_path)
    assert get_spec(GAUSSIAN).library_version == LIBRARIES["skimage"].version()
    assert callable(get_function("skimage.filters.sobel"))
    with pytest.raises(FunctionUnavailableError, match=r"scikit-image==0\.1\.0"):
        get_function(GAUSSIAN)


def test_is_built_once_by_many_threads(
    monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    built = []
    build = registry._build
    monkeypatch.setattr(registry, "_build", lambda: built.append(1) or build())
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(specs()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert len(set(found)) == 1


def test_describe_is_json_as_the_command_line_promises() -> None:
    for spec in specs().values():
        document = describe(spec)
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert {
            "id",
            "memory_type_in",
            "memory_type_out",
            "library",
            "category",
            "contract",
        } <= set(document)
        for parameter in document["parameters"]:
            assert {"name", "type", "default", "required"} <= set(parameter)


def test_listing_and_searching_load_no_library() -> None:
    code = """
import sys
from napari_openhcs.functions.registry import FUNC_REGISTRY, describe, is_available, search, specs
for spec in specs().values():
    is_available(spec), describe(spec)
search("blur"), FUNC_REGISTRY["torch"]
heavy = {"numpy", "hypothesis", "skimage", "scipy", "torch", "cupy", "jax", "dask", "qtpy"}
heavy |= {"napari", "matplotlib", "kornia", "pyclesperanto"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


DUMMY = '''
from pathlib import Path
from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="dummy", title="Dummy", memory_type="numpy", module="dummy_library",
    distribution="dummy-library", install="pip install dummy-library",
    submodules=("dummy_library",), folder=Path(__file__).parent,
)

def double(image, times=2.0):
    """Multiply an image.

    Parameters
    ----------
    image : ndarray
    times : float
        Factor.
    """
    return image * times

__all__ = ["double"]
'''


def test_a_library_of_another_distribution_joins_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    from napari_openhcs.functions.establish import establish_library

    (tmp_path / "dummy_library.py").write_text(DUMMY)
    info = tmp_path / "dummy_library-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dummy-library\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[napari_openhcs.libraries]\ndummy = dummy_library:EXPORT\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    registry.refresh()
    found = establish_library("dummy")
    assert not found.excluded
    write_catalogue(found, tmp_path)
    registry.refresh()
    spec = get_spec("dummy_library.double")
    assert spec.contract == "plane"
    assert spec.parameter("times").default == 2.0
    assert get_function(spec.id)(3) == 6.0


def test_a_broken_library_of_others_does_no_harm(monkeypatch, fresh_registry):
    known = list(specs())
    points = {"napari_openhcs.libraries": [("aaa", "no_such_module:EXPORT")]}
    monkeypatch.setattr("napari_openhcs.registry.entry_points", lambda group: points.get(group, []))
    registry.refresh()
    assert registry.problems()[0].startswith("'aaa' (no_such_module:EXPORT, ")
    assert list(specs()) == known
    assert is_available(get_spec(GAUSSIAN))
    with pytest.raises(FunctionNotFoundError, match=r"'aaa' .* cannot be imported"):
        get_spec("no_such_module.function")
    monkeypatch.undo()
