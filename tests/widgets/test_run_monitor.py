"""The run monitor shows what a run's folder says and leads from a failure to its well."""

from __future__ import annotations

import pytest

pytest.importorskip("napari")

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.widgets.log_view import read_log
from napari_openhcs.widgets.run_monitor import RunMonitor, summary, time_left

pytestmark = pytest.mark.window

SENTENCE = "Step 2 'Threshold' failed in well A02, field 1: no threshold."


def status(state: RunPhase, *wells: WellStatus, seconds: float = 10.0) -> RunStatus:
    names = ("A01", "A02", "B01")
    return RunStatus(
        state, FrozenMapping(dict(zip(names, wells, strict=False))), seconds=seconds, planes=40
    )


DONE = WellStatus(WellPhase.DONE, seconds=5.0, attempts=1)
KEPT = WellStatus(WellPhase.DONE)
FAILED = WellStatus(WellPhase.FAILED, 5.0, 1, SENTENCE, "02_threshold")
WAITING = WellStatus()


def test_time_left_counts_only_wells_that_were_run():
    assert time_left(status(RunPhase.RUNNING, DONE, KEPT, WAITING)) == 10.0
    assert time_left(status(RunPhase.RUNNING, KEPT, WAITING, WAITING)) is None
    assert time_left(status(RunPhase.DONE, DONE, DONE, DONE)) is None


def test_a_run_in_one_line():
    running = status(RunPhase.RUNNING, DONE, FAILED, WAITING)
    text = "Running: 1 of 3 wells done · 1 failed · 4 planes/s · about 5 s left"
    assert summary(running) == text


@pytest.fixture
def monitor(qtbot, session):
    monitor = RunMonitor(session=session)
    qtbot.addWidget(monitor)
    monitor.show()
    return monitor


def test_without_a_run_it_says_what_to_do(monitor):
    assert "Press Run" in monitor.line.text()
    assert not monitor.stop_button.isEnabled()


def test_progress_and_failures(monitor, session, plate):
    session.set_plate(plate)
    session.add_function("toy.smooth")
    session.add_function("toy.threshold")
    session.select_step(0)
    session.accept_run(status(RunPhase.RUNNING, DONE, FAILED, WAITING))
    assert (monitor.bar.value(), monitor.bar.maximum()) == (2, 3)
    assert monitor.stop_button.isEnabled()
    assert not monitor.resume_button.isEnabled()
    item = monitor.failures.topLevelItem(0)
    assert [item.text(i) for i in range(3)] == ["A02", "threshold", SENTENCE]
    monitor.failures.itemDoubleClicked.emit(item, 0)
    assert session.state.tuned.well == "A02"
    assert session.state.selected_step == 1
    session.accept_run(status(RunPhase.FAILED, DONE, FAILED, DONE))
    assert not monitor.stop_button.isEnabled()
    assert monitor.resume_button.isEnabled()
    assert monitor.failures.topLevelItemCount() == 1
    session.accept_run(status(RunPhase.DONE, DONE, DONE, DONE))
    assert monitor.failures.topLevelItemCount() == 0
    assert not monitor.resume_button.isEnabled()


def test_a_folder_without_a_run_is_refused_in_one_sentence(monitor, session, tmp_path, wait):
    heard = []
    session.message.connect(heard.append)
    monitor.runner.follower.follow(str(tmp_path))
    wait(lambda: heard)
    assert "holds no run" in heard[0].text
    assert not monitor.runner.follower.active


def test_logs_are_read_from_their_end(tmp_path):
    assert read_log(str(tmp_path), "") == ([], "")
    logs = tmp_path / ".openhcs" / "logs"
    logs.mkdir(parents=True)
    (logs / "supervisor.log").write_text("x" * 300_000 + "end")
    (logs / "worker_1.log").write_text("hello")
    names, text = read_log(str(tmp_path), "supervisor.log")
    assert names == ["supervisor.log", "worker_1.log"]
    assert text.endswith("xend")
    assert len(text) == 200_000
    assert read_log(str(tmp_path), "worker_1.log")[1] == "hello"
