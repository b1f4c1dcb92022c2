"""The catalogue of problems: every code the compiler gives, what it means and what mends it.

A code never changes its meaning; a new mistake gets a new row here, a test in
``tests/compiler/test_problems.py`` and, where it can be mended without thinking, a fix.  The
page ``docs/problems.md`` is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CODES", "GROUPS", "ProblemKind"]


class ProblemKind(NamedTuple):
    """One kind of problem.

    Attributes
    ----------
    code : str
    meaning : str
        What was found.
    fix : str
        What one click does; empty where it needs a person.
    warning : bool
        It does not keep the pipeline from running.
    """

    code: str
    meaning: str
    fix: str = ""
    warning: bool = False


GROUPS: Mapping[str, tuple[ProblemKind, ...]] = MappingProxyType(
    {
        "Functions": (
            ProblemKind(
                "function_unknown", "No registered function has this name.", "uses the nearest name"
            ),
            ProblemKind("function_unavailable", "The function's library is not installed here."),
            ProblemKind("function_untrusted", "A custom function's file was never trusted."),
            ProblemKind("function_changed", "A custom function's file was edited since."),
            ProblemKind(
                "version_differs",
                "The installed library is another version than the one that was established.",
                warning=True,
            ),
            ProblemKind(
                "not_deterministic",
                "The function gives another result each time, so a resumed run differs.",
                "sets its seed",
                warning=True,
            ),
            ProblemKind("memory_type", "No way leads to the function's memory type."),
            ProblemKind("device", "The function needs a GPU and there is none."),
        ),
        "Parameters": (
            ProblemKind(
                "parameter_unknown", "The function has no such parameter.", "renames or removes it"
            ),
            ProblemKind("parameter_type", "The value is of another type.", "sets the default"),
            ProblemKind("parameter_limit", "The value is beyond its limits.", "sets the limit"),
            ProblemKind("parameter_choice", "It is none of the choices.", "sets the default"),
            ProblemKind(
                "parameter_not_finite", "The value is infinite or no number.", "sets the default"
            ),
            ProblemKind(
                "parameter_missing", "A required value is not set.", "sets what is suggested"
            ),
            ProblemKind(
                "parameter_array", "An array parameter got a literal value.", "takes the value out"
            ),
            ProblemKind("fact_missing", "The plate does not tell what the function needs of it."),
        ),
        "What a step reads": (
            ProblemKind("source_unknown", "There is no such step.", "reads the nearest name"),
            ProblemKind(
                "source_later", "It reads itself or a later step.", "reads the step before"
            ),
            ProblemKind("source_disabled", "It reads a step that is off.", "switches that step on"),
            ProblemKind("source_table", "It reads a table.", "reads the step before"),
            ProblemKind(
                "select_unknown", "The selected value is not there.", "selects the nearest name"
            ),
            ProblemKind("select_empty", "Nothing is selected.", "selects all"),
            ProblemKind("channels_uneven", "Channels with different numbers of z or t planes."),
            ProblemKind(
                "kind_source",
                "An image, a mask or labels where another of them is wanted.",
                "reads an earlier step that fits",
            ),
            ProblemKind(
                "dtype_refused",
                "The function is known not to work on this dtype.",
                "sets the dtype before it, or uses a function that takes it",
            ),
        ),
        "Further arrays": (
            ProblemKind("input_missing", "A required array is not wired.", "wires the nearest one"),
            ProblemKind("input_unknown", "The function takes no such array.", "removes the wire"),
            ProblemKind(
                "input_first", "The first array is wired by inputs.", "reads it by input_source"
            ),
            ProblemKind("kind_wired", "The wire gives another kind.", "wires one that fits"),
            ProblemKind(
                "input_broadcast",
                "The wire lacks places that the step works on, or has several for each.",
                "wires one channel",
            ),
            ProblemKind("input_shape", "Wired labels have another size than the images."),
            ProblemKind(
                "labels_of_all_fields",
                "Labels found on all fields together serve single fields.",
                warning=True,
            ),
        ),
        "Special outputs and inputs": (
            ProblemKind("special_missing", "No step gives the special output that it takes."),
            ProblemKind("special_later", "The step that gives it comes later."),
            ProblemKind(
                "special_disabled", "The step that gives it is off.", "switches that step on"
            ),
            ProblemKind(
                "special_source",
                "The step that inputs names gives no such special output.",
                "takes it from the nearest name, or from the nearest step",
            ),
            ProblemKind(
                "special_kind",
                "It is given as another kind.",
                "takes it from a step that gives it as wanted",
            ),
            ProblemKind("special_places", "It is given for other planes, or not for the stack."),
            ProblemKind("special_twice", "Two functions of one chain give it."),
            ProblemKind("special_kinds", "Keys of one pattern give it as different kinds."),
            ProblemKind(
                "special_unknown", "special_outputs names what is not given.", "takes it out"
            ),
            ProblemKind(
                "special_format",
                "special_outputs names a format that the kind does not have.",
                "writes the usual format",
            ),
        ),
        "Patterns and stacks": (
            ProblemKind(
                "group_by_missing",
                "Functions by value, and no group_by to say of what.",
                "names the component whose values the keys are",
            ),
            ProblemKind(
                "group_by_variable",
                "The component grouped by varies inside the stack.",
                "takes it out of variable_components",
            ),
            ProblemKind(
                "pattern_key_unknown",
                "A key is no value of the plate.",
                "renames or removes the key",
            ),
            ProblemKind("pattern_key_twice", "Two keys mean one value.", "removes one"),
            ProblemKind("pattern_without_function", "The mapping is empty."),
            ProblemKind("pattern_empty", "The mapping drops every value."),
            ProblemKind(
                "pattern_kinds", "The keys give different kinds.", "drops what has no function"
            ),
            ProblemKind(
                "pattern_planes",
                "Some keys reduce the stack, others do not.",
                "drops what has no function",
            ),
            ProblemKind("mixed_dtypes", "The keys give different dtypes.", "sets the step's dtype"),
            ProblemKind("mixed_sizes", "The keys give planes of different sizes."),
            ProblemKind(
                "plane_as_volume", "volume=True, and a function of single planes.", "volume=False"
            ),
            ProblemKind("reduce_twice", "A stack is reduced twice.", "removes the second function"),
            ProblemKind("volume_of_one_plane", "A volume function sees a single plane."),
            ProblemKind("stack_of_one_plane", "There is one plane in the stack.", warning=True),
            ProblemKind("table_in_chain", "A function follows one that gives a table."),
        ),
        "Names": (
            ProblemKind(
                "name_duplicate",
                "Steps have one name (only a warning where nobody chose or uses it).",
                "renames the last",
            ),
            ProblemKind("name_reserved", "The name means something else.", "renames the step"),
            ProblemKind(
                "output_name", "Two outputs would be written under one name.", "renames the step"
            ),
        ),
        "Tried on a crop": (
            ProblemKind(
                "step_fails",
                "The function raised an error.",
                "sets the dtype or volume, where that was the cause",
            ),
            ProblemKind("step_contract", "What the function gave is not what it promises."),
            ProblemKind("step_too_slow", "The function was not done in time."),
            ProblemKind(
                "rounded_away",
                "Rounding to whole numbers leaves next to nothing.",
                "dtype='float32'",
                warning=True,
            ),
            ProblemKind("rows_without_label", "Rows of different objects cannot be told apart."),
            ProblemKind(
                "rows_of_different_objects", "A row holds objects that share a number by chance.",
                warning=True,
            ),
            ProblemKind("not_tried", "No well could be read, so no step was tried.", warning=True),
        ),
        "Plate and wells": (
            ProblemKind("plate_empty", "The plate has no images."),
            ProblemKind("pipeline_empty", "The pipeline has no step that is on."),
            ProblemKind("wells_empty", "No well is chosen."),
            ProblemKind("well_name", "This is not a well's name."),
            ProblemKind("well_unknown", "The plate has no such well."),
            ProblemKind("fields_empty", "No field is chosen."),
            ProblemKind("field_unknown", "The wells have no such field."),
            ProblemKind(
                "well_data",
                "Wells lack planes, or have files of another shape or dtype: they are left out.",
                warning=True,
            ),
            ProblemKind("wells_all_bad", "No well has all that the pipeline reads."),
        ),
        "The run": (
            ProblemKind("output_in_plate", "The output lies inside the raw plate, or replaces it."),
            ProblemKind("output_is_file", "The output is a file."),
            ProblemKind("output_not_writable", "The output folder cannot be written."),
            ProblemKind("output_unusable", "The output's name cannot be used."),
            ProblemKind("output_space", "The disk is too small for the estimate.", warning=True),
            ProblemKind("memory_well", "One well may not fit into the memory.", warning=True),
            ProblemKind("memory_workers", "So many workers may not fit.", warning=True),
            ProblemKind("workers", "The number of workers is no whole number from 1."),
            ProblemKind("scheduler_unused", "A scheduler, and no Dask.", warning=True),
            ProblemKind("script", "The pipeline cannot be written as a script."),
        ),
    }
)  # fmt: skip
"""All kinds of problems, by what they are about."""

CODES: Mapping[str, ProblemKind] = MappingProxyType(
    {kind.code: kind for kinds in GROUPS.values() for kind in kinds}
)
"""All kinds of problems by code."""
