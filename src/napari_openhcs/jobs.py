"""Heavy work as values: compiling and starting a run, to be called in any thread."""

from __future__ import annotations

from dataclasses import dataclass

from napari_openhcs.errors import CompileError
from napari_openhcs.pipeline import Pipeline
from napari_openhcs.plan import CompiledPlate
from napari_openhcs.plate import Plate

__all__ = ["CompileJob", "RunJob"]


@dataclass(frozen=True)
class CompileJob:
    """Compiling the pipeline as it was when the job was made; call it in any thread."""

    plate: Plate
    pipeline: Pipeline
    output: str | None = None
    wells: tuple[str, ...] | None = None
    workers: int | None = None
    executor: str = "processes"
    scheduler: str | None = None

    def __call__(self) -> CompiledPlate:
        """Compile; what a user did wrong is in the plan's ``problems``."""
        from napari_openhcs.compiler import compile_pipeline

        return compile_pipeline(
            self.plate,
            self.pipeline,
            output=self.output or None,
            wells=self.wells,
            workers=self.workers,
            executor=self.executor,
            scheduler=self.scheduler,
        )


@dataclass(frozen=True)
class RunJob:
    """Compiling for an output folder and starting the run; call it in any thread."""

    compile: CompileJob
    resume: bool = False
    overwrite: bool = False

    def __call__(self) -> str:
        """Start the run and return its output folder.

        Raises
        ------
        CompileError
            The pipeline does not compile; nothing was started.
        RunError, OutputError
            The run could not be started.
        """
        from napari_openhcs.runner import start_run

        plan = self.compile()
        if not plan.ok:
            raise CompileError([item for item in plan.problems if item.severity == "error"])
        start_run(plan, resume=self.resume, overwrite=self.overwrite)
        return plan.output
