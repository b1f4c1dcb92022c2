from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError
from napari_openhcs.functions import establish, refresh_library, registry
from napari_openhcs.functions.catalogue import read_catalogue, user_catalogue, write_catalogue
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.refresh_library import establish_changed, outdated

ADAPTER = '''
from pathlib import Path
from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="growing", title="Growing", memory_type="numpy", module="growing_library",
    distribution="growing-library", install="pip install growing-library",
    submodules=("growing_library",), folder=Path(__file__).parent / "catalogues",
)

def kept(image, times=2):
    """Multiply."""
    return image // times
'''

FIRST = f'''{ADAPTER}
def changed(image, by=1):
    """Divide."""
    return image // by

def removed(image):
    """Invert."""
    return image.max() - image

def helper(a, b):
    """Do nothing."""

__all__ = ["changed", "helper", "kept", "removed"]
'''

SECOND = f'''{ADAPTER}
def changed(image, divisor=2, offset=0):
    """Divide and add."""
    return image // divisor + offset

def added(image):
    """Halve."""
    return image // 2

def broken(image):
    """Fail."""
    raise ValueError("not yet")

def helper(a, b):
    """Do nothing."""

__all__ = ["added", "broken", "changed", "helper", "kept"]
'''


def install(folder: Path, source: str, version: str) -> None:
    (folder / "growing_library.py").write_text(source)
    for old in folder.glob("*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"growing_library-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: growing-library\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(
        "[napari_openhcs.libraries]\ngrowing = growing_library:EXPORT\n"
    )
    LIBRARIES._loaded.pop("growing", None)
    sys.modules.pop("growing_library", None)
    registry.refresh()


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install version 2.0 of a library that was catalogued at 1.0."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    install(folder, FIRST, "1.0")
    write_catalogue(establish.establish_library("growing"), folder / "catalogues")
    install(folder, SECOND, "2.0")
    yield folder
    monkeypatch.undo()
    LIBRARIES._loaded.pop("growing", None)
    sys.modules.pop("growing_library", None)
    registry.refresh()


def listed() -> set[str]:
    names = (name for name, spec in registry.specs().items() if spec.library == "growing")
    return {name.removeprefix("growing_library.") for name in names}


def test_what_changed_is_established_in_the_background_and_kept_for_the_user(
    newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listed() == {"changed", "kept", "removed"}
    assert callable(registry.get_function("growing_library.kept"))
    with pytest.raises(FunctionUnavailableError, match=r"takes \(image, divisor=2, offset=0\)"):
        registry.get_function("growing_library.changed")
    assert outdated() == ("growing",)

    asked: list[str] = []
    about = establish._Answers.about
    monkeypatch.setattr(
        establish._Answers, "about", lambda self, name: asked.append(name) or about(self, name)
    )
    done: list[refresh_library.Refreshed] = []
    establish_changed("growing", done.append).join(120)
    assert [name.removeprefix("growing_library.") for name in asked] == [
        "added",
        "broken",
        "changed",
    ]
    assert done[0].listed == ("growing_library.added", "growing_library.changed")
    assert dict(done[0].left_out) == {"growing_library.broken": "ValueError: not yet"}
    assert "3 of its functions are changed or new, and 2 of them work" in done[0].sentence

    assert listed() == {"added", "changed", "kept"}
    spec = registry.get_spec("growing_library.changed")
    assert [item.name for item in spec.parameters] == ["divisor", "offset"]
    assert spec.library_version == "2.0"
    assert registry.get_function("growing_library.changed")(8) == 4
    for name, why in (("removed", "is not in version 2.0"), ("broken", "ValueError: not yet")):
        with pytest.raises(FunctionNotFoundError, match=why):
            registry.get_spec(f"growing_library.{name}")
    assert outdated() == ()
    kept = user_catalogue("growing", "2.0")
    assert [path.name for path in kept.parent.iterdir()] == ["growing-2.0.json"]
    assert refresh_library.refresh_outdated() == ()


def test_a_version_without_changes_is_looked_at_once(
    newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(newer, FIRST, "1.1")
    assert listed() == {"changed", "kept", "removed"}
    found = refresh_library.refresh_library("growing")
    assert found.sentence == ""
    assert outdated() == ()
    assert len(read_catalogue(user_catalogue("growing", "1.1")).functions) == 0
    assert callable(registry.get_function("growing_library.changed"))


def test_a_damaged_cache_is_made_again(newer: Path) -> None:
    kept = user_catalogue("growing", "2.0")
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    registry.refresh()
    assert listed() == {"changed", "kept", "removed"}
    assert outdated() == ("growing",)


def test_a_library_that_cannot_be_run_says_so(newer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(establish, "STARTS", 1)
    assert outdated() == ("growing",)
    (newer / "growing_library.py").write_text("raise ImportError('half installed')")
    found = refresh_library.refresh_library("growing")
    assert "Growing cannot be run" in found.sentence
    assert "half installed" in found.sentence
    assert listed() == {"changed", "kept", "removed"}
    assert outdated() == ("growing",)
