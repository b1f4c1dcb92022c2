"""One sentence is said in one place."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_openhcs.widgets.message_line import MessageLine

pytestmark = pytest.mark.window


@pytest.fixture
def parts(session, qtbot):
    """Two parts of one window, each with its line."""
    made = []
    for _ in range(2):
        part = QWidget()
        qtbot.addWidget(part)
        part.line = MessageLine(session)
        QVBoxLayout(part).addWidget(part.line)
        part.show()
        made.append(part)
    return made


def texts(parts):
    return [part.line.text() for part in parts]


def test_only_one_of_the_lines_in_sight_speaks(parts, session):
    session.say("The plate is gone.", "error")
    assert texts(parts) == ["The plate is gone.", ""]
    assert parts[0].line.isVisible()
    assert not parts[1].line.isVisible()
    parts[0].hide()
    session.say("Saved.")
    assert texts(parts) == ["", "Saved."]


def test_an_edit_or_an_empty_message_takes_it_back(parts, session):
    session.say("The plate is gone.", "error")
    session.say("")
    assert texts(parts) == ["", ""]
    session.say("The plate is gone.", "error")
    session.add_function("toy.smooth")
    assert texts(parts) == ["", ""]


def test_what_needs_no_answer_goes_by_itself(parts, session, qtbot, wait):
    parts[0].line._timer.setInterval(20)
    session.say("Saved.")
    wait(lambda: not parts[0].line.isVisible())
    session.say("The plate is gone.", "warning")
    qtbot.wait(60)
    assert parts[0].line.isVisible()
