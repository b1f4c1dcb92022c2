from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions import establish, registry
from napari_openhcs.functions.catalogue import read_catalogue
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.native import scan

TROUBLE = '''
import os, socket, sys, time
from pathlib import Path
from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="trouble", title="Trouble", memory_type="numpy", module="trouble_library",
    distribution="trouble-library", install="pip install trouble-library",
    submodules=("trouble_library",), folder=Path(__file__).parent,
)

def fine(image):
    """Keep it."""
    return image

def also_fine(image):
    """Keep it twice."""
    return image // 1

def hangs(image):
    time.sleep(1000)

def dies(image):
    os._exit(3)

def prints(image):
    print("hello")
    return image

def writes_to_descriptor(image):
    os.write(2, b"hello")
    return image

def downloads(image):
    socket.create_connection(("127.0.0.1", 9), timeout=1)
    return image

__all__ = ["also_fine", "dies", "downloads", "fine", "hangs", "prints", "writes_to_descriptor"]
'''


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "trouble_library.py").write_text(TROUBLE)
    info = tmp_path / "trouble_library-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble-library\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[napari_openhcs.libraries]\ntrouble = trouble_library:EXPORT\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry.refresh()
    yield tmp_path
    monkeypatch.undo()
    registry.refresh()


def test_what_hangs_dies_prints_or_downloads_is_left_out_and_the_rest_goes_on(
    trouble: Path,
) -> None:
    lines: list[str] = []
    found = establish.establish_library("trouble", time_limit_s=3, report=lines.append)
    assert [spec.id for spec in found.catalogue.functions] == [
        "trouble_library.also_fine",
        "trouble_library.fine",
    ]
    reasons = {name.rpartition(".")[2]: why for name, why in found.left_out.items()}
    assert "takes more than 3 s" in reasons["hangs"]
    assert "ends the process" in reasons["dies"]
    assert reasons["prints"] == reasons["writes_to_descriptor"] == "prints"
    assert "no network" in reasons["downloads"]
    assert len(lines) == 7


def test_the_command_writes_a_catalogue(
    trouble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    only = ["--function", "trouble_library.fine"]
    assert establish.main(["--library", "trouble", *only]) == 0
    assert "+ trouble_library.fine: plane" in capsys.readouterr().out
    assert not folder.exists()
    assert establish.main(["--library", "native", "--folder", str(folder)]) == 0
    (written,) = folder.glob("native-*.json")
    assert len(read_catalogue(written).functions) > 50


def test_a_library_that_is_not_here_cannot_be_established(
    trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OpenHCSError, match=r"expected one of .*skimage"):
        establish.establish_library("nowhere")
    assert establish.main(["--library", "nowhere"]) == 2
    gone = replace(LIBRARIES["trouble"], module="no_such_module")
    monkeypatch.setitem(LIBRARIES._loaded, "trouble", gone)
    with pytest.raises(OpenHCSError, match="pip install trouble-library"):
        establish.establish_library("trouble")


def test_the_native_catalogue_lists_what_a_scan_finds() -> None:
    scanned = {name for name, _ in scan()}
    listed = {
        spec.id
        for key in ("native", "torch")
        if (catalogue := LIBRARIES[key].catalogue()) is not None
        for spec in catalogue.functions
    }
    assert scanned == listed, (
        "run 'python -m napari_openhcs.functions.establish --library native --library torch'"
    )
