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

from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_openhcs.editing import PipelineEditing
from napari_openhcs.errors import OpenHCSError, PipelineError, RunError
from napari_openhcs.jobs import CompileJob, RunJob
from napari_openhcs.pipeline import Pipeline
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


class Session(PipelineEditing):
    """The evented model shared by all widgets of one window; what edits is in `editing.py`.

    Signals carry the new value: ``plate_changed(Plate | None)``,
    ``pipeline_changed(Pipeline)``, ``tuned_changed(Tuned)``,
    ``wells_selected(tuple of str)``, ``step_selected(int | None)``,
    ``shown_changed(frozenset of hidden titles)``, ``output_changed(str)``,
    ``compiled_changed(CompiledPlate | None)``, ``run_changed(RunStatus | None)``,
    ``results_changed(Results | None)``, ``message(Message)``.
    """

    plate_changed = Signal(object)
    tuned_changed = Signal(object)
    wells_selected = Signal(object)
    output_changed = Signal(str)
    run_changed = Signal(object)
    results_changed = Signal(object)
    message = Signal(object)

    @property
    def plate(self) -> Plate | None:
        """The open plate."""
        return self._state.plate

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
