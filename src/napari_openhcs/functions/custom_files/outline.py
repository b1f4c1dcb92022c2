"""What a custom file holds, read from its text alone; nothing of it is imported or run."""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MARKS", "DecoratedFunction", "Outline", "outline_of"]

MARKS = frozenset(
    ("numpy", "cupy", "torch", "jax", "tensorflow", "pyclesperanto", "memory_types", "declare")
)
"""Decorators of this package that make a function one of the registry's."""

_ROOT = "napari_openhcs"


@dataclass(frozen=True)
class DecoratedFunction:
    """A function that says what it takes.

    Attributes
    ----------
    signature : str
        ``(image, sigma=2.0)``, without annotations.
    decorators : tuple of str
        As they are written.
    line : int
        Of its ``def``, from 1.
    """

    name: str
    signature: str
    decorators: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Outline:
    """A file's decorated functions, and what else happens when it is loaded.

    Attributes
    ----------
    imports : tuple of str
        Modules it imports anywhere, by their full names.
    statements : tuple of (line, str)
        Lines outside of functions and classes that do something when the file is loaded.
    hidden : tuple of int
        Lines with characters that show nothing or reorder what is shown.
    problem : str
        Why the file is no use, without its name; empty otherwise.
    """

    functions: tuple[DecoratedFunction, ...] = ()
    imports: tuple[str, ...] = ()
    statements: tuple[tuple[int, str], ...] = ()
    hidden: tuple[int, ...] = ()
    problem: str = ""

    def facts(self) -> tuple[str, ...]:
        """Return what a person should know before trusting the file, in sentences."""
        names = (f"{item.name}{item.signature}" for item in self.functions)
        facts = [f"Functions: {', '.join(names)}." if self.functions else "No functions."]
        facts.append(f"Imports: {', '.join(self.imports)}." if self.imports else "Imports nothing.")
        for line, text in self.statements:
            facts.append(f"Runs as soon as the file is loaded, line {line}: {text}")
        if self.hidden:
            lines = ", ".join(map(str, self.hidden))
            facts.append(f"Has characters that do not show or reorder the text, in line {lines}.")
        return tuple(facts)


@lru_cache(maxsize=256)
def outline_of(text: str) -> Outline:
    """Return the outline of a file's text; a text that is no Python has a problem."""
    try:
        with warnings.catch_warnings():
            # Python's own remarks on a foreign file are not ours to show.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        place = f"line {error.lineno or 0}"
        return Outline(problem=f"{place} is not Python ({error.msg})")
    except (ValueError, RecursionError, MemoryError) as error:
        return Outline(problem=f"it cannot be parsed as Python ({error or type(error).__name__})")
    names = _imported_names(tree)
    functions = tuple(
        DecoratedFunction(
            node.name,
            f"({_signature(node.args)})",
            tuple(ast.unparse(item) for item in node.decorator_list),
            node.lineno,
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and any(_is_mark(item, names) for item in node.decorator_list)
    )
    problem = (
        ""
        if functions
        else "it has no function with a memory type: put a decorator of "
        "napari_openhcs.memory_types.decorators above one, such as @numpy"
    )
    hidden = tuple(
        number
        for number, line in enumerate(text.split("\n"), start=1)
        if any(unicodedata.category(character) == "Cf" for character in line)
    )
    return Outline(functions, _modules(tree), tuple(_statements(tree)), hidden, problem)


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Map each name that an import binds to the full name it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                names[alias.asname or root] = alias.name if alias.asname else root
    return names


def _is_mark(node: ast.expr, names: dict[str, str]) -> bool:
    if isinstance(node, ast.Call):
        node = node.func
    first, _, rest = ast.unparse(node).partition(".")
    full = f"{names.get(first, first)}.{rest}".rstrip(".")
    return full.startswith(f"{_ROOT}.") and full.rpartition(".")[2] in MARKS


def _signature(arguments: ast.arguments) -> str:
    for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        item.annotation = None
    for more in (arguments.vararg, arguments.kwarg):
        if more is not None:
            more.annotation = None
    return ast.unparse(arguments)


def _modules(tree: ast.Module) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found["." * node.level + (node.module or "")] = None
        elif isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
    return tuple(sorted(found))


def _statements(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Iterate over what runs at once: all but imports, definitions, texts and plain constants.

    A definition counts where other decorators than this package's, defaults that are no
    literals, or the statements of a class run with it.
    """
    names = _imported_names(tree)
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _is_quiet(node, names):
                continue
            case ast.ClassDef(decorator_list=[]) if all(
                isinstance(item, ast.FunctionDef) and _is_quiet(item, names)
                for item in node.body
                if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ):
                continue
            case ast.Assign(value=value) if _is_constant(value):
                continue
            case ast.AnnAssign(value=value) if value is None or _is_constant(value):
                continue
        yield node.lineno, ast.unparse(node).partition("\n")[0]


def _is_quiet(node: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, str]) -> bool:
    """Whether defining a function runs nothing but this package's decorators."""
    defaults = (*node.args.defaults, *(item for item in node.args.kw_defaults if item is not None))
    return all(_is_mark(item, names) for item in node.decorator_list) and all(
        _is_constant(item) for item in defaults
    )


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
