"""Files that do harm: each is a sentence, and nothing else is harmed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import State, file_states, read_file, trust_file

Write = Callable[[str, str], Path]
GOOD = "@numpy_function\ndef good(image):\n    '''Keep it.'''\n    return image\n"


def trust(path: Path, limit: float = 60):
    return trust_file(path, read_file(path).sha256, time_limit_s=limit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nos._exit(3)\n", "the process ended (exit status 3)"),
        ("import sys\nsys.exit('bye')\n", "it ends the program (exit status bye)"),
        ("raise ValueError('no such\\nthing')\n", "ValueError: no such"),
        ("import no_such_library\n", "No module named 'no_such_library'"),
        ("def f(image): return image\nf = numpy_function\n" + GOOD + "del good\n", "defines no"),
    ],
)
def test_a_file_that_cannot_be_loaded(write: Write, text: str, said: str) -> None:
    rest = "" if "del good" in text else GOOD
    state = trust(write("bad.py", text + rest))
    assert state.state is State.BROKEN
    assert said in state.message
    assert "bad.py" in state.message
    assert "\n" not in state.message
    assert not [name for name in registry.specs() if ".custom.bad." in name]
    # Known now: it is not tried again to be listed.
    start = time.monotonic()
    assert file_states()[0].message == state.message
    assert time.monotonic() - start < 1


def test_one_that_hangs_when_it_is_loaded(write: Write) -> None:
    state = trust(write("slow.py", "import time\ntime.sleep(1000)\n" + GOOD), limit=3)
    assert "not done after 3 s" in state.message


BAD = """
import os, socket, subprocess, sys, time

@numpy_function
def raises(image):
    raise ZeroDivisionError("by zero")

@numpy_function
def hangs(image):
    time.sleep(1000)

@numpy_function
def dies(image):
    os._exit(1)

@numpy_function
def exits(image):
    sys.exit(4)

@numpy_function
def prints(image):
    print("hello")
    return image

@numpy_function
def downloads(image):
    socket.create_connection(("127.0.0.1", 9), timeout=1)
    return image

@numpy_function
def gives_text(image):
    return "text"

@numpy_function
def changes(image):
    image += 1
    return image

@numpy_function
def asks(image, what):
    return image

@numpy_function
def leaves_a_child(image):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "openhcs-orphan"])
    time.sleep(1000)
"""


def test_functions_that_do_harm_are_listed_with_a_sentence_and_the_others_work(
    write: Write,
) -> None:
    state = trust(write("mixed.py", BAD + GOOD), limit=4)
    assert [spec.id.rpartition(".")[2] for spec in state.functions] == ["good"]
    said = {
        "raises": "raises fails on an image: ZeroDivisionError: by zero.",
        "hangs": "hangs is not done after 4 s",
        "dies": "dies ends the process",
        "exits": "exits ends the process",
        "prints": "prints prints when it is called",
        "downloads": "downloads opens the network",
        "gives_text": "gives_text gives str, no array.",
        "changes": "changes changes its input.",
        "asks": "asks has no default for what",
        "leaves_a_child": "leaves_a_child starts a process",
    }
    assert set(state.problems) == set(said)
    for name, words in said.items():
        assert words in state.problems[name], name
    name = "napari_openhcs.functions.custom.mixed.good"
    assert registry.get_function(name)(np.ones(2)).sum() == 2
    orphans = [p for p in psutil.process_iter() if "openhcs-orphan" in _command(p)]
    assert not orphans


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("name", ["numpy.py", "json.py", "os.py", "custom.py", "skimage.py"])
def test_a_file_with_the_name_of_a_library_shadows_nothing(write: Write, name: str) -> None:
    path = write(name, "import json, os, skimage\n" + GOOD)
    before = {key: sys.modules.get(key) for key in ("numpy", "json", "os")}
    state = trust(path)
    assert state.state is State.READY
    (spec,) = state.functions
    registry.get_function(spec.id)
    assert {key: sys.modules.get(key) for key in before} == before
    assert str(path.parent) not in sys.path


def test_a_file_may_hold_data_classes_and_list_the_registry(write: Write) -> None:
    text = """
from __future__ import annotations
from dataclasses import dataclass
from napari_openhcs.functions.registry import specs

COUNT = len(specs())

@dataclass
class Gain:
    value: float

"""
    path = write("rich.py", "")
    future = "from __future__ import annotations\n"
    path.write_text(future + path.read_text() + text.replace(future, "") + GOOD)
    state = trust(path)
    assert dict(state.problems) == {}
    assert registry.get_function(state.functions[0].id)(np.ones(1)) == 1


def test_an_encoding_that_is_declared_does_not_change_what_was_shown(write: Write) -> None:
    path = write("odd.py", "")
    hidden = "# +AAo-raise SystemExit(9)\n"
    path.write_text("# -*- coding: utf-7 -*-\n" + hidden + path.read_text() + GOOD)
    state = trust(path)
    assert state.state is State.READY
    assert registry.get_function(state.functions[0].id)(np.ones(1)) == 1


SPECIAL = """
import numpy as np
from napari_openhcs.functions.special import special_inputs, special_outputs
from napari_openhcs.memory_types.decorators import numpy

@special_outputs("positions", rows="table")
@numpy
def peaks(image):
    places = np.argwhere(image == image.max())
    return image, places, {"y": places[:, 0]}

@special_inputs("positions")
@numpy
def mark(image, positions, value: int = 0):
    marked = image.copy()
    marked[tuple(np.rint(positions).astype(int).T)] = value
    return marked

@special_outputs("positions")
@numpy
def wrong(image):
    return image, "nowhere"
"""


def test_special_outputs_and_inputs_are_listed_and_tried(write: Write) -> None:
    state = trust(write("special.py", SPECIAL))
    assert [spec.id.rpartition(".")[2] for spec in state.functions] == ["peaks", "mark"]
    peaks, mark = state.functions
    assert dict(peaks.special_outputs) == {"positions": "positions", "rows": "table"}
    assert [item.name for item in mark.special_parameters] == ["positions"]
    assert [item.name for item in mark.form_parameters] == ["value"]
    assert "gave 'positions' as str: expected finite positions" in state.problems["wrong"]
