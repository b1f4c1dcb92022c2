"""Read a pipeline from Python source without executing it."""

from __future__ import annotations

import ast
import difflib
import warnings
from dataclasses import dataclass, fields
from typing import Any

import attrs

from napari_openhcs.errors import FunctionNotFoundError, PipelineError, ScriptError
from napari_openhcs.functions.registry import get_spec, specs, why_missing
from napari_openhcs.pipeline.config import PipelineConfig
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.step import FunctionCall, FunctionStep

__all__ = ["read_pipeline"]

_OWN = ("FunctionStep", "Pipeline", "PipelineConfig", "main")


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

    def read(self, text: str) -> Pipeline:
        for position, node in enumerate(self._parse(text).body):
            self._statement(node, first=position == 0)
        found = {key: item for key, item in self._names.items() if isinstance(item, Pipeline)}
        if "pipeline" in found:
            return found["pipeline"]
        if len(found) == 1:
            return next(iter(found.values()))
        what = f"{len(found)} pipelines and none is called 'pipeline'" if found else "no pipeline"
        raise ScriptError(
            f"{self._name} holds {what}: expected one assignment such as "
            "'pipeline = Pipeline([...])'."
        )

    def _parse(self, text: str) -> ast.Module:
        try:
            with warnings.catch_warnings():
                # Python's own remarks on a foreign script are not ours to show.
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except SyntaxError as error:
            raise ScriptError(
                f"{self._name}, line {error.lineno or 0}, column {error.offset or 0}: this is not "
                f"Python ({error.msg}).",
                error.lineno or 0,
                error.offset or 0,
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise ScriptError(
                f"{self._name} cannot be parsed as Python ({error or type(error).__name__})."
            ) from error

    def _refusal(self, node: ast.AST, found: str, expected: str) -> ScriptError:
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1
        return ScriptError(
            f"{self._name}, line {line}, column {column}: found {found}; expected {expected}.",
            line,
            column,
        )

    def _statement(self, node: ast.stmt, *, first: bool) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())) if first:
                return
            case ast.ImportFrom():
                self._import_from(node)
            case ast.Import():
                self._import(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._names[name] = self._value(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self._names[name] = self._value(value)
            case ast.If():
                self._guard(node)
            case _:
                raise self._refusal(
                    node,
                    f"a statement a pipeline does not have ({type(node).__name__})",
                    "imports of functions, constants, steps, one Pipeline and the call of main",
                )

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module == "__future__" and not node.level:
            return
        for alias in node.names:
            path = f"{module}.{alias.name}"
            if module == "napari_openhcs" and alias.name in _OWN and not node.level:
                value: Any = _Own(alias.name)
            elif node.level or not _is_known(path):
                if not node.level and (why := why_missing(path)):
                    raise ScriptError(
                        f"{self._name}, line {node.lineno}: {why}", node.lineno, node.col_offset + 1
                    )
                raise self._refusal(
                    node,
                    f"an import of '{'.' * node.level}{path}'",
                    "registered functions and napari_openhcs only" + _nearest(path),
                )
            else:
                value = _Dotted(path)
            self._names[alias.asname or alias.name] = value

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name != "napari_openhcs" and not _is_known(alias.name):
                raise self._refusal(
                    node,
                    f"an import of '{alias.name}'",
                    "modules of registered functions and napari_openhcs only",
                )
            if alias.asname:
                self._names[alias.asname] = _Dotted(alias.name)
            else:
                root = alias.name.split(".")[0]
                self._names[root] = _Dotted(root)

    def _guard(self, node: ast.If) -> None:
        match node:
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id="__name__"),
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value="__main__")],
                ),
                body=[
                    ast.Raise(
                        exc=ast.Call(func=ast.Name(id="SystemExit"), args=[call], keywords=[]),
                        cause=None,
                    )
                    | ast.Expr(value=call)
                ],
                orelse=[],
            ) if self._is_main(call):
                return
        raise self._refusal(
            node, "an 'if'", "only 'if __name__ == \"__main__\": raise SystemExit(main(pipeline))'"
        )

    def _is_main(self, call: ast.expr) -> bool:
        return (
            isinstance(call, ast.Call)
            and self._resolve(call.func) == _Own("main")
            and len(call.args) == 1
            and not call.keywords
            and isinstance(self._resolve(call.args[0]), Pipeline)
        )

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
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Tuple(elts=items) | ast.List(elts=items):
                values = [self._value(item) for item in items]
                return values if isinstance(node, ast.List) else tuple(values)
            case ast.Dict():
                return self._mapping(node)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.Call():
                return self._call(node)
        raise self._refusal(
            node,
            f"an expression a pipeline does not have ({type(node).__name__})",
            "a literal, a registered function or a FunctionStep",
        )

    def _mapping(self, node: ast.Dict) -> dict[Any, Any]:
        result = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str | int):
                raise self._refusal(
                    key or node, "a key that is no literal", 'text, such as "sigma"'
                )
            if key.value in result:
                raise self._refusal(key, f"the key {key.value!r} twice", "each key once")
            result[key.value] = self._value(value)
        return result

    def _named(self, node: ast.expr) -> Any:
        value = self._resolve(node)
        if isinstance(value, _Dotted):
            try:
                return FunctionCall(get_spec(value.path).id)
            except FunctionNotFoundError as error:
                raise self._refusal(
                    node, f"'{value.path}'", "a registered function" + _nearest(value.path)
                ) from error
        if value is None or isinstance(value, _Own):
            raise self._refusal(
                node, f"'{ast.unparse(node)}'", "a name that was imported or set above"
            )
        return value

    def _call(self, node: ast.Call) -> Any:
        target = self._resolve(node.func)
        if not isinstance(target, _Own) or target.name not in _CLASSES:
            raise self._refusal(
                node, "a call", "only FunctionStep(...), Pipeline(...) and PipelineConfig(...)"
            )
        arguments = self._arguments(node, target.name)
        try:
            return _CLASSES[target.name](**arguments)
        except PipelineError as error:
            raise self._refusal(
                node, f"a {target.name} that is not valid", f"otherwise: {error}"
            ) from error
        except TypeError as error:
            raise self._refusal(
                node, f"a {target.name} that is not complete", str(error)
            ) from error

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
        return arguments


def _is_known(path: str) -> bool:
    """Whether `path` is a registered function or a module of some."""
    known = specs()
    return path in known or any(name.startswith(f"{path}.") for name in known)


def _nearest(path: str) -> str:
    near = difflib.get_close_matches(path, list(specs()), 1, 0.7)
    return f" (did you mean '{near[0]}'?)" if near else ""
