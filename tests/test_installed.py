from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from pathlib import Path

import pytest

from napari_openhcs import installed

GROUP = "napari_openhcs.libraries"


def add(folder: Path, name: str, version: str, points: str = "") -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if points:
        (info / "entry_points.txt").write_text(points)


@pytest.mark.parametrize("name", ["numpy", "scikit-image", "PyWavelets", "no-such-thing"])
def test_tells_the_same_as_the_standard_library(name: str) -> None:
    try:
        expected = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        expected = None
    assert installed.version(name) == expected


def test_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / "a", "My_Thing", "2.0+cpu", f"[{GROUP}]\none = a:b\n")
    add(tmp_path / "b", "my_thing", "1.0", f"[{GROUP}]\ntwo = c:d\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert installed.version("my.thing") == "2.0+cpu"
    assert installed.entry_points(GROUP) == [("one", "a:b")]


def test_sees_what_is_installed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installed.version("late") is None
    add(
        tmp_path, "late", "1.0", f"[console_scripts]\nx = y:z\n\n[{GROUP}]\n# none\nlate = l : E \n"
    )
    assert installed.version("late") == "1.0"
    assert installed.entry_points(GROUP) == [("late", "l : E")]
    assert installed.entry_points("napari_openhcs.formats") == []


def test_legacy_and_zipped_distributions_are_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = tmp_path / "old.egg-info"
    legacy.mkdir()
    (legacy / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.3\n")
    (legacy / "entry_points.txt").write_text(f"[{GROUP}]\nold = o:E\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installed.version("old") == "0.3"
    assert installed.entry_points(GROUP) == [("old", "o:E")]
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed-7.0.dist-info/METADATA", "Name: packed\nVersion: 7.0\n")
        file.writestr("packed-7.0.dist-info/entry_points.txt", f"[{GROUP}]\npacked = p:E\n")
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert installed.version("packed") == "7.0"
    assert installed.entry_points(GROUP) == [("packed", "p:E")]
