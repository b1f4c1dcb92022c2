"""Special inputs linked to special outputs: by name, from the nearest earlier step.

A special output is there for each place its function was called at: a plane, or a whole stack.
A special input takes it from the same well and the same place; one that is there once for
several planes serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from napari_openhcs.axes import Contract
from napari_openhcs.compiler.draft import Draft, find_spec, step_problem
from napari_openhcs.compiler.fixes import near_names, set_options, unwire, wire
from napari_openhcs.compiler.grids import fits, reduced
from napari_openhcs.compiler.patterns import Chains
from napari_openhcs.compiler.sources import Read, labels_of, listed, nearest
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions import registry
from napari_openhcs.functions.spec import ParameterSpec
from napari_openhcs.functions.special import FORMATS
from napari_openhcs.pipeline import FunctionStep
from napari_openhcs.plan import (
    Fix,
    FunctionPlan,
    Grid,
    Problem,
    SpecialInput,
    SpecialOutput,
    StepPlan,
)

__all__ = ["Linked", "is_special", "link_specials"]


@dataclass(frozen=True)
class Linked:
    """The special inputs and outputs of a step, and its chains with the inputs they get."""

    patterns: FrozenMapping[str, tuple[FunctionPlan, ...]]
    inputs: tuple[SpecialInput, ...]
    outputs: tuple[SpecialOutput, ...]
    problems: tuple[Problem, ...]


def is_special(step: FunctionStep, parameter: str) -> bool:
    """Whether a name in a step's ``inputs`` is that of a special input."""
    specs = (find_spec(call.function) for _, call in step.calls())
    return any(
        spec is not None
        and (item := spec.parameter(parameter)) is not None
        and item.special is not None
        for spec in specs
    )


def link_specials(
    draft: Draft,
    index: int,
    step: FunctionStep,
    read: Read,
    chains: Chains,
    variable: tuple[str, ...],
) -> Linked:
    """Link what the functions of a step take and say what they give.

    Parameters
    ----------
    draft : Draft
        Holds the steps before this one.
    index : int
        1-based number of the step.
    step : FunctionStep
    read : Read
        What the step reads.
    chains : Chains
        Its planned chains.
    variable : tuple of str
        Components over which its stack runs.
    """
    linker = _Linker(draft, index, step, read.certain, variable)
    grouped = step.group_by if "" not in chains.patterns else None
    patterns = {}
    for key, chain in chains.patterns.items():
        patterns[key] = linker.chain(chain, _part(read.grid, grouped, key))
    linker.outputs_of(read.grid, grouped)
    if chains.known:
        linker.check_formats()
    return Linked(
        FrozenMapping(patterns),
        tuple(linker.inputs.values()),
        tuple(linker.outputs.values()),
        tuple(linker.problems),
    )


def _part(grid: Grid, component: str | None, key: str) -> Grid:
    """Return the places at which the chain of a key works."""
    if component is None:
        return grid
    kept = tuple(value for value in grid.values(component) if str(value) == key)
    return grid.narrowed({component: kept})


@dataclass
class _Linker:
    draft: Draft
    index: int
    step: FunctionStep
    certain: bool
    variable: tuple[str, ...]
    inputs: dict[str, SpecialInput] = field(default_factory=dict)
    outputs: dict[str, SpecialOutput] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _given: list[SpecialOutput] = field(default_factory=list)

    def chain(self, chain: tuple[FunctionPlan, ...], here: Grid) -> tuple[FunctionPlan, ...]:
        """Link one chain that works on `here`; returns it with the inputs that are linked."""
        linked = []
        produced: dict[str, tuple[SpecialOutput, str]] = {}
        for call in chain:
            taken = [
                name for name in call.special_inputs if self._takes(call, name, here, produced)
            ]
            linked.append(replace(call, special_inputs=tuple(taken)))
            places = reduced(here, self.variable) if call.applies_to == "stack" else here
            for name, kind in call.special_outputs:
                if name in produced:
                    self._problem(
                        "special_twice",
                        f"{produced[name][1]} and {call.function} both give '{name}' in one chain: "
                        "make them steps of their own.",
                        call,
                        name,
                    )
                produced[name] = SpecialOutput(name, kind, places), call.function
            if call.contract == Contract.REDUCE:
                here = reduced(here, self.variable)
        self._given += [output for output, _ in produced.values()]
        return tuple(linked)

    def _takes(
        self,
        call: FunctionPlan,
        name: str,
        here: Grid,
        produced: dict[str, tuple[SpecialOutput, str]],
    ) -> bool:
        """Link one special input; False where nothing gives it."""
        spec = find_spec(call.function)
        parameter = None if spec is None else spec.parameter(name)
        assert parameter is not None, name
        assert parameter.special is not None, name
        if name in produced and name not in self.step.inputs:
            output, function = produced[name]
            return self._goes(call, parameter, output, function, here)
        giver = self._giver(call, parameter)
        if giver is None:
            return False
        given = giver.special_output(name)
        assert given is not None, name
        certain = self.certain and giver.step_id not in self.draft.uncertain
        text = f"step {giver.index + 1} ({giver.name})"
        if not self._goes(call, parameter, given, text, here if certain else None):
            return False
        self.inputs[name] = SpecialInput(name, giver.step_id)
        return True

    def _giver(self, call: FunctionPlan, parameter: ParameterSpec) -> StepPlan | None:
        """Return the step that gives a special input; a problem where there is none."""
        name = parameter.name
        givers = [item for item in self.draft.steps if item.special_output(name) is not None]
        wanted = self.step.inputs.get(name)
        if wanted is not None:
            found = next((item for item in reversed(givers) if item.name == wanted), None)
            if found is None:
                known = [item.name for item in givers]
                self._problem(
                    "special_source",
                    f"inputs takes '{name}' from '{wanted}', but no earlier step of that name "
                    f"gives it{nearest(wanted, known)}: these do: {listed(known)}.",
                    call,
                    name,
                    wire(name, near[0]) if (near := near_names(wanted, known)) else unwire(name),
                )
            return found
        if givers:
            return givers[-1]
        if parameter.required:
            code, text, fix = self._why_missing(name)
            self._problem(
                code,
                f"{call.function} takes '{name}' from an earlier step, {text}",
                call,
                name,
                fix,
            )
        return None

    def _why_missing(self, name: str) -> tuple[str, str, Fix | None]:
        """Return code, rest of the sentence and fix for a special input that nothing gives."""
        for number, other in enumerate(self.draft.pipeline, start=1):
            specs = (find_spec(call.function) for _, call in other.calls())
            if not any(spec is not None and name in dict(spec.special_outputs) for spec in specs):
                continue
            giver = f"but step {number} ({other.title}), which gives it,"
            if number > self.index:
                return "special_later", f"{giver} comes later: move it before this one.", None
            if number < self.index and not other.enabled:
                fix = set_options(number, f"Switch step {number} on", enabled=True)
                return "special_disabled", f"{giver} is switched off: switch it on.", fix
        able = [item.id for item in registry.specs().values() if name in dict(item.special_outputs)]
        hint = f", such as {listed(able, 3)}" if able else ""
        return "special_missing", f"but none gives it: add a step that does{hint}.", None

    def _goes(
        self,
        call: FunctionPlan,
        parameter: ParameterSpec,
        output: SpecialOutput,
        giver: str,
        here: Grid | None,
    ) -> bool:
        """Whether what is given is of the kind and at the places that are asked for."""
        name = output.name
        if output.kind != parameter.special:
            self._problem(
                "special_kind",
                f"{call.function} takes '{name}' as {parameter.special}, but {giver} gives it as "
                f"{output.kind}: take it from another step by inputs={{'{name}': …}}.",
                call,
                name,
                self._of_kind(name, parameter),
            )
            return False
        missing = None if here is None else self._lacks(call, output, here)
        if here is None or missing is None:
            return True
        plate = self.draft.plate
        there = listed(labels_of(plate, output.grid, missing))
        wanted = listed(labels_of(plate, here, missing))
        if call.applies_to == "stack" and missing in self.variable:
            text = (
                f"{call.function} works on the stack over {missing} {wanted} and takes one '{name}'"
                f" for it, but {giver} gives one for each {missing}: let both work on the stack, "
                "or both plane by plane (volume)."
            )
        else:
            text = (
                f"{call.function} takes '{name}' for {missing} {wanted}, but {giver} gives it for "
                f"{missing} {there}: select the same {missing} in both steps."
            )
        self._problem("special_places", text, call, name)
        return False

    def _of_kind(self, name: str, parameter: ParameterSpec) -> Fix | None:
        """Return the fix that takes a special input from a step that gives it as asked for."""
        fitting = (
            step
            for step in reversed(self.draft.steps)
            if (output := step.special_output(name)) is not None
            and output.kind == parameter.special
        )
        found = next(fitting, None)
        return None if found is None else wire(name, found.name)

    def _lacks(self, call: FunctionPlan, output: SpecialOutput, here: Grid) -> str | None:
        """Return the component in which what is given does not serve a call at `here`."""
        if call.applies_to == "stack":
            for component in self.variable:
                if len(output.grid.values(component)) > 1:
                    return component
            here = reduced(here, self.variable)
            fixed: dict[str, Any] = {name: output.grid.values(name) for name in self.variable}
            here = replace(here, **fixed)
        return fits(output.grid, here)

    def outputs_of(self, grid: Grid, component: str | None) -> None:
        """Join what the chains of all keys give, and say in which format it is written."""
        for output in self._given:
            known = self.outputs.get(output.name)
            if known is None:
                self.outputs[output.name] = replace(output, format=self._format(output))
            elif known.kind != output.kind:
                self._problem(
                    "special_kinds",
                    f"gives '{output.name}' as {known.kind} for one {component} and as "
                    f"{output.kind} for another: make them steps of their own.",
                    None,
                    output.name,
                )
            elif component is not None:
                values = {*known.grid.values(component), *output.grid.values(component)}
                joined = tuple(value for value in grid.values(component) if value in values)
                changes: dict[str, Any] = {component: joined}
                self.outputs[output.name] = replace(known, grid=replace(known.grid, **changes))

    def _format(self, output: SpecialOutput) -> str:
        chosen = self.step.special_outputs.get(output.name, FORMATS[output.kind][0])
        return chosen or ""

    def check_formats(self) -> None:
        """Name formats of outputs that the step does not give, or that go with another kind."""
        for name, chosen in self.step.special_outputs.items():
            output = self.outputs.get(name)
            if output is None:
                known = list(self.outputs)
                self._problem(
                    "special_unknown",
                    f"special_outputs names '{name}', but the step's functions give "
                    f"{listed(known)}{nearest(name, known)}: take it out.",
                    None,
                    name,
                    self._without_format(name),
                )
            elif chosen is not None and chosen not in FORMATS[output.kind]:
                self._problem(
                    "special_format",
                    f"special_outputs writes '{name}' as '{chosen}', but {output.kind} can be "
                    f"written as {listed(FORMATS[output.kind])}: choose one of these, or None to "
                    "keep it in memory only.",
                    None,
                    name,
                    self._without_format(name),
                )

    def _without_format(self, name: str) -> Fix:
        kept = {key: item for key, item in self.step.special_outputs.items() if key != name}
        text = f"Take '{name}' out of special_outputs"
        return set_options(text=text, special_outputs=kept)

    def _problem(
        self,
        code: str,
        message: str,
        call: FunctionPlan | None,
        name: str,
        fix: Fix | None = None,
    ) -> None:
        function = "" if call is None else call.function
        self.problems.append(
            step_problem(
                self.index, self.step, code, message, function=function, parameter=name, fix=fix
            )
        )
