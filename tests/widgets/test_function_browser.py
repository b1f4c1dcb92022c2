"""The browser: groups, search, card, and adding by double click."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("napari")

from napari_openhcs.functions import registry
from napari_openhcs.functions.refresh_library import Refreshed
from napari_openhcs.widgets.function_browser import FunctionBrowser
from napari_openhcs.widgets.function_card import function_card

pytestmark = pytest.mark.window


@pytest.fixture
def browser(qtbot, session, wait):
    browser = FunctionBrowser(session=session)
    qtbot.addWidget(browser)
    wait(lambda: browser.tree.model().rowCount() > 0)
    return browser


def groups(browser):
    model = browser.tree.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_functions_are_grouped_as_chosen(browser):
    topics = ["filter  (2)", "measure  (1)", "morphology  (1)", "segment  (1)", "threshold  (1)"]
    assert groups(browser) == topics
    browser.arrangement.setCurrentIndex(2)
    browser.refresh()
    assert groups(browser) == ["cupy  (1)", "numpy  (5)"]
    browser.memory_type.setCurrentIndex(browser.memory_type.findData("cupy"))
    browser.refresh()
    assert groups(browser) == ["cupy  (1)"]


def test_the_card_says_what_a_function_takes_and_gives(browser, toy_registry):
    card = function_card(toy_registry["toy.smooth"])
    for text in ("image to image", "plane by plane", "numpy", "sigma", "default 1.0", "≥ 0", "px"):
        assert text in card
    assert "mask to labels" in function_card(toy_registry["toy.split"])


def test_a_double_click_adds(browser, session, wait):
    browser.search_box.setText("threshold")
    wait(lambda: browser.current_function() == "toy.threshold")
    browser.tree.doubleClicked.emit(browser.tree.currentIndex())
    assert [step.title for step in session.pipeline] == ["Threshold"]


def test_a_word_nobody_knows_says_so(browser, wait):
    browser.search_box.setText("xyzzy")
    wait(lambda: "Nothing is named" in browser.card.toPlainText())
    assert not browser.add_button.isEnabled()
    browser.search_box.clear()
    wait(lambda: browser.tree.model().rowCount() > 1)
    assert "6 functions" in browser.card.toPlainText()


def test_what_is_not_installed_is_greyed_with_its_command(browser, wait):
    browser.search_box.setText("far")
    wait(lambda: browser.current_function() == "toy.far_away")
    item = browser.tree.model().itemFromIndex(browser.tree.currentIndex())
    assert item.foreground().color().alpha() < 255
    assert "pip install nowhere" in item.toolTip()


def test_functions_of_another_library_version_appear_when_they_were_tried(
    qtbot, session, wait, toy_registry, monkeypatch
):
    def tried():
        late = replace(toy_registry["toy.smooth"], id="toy.late")
        content = replace(registry._content, specs={**toy_registry, "toy.late": late})
        monkeypatch.setattr(registry, "_content", content)
        return (Refreshed("native", "9.9", listed=("toy.late",)), Refreshed("native", "9.9"))

    said = []
    session.message.connect(lambda message: said.append(message.text))
    monkeypatch.setattr("napari_openhcs.widgets.function_browser.refresh_outdated", tried)
    browser = FunctionBrowser(session=session)
    qtbot.addWidget(browser)
    wait(lambda: "filter  (3)" in groups(browser))
    assert len(said) == 1
    assert "1 of its functions are changed or new, and 1 of them work" in said[0]
