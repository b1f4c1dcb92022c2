"""What is known of wells: states, conditions, measurements, tooltips."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QWidget

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.widgets.well_values import WellValues, measure_wells

pytestmark = pytest.mark.window


@pytest.fixture
def values(session, qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    # The owner is kept: Qt deletes the children of one that is gone.
    yield WellValues(session, owner)
    owner.close()


@pytest.fixture
def treated(plate):
    conditions = {
        "A01": FrozenMapping({"dose": 0.5, "control": "<no>"}),
        "A02": FrozenMapping({"dose": 2.0, "control": "yes"}),
    }
    return dataclasses.replace(plate, conditions=FrozenMapping(conditions))


def status(**wells: WellStatus) -> RunStatus:
    return RunStatus(RunPhase.RUNNING, FrozenMapping(wells), 1.0, 0, "/out", FrozenMapping(), ())


def test_before_anything_there_is_only_the_state(values):
    assert [choice.key for choice in values.choices()] == ["state"]
    assert values.states() == {}


def test_numeric_conditions_can_be_coloured_by(values, session, treated):
    session.set_plate(treated)
    assert [choice.title for choice in values.choices()] == ["run state", "dose"]
    assert values.values("condition/dose") == {"A01": 0.5, "A02": 2.0}


def test_states_come_from_the_run(values, session, plate):
    session.set_plate(plate)
    assert set(values.states().values()) == {"idle"}
    failed = WellStatus(WellPhase.FAILED, 3.0, 1, "Step 2 failed.")
    session.accept_run(status(A01=failed))
    assert values.states() == {"A01": "failed", "A02": "idle", "B01": "idle"}
    assert "Step 2 failed." in values.tip("A01")


def test_measurements_come_from_the_tables(values, session, plate, results, wait):
    session.set_plate(plate)
    heard = []
    values.changed.connect(lambda: heard.append(True))
    session.set_results(results)
    wait(lambda: heard)
    titles = [choice.title for choice in values.choices()]
    assert titles == ["run state", "object count", "mean area"]
    assert values.first_measured() == "measured/object count"
    assert values.values("measured/object count") == {"A01": 6.0, "A02": 6.0}
    assert values.values("measured/mean area") == {"A01": 20.0, "A02": 20.0}
    assert "object count: 6" in values.tip("A01")
    assert "mean area: 20" in values.tip("A01", "measured/mean area")
    session.set_results(None)
    assert len(values.choices()) == 1


def test_conditions_are_not_measurements(results):
    assert "dose" in results.table("Measure").column_names
    assert not any("dose" in name for name in measure_wells(results))


def test_a_tooltip_is_safe_and_tells_conditions(values, session, treated):
    session.set_plate(treated)
    tip = values.tip("A01")
    assert "dose: 0.5" in tip
    assert "&lt;no&gt;" in tip
