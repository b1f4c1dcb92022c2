"""What is open: plate, pipeline, tuned well, compiled plan, run and results.

One evented model without Qt.  Methods are intents: each decides, makes a new frozen
:class:`SessionState` and emits one signal with the new value.  Signals are emitted in the
calling thread; heavy work is therefore split in two, a *job* that can run anywhere
(:class:`CompileJob`, :class:`RunJob`) and an ``accept_…`` method for its result, called
where the listeners live::

    job = session.compile_job()
    plan = job()                       # in any thread
    session.accept_compiled(job, plan) # in the listeners' thread; dropped when stale
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_openhcs.errors import OpenHCSError, PipelineError, RunError
from napari_openhcs.jobs import CompileJob, RunJob
from napari_openhcs.pipeline import Pipeline, edit
from napari_openhcs.pipeline.wiring import suggested_step
from napari_openhcs.plan import CompiledPlate, Problem
from napari_openhcs.plate import Plate
from napari_openhcs.state import Message, SessionState, Tuned

if TYPE_CHECKING:
    from napari_openhcs.ome_zarr.results import Results
    from napari_openhcs.runner import RunStatus

__all__ = [
    "Message",
    "Session",
    "SessionState",
    "Tuned",
    "close_session",
    "current_session",
]

MERGE_SECONDS = 1.0
"""Edits of the same parameter within this time are one step of undo."""


class Session:
    """The evented model shared by all widgets of one window.

    Signals carry the new value: ``plate_changed(Plate | None)``,
    ``pipeline_changed(Pipeline)``, ``tuned_changed(Tuned)``,
    ``wells_selected(tuple of str)``, ``step_selected(int | None)``,
    ``shown_changed(frozenset of hidden titles)``, ``output_changed(str)``,
    ``compiled_changed(CompiledPlate | None)``, ``run_changed(RunStatus | None)``,
    ``results_changed(Results | None)``, ``message(Message)``.
    """

    plate_changed = Signal(object)
    pipeline_changed = Signal(object)
    tuned_changed = Signal(object)
    wells_selected = Signal(object)
    step_selected = Signal(object)
    shown_changed = Signal(object)
    output_changed = Signal(str)
    compiled_changed = Signal(object)
    run_changed = Signal(object)
    results_changed = Signal(object)
    message = Signal(object)

    def __init__(self) -> None:
        self._state = SessionState()
        self._last_edit: tuple[Hashable, float] = (None, 0.0)

    @property
    def state(self) -> SessionState:
        """The frozen state as it is now."""
        return self._state

    @property
    def plate(self) -> Plate | None:
        """The open plate."""
        return self._state.plate

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline being edited."""
        return self._state.pipeline

    def _set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)

    def say(self, text: str, severity: str = "info") -> None:
        """Tell the person at the window something in one sentence."""
        self.message.emit(Message(text, severity))

    # The plate

    def open_plate(self, path: str | Path) -> Plate:
        """Read a plate's index and open it (no pixels are read).

        Raises
        ------
        PlateError
            The path is no plate.
        """
        from napari_openhcs.formats import open_plate

        plate = open_plate(path)
        self.set_plate(plate)
        return plate

    def set_plate(self, plate: Plate | None) -> None:
        """Open a plate that was read already, or close the one that is open.

        Results and run that are shown belong to the plate before, unless it is the same one
        again; a run goes on all the same.
        """
        before = self._state.plate
        if before is not None and (plate is None or plate.root != before.root):
            self._leave_run()
        self._set(plate=plate, selected_wells=(), compiled=None, tuned=Tuned())
        self.plate_changed.emit(plate)
        self.wells_selected.emit(())
        first = plate.wells[0] if plate is not None and plate.wells else ""
        self.tune(first) if first else self.tuned_changed.emit(Tuned())
        self.compiled_changed.emit(None)

    def _leave_run(self) -> None:
        """Follow no run and show no results any more."""
        self._set(results=None, run=None, run_output="", output="")
        self.output_changed.emit("")
        self.results_changed.emit(None)
        self.run_changed.emit(None)

    def tune(self, well: str, field: str = "") -> None:
        """Choose the well and field on which steps are previewed.

        Parameters
        ----------
        well : str
        field : str
            By default the field tuned so far where `well` has it, else its first.
        """
        plate = self._state.plate
        fields = plate.fields_of(well) if plate is not None else ()
        if not fields:
            raise PipelineError(f"The plate has no well '{well}' with images to tune on.")
        wanted = field or self._state.tuned.field
        if field and field not in fields:
            raise PipelineError(f"Well {well} has no field '{field}': it has {', '.join(fields)}.")
        tuned = Tuned(well, wanted if wanted in fields else fields[0])
        if tuned != self._state.tuned:
            self._set(tuned=tuned)
            self.tuned_changed.emit(tuned)

    def select_wells(self, wells: Iterable[str]) -> None:
        """Choose the wells to run; none means all.  Compiled are always all of them."""
        plate = self._state.plate
        chosen = set(wells)
        known = plate.wells if plate is not None else ()
        selected = tuple(well for well in known if well in chosen)
        if selected != self._state.selected_wells:
            self._set(selected_wells=selected)
            self.wells_selected.emit(selected)

    # Editing the pipeline

    def set_pipeline(self, pipeline: Pipeline, *, merge: Hashable = None) -> None:
        """Replace the pipeline; can be undone.

        Parameters
        ----------
        pipeline : Pipeline
        merge : hashable, optional
            Successive edits with the same value are undone together.
        """
        state = self._state
        if pipeline == state.pipeline:
            return
        now = time.monotonic()
        merges = merge is not None and merge == self._last_edit[0]
        if not (merges and now - self._last_edit[1] < MERGE_SECONDS and state.undo):
            self._set(undo=(*state.undo, state.pipeline))
        self._last_edit = (merge, now)
        self._set(redo=())
        self._show_pipeline(pipeline)

    def _show_pipeline(self, pipeline: Pipeline) -> None:
        """Make `pipeline` current and keep the selected step inside it."""
        selected = self._state.selected_step
        if selected is not None and selected >= len(pipeline):
            selected = len(pipeline) - 1 if len(pipeline) else None
        moved = selected != self._state.selected_step
        titles = {step.title for step in pipeline}
        self._set(
            pipeline=pipeline,
            compiled=None,
            selected_step=selected,
            hidden_steps=self._state.hidden_steps & titles,
        )
        self.pipeline_changed.emit(pipeline)
        if moved:
            self.step_selected.emit(selected)
        self.compiled_changed.emit(None)

    def undo(self) -> bool:
        """Take the last edit back; False when there is none."""
        state = self._state
        if not state.undo:
            return False
        self._set(undo=state.undo[:-1], redo=(*state.redo, state.pipeline))
        self._last_edit = (None, 0.0)
        self._show_pipeline(state.undo[-1])
        return True

    def redo(self) -> bool:
        """Do again what was taken back; False when there is nothing."""
        state = self._state
        if not state.redo:
            return False
        self._set(redo=state.redo[:-1], undo=(*state.undo, state.pipeline))
        self._last_edit = (None, 0.0)
        self._show_pipeline(state.redo[-1])
        return True

    def add_function(self, function: str, index: int | None = None) -> int:
        """Add a step with one function and select it; return its position.

        Parameters
        ----------
        function : str
            Registry id.
        index : int, optional
            Position of the new step; by default after the selected step.

        Raises
        ------
        FunctionNotFoundError
        """
        from napari_openhcs.functions.registry import get_spec

        pipeline, selected = self.pipeline, self._state.selected_step
        if index is None:
            index = len(pipeline) if selected is None else selected + 1
        index = max(0, min(index, len(pipeline)))
        step = suggested_step(pipeline, get_spec(function), index, self.plate)
        self.set_pipeline(pipeline.insert(index, step))
        self.select_step(index)
        return index

    def remove_step(self, index: int) -> None:
        """Remove a step."""
        edit.step_at(self.pipeline, index)
        self.set_pipeline(self.pipeline.remove(index))

    def move_step(self, source: int, target: int) -> None:
        """Move the step at `source` so that it stands at `target`; it is selected."""
        edit.step_at(self.pipeline, source)
        target = max(0, min(target, len(self.pipeline) - 1))
        if source != target:
            self.set_pipeline(self.pipeline.move(source, target))
            self.select_step(target)

    def duplicate_step(self, index: int) -> None:
        """Insert a copy of a step after it, under a name of its own, and select it."""
        self.set_pipeline(edit.duplicate_step(self.pipeline, index))
        self.select_step(index + 1)

    def rename_step(self, index: int, name: str) -> None:
        """Rename a step everywhere it is referred to; an empty name gives the default one.

        Raises
        ------
        PipelineError
            Another step has that name.
        """
        old = edit.step_at(self.pipeline, index).title
        pipeline = edit.rename_step(self.pipeline, index, name)
        if old in self._state.hidden_steps:
            self._set(hidden_steps=self._state.hidden_steps | {pipeline[index].title})
        self.set_pipeline(pipeline)

    def set_step(self, index: int, **options: Any) -> None:
        """Set options of a step, such as ``input_source`` or ``materialize``."""
        self.set_pipeline(edit.set_step(self.pipeline, index, **options))

    def set_enabled(self, index: int, enabled: bool) -> None:
        """Enable or disable a step."""
        self.set_step(index, enabled=enabled)

    def set_parameter(
        self, index: int, name: str, value: Any, *, key: str = "", position: int = 0
    ) -> None:
        """Set a parameter of a function; the function's own default is not stored.

        Parameters
        ----------
        index : int
            Position of the step.
        name : str
        value : literal
        key : str
            Component value when the step has a function for each; else empty.
        position : int
            Position in the step's chain.
        """
        pipeline = edit.set_parameter(self.pipeline, index, name, value, key, position)
        self.set_pipeline(pipeline, merge=(index, key, position, name))

    def reset_parameter(self, index: int, name: str, *, key: str = "", position: int = 0) -> None:
        """Give a parameter its default again (a required one its suggested value)."""
        self.set_pipeline(edit.reset_parameter(self.pipeline, index, name, key, position))

    def set_input(self, index: int, parameter: str, source: str | None) -> None:
        """Wire an array parameter to an earlier step or channel; None takes the wire off."""
        self.set_pipeline(edit.set_input(self.pipeline, index, parameter, source))

    def select_step(self, index: int | None) -> None:
        """Show the parameters of a step, or of none."""
        if index is not None:
            edit.step_at(self.pipeline, index)
        if index != self._state.selected_step:
            self._set(selected_step=index)
            self.step_selected.emit(index)

    def set_shown(self, index: int, shown: bool) -> None:
        """Show or hide a step's result in the preview."""
        title = edit.step_at(self.pipeline, index).title
        hidden = self._state.hidden_steps - {title} if shown else self._state.hidden_steps | {title}
        if hidden != self._state.hidden_steps:
            self._set(hidden_steps=hidden)
            self.shown_changed.emit(hidden)

    # Scripts

    def export_script(self, path: str | Path | None = None) -> str:
        """Return the pipeline as a script; also write it where a path is given."""
        from napari_openhcs.pipeline.script import export_script

        text = export_script(self.pipeline)
        if path is not None:
            try:
                Path(path).write_text(text, encoding="utf-8")
            except OSError as error:
                raise PipelineError(
                    f"The pipeline cannot be written to {path}: {error.strerror or error}."
                ) from error
        return text

    def import_script(self, source: str | Path) -> Pipeline:
        """Replace the pipeline by the one in a script (path or text), never executing it.

        Raises
        ------
        ScriptError
            The script is not a pipeline; the open pipeline stays.
        """
        from napari_openhcs.pipeline.script import import_script

        pipeline = import_script(source)
        self.set_pipeline(pipeline)
        if len(pipeline) and self._state.selected_step is None:
            self.select_step(0)
        return pipeline

    # Compiling and running

    def compile_job(self) -> CompileJob | None:
        """Return the work of compiling for all wells; None without plate or steps."""
        state = self._state
        if state.plate is None or not len(state.pipeline):
            return None
        return CompileJob(state.plate, state.pipeline)

    def accept_compiled(self, job: CompileJob, plan: CompiledPlate) -> bool:
        """Take a compiled plan; False when plate or pipeline changed meanwhile."""
        if job != self.compile_job():
            return False
        self._set(compiled=plan)
        self.compiled_changed.emit(plan)
        return True

    def compile(self) -> CompiledPlate | None:
        """Compile here and now (heavy: windows use :meth:`compile_job`)."""
        job = self.compile_job()
        if job is None:
            return None
        plan = job()
        self.accept_compiled(job, plan)
        return plan

    def problems_of(self, index: int) -> tuple[Problem, ...]:
        """Return the problems of the step at a position; -1 for those of no single step."""
        plan = self._state.compiled
        return tuple(p for p in plan.problems if p.step == index + 1) if plan else ()

    def set_output(self, output: str | Path) -> None:
        """Choose the folder results are written to."""
        text = str(output)
        if text != self._state.output:
            self._set(output=text)
            self.output_changed.emit(text)

    def run_job(self, *, resume: bool = False, overwrite: bool = False) -> RunJob:
        """Return the work of starting a run on the selected wells.

        Raises
        ------
        RunError
            There is no plate, no step or no output folder.
        """
        job = self.compile_job()
        if job is None:
            raise RunError("There is nothing to run: open a plate and add a function first.")
        if not self._state.output:
            raise RunError("There is no output folder: choose where the results go first.")
        wells = self._state.selected_wells or None
        return RunJob(replace(job, output=self._state.output, wells=wells), resume, overwrite)

    def start_run(self, *, resume: bool = False, overwrite: bool = False) -> str:
        """Compile and start a run in the background; return its output folder."""
        output = self.run_job(resume=resume, overwrite=overwrite)()
        self.follow(output)
        return output

    def follow(self, output: str | Path) -> None:
        """Follow the run in an output folder, whoever started it."""
        self.follow_later(output)
        self.refresh_run()

    def follow_later(self, output: str | Path) -> None:
        """Name the run to follow without reading its status yet."""
        if str(output) != self._state.run_output:
            self._set(run_output=str(output), run=None)
            self.run_changed.emit(None)

    def refresh_run(self) -> None:
        """Read the status of the run that is followed."""
        from napari_openhcs.runner import read_status

        if not self._state.run_output:
            return
        try:
            status = read_status(self._state.run_output)
        except OpenHCSError as error:
            self.say(str(error), "error")
            return
        self.accept_run(status)

    def accept_run(self, status: RunStatus | None) -> None:
        """Take the newest status of the run that is followed."""
        if status != self._state.run:
            self._set(run=status)
            self.run_changed.emit(status)

    def stop_run(self) -> None:
        """Ask the run that is followed to stop; finished wells are kept."""
        from napari_openhcs.runner import stop_run

        if self._state.run_output:
            stop_run(self._state.run_output)

    def open_results(self, output: str | Path | None = None) -> Results:
        """Open what a run left (by default the run that is followed).

        Raises
        ------
        StoreError
            The folder holds no results.
        """
        from napari_openhcs.ome_zarr.results import open_results

        folder = output or self._state.run_output or self._state.output
        if not folder:
            raise RunError("There are no results to open: run a pipeline or choose a folder.")
        results = open_results(folder)
        self.set_results(results)
        return results

    def set_results(self, results: Results | None) -> None:
        """Show results that were opened already, or close them."""
        self._set(results=results)
        self.results_changed.emit(results)


_sessions: dict[Hashable, Session] = {}


def current_session(key: Hashable = None) -> Session:
    """Return the session kept under `key`, made on first use; a window has one key."""
    if key not in _sessions:
        _sessions[key] = Session()
    return _sessions[key]


def close_session(key: Hashable = None) -> None:
    """Forget the session of a window that was closed."""
    _sessions.pop(key, None)
