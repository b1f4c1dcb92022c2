import pytest

pytest.importorskip("napari")

from napari_openhcs.functions.registry import get_spec
from napari_openhcs.widgets.function_card import function_card, speed_class

pytestmark = pytest.mark.window


def test_shows_before_and_after(qtbot):
    from qtpy.QtWidgets import QTextBrowser

    card = function_card(get_spec("napari_openhcs.functions.threshold.threshold_otsu"))
    assert card.count("<img src='data:image/") == 2
    assert "Speed: " in card
    browser = QTextBrowser()
    qtbot.addWidget(browser)
    browser.resize(400, 400)
    browser.show()
    browser.setHtml("one line")
    qtbot.waitUntil(lambda: browser.document().size().height() > 0)
    without = browser.document().size().height()
    browser.setHtml(card[card.index("<table") : card.index("</table>")] + "</table>")
    qtbot.waitUntil(lambda: browser.document().size().height() > without + 70)


def test_a_table_is_explained_without_pictures():
    card = function_card(get_spec("napari_openhcs.functions.measure.measure_objects"))
    assert "<img" not in card
    assert "one row an object" in card


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0001, "fast, 1 ms a megapixel"),
        (0.03, "fast, 30 ms a megapixel"),
        (0.5, "moderate, 0.5 s a megapixel"),
        (31.0, "slow, 31 s a megapixel"),
    ],
)
def test_speed_in_words(seconds, expected):
    assert speed_class(seconds) == expected


def test_parameters_stand_in_the_order_of_the_form_and_facts_apart():
    card = function_card(get_spec("napari_openhcs.functions.stitching.stitch_fields"))
    places = [card.index(word) for word in ("To be connected", "Parameters", "Filled in from")]
    assert places == sorted(places)
    assert card.index("<b>positions</b>") > places[2]
    long = function_card(get_spec("skimage.transform.swirl"))
    assert long.index("<b>radius</b>") < long.index("Rarely changed") < long.index("<b>cval</b>")


def test_the_link_can_be_read_in_a_dark_theme(qtbot, monkeypatch):
    from napari_openhcs.session import Session
    from napari_openhcs.widgets.function_browser import FunctionBrowser

    browser = FunctionBrowser(session=Session())
    qtbot.addWidget(browser)
    browser.search_box.setText("skimage.filters.gaussian")
    browser.refresh()
    assert "a { color: #f0f1f2; }" in browser.card.document().defaultStyleSheet()
    assert "color:#f0f1f2" in browser.card.toHtml().rpartition("<a ")[2]
