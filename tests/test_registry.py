import importlib
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from napari_openhcs.errors import EntryError
from napari_openhcs.registry import LazyRegistry


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Make a package with two entries, a shared module and a private one."""
    name = f"room_{abs(hash(tmp_path.name))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    for entry in ("beta", "alpha"):
        (folder / f"{entry}.py").write_text(f"EXPORT = {entry!r}\n")
    for other in ("base", "_private"):
        (folder / f"{other}.py").write_text("raise RuntimeError('is no entry')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def make(room):
    return LazyRegistry(room, f"{room}.entries", not_entries=("base",))


def test_names_are_known_without_importing(room):
    registry = make(room)
    assert list(registry) == ["alpha", "beta"]
    assert len(registry) == 2
    assert "alpha" in registry
    assert "base" not in registry
    assert not {f"{room}.alpha", f"{room}.beta"} & set(sys.modules)


def test_an_entry_is_imported_when_it_is_used(room):
    registry = make(room)
    assert registry["beta"] == "beta"
    assert f"{room}.alpha" not in sys.modules
    assert dict(registry) == {"alpha": "alpha", "beta": "beta"}


def test_an_unknown_entry(room):
    registry = make(room)
    with pytest.raises(KeyError):
        registry["gamma"]
    assert registry.get("gamma") is None


def test_a_new_file_is_a_new_entry(room, tmp_path):
    registry = make(room)
    assert "gamma" not in registry
    (tmp_path / room / "gamma.py").write_text("EXPORT = 3\n")
    registry.refresh()
    assert registry["gamma"] == 3


def test_other_distributions_join_and_do_not_replace(room, monkeypatch):
    points = [("pi", "math:pi"), ("alpha", "math:e")]
    monkeypatch.setattr("napari_openhcs.registry.entry_points", lambda group: points)
    registry = make(room)
    assert list(registry) == ["alpha", "beta", "pi"]
    assert registry["alpha"] == "alpha"
    assert registry["pi"] == pytest.approx(3.14159, abs=1e-4)


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Entry points of another package that fail in several ways, and one that works."""
    (tmp_path / "broken_entry.py").write_text("raise ValueError('no\\ndriver.')\n")
    (tmp_path / "leaving_entry.py").write_text("raise SystemExit(3)\n")
    values = {
        "aaa": "broken_entry:EXPORT",
        "leaving": "leaving_entry:EXPORT",
        "lost": "no_such_module:EXPORT",
        "nameless": "math:no_such_name",
        "odd": "///",
        "pi": "math : pi [extra]",
    }
    monkeypatch.setattr("napari_openhcs.registry.entry_points", lambda group: values.items())
    monkeypatch.syspath_prepend(tmp_path)
    return values


def test_broken_entries_of_others_are_left_out_and_reported(room, broken, caplog):
    registry = make(room)
    assert registry.problems == ()
    assert list(registry) == sorted([*broken, "alpha", "beta"])
    for _ in range(2):
        assert dict(registry.items()) == {"alpha": "alpha", "beta": "beta", "pi": math.pi}
        assert list(registry.values()) == ["alpha", "beta", math.pi]
    assert registry.problems[0] == (
        f"'aaa' (broken_entry:EXPORT, {room}.entries) of the package broken_entry cannot be "
        "imported (ValueError: no driver) and is left out: repair or uninstall broken_entry."
    )
    assert len(registry.problems) == 5
    assert caplog.messages == list(registry.problems)
    with pytest.raises(EntryError, match="no driver") as caught:
        registry["aaa"]
    assert str(caught.value) == registry.problems[0]
    assert registry.get("aaa", 5) == 5


def test_a_mended_entry_is_found_after_a_refresh(room, broken, tmp_path):
    registry = make(room)
    assert registry.get("aaa") is None
    (tmp_path / "broken_entry.py").write_text("EXPORT = 'mended'\n")
    importlib.invalidate_caches()
    registry.refresh()
    assert registry["aaa"] == "mended"
    assert registry.problems == ()


def test_a_broken_file_of_the_room_is_no_small_matter(room, tmp_path):
    (tmp_path / room / "gamma.py").write_text("raise ValueError('wrong')\n")
    with pytest.raises(ValueError, match="wrong"):
        list(make(room).values())


def test_many_threads_get_the_same_entry(room, tmp_path):
    (tmp_path / room / "slow.py").write_text("import time; time.sleep(0.05); EXPORT = object()\n")
    registry = make(room)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(registry.__getitem__, ["slow"] * 16))
    assert len(set(map(id, found))) == 1
