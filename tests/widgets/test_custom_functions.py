"""A user's own file in the window: shown, trusted, added, edited, broken."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("napari")

from napari_openhcs.functions import registry
from napari_openhcs.session import Session
from napari_openhcs.widgets import custom_functions
from napari_openhcs.widgets.function_browser import FunctionBrowser

pytestmark = pytest.mark.window

GOOD = '''
from napari_openhcs.memory_types.decorators import numpy as numpy_function

RAN = __import__("pathlib").Path({mark!r}).touch()

@numpy_function
def brighter(image, gain=2.0):
    """Make an image brighter."""
    return image * gain
'''
ID = "napari_openhcs.functions.custom.mine.brighter"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENHCS_FUNCTIONS", str(tmp_path / "functions"))
    monkeypatch.setenv("OPENHCS_TRUSTED", str(tmp_path / "trusted"))
    folder = tmp_path / "functions"
    folder.mkdir()
    yield folder
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def browser(qtbot, folder, wait):
    (folder / "mine.py").write_text(GOOD.format(mark=str(folder / "ran")))
    (folder / "broken.py").write_text("def f(:\n")
    browser = FunctionBrowser(session=Session())
    qtbot.addWidget(browser)
    wait(lambda: browser.custom.states)
    return browser


def rows(browser, text: str) -> list[str]:
    browser.search_box.setText(text)
    browser.refresh()
    model = browser.tree.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def choose(browser, text: str):
    (row,) = (number for number, name in enumerate(rows(browser, text)) if text in name)
    browser.tree.setCurrentIndex(browser.tree.model().index(row, 0))
    return browser.tree.currentIndex()


def dialog_of(browser):
    return browser.custom.show_file(str(browser.custom._states[1].file.path))


def test_a_file_is_shown_trusted_and_added(browser, folder, wait) -> None:
    index = choose(browser, "mine.py")
    assert index.data() == "mine.py   not trusted yet"
    assert "Nothing of it has been run" in browser.card.toPlainText()
    assert browser.add_button.text() == "Show the file…"
    dialog = dialog_of(browser)
    assert "def brighter(image, gain=2.0):" in dialog.text.toPlainText()
    assert "Runs as soon as the file is loaded, line 4" in dialog.facts.text()
    assert browser.custom.states[1].file.sha256 in dialog.facts.text()
    assert not (folder / "ran").exists()
    dialog.trust_button.click()
    wait(lambda: dialog.close_button.isEnabled(), 60)
    assert dialog.result.text() == "1 function can be used: brighter."
    assert (folder / "ran").exists()
    dialog.close_button.click()
    wait(lambda: "brighter   custom" in rows(browser, "brighter"), 60)
    choose(browser, "brighter")
    browser.tree.doubleClicked.emit(browser.tree.currentIndex())
    (step,) = browser._session.pipeline
    assert step.func.function == ID


def test_an_edit_is_noticed_and_asked_about_with_its_difference(browser, folder, wait) -> None:
    dialog = dialog_of(browser)
    dialog.trust_button.click()
    wait(lambda: dialog.close_button.isEnabled(), 60)
    dialog.close_button.click()
    wait(lambda: ID in registry.specs(), 60)
    browser._session.add_function(ID)
    checked = []
    browser._session.pipeline_changed.connect(checked.append)
    path = folder / "mine.py"
    path.write_text(path.read_text().replace("image * gain", "image / gain"))
    wait(lambda: any("edited" in name for name in rows(browser, "mine.py")), 30)
    assert ID not in registry.specs()
    assert checked
    again = dialog_of(browser)
    shown = again.text.toPlainText().splitlines()
    assert "-    return image * gain" in shown
    assert "+    return image / gain" in shown
    assert len(shown) < 14
    again.changes_only.setChecked(False)
    assert "   9      return image / gain" in again.text.toPlainText()
    again.close_button.click()
    assert ID not in registry.specs()


def test_what_changed_after_it_was_shown_is_not_trusted(browser, folder, wait) -> None:
    dialog = dialog_of(browser)
    (folder / "mine.py").write_text("import os\nos._exit(3)\n")
    dialog.trust_button.click()
    wait(lambda: dialog.close_button.isEnabled(), 60)
    assert "no function with a memory type" in dialog.result.text()
    assert not list((folder.parent / "trusted").glob("*.json"))


def test_a_broken_file_says_why(browser) -> None:
    choose(browser, "broken.py")
    assert "line 1 is not Python" in browser.card.toPlainText()
    browser._chosen_index(browser.tree.currentIndex())
    (dialog,) = browser.findChildren(custom_functions.TrustDialog)
    assert not dialog.trust_button.isVisible()
    assert dialog.close_button.text() == "Close"
    dialog.reject()


def test_new_and_imported_files_appear(browser, folder, tmp_path, wait, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(custom_functions.QDesktopServices, "openUrl", opened.append)
    path = browser.custom.new()
    assert path == folder / "my_functions.py"
    assert opened[0].toLocalFile() == str(path)
    other = tmp_path / "other.py"
    other.write_text(path.read_text())
    assert browser.custom.import_file(str(other)) == folder / "other.py"
    wait(lambda: len(browser.custom.states) == 4, 30)
    assert rows(browser, "multiply")[-2:] == [
        "my_functions.py   not trusted yet",
        "other.py   not trusted yet",
    ]
    other.write_text("x = 1\n")
    said = []
    browser._session.message.connect(said.append)
    assert browser.custom.import_file(str(other)) is None
    assert "is there already and differs" in said[0].text


def test_a_step_whose_file_was_edited_says_so_and_the_editor_goes_on(
    qtbot, folder, tmp_path, wait
) -> None:
    from napari_openhcs.formats import open_plate
    from napari_openhcs.functions.custom_files import read_file, trust_file
    from napari_openhcs.sample_data import write_sample_plate
    from napari_openhcs.widgets.pipeline_editor import PipelineEditor

    path = folder / "mine.py"
    path.write_text(GOOD.format(mark=str(folder / "ran")))
    trust_file(path, read_file(path).sha256)
    plate = write_sample_plate(tmp_path / "plate", wells=1, fields=1, channels=1, size=64).path
    session = Session()
    editor = PipelineEditor(session=session)
    qtbot.addWidget(editor)
    browser = editor.browse()
    wait(lambda: browser.custom.states, 60)
    session.set_plate(open_plate(plate))
    session.add_function(ID)
    wait(lambda: session.state.compiled is not None and session.state.compiled.ok, 60)
    path.write_text(path.read_text() + "# edited\n")
    wait(lambda: session.problems_of(0), 60)
    assert "was edited since it was trusted" in session.problems_of(0)[0].message
    session.set_parameter(0, "gain", 3.0)
    trust_file(path, read_file(path).sha256)
    browser.custom.look()
    wait(lambda: session.state.compiled is not None and session.state.compiled.ok, 60)
