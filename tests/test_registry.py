import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

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


def test_many_threads_get_the_same_entry(room, tmp_path):
    (tmp_path / room / "slow.py").write_text("import time; time.sleep(0.05); EXPORT = object()\n")
    registry = make(room)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(registry.__getitem__, ["slow"] * 16))
    assert len(set(map(id, found))) == 1
