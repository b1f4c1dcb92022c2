"""The editor in a real window: building, ordering, setting, undoing, problems, buttons."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QMimeData, QModelIndex, QPoint, Qt

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plan import CompiledPlate, Fix, Problem
from napari_openhcs.widgets.pipeline_editor import PipelineEditor
from napari_openhcs.widgets.step_row import row_role

pytestmark = pytest.mark.window


def compiled(*problems: Problem) -> CompiledPlate:
    return CompiledPlate(
        plate_root="/plate", plate_name="toy", plate_format="imagexpress", channels=(),
        n_rows=2, n_columns=3, pixel_size_um=None, z_step_um=None,
        positions_um=FrozenMapping(), conditions=FrozenMapping(), contexts=FrozenMapping(),
        output="", plate_store="", ome_version="0.5", pipeline_name="", script="", key="",
        workers=2, executor="processes", scheduler=None, memory_per_well_bytes=3_000_000,
        stop_after_failures=3, max_attempts=3, problems=problems,
    )  # fmt: skip


@pytest.fixture
def plans(monkeypatch):
    """Plans the compiler is to give, last one again and again."""
    found = [compiled()]
    monkeypatch.setattr(
        "napari_openhcs.jobs.CompileJob.__call__",
        lambda job: found.pop(0) if len(found) > 1 else found[0],
    )
    return found


@pytest.fixture
def editor(qtbot, session, plans):
    editor = PipelineEditor(session=session)
    qtbot.addWidget(editor)
    editor.resize(360, 640)
    editor.show()
    qtbot.waitExposed(editor)
    return editor


def titles(editor):
    model = editor.steps.steps
    return [model.data(model.index(i)) for i in range(model.rowCount())]


def test_an_empty_editor_says_what_to_do_next(editor):
    assert editor._pages.currentIndex() == 0
    assert not editor.run_button.isEnabled()
    assert not editor.undo_button.isEnabled()


def test_functions_are_found_by_typing_and_added_with_enter(editor, session, qtbot, wait):
    browser = editor.browse()
    wait(lambda: browser.tree.model().rowCount() > 0)
    qtbot.keyClicks(browser.search_box, "blur")
    wait(lambda: browser.current_function() == "toy.smooth")
    qtbot.keyClick(browser.search_box, Qt.Key.Key_Return)
    assert titles(editor) == ["Smooth"]
    assert session.state.selected_step == 0


def test_a_card_says_how_to_install_what_is_missing(editor, wait):
    browser = editor.browse()
    browser.search_box.setText("far away")
    wait(lambda: browser.current_function() == "toy.far_away")
    assert "pip install nowhere" in browser.card.toPlainText()


def test_steps_are_dragged_renamed_ticked_and_undone(editor, session, qtbot):
    for name in ("smooth", "threshold", "split"):
        session.add_function(f"toy.{name}")
    model = editor.steps.steps
    data = model.mimeData([model.index(2)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, 0, 0, QModelIndex())
    assert titles(editor) == ["Split", "Smooth", "Threshold"]
    assert not model.dropMimeData(QMimeData(), Qt.DropAction.MoveAction, 0, 0, QModelIndex())
    model.setData(model.index(1), "Denoise", Qt.ItemDataRole.EditRole)
    assert titles(editor)[1] == "Denoise"
    model.setData(model.index(1), "Split", Qt.ItemDataRole.EditRole)
    assert "Another step is named" in editor.note.text()
    qtbot.keyClick(editor.steps, Qt.Key.Key_Space)
    assert not session.pipeline[session.state.selected_step].enabled
    editor.undo_button.click()
    editor.undo_button.click()
    editor.undo_button.click()
    assert titles(editor) == ["Smooth", "Threshold", "Split"]
    editor.redo_button.click()
    assert titles(editor) == ["Split", "Smooth", "Threshold"]


def test_a_click_on_the_eye_hides_and_on_the_box_disables(editor, session, qtbot):
    session.add_function("toy.smooth")
    view = editor.steps
    rect = view.visualRect(view.model().index(0))
    middle = rect.top() + rect.height() // 2
    eye, box = QPoint(rect.left() + 34, middle), QPoint(rect.left() + 54, middle)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=eye)
    assert session.state.hidden_steps == {"Smooth"}
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert not session.pipeline[0].enabled


def test_keys_move_and_delete(editor, session, qtbot):
    for name in ("smooth", "threshold"):
        session.add_function(f"toy.{name}")
    qtbot.keyClick(editor.steps, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert titles(editor) == ["Threshold", "Smooth"]
    qtbot.keyClick(editor.steps, Qt.Key.Key_Delete)
    assert titles(editor) == ["Smooth"]


def test_problems_stand_at_their_step_and_a_click_goes_there(editor, session, plate, plans, wait):
    sentence = "Step 1: sigma is -1: expected 0 or more."
    plans[:] = [compiled(Problem("limit", sentence, 1, "Smooth", "toy.smooth", "sigma"))]
    session.set_plate(plate)
    session.add_function("toy.smooth")
    session.add_function("toy.threshold")
    wait(lambda: editor.verdict.line.text() == "1 problem")
    model = editor.steps.steps
    assert model.index(0).data(row_role()).problem == sentence
    assert not editor.run_button.isEnabled()
    editor.verdict._clicked(editor.verdict.problems.item(0))
    assert session.state.selected_step == 0
    assert "expected 0 or more" in editor.form.calls[0].rows["sigma"].label.toolTip()


def test_a_click_mends_a_problem(editor, session, plate, plans, wait):
    fix = Fix("Set dtype='float32'", "set_options", 1, FrozenMapping({"dtype": "float32"}))
    plans[:] = [compiled(Problem("x", "Step 1: it is rounded.", 1, "Smooth", fix=fix))]
    session.set_plate(plate)
    session.add_function("toy.smooth")
    wait(lambda: editor.verdict.problems.count() == 2)
    offered = editor.verdict.problems.item(1)
    assert offered.text().strip() == "Mend: Set dtype='float32'"
    editor.verdict._clicked(offered)
    assert session.pipeline[0].dtype == "float32"
    # The list is about the pipeline before until it is compiled again.
    editor.verdict._clicked(offered)
    session.undo()
    assert session.pipeline[0].dtype == "preserve"


def test_a_pipeline_that_compiles_can_be_run(editor, session, plate, wait):
    session.set_plate(plate)
    session.add_function("toy.smooth")
    wait(lambda: editor.verdict.line.text().startswith("✓ compiles for"))
    assert editor.run_button.isEnabled()
    assert editor.run_button.text() == "Run all wells"
    session.select_wells(["A01", "B01"])
    assert editor.run_button.text() == "Run 2 selected wells"


def test_only_the_newest_edit_is_compiled(editor, session, plate, wait, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "napari_openhcs.jobs.CompileJob.__call__",
        lambda job: seen.append(job.pipeline) or compiled(),
    )
    session.set_plate(plate)
    session.add_function("toy.smooth")
    for number in range(20):
        session.set_parameter(0, "sigma", 2.0 + number)
    wait(lambda: session.state.compiled is not None)
    assert len(seen) <= 2
    assert seen[-1] == session.pipeline


def test_a_script_goes_out_and_comes_back(editor, session, tmp_path):
    session.add_function("toy.smooth")
    session.set_parameter(0, "sigma", 3.5)
    before = session.pipeline
    path = tmp_path / "pipeline.py"
    assert editor.export_pipeline(path)
    session.remove_step(0)
    assert editor.import_pipeline(path)
    assert session.pipeline == before
    canary = tmp_path / "canary"
    path.write_text(f"open({str(canary)!r}, 'w')\n")
    assert not editor.import_pipeline(path)
    assert editor.note.text()
    assert session.pipeline == before
    assert not canary.exists()


def test_closing_the_editor_leaves_the_session_usable(qtbot, session, plans):
    editor = PipelineEditor(session=session)
    session.add_function("toy.smooth")
    editor.deleteLater()
    qtbot.wait(20)
    session.add_function("toy.threshold")
    assert len(session.pipeline) == 2
