"""The package in which custom functions have their names: ``<file>.<function>``.

::

    from napari_openhcs.functions.custom.my_filters import flatten

works wherever the package does.  Importing reads and runs nothing: what comes is a
:class:`CustomFunction`, which is looked up when it is called.  A file that is not trusted
so is one clear sentence when a pipeline is compiled, and not a failing import before the
script could say anything.  The files themselves are :mod:`napari_openhcs.functions.custom_files`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__: list[str] = []


class CustomFunction:
    """A custom function by name; calling it runs the trusted file's function.

    Parameters
    ----------
    module, name : str

    Raises
    ------
    FunctionUnavailableError
        On a call: its file is not here, not trusted, or broken.
    """

    def __init__(self, module: str, name: str) -> None:
        self.__module__ = module
        self.__name__ = self.__qualname__ = name
        self.openhcs_id = f"{module}.{name}"

    def _function(self) -> Callable[..., Any]:
        from napari_openhcs.functions.registry import get_function

        return get_function(self.openhcs_id)

    def __call__(self, *values: Any, **parameters: Any) -> Any:
        """Call the function itself."""
        return self._function()(*values, **parameters)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._function(), name)

    def __repr__(self) -> str:
        return f"<custom function {self.openhcs_id}>"


class _Module(ModuleType):
    """Stands for a file until its code is run; has every public name one asks for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return CustomFunction(self.__name__, name)


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of this package, which are files elsewhere."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package != __name__ or name.startswith("_"):
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the file's code is run when one of its functions is used."""


# The import system is asked for nothing but this package's own modules.
sys.meta_path.append(_Finder())
