"""Phase 4: is every function known, rightly set, and fit for what it reads and gives?

Everything that can be known without pixels is checked first, for all steps; then each
step without a problem runs on a small crop, which tells shape, dtype and columns.
"""

from __future__ import annotations

from napari_openhcs.compiler.contracts import check_contracts, check_functions, plan_conversions
from napari_openhcs.compiler.draft import Draft
from napari_openhcs.compiler.inference import infer_outputs
from napari_openhcs.compiler.materialization import plan_materialization_flags_for_context
from napari_openhcs.compiler.parameters import check_parameters
from napari_openhcs.compiler.patterns import chain_calls
from napari_openhcs.compiler.stores import declare_zarr_stores_for_context
from napari_openhcs.plan import Problem, StepPlan

__all__ = ["validate_memory_contracts_for_context"]


def validate_memory_contracts_for_context(draft: Draft) -> Draft:
    """Check every step and measure what it gives.

    Parameters
    ----------
    draft : Draft
        From phase 3.

    Returns
    -------
    Draft
        With measured shapes, dtypes and columns in steps and outputs.  Stores and backends
        are decided once more, now from what was measured.
    """
    for planned in draft.steps:
        plan, problems = plan_conversions(draft, planned)
        draft = draft.replace_step(plan)
        draft = draft.with_problems([*_check(draft, plan), *problems])
    draft = infer_outputs(draft)
    return plan_materialization_flags_for_context(declare_zarr_stores_for_context(draft))


def _check(draft: Draft, plan: StepPlan) -> list[Problem]:
    step = draft.function_step(plan)
    problems = check_functions(plan.index + 1, step)
    for _, _, call, spec in chain_calls(step):
        if spec is not None:
            problems += check_parameters(plan.index + 1, step, call, spec)
    return [*problems, *check_contracts(draft, plan)]
