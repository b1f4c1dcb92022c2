"""The form of every registered function: whole, true to the defaults, within the dock.

No library is imported: forms are made from the catalogues, so that those of GPU libraries
are tried on every machine.
"""

from __future__ import annotations

import math

import pytest

pytest.importorskip("napari")

from napari.qt import get_stylesheet
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QApplication, QWidget

from napari_openhcs.functions.catalogue import CATALOGUES
from napari_openhcs.functions.registry import get_spec, specs
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.pipeline.wiring import suggested_step
from napari_openhcs.sample_data import write_sample_plate
from napari_openhcs.session import Session
from napari_openhcs.widgets import form_row
from napari_openhcs.widgets.call_form import first_value
from napari_openhcs.widgets.form_fields import FloatField, IntField, OptionalField
from napari_openhcs.widgets.parameter_form import ParameterForm
from napari_openhcs.widgets.parameter_text import limits_text
from napari_openhcs.widgets.window import open_workbench, settle

pytestmark = pytest.mark.window

LISTED = sorted(path.name.rpartition("-")[0] for path in CATALOGUES.glob("*.json"))
"""Libraries with a catalogue."""

VIEWPORT = (325, 190)
"""Room of a form in px in a window of 1366 × 768, beside its scroll bar."""


@pytest.fixture(scope="module")
def form(qapp):
    """A form as low and narrow as it is in the smallest window, in napari's style."""
    form = ParameterForm(session=Session())
    form.setStyleSheet(get_stylesheet("dark"))
    bar = form._area.verticalScrollBar().sizeHint().width()
    form.setFixedSize(VIEWPORT[0] + bar, VIEWPORT[1])
    form.show()
    yield form
    form.close()
    form.deleteLater()


def show(form, function):
    """Show the form of a function as the only step, with all its rows."""
    session = form._session
    step = suggested_step(Pipeline(), get_spec(function), 0, None)
    session.set_pipeline(Pipeline([step]))
    session.select_step(0)
    call = form.calls[0]
    call.unfold()
    return call, session.pipeline


def same(left, right):
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and left == right


def unreachable(area, widget):
    """Return why a person cannot see all of a widget by scrolling down, or nothing."""
    port = area.viewport()
    down = widget.mapTo(area.widget(), widget.rect().topLeft()).y()
    area.verticalScrollBar().setValue(down - 10)
    corner = widget.mapTo(port, widget.rect().topLeft())
    if corner.x() < 0 or corner.x() + widget.width() > port.width():
        return f"reaches from {corner.x()} to {corner.x() + widget.width()} of {port.width()} px"
    if corner.y() < 0 or corner.y() + widget.height() > port.height():
        return f"stays at y = {corner.y()} of {port.height()} px"
    if widget.width() < 30 or widget.height() < 12:
        return f"has only {widget.width()} x {widget.height()} px"
    return ""


def faults(form, function):
    """Return what is wrong with the form of a function."""
    spec = specs()[function]
    call, before = show(form, function)
    QApplication.processEvents()
    found = []
    if set(call.rows) != {item.name for item in spec.form_parameters}:
        found.append(f"rows {sorted(call.rows)}")
    if set(call.wires) != {item.name for item in spec.array_parameters}:
        found.append(f"wires {sorted(call.wires)}")
    area = form._area
    if area.widget().minimumSizeHint().width() > VIEWPORT[0]:
        found.append(f"needs {area.widget().minimumSizeHint().width()} px of width")
    for name, row in call.rows.items():
        found += [f"{name}: {fault}" for fault in _row_faults(spec, name, row, before)]
        why = unreachable(area, row.label) or unreachable(area, row.field.widget)
        found += [f"{name} {why}"] * bool(why)
    for name, box in call.wires.items():
        why = unreachable(area, box)
        found += [f"{name} {why}"] * bool(why)
        found += [f"{name} cannot be connected"] * (not box.isEnabled() or box.count() < 1)
    for row in call.rows.values():
        row.field.set(row.field.get())
    form.refresh()
    if form._session.pipeline is not before:
        found.append("the pipeline changed without an edit")
    required = {item.name for item in spec.form_parameters if item.required}
    if not set(before[0].func.parameters) <= required:
        found.append(f"{sorted(set(before[0].func.parameters) - required)} passed untouched")
    found += _faults_when_set(form, call)
    return [f"{function}: {fault}" for fault in found]


def _faults_when_set(form, call):
    """Give every optional value: it must fit, reach the pipeline and go away again."""
    session = form._session
    fields = {n: r.field for n, r in call.rows.items() if isinstance(r.field, OptionalField)}
    before = session.pipeline[0].func.parameters
    for name, field in fields.items():
        field._check.setChecked(True)
        if session.pipeline[0].func.parameters.get(name) is None:
            yield f"{name} cannot be set"
    width = form._area.widget().minimumSizeHint().width()
    if fields and width > VIEWPORT[0]:
        yield f"needs {width} px of width when all is set"
    for name in fields:
        call.rows[name].reset.click()
    if session.pipeline[0].func.parameters != before:
        yield "is not as before when all is reset"


def _row_faults(spec, name, row, before):
    parameter = spec.parameter(name)
    value = first_value(parameter, before[0].func)
    if not same(row.field.get(), value):
        yield f"gives {row.field.get()!r} for {value!r}"
    if not row.field.faithful():
        yield f"does not show {value!r}"
    if not (row.label.isVisible() and row.field.widget.isVisible()):
        yield "is hidden"
    if not row.field.widget.isEnabled():
        yield "is disabled"
    if not row.label.text().strip() or parameter.unit not in row.label.text():
        yield f"is labelled {row.label.text()!r}"
    if limits_text(parameter) not in row.tooltip:
        yield "does not say its limits"
    box = row.field.widget
    if isinstance(row.field, IntField | FloatField):
        for limit, held in (
            (parameter.minimum, box.minimum()),
            (parameter.maximum, box.maximum()),
        ):
            if limit is not None and held != limit:
                yield f"holds {held} where the limit is {limit}"


@pytest.mark.parametrize("library", LISTED)
def test_every_form_is_whole_true_and_within_the_dock(form, library):
    functions = [name for name, spec in specs().items() if spec.library == library]
    assert functions
    found = [fault for name in functions for fault in faults(form, name)]
    assert not found, f"{len(found)} faults:\n" + "\n".join(found[:30])


def test_a_fault_would_be_found(form, monkeypatch):
    """The check above can fail: another value, a field that is hidden or too wide are named."""
    name = "skimage.filters.gaussian"

    def anew():
        form._session.set_pipeline(Pipeline())
        return faults(form, name)

    make = form_row.make_field
    monkeypatch.setattr(
        form_row, "make_field", lambda spec, value: make(spec, value if value else 7.0)
    )
    monkeypatch.setattr(form_row.Row, "show_value", lambda *_: None)
    assert f"{name}: cval: gives 7.0 for 0" in anew()
    monkeypatch.undo()
    monkeypatch.setattr(form_row.Row, "set_helped", lambda self, _: self.field.widget.hide())
    assert f"{name}: sigma: is hidden" in anew()
    monkeypatch.undo()
    monkeypatch.setattr(form_row, "MOST_LABEL", 400)
    monkeypatch.setattr(form_row.ElidedLabel, "minimumSizeHint", lambda self: QSize(400, 20))
    assert any("px of width" in fault for fault in anew())
    monkeypatch.undo()
    assert anew() == []


LONG = [
    "napari_openhcs.functions.measure.measure_objects",
    "napari_openhcs.functions.stitching.stitch_fields",
    "skimage.segmentation.watershed",
    "skimage.morphology.closing",
    "scipy.ndimage.affine_transform",
    "pyclesperanto.rotate",
    "skimage.transform.swirl",
    "skimage.segmentation.chan_vese",
]


def test_the_workbench_leaves_a_form_its_room_and_every_row_can_be_reached(
    make_napari_viewer, tmp_path
):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    workbench = open_workbench(viewer)
    workbench.editor.live.setChecked(False)
    session = workbench.session
    plate = write_sample_plate(tmp_path / "screen", wells=2, fields=2, size=96).path
    workbench.navigator.open_path(plate)
    settle(workbench, calm=0.2)
    form = workbench.editor.form
    for number, function in enumerate(LONG):
        session.add_function(function)
        session.select_step(number)
        settle(workbench, calm=0.1)
        form.calls[0].unfold()
        form.options._fold.setChecked(True)
        QApplication.processEvents()
        area = form._area
        assert area.viewport().height() >= 150, function
        assert area.widget().minimumSizeHint().width() <= area.viewport().width(), function
        rows: list[QWidget] = [row.field.widget for row in form.calls[0].rows.values()]
        for widget in (*rows, *form.calls[0].wires.values(), form.options.keep):
            assert not unreachable(area, widget), (function, widget.accessibleName())
        steps = workbench.editor.steps
        shown = steps.visualRect(steps.currentIndex())
        assert steps.viewport().rect().contains(shown), f"step {number + 1} is out of sight"
    assert workbench.width() < 0.3 * 1366
    workbench.editor.preview._tuner.close()
