"""The intents that edit the pipeline: steps, parameters, wires, undo and redo."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from psygnal import Signal

from napari_openhcs.pipeline import Pipeline, edit
from napari_openhcs.pipeline.fix import apply_fix
from napari_openhcs.pipeline.wiring import suggested_step
from napari_openhcs.plan import Fix
from napari_openhcs.state import SessionState

__all__ = ["PipelineEditing"]

MERGE_SECONDS = 1.0
"""Edits of the same parameter within this time are one step of undo."""


class PipelineEditing:
    """The part of a :class:`~napari_openhcs.session.Session` that edits its pipeline.

    Each intent makes a new pipeline, keeps the one before for :meth:`undo`, and emits the
    signals of what changed: ``pipeline_changed(Pipeline)``, ``step_selected(int | None)``,
    ``shown_changed(frozenset of hidden titles)``, ``compiled_changed(None)``.
    """

    pipeline_changed = Signal(object)
    step_selected = Signal(object)
    shown_changed = Signal(object)
    compiled_changed = Signal(object)

    def __init__(self) -> None:
        self._state = SessionState()
        self._last_edit: tuple[Hashable, float] = (None, 0.0)

    @property
    def state(self) -> SessionState:
        """The frozen state as it is now."""
        return self._state

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline being edited."""
        return self._state.pipeline

    def _set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)

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

    def check_again(self) -> None:
        """Show and compile the pipeline anew: what its functions are has changed."""
        self._show_pipeline(self.pipeline)

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
        step = suggested_step(pipeline, get_spec(function), index, self._state.plate)
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

    def apply_fix(self, fix: Fix) -> None:
        """Make the edit that mends a problem; it can be undone like any other.

        Raises
        ------
        PipelineError
            The step is not there any more.
        """
        self.set_pipeline(apply_fix(self.pipeline, fix))

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
