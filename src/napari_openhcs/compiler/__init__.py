"""The compiler: from a pipeline and a plate to a frozen plan, with every mistake named.

``compile.py`` runs the five phases in order, one file each: ``paths`` (what each step reads
and gives), ``stores`` (what is written where), ``materialization`` (memory or disk), ``memory``
(functions, parameters, contracts, and a trial on a small crop), ``devices`` (GPUs, memory and
workers).  Each takes a frozen :class:`~napari_openhcs.compiler.draft.Draft` and returns a new
one.  ``explain.py`` says in words what was planned and why.
"""

from napari_openhcs.compiler.compile import compile_pipeline
from napari_openhcs.compiler.devices import assign_gpu_resources_for_context
from napari_openhcs.compiler.explain import compile_document, explain, steps_document
from napari_openhcs.compiler.materialization import plan_materialization_flags_for_context
from napari_openhcs.compiler.memory import validate_memory_contracts_for_context
from napari_openhcs.compiler.paths import initialize_step_plans_for_context
from napari_openhcs.compiler.stores import declare_zarr_stores_for_context

__all__ = [
    "assign_gpu_resources_for_context",
    "compile_document",
    "compile_pipeline",
    "declare_zarr_stores_for_context",
    "explain",
    "initialize_step_plans_for_context",
    "plan_materialization_flags_for_context",
    "steps_document",
    "validate_memory_contracts_for_context",
]
