"""Labels and drop-downs say by an ellipsis that they are cut, and what in the tool tip."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from napari_openhcs.widgets.elided import LEAST_LABEL, ElidedBox, ElidedLabel

pytestmark = pytest.mark.window

LONG = "edge dilation kernel size (px)"


def test_a_label_is_whole_where_there_is_room(qtbot):
    label = ElidedLabel(LONG)
    qtbot.addWidget(label)
    label.resize(label.sizeHint())
    assert label.shown_text() == LONG
    label.resize(90, label.height())
    assert label.shown_text().endswith("…")
    assert LONG.startswith(label.shown_text()[:-1])
    assert label.minimumSizeHint().width() == LEAST_LABEL


def test_a_faint_label_is_smaller_and_drawn_paler(qtbot):
    usual, faint = ElidedLabel(LONG), ElidedLabel(LONG, faint=True)
    darkest = []
    for label in (usual, faint):
        qtbot.addWidget(label)
        label.setStyleSheet("background: white; color: black;")
        label.resize(label.sizeHint())
        label.show()
        image = label.grab().toImage()
        darkest.append(
            min(
                image.pixelColor(x, y).lightness()
                for x in range(image.width())
                for y in range(image.height())
            )
        )
    assert faint.sizeHint().width() < usual.sizeHint().width()
    assert darkest[0] < 30
    assert darkest[1] > 60


def test_a_choice_that_is_cut_heads_the_tool_tip(qtbot):
    box = ElidedBox()
    qtbot.addWidget(box)
    box.addItem("Split touching nuclei <2> of step 3, channel DAPI")
    box.setToolTip("<qt>What to connect</qt>")
    box.resize(120, 24)
    box.show()
    assert box.shown_text().endswith("…")
    assert box.whole_tip().startswith("<qt><b>Split touching nuclei &lt;2&gt; of step 3, channel")
    assert "What to connect" in box.whole_tip()
    box.resize(600, 24)
    assert box.shown_text() == box.currentText()
    assert box.whole_tip() == "<qt>What to connect</qt>"
