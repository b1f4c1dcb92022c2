"""Nothing runs untrusted; every edit is asked about again; what is trusted is listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_openhcs.axes import Contract, Kind
from napari_openhcs.errors import FunctionNotFoundError, FunctionUnavailableError, OpenHCSError
from napari_openhcs.functions import registry
from napari_openhcs.functions.custom_files import (
    State,
    difference,
    distrust,
    file_states,
    lines_of,
    read_file,
    trust_file,
    visible,
)

Write = Callable[[str, str], Path]
PREFIX = "napari_openhcs.functions.custom"
HEAD = "from napari_openhcs.memory_types.decorators import numpy as numpy_function\n"
MINE = '''
__import__("pathlib").Path({mark!r}).touch()

@numpy_function
def brighter(image, gain=2.0):
    """Make an image brighter.

    Parameters
    ----------
    gain : float
        Factor.
    """
    return image * gain

@torch_function
def darker(image):
    """Make an image darker."""
    return image / 2

@declare(contract="labels", output_kind="labels", category="segment", limits={{"level": (0, None)}})
def objects(image, level: float = 100.0):
    """Number what is bright."""
    from scipy.ndimage import label
    return label(image > level)[0]
'''


@pytest.fixture
def mine(write: Write, tmp_path: Path) -> Path:
    return write("mine.py", MINE.format(mark=str(tmp_path / "ran")))


def trust(path: Path):
    return trust_file(path, read_file(path).sha256, time_limit_s=60)


def test_an_untrusted_file_is_listed_and_never_run(mine: Path, tmp_path: Path) -> None:
    (state,) = file_states()
    assert (state.state, state.functions) == (State.NEW, ())
    assert [item.name for item in state.outline.functions] == ["brighter", "darker", "objects"]
    assert not [name for name in registry.specs() if name.startswith(PREFIX)]
    with pytest.raises(FunctionUnavailableError, match="functions trust") as caught:
        registry.get_function(f"{PREFIX}.mine.brighter")
    assert str(mine) in str(caught.value)
    with pytest.raises(FunctionNotFoundError, match="is not trusted"):
        registry.get_spec(f"{PREFIX}.mine.brighter")
    from napari_openhcs.functions.custom import mine as module

    with pytest.raises(FunctionUnavailableError, match="is not trusted"):
        module.brighter(np.zeros((4, 4)))
    assert not (tmp_path / "ran").exists()


def test_a_trusted_file_s_functions_stand_beside_the_others(mine: Path) -> None:
    pytest.importorskip("torch", reason="one of the functions is for torch")
    state = trust(mine)
    assert (state.state, dict(state.problems)) == (State.READY, {})
    found = {name: registry.get_spec(f"{PREFIX}.mine.{name}") for name in ("brighter", "darker")}
    sha256 = read_file(mine).sha256
    for spec in found.values():
        assert (spec.library, spec.category, spec.library_version) == ("custom", "custom", sha256)
        assert registry.is_available(spec)
    assert found["darker"].memory_type_in == "torch"
    assert found["brighter"].parameters[0].help == "Factor."
    objects = registry.get_spec(f"{PREFIX}.mine.objects")
    assert (objects.memory_type_in, objects.contract) == ("numpy", Contract.LABELS)
    assert objects.output_kind is Kind.LABELS
    assert objects.parameters[0].minimum == 0
    assert registry.search("make brighter")[0].id == f"{PREFIX}.mine.brighter"
    image = np.arange(4.0)
    assert registry.get_function(f"{PREFIX}.mine.brighter")(image, gain=3)[3] == 9


def test_the_name_in_a_script_is_the_function(mine: Path) -> None:
    from napari_openhcs.functions.custom.mine import brighter, missing

    assert registry.function_id(brighter) == f"{PREFIX}.mine.brighter"
    trust(mine)
    assert brighter(np.ones(2)).tolist() == [2, 2]
    assert brighter.input_memory_type == "numpy"
    loaded = registry.get_function(brighter.openhcs_id)
    assert registry.function_id(loaded) == brighter.openhcs_id
    assert brighter.openhcs_id == f"{brighter.__module__}.{brighter.__name__}"
    with pytest.raises(FunctionUnavailableError, match="has no function 'missing'"):
        missing(np.ones(2))


def test_an_edit_is_asked_about_and_an_old_text_is_not(mine: Path) -> None:
    trust(mine)
    before = mine.read_text()
    mine.write_text(before.replace("image * gain", "image ** gain"))
    (state,) = file_states()
    assert state.state is State.CHANGED
    changes = difference(state.file)
    assert "-    return image * gain" in changes
    assert "+    return image ** gain" in changes
    with pytest.raises(FunctionUnavailableError, match="was edited since it was trusted"):
        registry.get_function(f"{PREFIX}.mine.brighter")
    mine.write_text(before)
    assert registry.get_function(f"{PREFIX}.mine.brighter")(np.ones(1)) == 2
    distrust(read_file(mine).sha256)
    with pytest.raises(FunctionUnavailableError, match="is not trusted"):
        registry.get_function(f"{PREFIX}.mine.brighter")


def test_a_copy_that_was_edited_is_compared_with_what_was_trusted_elsewhere(
    mine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "mine.py"
    other.write_text(mine.read_text())
    trust(other)
    assert file_states()[0].state is State.READY
    mine.write_text(mine.read_text() + "# edited\n")
    assert file_states()[0].state is State.CHANGED
    assert "+# edited" in difference(read_file(mine))


def test_a_comment_that_becomes_code_is_shown_as_edited(mine: Path) -> None:
    text = mine.read_text() + "# note \x1cprint(1)\n"
    mine.write_text(text)
    trust(mine)
    mine.write_text(text.replace("\x1c", "\n") + "# edited\n")
    assert "+print(1)" in difference(read_file(mine))


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", []), ("a", ["a"]), ("a\r\nb\rc\n\nd\n", ["a", "b", "c", "", "d"]), ("a\x0cb\u2028c", 1)],
)
def test_lines_end_where_python_ends_them(text: str, lines: list[str] | int) -> None:
    assert lines_of(text) == ([text] if lines == 1 else lines)


def test_a_newly_trusted_edit_is_what_runs(mine: Path) -> None:
    trust(mine)
    name = f"{PREFIX}.mine.brighter"
    assert registry.get_function(name)(np.full(1, 3.0)) == 6
    mine.write_text(mine.read_text().replace("image * gain", "image ** gain"))
    trust(mine)
    assert registry.get_function(name)(np.full(1, 3.0)) == 9


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_random_edit_is_asked_about(folder: Path, data: st.DataObject) -> None:
    path = folder / "edited.py"
    text = HEAD + "@numpy_function\ndef f(image):\n    return image\n"
    path.write_text(text)
    if file_states()[0].state is not State.READY:
        trust(path)
    assert f"{PREFIX}.edited.f" in registry.specs()
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(at + 5, len(text))))
    new = text[:at] + data.draw(st.text(max_size=5)) + text[until:]
    path.write_bytes(new.encode("utf-8", errors="surrogatepass"))
    same = new == text
    assert (f"{PREFIX}.edited.f" in registry.specs()) is same
    assert (file_states()[0].state is State.READY) is same
    if not same:
        with pytest.raises(FunctionUnavailableError):
            registry.get_function(f"{PREFIX}.edited.f")


def test_only_what_was_shown_is_trusted(mine: Path, tmp_path: Path) -> None:
    shown = read_file(mine).sha256
    mine.write_text(mine.read_text() + "\n")
    with pytest.raises(OpenHCSError, match="it is not what was shown"):
        trust_file(mine, shown)
    assert not (tmp_path / "ran").exists()


def test_a_record_that_was_tampered_with_counts_for_nothing(mine: Path, tmp_path: Path) -> None:
    trust(mine)
    (record,) = (tmp_path / "trusted").glob("*.json")
    record.write_text(record.read_text().replace("image * gain", "image + gain"))
    registry.refresh()
    assert file_states()[0].state is not State.READY


def test_a_folder_that_is_gone_or_a_file_that_is_not_here_says_what_to_copy(folder: Path) -> None:
    with pytest.raises(FunctionUnavailableError, match=r"is in no file here: copy other\.py into"):
        registry.get_function(f"{PREFIX}.other.f")
    folder.rmdir()
    assert file_states() == ()


def test_listing_trusted_files_loads_none_of_them(mine: Path, tmp_path: Path) -> None:
    trust(mine)
    (tmp_path / "ran").unlink()
    code = (
        "import sys\nfrom napari_openhcs.functions.registry import specs\n"
        f"assert {PREFIX + '.mine.brighter'!r} in specs()\n"
        "print(sorted({'torch', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "ran").exists()


def test_what_does_not_show_is_shown_as_an_escape() -> None:
    assert visible("a\u202eb\u200b\tc") == "a\\u202eb\\u200b\tc"
