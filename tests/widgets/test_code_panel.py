"""The script beside the pipeline: it follows, is applied, and refusals stand at their line."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QApplication

from napari_openhcs.widgets.code_panel import CodePanel

pytestmark = pytest.mark.window


@pytest.fixture
def panel(qtbot, session):
    panel = CodePanel(session=session)
    qtbot.addWidget(panel)
    return panel


def test_the_script_follows_the_pipeline(panel, session):
    assert panel.text.toPlainText() == ""
    session.add_function("toy.smooth")
    assert "smooth" in panel.text.toPlainText()
    session.set_parameter(0, "sigma", 7.25)
    assert "7.25" in panel.text.toPlainText()
    assert not panel.apply_button.isEnabled()


def test_an_edit_is_applied(panel, session):
    session.add_function("toy.smooth")
    session.set_parameter(0, "sigma", 7.25)
    panel.text.setPlainText(panel.text.toPlainText().replace("7.25", "3.5"))
    assert panel.edited
    assert panel.apply()
    assert session.pipeline[0].func.parameters == {"sigma": 3.5}
    assert not panel.edited
    session.undo()
    assert session.pipeline[0].func.parameters == {"sigma": 7.25}


def test_a_refusal_stands_at_its_line_and_changes_nothing(panel, session, tmp_path):
    session.add_function("toy.smooth")
    before = session.pipeline
    canary = tmp_path / "canary"
    text = panel.text.toPlainText() + f"\nopen({str(canary)!r}, 'w')\n"
    panel.text.setPlainText(text)
    assert not panel.apply()
    line = text.splitlines().index(f"open({str(canary)!r}, 'w')") + 1
    assert str(line) in panel.state.text()
    assert panel.text.textCursor().blockNumber() == line - 1
    assert session.pipeline == before
    assert panel.edited
    assert not canary.exists()


def test_text_being_edited_is_not_overwritten(panel, session):
    session.add_function("toy.smooth")
    panel.text.setPlainText("# mine\n")
    session.add_function("toy.threshold")
    assert panel.text.toPlainText() == "# mine\n"
    assert "changed meanwhile" in panel.state.text()
    panel.revert()
    assert "threshold" in panel.text.toPlainText()


def test_copy_and_save(panel, session, tmp_path):
    session.add_function("toy.smooth")
    panel.copy()
    assert QApplication.clipboard().text() == panel.text.toPlainText()
    assert panel.save(tmp_path / "p.py")
    assert (tmp_path / "p.py").read_text() == panel.text.toPlainText()
    heard = []
    session.message.connect(heard.append)
    assert not panel.save(tmp_path / "nowhere" / "p.py")
    assert "cannot be written" in heard[0].text
