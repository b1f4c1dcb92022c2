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
    """Map each name that an import of the module binds to the full name it stands for.

    A name that is bound more than once, to different things, stands for nothing known; what
    functions import or bind inside is theirs alone.
    """
    names: dict[str, str] = {}

    def bind(name: str, full: str) -> None:
        names[name] = full if names.get(name, full) == full else ""

    for node in _in_module(tree):
        match node:
            case ast.ImportFrom(level=0):
                for alias in node.names:
                    bind(alias.asname or alias.name, f"{node.module}.{alias.name}")
            case ast.Import():
                for alias in node.names:
                    root = alias.name.partition(".")[0]
                    bind(alias.asname or root, alias.name if alias.asname else root)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bind(node.name, "")
            case ast.Name(ctx=ast.Store()):
                bind(node.id, "")
    return names


def _in_module(tree: ast.AST) -> Iterator[ast.AST]:
    """Iterate over the nodes of a module that are in no function or class of it."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _in_module(node)


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

    A definition counts where anything but this package's decorators, literals and plain names
    runs with it: in its decorators, defaults, annotations or bases, or in a class's body.
    """
    names = _imported_names(tree)
    for node in tree.body:
        if not _is_still(node, names):
            yield node.lineno, ast.unparse(node).partition("\n")[0]


def _is_still(node: ast.stmt, names: dict[str, str]) -> bool:
    """Whether a statement runs nothing that a person should know of before."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _is_quiet(node, names)
        case ast.ClassDef(decorator_list=[], keywords=[]):
            bases = all(_only_names(base) for base in node.bases)
            return bases and all(
                not isinstance(item, ast.Import | ast.ImportFrom) and _is_still(item, names)
                for item in node.body
            )
        case ast.Assign():
            return _is_constant(node.value) and all(map(_is_name, node.targets))
        case ast.AnnAssign():
            value = node.value is None or _is_constant(node.value)
            return value and _is_name(node.target) and _only_names(node.annotation)
    return False


def _is_name(target: ast.expr) -> bool:
    """Whether assigning to a target binds names and no more: an item or attribute runs code."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_name, target.elts))
    return isinstance(target, ast.Name)


_PLAIN = (
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp),
    *(ast.BitOr, ast.expr_context),
)
"""What types are written with: ``np.ndarray | None``, ``tuple[int, ...]``."""


def _only_names(node: ast.expr) -> bool:
    """Whether an annotation or a base is written as types are, without a call."""
    return all(isinstance(item, _PLAIN) for item in ast.walk(node))


def _is_quiet(node: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, str]) -> bool:
    """Whether defining a function runs nothing but this package's decorators."""
    taken = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    more = (item for item in (node.args.vararg, node.args.kwarg) if item is not None)
    types = (node.returns, *(item.annotation for item in (*taken, *more)))
    defaults = (*node.args.defaults, *(item for item in node.args.kw_defaults if item is not None))
    return (
        all(_is_mark(item, names) and _takes_no_call(item) for item in node.decorator_list)
        and all(_is_constant(item) for item in defaults)
        and all(item is None or _only_names(item) for item in types)
    )


def _takes_no_call(mark: ast.expr) -> bool:
    """Whether what a decorator is given runs nothing: literals and names, such as ``Kind.MASK``."""
    given = (
        (*mark.args, *(item.value for item in mark.keywords)) if isinstance(mark, ast.Call) else ()
    )
    unsafe = (ast.Call, ast.Await, ast.NamedExpr, ast.ListComp, ast.GeneratorExp, ast.SetComp)
    return not any(
        isinstance(part, (*unsafe, ast.DictComp)) for item in given for part in ast.walk(item)
    )


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
