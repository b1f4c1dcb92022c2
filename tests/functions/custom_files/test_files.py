"""Which files there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.custom_files import add_folder, copy_in, folders, new_file, read_file
from napari_openhcs.functions.custom_files.files import MAX_BYTES, files, stamp, user_folder

Write = Callable[[str, str], Path]
FUNCTION = "@numpy_function\ndef f(image):\n    return image\n"


def test_the_environment_names_the_folders_else_it_is_the_user_s(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    monkeypatch.setenv("OPENHCS_FUNCTIONS", f"{folder}{os.pathsep}{other}{os.pathsep}")
    assert folders() == (folder, other)
    monkeypatch.delenv("OPENHCS_FUNCTIONS")
    assert folders() == (user_folder(),)
    add_folder(tmp_path / "named")
    assert folders() == (tmp_path / "named", user_folder())


def test_hidden_files_folders_and_other_files_do_not_count(folder: Path, write: Write) -> None:
    write("a.py", FUNCTION)
    write("_private.py", FUNCTION)
    write("notes.txt", FUNCTION)
    (folder / "package.py").mkdir()
    found = {file.path.name: file.problem for file in files()}
    assert set(found) == {"a.py", "package.py"}
    assert "cannot be read" in found["package.py"]


@pytest.mark.parametrize("name", ["my-filters.py", "1st.py", "class.py", "größe.py", "a b.py"])
def test_a_name_no_module_can_have_is_a_problem(write: Write, name: str) -> None:
    assert "rename it" in read_file(write(name, FUNCTION)).problem


def test_unreadable_too_long_and_not_utf8(folder: Path) -> None:
    (folder / "long.py").write_bytes(b"#" * (MAX_BYTES + 1))
    (folder / "latin.py").write_bytes("# größe".encode("latin-1"))
    assert "1,000,000 bytes" in read_file(folder / "long.py").problem
    assert "not UTF-8 text (byte 4)" in read_file(folder / "latin.py").problem
    assert "cannot be read" in read_file(folder / "gone.py").problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py")
    assert "no file" in read_file(folder / "pipe.py").problem


def test_of_two_files_of_one_name_the_first_counts(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write("same.py", FUNCTION)
    second = tmp_path / "second"
    second.mkdir()
    (second / "same.py").write_text(FUNCTION)
    monkeypatch.setenv("OPENHCS_FUNCTIONS", f"{first.parent}{os.pathsep}{second}")
    one, other = files()
    assert one.problem == ""
    assert str(first) in other.problem


def test_beside_a_script_only_files_with_functions_count(tmp_path: Path, write: Write) -> None:
    script = tmp_path / "run"
    (script / "functions").mkdir(parents=True)
    (script / "pipeline.py").write_text("x = 1\n")
    path = write("mine.py", FUNCTION)
    for place in (script / "beside.py", script / "functions" / "copy.py"):
        place.write_bytes(path.read_bytes())
    add_folder(script, beside=True)
    assert {file.path.name for file in files()} == {"mine.py", "beside.py", "copy.py"}


def test_every_write_changes_the_stamp(write: Write) -> None:
    path = write("a.py", FUNCTION)
    seen = {stamp()}
    for number in range(20):
        # As long as before, and within the clock's tick.
        path.write_text(path.read_text()[:-2] + f"{number % 10}\n")
        seen.add(stamp())
    assert len(seen) >= 11


def test_new_files_have_a_function_and_names_of_their_own(folder: Path) -> None:
    first, second = new_file(), new_file()
    assert (first, second) == (folder / "my_functions.py", folder / "my_functions_2.py")
    assert read_file(first).problem == ""
    with pytest.raises(OpenHCSError, match="rename it"):
        new_file("my-filters")


def test_copying_in_never_replaces(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.py"
    other.write_text(FUNCTION)
    assert copy_in(other) == folder / "mine.py"
    assert copy_in(other) == folder / "mine.py"
    other.write_text(FUNCTION + "\n")
    with pytest.raises(OpenHCSError, match="differs"):
        copy_in(other)
    assert (folder / "mine.py").read_text() == FUNCTION
