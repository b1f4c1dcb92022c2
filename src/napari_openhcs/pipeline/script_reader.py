"""Read a pipeline from Python source without executing it."""

from __future__ import annotations

import ast
import difflib
import math
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import attrs

from napari_openhcs.errors import PipelineError, ScriptError
from napari_openhcs.functions.registry import get_spec, specs, why_missing
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.literals import MAX_DEPTH, shown, why_no_literal
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.script_words import check_words, refusal, shortened
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep

__all__ = ["read_pipeline"]

MAX_VALUES = 200_000
"""Values a script may build.  Names used twice count twice: ten lines could else build a
pipeline that no memory holds (``b = [a, a]``, ``c = [b, b]`` …)."""

_OWN = ("FunctionStep", "Pipeline", "PipelineConfig", "main")

_BESIDE = ("__future__", "math", "numpy", "sys", "typing")
"""Modules without functions of ours that a script may import; what is used of them is
:data:`_NUMBERS`, ``sys.exit`` around ``main``, and types in annotations."""

_NUMBERS = {
    **{f"{module}.{name}": getattr(math, name) for module in ("math", "numpy")
       for name in ("inf", "nan", "pi", "e")},
}  # fmt: skip

_NUMBER_TEXTS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""What ``float("...")`` may hold: the numbers that Python has no literal for."""

_WORDS = {
    "Add": "a calculation", "BinOp": "a calculation", "BoolOp": "a calculation",
    "Compare": "a comparison", "Set": "a set", "Subscript": "an index",
    "Assign": "an assignment to more than one plain name",
    "AnnAssign": "an annotation without a value", "Expr": "a value that is not kept",
    "Raise": "a 'raise'",
}  # fmt: skip
"""What parts of Python are called in a refusal."""


@dataclass(frozen=True)
class _Dotted:
    """A module or a name in it, not imported: ``skimage.filters``."""

    path: str


@dataclass(frozen=True)
class _Own:
    """One of the names of napari_openhcs a script may use."""

    name: str


_KEYWORDS: dict[str, tuple[str, ...]] = {
    "FunctionStep": tuple(item.name for item in attrs.fields(FunctionStep)),
    "Pipeline": tuple(item.name for item in attrs.fields(Pipeline)),
    "PipelineConfig": tuple(item.name for item in fields(PipelineConfig)),
}
_POSITIONAL = {"FunctionStep": ("func",), "Pipeline": ("steps",), "PipelineConfig": ()}
_CLASSES: dict[str, Any] = {
    "FunctionStep": FunctionStep,
    "Pipeline": Pipeline,
    "PipelineConfig": PipelineConfig,
}


def read_pipeline(text: str, name: str = "the script") -> Pipeline:
    """Parse `text` into a pipeline; see :func:`napari_openhcs.pipeline.script.import_script`."""
    return _Reader(name).read(text)


class _Reader:
    """Reads one script: statements in order, names into a table, the pipeline at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._names: dict[str, Any] = {}
        self._lines: list[str] = []
        self._run: Pipeline | None = None
        self._spent = 0
        # By id: how many values each built one has, and how deep they lie; with the value
        # itself, so that no id is used again.
        self._built: dict[int, tuple[int, int, Any]] = {}

    def read(self, text: str) -> Pipeline:
        text = text.removeprefix("\ufeff")
        check_words(text, self._name)
        self._lines = re.split(r"\r\n|\r|\n", text)
        for node in self._parse(text).body:
            self._statement(node)
        if self._run is not None:
            return self._run
        found = {key: item for key, item in self._names.items() if isinstance(item, Pipeline)}
        if "pipeline" in found:
            return found["pipeline"]
        if len(found) == 1:
            return next(iter(found.values()))
        what = f"{len(found)} pipelines and none is called 'pipeline'" if found else "no pipeline"
        expected = "one assignment such as 'pipeline = Pipeline([...])'"
        raise refusal(self._name, len(self._lines), 1, what, expected)

    def _parse(self, text: str) -> ast.Module:
        try:
            with warnings.catch_warnings():
                # Python's own remarks on a foreign script are not ours to show.
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except SyntaxError as error:
            line, column = error.lineno or 1, max(error.offset or 1, 1)
            reason = shortened(error.msg, 160)
            raise refusal(
                self._name, line, column, f"no Python ({reason})", "a pipeline as Python"
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise refusal(
                self._name, 1, 1, f"no Python ({error or type(error).__name__})", "a pipeline"
            ) from error

    def _refusal(self, node: ast.AST, found: str, expected: str) -> ScriptError:
        return refusal(self._name, *self._place(node), found, expected)

    def _place(self, node: ast.AST) -> tuple[int, int]:
        """Return line and column, both from 1; the parser counts bytes, people characters."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        before = self._lines[line - 1].encode("utf-8", "surrogatepass")[:offset]
        return line, len(before.decode("utf-8", "ignore")) + 1

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return
            case ast.ImportFrom():
                self._import_from(node)
            case ast.Import():
                self._import(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._names[name] = self._value(value)
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=kind, value=ast.expr() as value
            ):
                self._annotation(kind)
                self._names[name] = self._value(value)
            case ast.If():
                self._guard(node)
            case _:
                raise self._refusal(
                    node,
                    _described(node),
                    "imports of functions, constants, steps, one Pipeline and the call of main",
                )

    def _annotation(self, node: ast.expr) -> None:
        """Refuse an annotation that is more than the name of a type: Python evaluates it."""
        match node:
            case ast.Name() | ast.Constant(value=str() | None):
                return
            case ast.Constant(value=value) if value is ...:
                return
            case ast.Attribute(value=part):
                parts: Iterable[ast.expr] = [part]
            case (
                ast.Subscript(value=left, slice=right)
                | ast.BinOp(left=left, op=ast.BitOr(), right=right)
            ):
                parts = [left, right]
            case ast.Tuple(elts=items) | ast.List(elts=items):
                parts = items
            case _:
                raise self._refusal(
                    node, f"{_described(node)} as an annotation", "a type, such as float"
                )
        for part in parts:
            self._annotation(part)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            path = f"{module}.{alias.name}"
            if module == "napari_openhcs" and alias.name in _OWN and not node.level:
                value: Any = _Own(alias.name)
            elif not node.level and module in _BESIDE and alias.name != "*":
                value = _Dotted(path)
            elif node.level or not self._is_known(path):
                if not node.level and len(path) < 200 and (why := why_missing(path)):
                    line, column = self._place(node)
                    raise ScriptError(
                        f"{self._name}, line {line}, column {column}: {why}", line, column
                    )
                raise self._refusal(
                    node,
                    f"an import of '{'.' * min(node.level, 3)}{shortened(path)}'",
                    "registered functions and napari_openhcs only" + _nearest(path),
                )
            else:
                value = _Dotted(path)
            self._names[alias.asname or alias.name] = value

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            known = alias.name in ("napari_openhcs", *_BESIDE) or self._is_known(alias.name)
            if not known:
                raise self._refusal(
                    node,
                    f"an import of '{shortened(alias.name)}'",
                    "modules of registered functions and napari_openhcs only",
                )
            if alias.asname:
                self._names[alias.asname] = _Dotted(alias.name)
            else:
                root = alias.name.split(".")[0]
                self._names[root] = _Dotted(root)

    @cached_property
    def _modules(self) -> frozenset[str]:
        """Every module that has registered functions, and those above it."""
        found: set[str] = set()
        for name in specs():
            while (name := name.rpartition(".")[0]) and name not in found:
                found.add(name)
        return frozenset(found)

    def _is_known(self, path: str) -> bool:
        """Whether `path` is a registered function or a module of some."""
        return path in specs() or path in self._modules

    def _guard(self, node: ast.If) -> None:
        if _asks_for_main(node.test) and len(node.body) == 1 and not node.orelse:
            call = self._exit(node.body[0])
            if self._run is None and isinstance(call, ast.Call):
                self._run = self._pipeline_of_main(call)
                if self._run is not None:
                    return
        raise self._refusal(
            node,
            "an 'if'",
            "only one 'if __name__ == \"__main__\": raise SystemExit(main(pipeline))'",
        )

    def _exit(self, statement: ast.stmt) -> ast.expr | None:
        """Return what a statement calls or ends the script with; None for any other."""
        match statement:
            case ast.Raise(
                exc=ast.Call(func=ast.Name(id="SystemExit"), args=[call], keywords=[]), cause=None
            ) if "SystemExit" not in self._names:
                return call
            case ast.Expr(value=ast.Call(func=exits, args=[call], keywords=[])) if self._resolve(
                exits
            ) == _Dotted("sys.exit"):
                return call
            case ast.Expr(value=call):
                return call
        return None

    def _pipeline_of_main(self, call: ast.Call) -> Pipeline | None:
        """Return the pipeline given to ``main``; None when the call is another."""
        given = [*call.args, *(item.value for item in call.keywords if item.arg == "pipeline")]
        extra = any(item.arg != "pipeline" for item in call.keywords)
        if self._resolve(call.func) != _Own("main") or len(given) != 1 or extra:
            return None
        value = self._value(given[0])
        return value if isinstance(value, Pipeline) else None

    def _resolve(self, node: ast.expr) -> Any:
        """Return what a name or dotted name stands for, or None."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self._resolve(node.value)
            if isinstance(base, _Dotted):
                if base.path == "napari_openhcs" and node.attr in _OWN:
                    return _Own(node.attr)
                return _Dotted(f"{base.path}.{node.attr}")
        return None

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return self._literal(node, value)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self._value(operand)
                if type(number) not in (int, float):
                    raise self._refusal(node, "a sign before no number", "a number such as -1.5")
                return self._literal(node, -number if isinstance(sign, ast.USub) else number)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                values = [self._value(item) for item in items]
                made = values if isinstance(node, ast.List) else tuple(values)
                return self._keep(node, made, values)
            case ast.Dict():
                return self._mapping(node)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.Call():
                return self._call(node)
        raise self._refusal(
            node, _described(node), "a literal, a registered function or a FunctionStep"
        )

    def _literal(self, node: ast.expr, value: Any) -> Any:
        if expected := why_no_literal(value):
            raise self._refusal(node, shown(value), expected)
        return value

    def _keep(self, node: ast.expr, value: Any, parts: Iterable[Any]) -> Any:
        """Return `value`, made of `parts`, unless it grows too large or too deep."""
        extents = [self._built.get(id(part), (1, 0, None)) for part in parts]
        count, depth = 1 + sum(item[0] for item in extents), 1
        depth += max((item[1] for item in extents), default=0)
        self._spent += count
        if self._spent > MAX_VALUES:
            raise self._refusal(node, f"more than {MAX_VALUES:,} values", "a pipeline of fewer")
        if depth > MAX_DEPTH:
            raise self._refusal(
                node, f"values nested more than {MAX_DEPTH} deep", f"at most {MAX_DEPTH}"
            )
        self._built[id(value)] = (count, depth, value)
        return value

    def _mapping(self, node: ast.Dict) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for item, content in zip(node.keys, node.values, strict=True):
            if item is None:
                raise self._refusal(node, "'**' in a mapping", 'keys and values: {"sigma": 2}')
            key = self._value(item)
            if why_no_literal(key) or not _is_hashable(key):
                raise self._refusal(item, "a key that is no literal", 'text, such as "sigma"')
            if key in result:
                raise self._refusal(item, f"the key {shown(key)} twice", "each key once")
            result[key] = self._value(content)
        return self._keep_mapping(node, result)

    def _keep_mapping(self, node: ast.expr, made: dict[Any, Any]) -> dict[Any, Any]:
        self._keep(node, made, [*made, *made.values()])
        return made

    def _named(self, node: ast.expr) -> Any:
        value = self._resolve(node)
        if isinstance(value, _Dotted):
            if value.path in _NUMBERS:
                return _NUMBERS[value.path]
            if value.path not in specs():
                raise self._refusal(
                    node,
                    f"'{shortened(value.path)}'",
                    "a registered function" + _nearest(value.path),
                )
            return FunctionCall(get_spec(value.path).id)
        if isinstance(value, _Own) or (value is None and not self._is_none(node)):
            raise self._refusal(
                node, f"'{shortened(ast.unparse(node))}'", "a name that was imported or set above"
            )
        return value

    def _is_none(self, node: ast.expr) -> bool:
        """Whether a name was set to None."""
        return isinstance(node, ast.Name) and node.id in self._names

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id not in self._names:
            match node:
                case ast.Call(
                    func=ast.Name(id="float"), args=[ast.Constant(value=str() as text)], keywords=[]
                ) if text in _NUMBER_TEXTS:
                    return _NUMBER_TEXTS[text]
                case ast.Call(func=ast.Name(id="dict"), args=[], keywords=items) if all(
                    item.arg for item in items
                ):
                    made = {str(item.arg): self._value(item.value) for item in items}
                    if len(made) < len(items):
                        raise self._refusal(node, "a name twice in 'dict'", "each name once")
                    return self._keep_mapping(node, made)
        target = self._resolve(node.func)
        if not isinstance(target, _Own) or target.name not in _CLASSES:
            raise self._refusal(
                node, "a call", "only FunctionStep(...), Pipeline(...) and PipelineConfig(...)"
            )
        arguments = self._arguments(node, target.name)
        self._keep(node, arguments, arguments.values())
        try:
            made = _CLASSES[target.name](**arguments)
        except PipelineError as error:
            raise self._invalid(node, str(error)) from error
        return self._keep(node, made, arguments.values())

    def _invalid(self, node: ast.Call, reason: str) -> ScriptError:
        """Return the refusal of a value that a class refused, where that value stands."""
        place: ast.AST = node
        for item in node.keywords:
            if f"'s {item.arg} is " in reason:
                place = item.value
        line, column = self._place(place)
        sentence = reason[0].lower() + reason[1:].rstrip(".")
        return ScriptError(f"{self._name}, line {line}, column {column}: {sentence}.", line, column)

    def _arguments(self, node: ast.Call, name: str) -> dict[str, Any]:
        positional = _POSITIONAL[name]
        if len(node.args) > len(positional):
            raise self._refusal(
                node.args[len(positional)],
                "a value without a name",
                f"{name} with named values after the first {len(positional)}",
            )
        pairs: list[tuple[str | None, ast.expr]] = [
            *zip(positional, node.args, strict=False),
            *((item.arg, item.value) for item in node.keywords),
        ]
        arguments: dict[str, Any] = {}
        for key, value in pairs:
            if key not in _KEYWORDS[name] or key in arguments:
                found = "'**'" if key is None else f"'{key}'" + (" twice" * (key in arguments))
                near = difflib.get_close_matches(key or "", _KEYWORDS[name], 1)
                hint = f" (did you mean '{near[0]}'?)" if near and key not in arguments else ""
                known = ", ".join(_KEYWORDS[name])
                raise self._refusal(value, found, f"one of {name}'s values: {known}{hint}")
            arguments[key] = self._value(value)
        if name == "Pipeline" and not isinstance(arguments.get("steps", []), list | tuple):
            raise self._refusal(node, "steps that are no list", "Pipeline([step, ...])")
        if name == "FunctionStep" and "func" not in arguments:
            raise self._refusal(node, "a step without a function", "FunctionStep(function, ...)")
        return arguments


def _described(node: ast.AST) -> str:
    """Return what a part of Python is called, with an article."""
    kind = type(node).__name__
    if kind in _WORDS:
        return _WORDS[kind]
    if isinstance(node, ast.Constant):
        return f"the value {shortened(repr(node.value))}"
    return f"something a pipeline does not have ({kind})"


def _asks_for_main(test: ast.expr) -> bool:
    """Whether `test` is ``__name__ == "__main__"``, either way round."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    match (test.left, test.ops[0], test.comparators[0]):
        case (ast.Name(id="__name__"), ast.Eq(), ast.Constant(value="__main__")):
            return True
        case (ast.Constant(value="__main__"), ast.Eq(), ast.Name(id="__name__")):
            return True
    return False


def _is_hashable(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_hashable(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _nearest(path: str) -> str:
    near = difflib.get_close_matches(path, list(specs()), 1, 0.7) if len(path) < 200 else []
    return f" (did you mean '{near[0]}'?)" if near else ""
