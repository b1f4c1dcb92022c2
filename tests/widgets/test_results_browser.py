"""The results browser in a real window: tables, rows and the objects behind them."""

from __future__ import annotations

import csv
import time

import pytest

pytest.importorskip("napari")

from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.runner.status import RunPhase, RunStatus, WellPhase, WellStatus
from napari_openhcs.widgets.bridge import session_of
from napari_openhcs.widgets.layers import key_of, well_layers_of
from napari_openhcs.widgets.results_browser import ResultsBrowser

pytestmark = pytest.mark.window


@pytest.fixture
def window(make_napari_viewer_proxy, plate):
    viewer = make_napari_viewer_proxy()
    browser = ResultsBrowser(viewer)
    viewer.window.add_dock_widget(browser, area="bottom")
    layers = well_layers_of(viewer)
    session = session_of(viewer)
    session.set_plate(plate)
    return viewer, browser, layers, session


@pytest.fixture
def opened(window, results, wait):
    viewer, browser, layers, session = window
    browser.open_path(results.output)
    wait(lambda: session.state.results is not None and browser.model.rowCount() > 0)
    wait(lambda: not layers.busy)
    return viewer, browser, layers, session


def test_before_a_run_it_says_what_to_do(window):
    _, browser, _, _ = window
    assert browser.summary.text()
    assert not browser.save_button.isEnabled()
    assert browser.model.rowCount() == 0


def test_a_table_has_the_rows_of_all_wells(opened, results):
    _, browser, _, _ = opened
    table = results.table(results.table_names[0])
    assert browser.model.rowCount() == table.num_rows
    assert f"{table.num_rows:,} rows" in browser.summary.text()


def test_only_the_well_that_is_looked_at(opened, wait):
    _, browser, _, session = opened
    rows = browser.model.rowCount()
    browser.well_only.setChecked(True)
    wait(lambda: 0 < browser.model.rowCount() < rows)
    session.tune("A02")
    wait(lambda: browser.model.rowCount() and browser.model.value(0, "well") == "A02")


def test_a_row_leads_to_its_well_field_and_object(opened, wait):
    viewer, browser, layers, session = opened
    last = browser.model.rowCount() - 1
    well, field = browser.model.value(last, "well"), browser.model.value(last, "field")
    label = int(browser.model.value(last, "label"))
    browser.view.clicked.emit(browser.model.index(last, 0))
    assert (session.state.tuned.well, session.state.tuned.field) == (well, field)
    wait(lambda: layers.shown == (well, field) and not layers.busy)
    labels = next(layer for layer in viewer.layers if key_of(layer).startswith("result/labels/"))
    assert label in set(labels.features["label"])


def test_an_object_leads_to_its_row(opened):
    _, browser, _, session = opened
    session.tune("A02")
    browser.show_object(1)
    (chosen,) = browser.view.selectionModel().selectedRows()
    assert browser.model.value(chosen.row(), "well") == "A02"
    assert browser.model.value(chosen.row(), "label") == 1


def test_the_whole_table_is_saved(opened, tmp_path, wait):
    _, browser, _, session = opened
    said = []
    session.message.connect(said.append)
    browser.save_csv(tmp_path / "t.csv")
    wait(lambda: said)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == browser.model.rowCount()


def test_a_folder_without_results_is_refused_in_a_sentence(window, tmp_path, wait):
    _, browser, _, session = window
    said = []
    session.message.connect(said.append)
    browser.open_path(tmp_path)
    wait(lambda: said)
    assert said[-1].severity == "error"
    assert str(tmp_path) in said[-1].text


def test_a_run_that_goes_on_is_looked_at_now_and_then(window, monkeypatch):
    _, browser, _, session = window
    opened = []
    monkeypatch.setattr(browser, "open_path", opened.append)

    def show(phase, n_done, waited):
        monkeypatch.setattr(browser, "_opened_at", time.monotonic() - waited)
        done = WellStatus(WellPhase.DONE, 1.0, 1)
        wells = FrozenMapping({f"A{n + 1:02d}": done for n in range(n_done)})
        session.accept_run(RunStatus(phase, wells, output="/out"))

    show(RunPhase.RUNNING, 1, waited=0)
    assert opened == []
    show(RunPhase.RUNNING, 2, waited=60)
    assert opened == ["/out"]
    show(RunPhase.DONE, 3, waited=0)
    assert opened == ["/out", "/out"]
