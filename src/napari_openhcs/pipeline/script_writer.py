"""Write a pipeline as Python source, formatted as ``ruff format`` would."""

from __future__ import annotations

import builtins
import keyword
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import attrs

from napari_openhcs.axes import slug
from napari_openhcs.errors import ParameterError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.functions.registry import specs
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.literals import shown
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import Chain, FunctionCall, FunctionStep

__all__ = ["Parts", "format_literal", "write_parts", "write_pipeline"]

LINE_LENGTH = 88
INDENT = "    "

_OWN_NAMES = ("FunctionStep", "Pipeline", "PipelineConfig", "main", "pipeline", "run", "preview")


@dataclass(frozen=True)
class _Group:
    """A bracketed list of items, on one line if it fits, else one item a line.

    `comment` stands on a line of its own before it, where it is an item of another group;
    `comma` ends the last of several lines.
    """

    opening: str
    items: tuple[tuple[str, _Node], ...]
    closing: str
    broken: bool = False
    comment: str = ""
    comma: str = ","

    def flat(self) -> str:
        inner = ", ".join(prefix + _flat(node) for prefix, node in self.items)
        comma = "," if self.opening == "(" and len(self.items) == 1 else ""
        return f"{self.opening}{inner}{comma}{self.closing}"


_Node = str | _Group


def _flat(node: _Node) -> str:
    return node if isinstance(node, str) else node.flat()


def _is_broken(node: _Node) -> bool:
    return isinstance(node, _Group) and (
        node.broken or any(_is_broken(item) for _, item in node.items)
    )


def _width(text: str) -> int:
    """Return how many columns a text takes: East Asian letters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(letter) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )


def _render(node: _Node, indent: int, before: int, after: int = 0) -> str:
    """Lay out a node that starts at column `before`, with `after` characters behind it."""
    if isinstance(node, str):
        return node
    if not node.items or (
        not _is_broken(node) and before + _width(node.flat()) + after <= LINE_LENGTH
    ):
        return node.flat()
    margin = INDENT * (indent + 1)
    lines = [
        f"{_comment(item, margin)}{margin}{prefix}"
        f"{_render(item, indent + 1, len(margin) + _width(prefix), 1)}{node.comma}"
        for prefix, item in node.items
    ]
    return "\n".join([node.opening, *lines, INDENT * indent + node.closing])


def _comment(node: _Node, margin: str) -> str:
    """Return the line with a node's comment; empty without one."""
    found = isinstance(node, _Group) and node.comment
    return f"{margin}# {found}\n" if found else ""


def _text(value: str) -> str:
    """Return a string literal in double quotes unless that needs more escapes."""
    plain = repr(value)
    body = plain[1:-1]
    if plain[0] == '"':
        return plain
    if value.count('"') > value.count("'"):
        return plain
    return '"' + body.replace("\\'", "'").replace('"', '\\"') + '"'


def _number(value: float) -> _Node:
    if math.isfinite(value):
        return repr(value).replace("e+", "e")
    return _Group("float(", (("", f'"{value!r}"'),), ")", comma="")


def _literal(value: Any) -> _Node:
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, tuple | list):
        return _Group("(", tuple(("", _literal(item)) for item in value), ")")
    if isinstance(value, Mapping):
        return _Group(
            "{", tuple((f"{_flat(_literal(k))}: ", _literal(v)) for k, v in value.items()), "}"
        )
    raise ParameterError(
        f"A parameter is {shown(value)} ({type(value).__name__}): a script can hold text, numbers, "
        "True, False, None, and tuples and mappings of those."
    )


def format_literal(value: Any) -> str:
    """Return a literal as it stands in a script, on one line."""
    return _flat(_literal(value))


def _is_importable(function: str) -> bool:
    """Whether an id is that of a known function and can stand in an import.

    Anything else may stand in a pipeline that was read from a foreign script: an import of it
    would run a foreign module, or be other code altogether, when the exported script is run.
    """
    parts = function.split(".")
    plain = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    return len(parts) > 1 and plain and function in specs()


class _Names:
    """Which name each function has in the script."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._by_id: dict[str, str] = {}
        taken = set(_OWN_NAMES) | set(dir(builtins)) | set(keyword.kwlist)
        for step in pipeline:
            for _, call in step.calls():
                if call.function not in self._by_id and _is_importable(call.function):
                    name = self._free_name(call.function, taken)
                    taken.add(name)
                    self._by_id[call.function] = name

    @staticmethod
    def _free_name(function: str, taken: set[str]) -> str:
        *modules, name = function.split(".")
        candidate = name
        while candidate in taken and modules:
            candidate = f"{modules.pop()}_{candidate}"
        return candidate

    def __getitem__(self, function: str) -> str:
        """Return a function's name, or its id as text where a script should not import it."""
        return self._by_id.get(function) or _text(function)

    def imports(self, own: list[str]) -> list[str]:
        """Return the import lines, sorted as isort does within one block."""
        modules: dict[str, list[str]] = {"napari_openhcs": sorted(own, key=_isort_key)}
        statements = []
        for function, name in self._by_id.items():
            module, _, original = function.rpartition(".")
            if original == name:
                modules.setdefault(module, []).append(original)
            else:
                statements.append((module, [f"{original} as {name}"]))
        statements += [(name, sorted(items, key=_isort_key)) for name, items in modules.items()]
        lines = []
        for module, items in sorted(statements, key=lambda item: (item[0], _isort_key(item[1][0]))):
            node = _Group("(", tuple(("", item) for item in items), ")", broken=True)
            flat = f"from {module} import {', '.join(items)}"
            fits = len(flat) <= LINE_LENGTH
            lines.append(flat if fits else f"from {module} import {_render(node, 0, 0)}")
        return lines


def _isort_key(name: str) -> tuple[int, str]:
    """Sort CONSTANTS before Classes before functions, as isort and ruff do."""
    plain = name.split(" ")[0]
    rank = 0 if plain.isupper() and len(plain) > 1 else 1 if plain[:1].isupper() else 2
    return rank, plain


def _call(call: FunctionCall, names: _Names) -> _Node:
    name = names[call.function]
    if not call.parameters:
        return name
    return _Group("(", (("", name), ("", _literal(call.parameters))), ")")


def _chain(chain: FunctionCall | Chain, names: _Names) -> _Node:
    if isinstance(chain, FunctionCall):
        return _call(chain, names)
    return _Group("[", tuple(("", _call(call, names)) for call in chain), "]")


def _pattern(step: FunctionStep, names: _Names) -> _Node:
    if not isinstance(step.func, FrozenMapping):
        return _chain(step.func, names)
    return _Group(
        "{",
        tuple(
            (f"{_text(key)}: ", "None" if chain is None else _chain(chain, names))
            for key, chain in step.func.items()
        ),
        "}",
    )


def _unwrap(values: tuple[str | int, ...]) -> Any:
    return values[0] if len(values) == 1 else values


def _step(step: FunctionStep, names: _Names) -> _Node:
    arguments: list[tuple[str, _Node]] = [("", _pattern(step, names))]
    for attribute in attrs.fields(FunctionStep):
        value = getattr(step, attribute.name)
        if attribute.name == "func" or value == _DEFAULTS[attribute.name]:
            continue
        if attribute.name == "select":
            value = {key: _unwrap(item) for key, item in value.items()}
        arguments.append((f"{attribute.name}=", _literal(value)))
    comment = _printable(step.name) if step.name else ""
    return _Group("FunctionStep(", tuple(arguments), ")", comment=comment)


_plain = FunctionStep("none")
_DEFAULTS = {item.name: getattr(_plain, item.name) for item in attrs.fields(FunctionStep)}


def _config(config: PipelineConfig) -> _Node:
    default = PipelineConfig()
    changed = tuple(
        (f"{item.name}=", _literal(getattr(config, item.name)))
        for item in fields(PipelineConfig)
        if getattr(config, item.name) != getattr(default, item.name)
    )
    return _Group("PipelineConfig(", changed, ")")


def _printable(name: str) -> str:
    """Return a name as it can stand in a comment: on one line, without hidden characters."""
    return "".join(c for c in name if c.isprintable()).strip()


def _docstring(name: str) -> str:
    title = _printable(name).replace("\\", "/").replace('"', "'")
    return (
        f'"""{title.strip() or "Pipeline"}.\n\n'
        f"Run it on a plate: python {slug(name)}.py PLATE --output OUT\n"
        '"""'
    )


def _own_names(pipeline: Pipeline) -> list[str]:
    """Return the classes of ours that a pipeline is written with."""
    names = ["FunctionStep", "Pipeline"] if pipeline.steps else ["Pipeline"]
    return names if pipeline.config == PipelineConfig() else [*names, "PipelineConfig"]


def _assembled(pipeline: Pipeline, steps: _Group) -> str:
    """Return the assignment of a pipeline, its steps written as given."""
    arguments: list[tuple[str, _Node]] = [("", steps), ("name=", _text(pipeline.name))]
    if pipeline.config != PipelineConfig():
        arguments.append(("config=", _config(pipeline.config)))
    body = _render(_Group("Pipeline(", tuple(arguments), ")"), 0, len("pipeline = "))
    return f"pipeline = {body}"


def write_pipeline(pipeline: Pipeline) -> str:
    """Return a pipeline as source; see :func:`napari_openhcs.pipeline.script.export_script`."""
    names = _Names(pipeline)
    steps = _Group(
        "[", tuple(("", _step(step, names)) for step in pipeline), "]", bool(pipeline.steps)
    )
    return "\n".join(
        [
            _docstring(pipeline.name),
            "",
            *names.imports([*_own_names(pipeline), "main"]),
            "",
            _assembled(pipeline, steps),
            "",
            'if __name__ == "__main__":',
            f"{INDENT}raise SystemExit(main(pipeline))",
            "",
        ]
    )


class Parts(NamedTuple):
    """A pipeline in pieces, each of them source of its own."""

    imports: str
    steps: tuple[str, ...]
    """``step_1 = FunctionStep(...)`` and so on."""
    pipeline: str


def write_parts(pipeline: Pipeline, own: Iterable[str] = ()) -> Parts:
    """Return a pipeline as a notebook has it: imports, a piece for each step, the whole.

    Parameters
    ----------
    pipeline : Pipeline
    own : iterable of str
        Further names to import from ``napari_openhcs``.
    """
    names = _Names(pipeline)
    titles = [f"step_{number}" for number in range(1, len(pipeline) + 1)]
    steps = tuple(
        f"{title} = {_render(_step(step, names), 0, len(title) + 3)}"
        for title, step in zip(titles, pipeline, strict=True)
    )
    listed = _Group("[", tuple(("", title) for title in titles), "]")
    imports = names.imports([*_own_names(pipeline), *own])
    return Parts("\n".join(imports), steps, _assembled(pipeline, listed))
