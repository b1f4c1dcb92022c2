"""The live preview: every edit is shown on the tuned well and field, step by step.

A process of its own (:class:`~napari_openhcs.runner.tuning.TuningProcess`) holds the well's
data and every step's result; this object hands it the newest plan, looks for results many
times a second and gives them to the layers.  Older requests are abandoned.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_openhcs.axes import Kind
from napari_openhcs.errors import OpenHCSError
from napari_openhcs.layer_data import place_of_mosaic
from napari_openhcs.plan import CompiledPlate, StepPlan
from napari_openhcs.plate import Plate, mosaic_position
from napari_openhcs.runner.tuning import ReplyWhat, TuningProcess, TuningReply
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import listen, report_error
from napari_openhcs.widgets.preview_layers import PreviewLayers, StepPreview

__all__ = ["Preview", "last_sound_step"]

POLL_MS = 15
"""Between two looks for results while something is computed."""


def last_sound_step(plan: CompiledPlate, well: str) -> str | None:
    """Return the id of the last step before the first error; None where there is none.

    Parameters
    ----------
    plan : CompiledPlate
    well : str
    """
    context = plan.contexts.get(well)
    if context is None or context.problems:
        return None
    errors = [item.step for item in plan.problems if item.severity == "error" and item.step > 0]
    sound = [step for step in context.layout.steps if not errors or step.index + 1 < min(errors)]
    return sound[-1].step_id if sound else None


class Preview(QObject):
    """Keeps the preview layers in step with pipeline, plate and tuned well.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
    owner : QObject
    tuner : TuningProcess, optional
        By default one is made, which starts its process when it is first needed.

    Attributes
    ----------
    measured : Signal
        Carries seconds and failures of the newest preview, both by step title.
    """

    measured = Signal(object, object)

    def __init__(self, viewer: Any, session: Session, owner: QObject, tuner: Any = None) -> None:
        super().__init__(owner)
        self._session = session
        self._tuner = tuner if tuner is not None else TuningProcess()
        self.layers = PreviewLayers(viewer, session)
        self._live = True
        self._request: Any = None
        self._steps: dict[str, StepPlan] = {}
        self._seconds: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        listen(self, session.compiled_changed, self._compiled)
        listen(self, session.tuned_changed, self._tuned)
        listen(self, session.plate_changed, self._plate)
        listen(self, session.shown_changed, self.layers.show_hidden)
        close = self._tuner.close
        self.destroyed.connect(lambda: close())

    @property
    def busy(self) -> bool:
        """Whether a preview is being computed."""
        return self._timer.isActive()

    def set_live(self, live: bool) -> None:
        """Preview every edit, or none until this is switched on again."""
        self._live = live
        if live:
            self.refresh()
        else:
            self._timer.stop()

    def _compiled(self, plan: CompiledPlate | None) -> None:
        if plan is not None:
            self.refresh()

    def _tuned(self, _: object) -> None:
        self.refresh()

    def _plate(self, plate: object) -> None:
        self.layers.keep_only(())
        if plate is not None and self._live:
            self._warm_up()

    def _warm_up(self) -> None:
        """Start the process before the first preview is asked for."""
        try:
            self._tuner.start()
        except OpenHCSError as error:
            report_error(self._session, error)

    def refresh(self) -> None:
        """Ask for the preview of what is open now."""
        plan, tuned = self._session.state.compiled, self._session.state.tuned
        self.layers.keep_only(step.title for step in self._session.pipeline if step.enabled)
        if plan is None or not tuned or not self._live:
            return
        last = last_sound_step(plan, tuned.well)
        if last is None:
            return
        context = plan.contexts[tuned.well]
        self._steps = {step.step_id: step for step in context.layout.steps}
        titles = {step.name for step in context.layout.steps}
        self._seconds = {name: time for name, time in self._seconds.items() if name in titles}
        self._failed = {}
        try:
            self._request = self._tuner.submit(plan, tuned.well, tuned.field, last)
        except OpenHCSError as error:
            report_error(self._session, error)
            return
        self._timer.start()

    def _poll(self) -> None:
        """Take what the tuning process has to say about the newest request."""
        replies = [reply for reply in self._tuner.poll() if reply.request == self._request]
        for reply in replies:
            self._take(reply)
        if replies:
            self.measured.emit(dict(self._seconds), dict(self._failed))

    def _take(self, reply: TuningReply) -> None:
        plate, step = self._session.plate, self._steps.get(reply.step_id)
        if reply.what is ReplyWhat.STEP and step is not None and plate is not None:
            if not reply.cached:
                self._seconds[step.name] = reply.seconds
            self.layers.show(plate, [self._preview(plate, step, reply)])
        elif reply.what is ReplyWhat.FAILED and step is not None:
            self._failed[step.name] = reply.message
        elif reply.what is ReplyWhat.FAILED:
            self._session.say(reply.message, "error")
        if reply.what in (ReplyWhat.FAILED, ReplyWhat.DONE):
            self._timer.stop()

    def _preview(self, plate: Plate, step: StepPlan, reply: TuningReply) -> StepPreview:
        tuned = self._session.state.tuned
        corner = mosaic_position(plate.positions_um, tuned.well, step.output.mosaic_of)
        return StepPreview(
            step.name,
            reply.kind or step.output.kind,
            reply.grid or step.output.grid,
            reply.array,
            reply.table or {},
            self._measured_by(step),
            place_of_mosaic(plate, tuned.well, tuned.field, corner),
        )

    def _measured_by(self, step: StepPlan) -> str:
        """Return the title of the labels a table's rows belong to."""
        sources = [step.source.dataset, *(item.source.dataset for item in step.arrays)]
        for name in sources:
            source = self._steps.get(name)
            if source is not None and source.output.kind is Kind.LABELS:
                return source.name
        return ""
