import pytest

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
