from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions import establish, registry
from napari_openhcs.functions.catalogue import read_catalogue
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.native import scan

TROUBLE = '''
import os, socket, subprocess, sys, time
from pathlib import Path
from napari_openhcs.functions.libraries.base import FunctionLibrary

EXPORT = FunctionLibrary(
    name="trouble", title="Trouble", memory_type="numpy", module="trouble_library",
    distribution="trouble-library", install="pip install trouble-library",
    submodules=("trouble_library",), folder=Path(__file__).parent / "catalogues",
)
HERE = Path(__file__).parent

def fine(image):
    """Keep it."""
    return image

def also_fine(image):
    """Keep it twice."""
    return image // 1

def by_hash_seed(image):
    """Differ from process to process."""
    return image + hash("seed") % 100

def hangs(image):
    while True:
        pass

def sleeps(image):
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

def tries_to_download(image):
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError:
        pass
    return image

def writes(image):
    (HERE / "written").write_text("hello")
    return image

def removes(image):
    (HERE / "kept").unlink()
    return image

def writes_aside(image):
    """Use a temporary file."""
    import tempfile
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("hello")
    return image

def starts(image):
    subprocess.run([sys.executable, "-c", ""], check=False)
    return image

class Odd:
    __name__ = __qualname__ = "odd"
    __doc__ = "Be odd."
    @property
    def __signature__(self):
        raise ValueError("no signature")
    def __call__(self, image):
        return image

odd = Odd()

__all__ = [name for name, value in list(globals().items())
           if name == "odd" or getattr(value, "__module__", "") == "trouble_library"
           and not isinstance(value, (type, FunctionLibrary))]
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
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    registry.refresh()
    yield tmp_path
    monkeypatch.undo()
    # The module of the next test is another one.
    LIBRARIES._loaded.pop("trouble", None)
    sys.modules.pop("trouble_library", None)
    registry.refresh()


def test_what_does_more_than_compute_is_left_out_and_the_rest_goes_on(trouble: Path) -> None:
    (trouble / "kept").touch()
    lines: list[str] = []
    found = establish.establish_library("trouble", time_limit_s=1.5, report=lines.append)
    listed = {spec.id.rpartition(".")[2]: spec for spec in found.functions}
    assert set(listed) == {"also_fine", "by_hash_seed", "fine", "writes_aside"}
    assert {name: spec.deterministic for name, spec in listed.items()} == {
        **dict.fromkeys(listed, True),
        "by_hash_seed": False,
    }
    reasons = {name.rpartition(".")[2]: why for name, why in found.excluded.items()}
    assert reasons.pop("odd").startswith("cannot be described: ValueError")
    assert reasons == {
        "hangs": "takes more than 1.5 s",
        "sleeps": "takes more than 1.5 s",
        "dies": "ends the process",
        "prints": "prints",
        "writes_to_descriptor": "prints",
        "downloads": "opens the network",
        "tries_to_download": "opens the network",
        "writes": "writes files",
        "removes": "writes files",
        "starts": "starts a process",
    }
    assert (trouble / "kept").exists()
    assert len(lines) == 15
    assert lines[0].startswith("[ 1/15] + trouble_library.also_fine: plane → image")


def test_a_run_that_was_killed_goes_on_where_it_was(
    trouble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    about = establish._Answers.about

    def stopped(self: establish._Answers, name: str) -> dict[str, object]:
        asked.append(name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return about(self, name)

    monkeypatch.setattr(establish._Answers, "about", stopped)
    only = establish.matching(["*fine"])
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        establish.establish_library("trouble", choose=only, folder=folder)
    with (folder / "trouble-1.0.partial").open("a") as file:
        file.write('{"id": "trouble_library.fi')
    found = establish.establish_library("trouble", choose=only, folder=folder)
    assert asked == ["trouble_library.also_fine", *["trouble_library.fine"] * 2]
    assert len(found.functions) == 2
    # Answers of another state of the code are worth nothing.
    monkeypatch.setattr(establish, "_sources", lambda library: "changed")
    establish.establish_library("trouble", choose=only, folder=folder)
    assert len(asked) == 5


def test_the_command_writes_a_catalogue_and_adds_to_it(
    trouble: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trouble / "catalogues"
    run = ["--library", "nowhere", "--library", "trouble", "--only"]
    assert establish.main([*run, "trouble_library.fine", "--dry-run"]) == 2
    printed = capsys.readouterr()
    assert "[1/1] + trouble_library.fine: plane" in printed.out
    assert "There is no function library 'nowhere'" in printed.err
    assert not folder.exists()
    establish.main([*run, "fine"])
    establish.main([*run, "prints", "--only", "also_*"])
    assert [path.name for path in folder.iterdir()] == ["trouble-1.0.json"]
    found = read_catalogue(folder / "trouble-1.0.json")
    names = ["trouble_library.also_fine", "trouble_library.fine"]
    assert [spec.id for spec in found.functions] == list(found.signatures) == names
    assert dict(found.excluded) == {"trouble_library.prints": "prints"}


def test_a_worker_that_does_not_start_is_started_again(
    trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = establish.Worker

    def fails_first(*arguments: str, **options: Any) -> establish.Worker:
        started.append(1)
        if len(started) == 1:
            raise OpenHCSError("no memory")
        return start(*arguments, **options)

    monkeypatch.setattr(establish, "Worker", fails_first)
    found = establish.establish_library("trouble", choose=establish.matching(["fine"]))
    assert len(found.functions) == 1
    assert len(started) == 3
    (trouble / "trouble_library.py").write_text("raise ImportError('broken')")
    with pytest.raises(OpenHCSError, match=r"Trouble cannot be run: .*ImportError: broken"):
        establish.establish_library("trouble")
    assert len(started) == 3 + establish.STARTS


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


def test_the_catalogues_list_what_a_scan_of_the_package_finds() -> None:
    scanned = {name for name, _ in scan()}
    listed = {name for name in registry.specs() if name.startswith("napari_openhcs.functions.")}
    assert scanned == listed, (
        "run 'python -m napari_openhcs.functions.establish' for native, torch and jax"
    )
