"""A process that establishes one function after another: a request a line, an answer a line.

``python -m napari_openhcs.functions.establish_worker LIBRARY`` first says which functions
there are, ``{"signatures": {id: signature}}``, or ``{"failed": …}``.  It then answers

- ``{"id": …}`` with ``{"id": …, "function": {…}, "signature": …, "digest": …}``, or with
  ``{"id": …, "reason": …}`` for what is not listed;
- ``{"id": …, "function": {…}}`` with ``{"id": …, "digest": …}``: the function's result here,
  to be compared with that of another process.

Whatever the functions do, standard output and files stay clean: see
:mod:`napari_openhcs.functions.sandbox`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from napari_openhcs.functions.catalogue import function_document, function_from
from napari_openhcs.functions.classify import (
    NotEstablished,
    establish_function,
    main_trial,
    on_numpy,
    trial_call,
)
from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.functions.libraries.base import FunctionLibrary, signature_text
from napari_openhcs.functions.sandbox import Watch, output_into
from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["digest_of", "serve"]

Function = Callable[..., Any]

_PARENT_ASKED_S = 2.0
"""Seconds between looks at whether the process that asks is still there."""


def digest_of(result: Any) -> str:
    """Return a checksum of an array or a table (columns by name)."""
    columns = result if isinstance(result, Mapping) else {"": result}
    found = hashlib.sha256()
    for name, values in columns.items():
        array = np.asarray(values)
        content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
        found.update(f"{name} {array.dtype} {array.shape} ".encode() + content)
    return found.hexdigest()


def _digest(spec: FunctionSpec, function: Function) -> str:
    """Return a checksum of the result on the function's main trial; empty where it fails."""
    first, parameters = trial_call(spec, main_trial(spec))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return digest_of(on_numpy(spec, function)(first, **parameters))
        # Anything may come out of a foreign function, and it worked a moment ago.
        except Exception:  # noqa: BLE001
            return ""


class _Worker:
    """Answers for one library."""

    def __init__(self, library: FunctionLibrary, folder: Path) -> None:
        self.library = library
        self.functions: dict[str, Function] = dict(library.candidates())
        self.printed = folder / "printed"
        self.watch = Watch(folder)

    def signatures(self) -> dict[str, str]:
        """Return the signature of every function; empty where Python knows none."""
        return {name: _signature(function) for name, function in self.functions.items()}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        name = request["id"]
        if name not in self.functions:
            return {"id": name, "reason": "is not among the library's functions"}
        before = self.printed.stat().st_size
        with self.watch.watching():
            answer = self._establish(name) if "function" not in request else self._again(request)
        sys.stdout.flush()
        sys.stderr.flush()
        reason = self.watch.finding
        if not reason and self.printed.stat().st_size > before:
            reason = "prints"
        if not reason and sys.modules.pop("matplotlib.pyplot", None) is not None:
            reason = "plots"
        return {"id": name, "reason": reason} if reason else answer

    def _establish(self, name: str) -> dict[str, Any]:
        function = self.functions[name]
        try:
            spec = establish_function(self.library, name, function)
        except NotEstablished as error:
            return {"id": name, "reason": str(error)}
        # A foreign signature or docstring may be broken in any way; that is the finding.
        except Exception as error:  # noqa: BLE001
            return {"id": name, "reason": f"cannot be described: {type(error).__name__}: {error}"}
        return {
            "id": name,
            "function": function_document(spec),
            "signature": _signature(function),
            "digest": _digest(spec, self.library.adapted(name, function)),
        }

    def _again(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["id"]
        spec = function_from(request["function"], self.library.name, "")
        called = self.library.adapted(name, self.functions[name])
        return {"id": name, "digest": _digest(spec, called)}


def _signature(function: Function) -> str:
    try:
        return signature_text(function)
    except (TypeError, ValueError):
        return ""


def _end_with_parent() -> None:
    """End this process when the one that asks is gone: a function may never come back."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_PARENT_ASKED_S)
    os._exit(1)


def _work(library: FunctionLibrary, requests: TextIO, answers: TextIO, folder: Path) -> None:
    try:
        worker = _Worker(library, folder)
    except Exception as error:  # noqa: BLE001 - other people's modules: anything may come
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        print(json.dumps({"failed": said}), file=answers, flush=True)
        return
    output_into(worker.printed)
    print(json.dumps({"signatures": worker.signatures()}), file=answers, flush=True)
    for line in requests:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


def serve(library: FunctionLibrary) -> None:
    """Answer requests on standard input until there are no more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Modules imported by a function's first call would be written to the cache of bytecode.
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder, os.fdopen(os.dup(1), "w") as answers:
        tempfile.tempdir = folder
        # What a library says while it is imported is for whoever started this process.
        os.dup2(2, 1)
        _work(library, sys.stdin, answers, Path(folder))


if __name__ == "__main__":
    serve(LIBRARIES[sys.argv[1]])
