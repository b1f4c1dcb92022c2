"""A pipeline: a frozen tuple of steps; editing gives a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from napari_openhcs.errors import PipelineError
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.literals import shown
from napari_openhcs.pipeline.step import FunctionStep

__all__ = ["Pipeline"]


def _steps(steps: Iterable[FunctionStep]) -> tuple[FunctionStep, ...]:
    frozen = tuple(steps)
    for position, step in enumerate(frozen, start=1):
        if not isinstance(step, FunctionStep):
            raise PipelineError(
                f"Item {position} of the pipeline is {type(step).__name__}: expected a "
                "FunctionStep."
            )
    return frozen


def _check(expected: str, kind: type) -> Any:
    """Return an attrs validator that refuses a value of another type in one sentence."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            raise PipelineError(
                f"The pipeline's {attribute.name} is {shown(value)}: expected {expected}."
            )

    return validate


@attrs.frozen
class Pipeline:
    """Steps in the order they run, a name, and how to run them.

    Parameters
    ----------
    steps : iterable of FunctionStep
    name : str
    config : PipelineConfig
    """

    steps: tuple[FunctionStep, ...] = attrs.field(default=(), converter=_steps)
    name: str = attrs.field(kw_only=True, default="Pipeline", validator=_check("text", str))
    config: PipelineConfig = attrs.field(
        kw_only=True,
        factory=PipelineConfig,
        validator=_check("a PipelineConfig", PipelineConfig),
    )

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[FunctionStep]:
        return iter(self.steps)

    def __getitem__(self, index: int) -> FunctionStep:
        return self.steps[index]

    def replace(self, **changes: Any) -> Pipeline:
        """Return a copy with some attributes changed."""
        return attrs.evolve(self, **changes)

    def insert(self, index: int, step: FunctionStep) -> Pipeline:
        """Return a pipeline with `step` before position `index`."""
        return self.replace(steps=(*self.steps[:index], step, *self.steps[index:]))

    def remove(self, index: int) -> Pipeline:
        """Return a pipeline without the step at `index`."""
        return self.replace(steps=(*self.steps[:index], *self.steps[index + 1 :]))

    def move(self, source: int, target: int) -> Pipeline:
        """Return a pipeline in which the step at `source` stands at `target`."""
        rest = self.remove(source)
        return rest.insert(target, self.steps[source])

    def set_step(self, index: int, step: FunctionStep) -> Pipeline:
        """Return a pipeline with another step at `index`."""
        return self.replace(steps=(*self.steps[:index], step, *self.steps[index + 1 :]))
